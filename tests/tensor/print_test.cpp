#include "tercet/tensor/print.hpp"

#include "support/catch.hpp"

#include "tercet/autograd/tape.hpp"

#include <sstream>

using namespace tercet;

namespace {

using F = Tensor<float>;
using D = Tensor<double>;
constexpr float NaN = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("printing: the text is NumPy's, character for character", "[tensor][golden]") {
    // Made with print(numpy.array(…)), NumPy 2.4.6.
    CHECK(to_string(F::copy({1, 2.5f, -3}, {3})) == "[ 1.   2.5 -3. ]");
    CHECK(to_string(F::copy({1, 2, 3, 4}, {2, 2})) == R"([[1. 2.]
 [3. 4.]])");
    CHECK(to_string(F::copy({0.1f, 0.2f, 0.3f}, {3})) == "[0.1 0.2 0.3]");
    CHECK(to_string(D::copy({0.1, 1.0 / 3, 2.0 / 3}, {3})) == "[0.1        0.33333333 0.66666667]");
    CHECK(to_string(F::copy({1.0f / 3, 100.25f}, {2})) == "[  0.33333334 100.25      ]");
    CHECK(to_string(D::copy({1e-5, 1}, {2})) == "[1.e-05 1.e+00]");
    CHECK(to_string(D::copy({1e-300, 1.5e300}, {2})) == "[1.0e-300 1.5e+300]");
    CHECK(to_string(D::copy({12345678, 0.5}, {2})) == "[1.2345678e+07 5.0000000e-01]");
    CHECK(to_string(D::copy({99999999, 5e5}, {2})) == "[99999999.   500000.]");
    CHECK(to_string(D::copy({1e8, 1e8}, {2})) == "[1.e+08 1.e+08]");
    CHECK(to_string(F::copy({999999, 1000}, {2})) == "[999999.   1000.]");
    CHECK(to_string(F::copy({1e6f, 1e6f}, {2})) == "[1.e+06 1.e+06]");
    CHECK(to_string(F::copy({0.0001f, 0.05f}, {2})) == "[0.0001 0.05  ]");
    CHECK(to_string(F::copy({0.00009f, 0.05f}, {2})) == "[9.e-05 5.e-02]");
    CHECK(to_string(F::copy({1.04183975e-07f, 140.22649f, 1.1501657e-12f}, {3})) == "[1.04183975e-07 1.40226486e+02 1.15016568e-12]");
    CHECK(to_string(F::copy({1, NaN, -inf, inf}, {4})) == "[  1.  nan -inf  inf]");
    CHECK(to_string(F::copy({NaN, NaN}, {2})) == "[nan nan]");
    CHECK(to_string(F::copy({NaN, -inf}, {2})) == "[ nan -inf]");
    CHECK(to_string(F::copy({1e-10f, NaN, inf}, {3})) == "[1.e-10    nan    inf]");
    CHECK(to_string(F::copy({12.5f, inf}, {2})) == "[12.5  inf]");
    CHECK(to_string(F::copy({0, -0.0f}, {2})) == "[ 0. -0.]");
    CHECK(to_string(F::zeros({2, 3})) == R"([[0. 0. 0.]
 [0. 0. 0.]])");
    CHECK(to_string(F::zeros({0})) == "[]");
    CHECK(to_string(F::zeros({2, 0, 3})) == "[]");
    CHECK(to_string(F::scalar(3)) == "3.0");
    CHECK(to_string(F::scalar(0.1f)) == "0.1");
    CHECK(to_string(F::scalar(1e6f)) == "1e+06");
    CHECK(to_string(F::scalar(16777216)) == "1.6777216e+07");
    CHECK(to_string(D::scalar(1e15)) == "1000000000000000.0");
    CHECK(to_string(D::scalar(1e16)) == "1e+16");
    CHECK(to_string(D::scalar(-0.0001)) == "-0.0001");
    CHECK(to_string(D::scalar(0.00001234)) == "1.234e-05");
    CHECK(to_string(D::scalar(-inf)) == "-inf");
    CHECK(to_string(D::scalar(NaN)) == "nan");
    CHECK(to_string(D::scalar(0)) == "0.0");
    CHECK(to_string(Tensor<f16>::copy({f16(0.1f), f16(65504), f16(1)}, {3})) == "[1.00e-01 6.55e+04 1.00e+00]");
    CHECK(to_string(Tensor<f16>::copy({f16(0.1f), f16(1.5f)}, {2})) == "[0.1 1.5]");
    CHECK(to_string(Tensor<f16>::scalar(f16(0.3333f))) == "0.3333");
    CHECK(to_string(Tensor<int>::copy({1, -20, 300}, {3})) == "[  1 -20 300]");
    CHECK(to_string(Tensor<std::int64_t>::copy({std::numeric_limits<std::int64_t>::min(), 0}, {1, 2})) ==
          "[[-9223372036854775808                    0]]");
    CHECK(to_string(Tensor<std::int8_t>::copy({-128, 127, 65}, {3})) == "[-128  127   65]");
    CHECK(to_string(Tensor<std::uint8_t>::scalar(65)) == "65");
    CHECK(to_string(Tensor<bool>::copy({true, false, true, true}, {2, 2})) == R"([[ True False]
 [ True  True]])");
    CHECK(to_string(Tensor<bool>::scalar(false)) == "False");
    CHECK(to_string(Tensor<int>::arange(0, 24).reshape({2, 3, 4})) == R"([[[ 0  1  2  3]
  [ 4  5  6  7]
  [ 8  9 10 11]]

 [[12 13 14 15]
  [16 17 18 19]
  [20 21 22 23]]])");
    CHECK(to_string(Tensor<int>::arange(0, 6).reshape({2, 3}).transpose()) == R"([[0 3]
 [1 4]
 [2 5]])");
    CHECK(to_string(Tensor<int>::arange(0, 16).reshape({2, 2, 2, 2})) == R"([[[[ 0  1]
   [ 2  3]]

  [[ 4  5]
   [ 6  7]]]


 [[[ 8  9]
   [10 11]]

  [[12 13]
   [14 15]]]])");
    CHECK(to_string(Tensor<int>::arange(0, 30)) == R"([ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23
 24 25 26 27 28 29])");
    CHECK(to_string(D::arange(0, 25, 0.25)) == R"([ 0.    0.25  0.5   0.75  1.    1.25  1.5   1.75  2.    2.25  2.5   2.75
  3.    3.25  3.5   3.75  4.    4.25  4.5   4.75  5.    5.25  5.5   5.75
  6.    6.25  6.5   6.75  7.    7.25  7.5   7.75  8.    8.25  8.5   8.75
  9.    9.25  9.5   9.75 10.   10.25 10.5  10.75 11.   11.25 11.5  11.75
 12.   12.25 12.5  12.75 13.   13.25 13.5  13.75 14.   14.25 14.5  14.75
 15.   15.25 15.5  15.75 16.   16.25 16.5  16.75 17.   17.25 17.5  17.75
 18.   18.25 18.5  18.75 19.   19.25 19.5  19.75 20.   20.25 20.5  20.75
 21.   21.25 21.5  21.75 22.   22.25 22.5  22.75 23.   23.25 23.5  23.75
 24.   24.25 24.5  24.75])");
    CHECK(to_string(Tensor<int>::arange(0, 1000).slice(0, 980, 1000)) == R"([980 981 982 983 984 985 986 987 988 989 990 991 992 993 994 995 996 997
 998 999])");
    CHECK(to_string(Tensor<int>::arange(0, 1001)) == "[   0    1    2 ...  998  999 1000]");
    CHECK(to_string(D::arange(0, 1200).reshape({30, 40})) == R"([[0.000e+00 1.000e+00 2.000e+00 ... 3.700e+01 3.800e+01 3.900e+01]
 [4.000e+01 4.100e+01 4.200e+01 ... 7.700e+01 7.800e+01 7.900e+01]
 [8.000e+01 8.100e+01 8.200e+01 ... 1.170e+02 1.180e+02 1.190e+02]
 ...
 [1.080e+03 1.081e+03 1.082e+03 ... 1.117e+03 1.118e+03 1.119e+03]
 [1.120e+03 1.121e+03 1.122e+03 ... 1.157e+03 1.158e+03 1.159e+03]
 [1.160e+03 1.161e+03 1.162e+03 ... 1.197e+03 1.198e+03 1.199e+03]])");
    CHECK(to_string(Tensor<int>::arange(0, 1440).reshape({8, 20, 9})) == R"([[[   0    1    2 ...    6    7    8]
  [   9   10   11 ...   15   16   17]
  [  18   19   20 ...   24   25   26]
  ...
  [ 153  154  155 ...  159  160  161]
  [ 162  163  164 ...  168  169  170]
  [ 171  172  173 ...  177  178  179]]

 [[ 180  181  182 ...  186  187  188]
  [ 189  190  191 ...  195  196  197]
  [ 198  199  200 ...  204  205  206]
  ...
  [ 333  334  335 ...  339  340  341]
  [ 342  343  344 ...  348  349  350]
  [ 351  352  353 ...  357  358  359]]

 [[ 360  361  362 ...  366  367  368]
  [ 369  370  371 ...  375  376  377]
  [ 378  379  380 ...  384  385  386]
  ...
  [ 513  514  515 ...  519  520  521]
  [ 522  523  524 ...  528  529  530]
  [ 531  532  533 ...  537  538  539]]

 ...

 [[ 900  901  902 ...  906  907  908]
  [ 909  910  911 ...  915  916  917]
  [ 918  919  920 ...  924  925  926]
  ...
  [1053 1054 1055 ... 1059 1060 1061]
  [1062 1063 1064 ... 1068 1069 1070]
  [1071 1072 1073 ... 1077 1078 1079]]

 [[1080 1081 1082 ... 1086 1087 1088]
  [1089 1090 1091 ... 1095 1096 1097]
  [1098 1099 1100 ... 1104 1105 1106]
  ...
  [1233 1234 1235 ... 1239 1240 1241]
  [1242 1243 1244 ... 1248 1249 1250]
  [1251 1252 1253 ... 1257 1258 1259]]

 [[1260 1261 1262 ... 1266 1267 1268]
  [1269 1270 1271 ... 1275 1276 1277]
  [1278 1279 1280 ... 1284 1285 1286]
  ...
  [1413 1414 1415 ... 1419 1420 1421]
  [1422 1423 1424 ... 1428 1429 1430]
  [1431 1432 1433 ... 1437 1438 1439]]])");
    CHECK(to_string(Tensor<int>::arange(0, 1400).reshape({2, 700})) == R"([[   0    1    2 ...  697  698  699]
 [ 700  701  702 ... 1397 1398 1399]])");
    CHECK(to_string(Tensor<bool>::ones({1500})) == "[ True  True  True ...  True  True  True]");
}
TEST_CASE("printing: options and the stream operator", "[tensor]") {
    CHECK(to_string(D::copy({1.0 / 3, 2.5}, {2}), {.precision = 3}) == "[0.333 2.5  ]");
    CHECK(to_string(D::copy({1.5, 2.5, -3.2}, {3}), {.precision = 0}) == "[ 2.  2. -3.]");
    CHECK(to_string(D::copy({1.5e10, 2.5e-3}, {2}), {.precision = 0}) == "[2.e+10 3.e-03]");
    CHECK(to_string(Tensor<int>::arange(0, 9).reshape({3, 3}), {.threshold = 5, .edge_items = 1}) == "[[0 ... 2]\n ...\n [6 ... 8]]");
    CHECK(to_string(Tensor<int>::arange(0, 12), {.line_width = 20}) == "[ 0  1  2  3  4  5\n  6  7  8  9 10 11]");
    std::ostringstream out;
    out << Tensor<int>::arange(0, 3) << D::scalar(1).requires_grad();
    CHECK(out.str() == "[0 1 2]1.0");
    CHECK(to_string(Tensor<bf16>::copy({bf16(1.f), bf16(0.1f)}, {2})) == "[1.  0.1]");
    CHECK(to_string(Tensor<int>::scalar(7).expand({2, 2})) == "[[7 7]\n [7 7]]");
}

TEST_CASE("printing: options outside their range are refused by name", "[tensor][error]") {
    CHECK_ERROR(to_string(F::zeros({2}), {.precision = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(to_string(F::zeros({2}), {.precision = 1000}), ErrorCode::invalid_argument);
    CHECK_ERROR(to_string(F::zeros({2}), {.edge_items = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(to_string(F::zeros({2}), {.line_width = 3}), ErrorCode::invalid_argument);
}
