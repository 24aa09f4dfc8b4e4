#include "tercet/tensor/npy.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace tercet;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// A version 1.0 file with this dictionary and these elements, as they stand.
std::string npy(const std::string& dictionary, const std::string& elements, char major = 1) {
    std::string text = std::string("\x93NUMPY") + major + '\0';
    text += static_cast<char>(dictionary.size() & 0xff);
    text += static_cast<char>(dictionary.size() >> 8);
    if (major > 1) text += std::string(2, '\0');
    return text + dictionary + elements;
}
template <class T>
std::string raw(std::vector<T> values) {
    return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <class T>
void check_round_trip(const std::vector<T>& values, const TempDir& dir) {
    auto x = Tensor<T>::copy(values, {2, 3});
    const std::string path = dir / "x.npy";
    for (const auto& t : {x, x.transpose(), x.slice(1, {{}, {}, -2})}) {
        save_npy(path, t);
        const auto back = load_npy<T>(path);
        CHECK(back.shape() == t.shape());
        CHECK(std::memcmp(back.data(), t.contiguous().data(), static_cast<std::size_t>(t.numel()) * sizeof(T)) == 0);
        CHECK(read_npy_header(path).dtype == dtype_of<T>);
        CHECK(read_npy_header(path).offset % 64 == 0);
    }
}

const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

}  // namespace

TEST_CASE(".npy: every element type comes back as it was saved", "[tensor]") {
    const TempDir dir;
    check_round_trip<float>({1, -2.5f, 3e38f, 1e-45f, 0, -0.0f}, dir);
    check_round_trip<double>({1, -2.5, 3e300, 5e-324, 0, -0.0}, dir);
    check_round_trip<f16>({f16(1), f16(-2.5f), f16(65504), f16(0), f16(6e-8f), f16(3)}, dir);
    check_round_trip<std::int8_t>({-128, 127, 0, 1, 2, 3}, dir);
    check_round_trip<std::uint8_t>({255, 127, 0, 1, 2, 3}, dir);
    check_round_trip<std::int32_t>({-2147483647, 127, 0, 1, 2, 3}, dir);
    check_round_trip<std::int64_t>({std::int64_t{1} << 62, 127, 0, 1, 2, 3}, dir);
    const auto truth = Tensor<bool>::copy({true, false, true}, {3});
    save_npy(dir / "b.npy", truth);
    CHECK(load_npy<bool>(dir / "b.npy").to_vector() == truth.to_vector());
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{1}, Shape{3, 0, 2}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
        save_npy(dir / "s.npy", Tensor<double>::ones(shape));
        CHECK(load_npy<double>(dir / "s.npy").shape() == shape);
    }
    CHECK(dir.entries() == 3);  // no temporary file is left
}

TEST_CASE(".npy: the bytes are those that NumPy reads and writes", "[tensor][golden]") {
    const TempDir dir;
    save_npy(dir / "x.npy", Tensor<float>::copy({1, 2}, {2}));
    std::ifstream in(dir / "x.npy", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    CHECK(text == std::string("\x93NUMPY\x01\x00\x76\x00", 10) + good + std::string(118 - good.size() - 1, ' ') + "\n" + raw<float>({1, 2}));

    // numpy.save of numpy.asfortranarray(numpy.arange(6, dtype='<i4').reshape(2, 3)), and of a boolean scalar
    const auto f = parse_npy<std::int32_t>(
        bytes_of(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }          \n", raw<std::int32_t>({0, 3, 1, 4, 2, 5}))));
    CHECK(f.shape() == Shape{2, 3});
    CHECK(f.is_contiguous());
    CHECK(f.to_vector() == std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
    CHECK(parse_npy<bool>(bytes_of(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", "\x01"))).item());
    const auto three = Tensor<float>::arange(0, 24).reshape({2, 3, 4});
    const auto order = three.permute({2, 1, 0}).contiguous().to_vector();
    CHECK(parse_npy<float>(bytes_of(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }", raw(order)))).to_vector() ==
          three.to_vector());

    for (const char version : {'\x01', '\x02', '\x03'})
        CHECK(parse_npy<float>(bytes_of(npy(good, raw<float>({1, 2}), version))).to_vector() == std::vector<float>{1, 2});
    CHECK(parse_npy<float>(bytes_of(npy("{\"shape\":(1,2),\"fortran_order\":False,\"descr\":\"<f4\"}", raw<float>({1, 2})))).shape() == Shape{1, 2});
    CHECK(parse_npy<std::int8_t>(bytes_of(npy("{'descr': '<i1', 'fortran_order': False, 'shape': (1,)}", "A"))).item() == 65);
    CHECK(parse_npy<bool>(bytes_of(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", std::string("\x07\x00", 2)))).to_vector() ==
          std::vector<bool>{true, false});
}

TEST_CASE(".npy: malformed and hostile files are refused by name", "[tensor][error]") {
    const auto parse = [](const std::string& text) { return parse_npy<float>(bytes_of(text), "x.npy"); };
    const auto with = [](const std::string& dictionary) { return npy(dictionary, raw<float>({1, 2})); };
    const std::string whole = with(good);
    REQUIRE(parse(whole).numel() == 2);
    for (std::size_t size = 0; size < whole.size(); ++size) {  // cut off anywhere
        INFO("cut off after " << size << " bytes");
        bool refused = false;
        try {
            parse(whole.substr(0, size));
        } catch (const Error&) {
            refused = true;
        }
        CHECK(refused);
    }
    CHECK_ERROR(parse(""), ErrorCode::bad_magic);
    CHECK_ERROR(parse("PK\x03\x04 something else"), ErrorCode::bad_magic);
    CHECK_ERROR(parse(whole.substr(0, 9)), ErrorCode::bad_header);
    CHECK_ERROR(parse(whole.substr(0, 40)), ErrorCode::bad_header);
    CHECK_ERROR(parse(whole.substr(0, whole.size() - 1)), ErrorCode::bad_offset);
    CHECK_ERROR(parse(whole + "x"), ErrorCode::bad_offset);
    CHECK_ERROR(parse(npy(good, raw<float>({1, 2}), '\x04')), ErrorCode::unsupported);
    CHECK_ERROR(parse(npy(good, raw<float>({1, 2}), '\x00')), ErrorCode::unsupported);

    for (const char* descr : {"'>f4'", "'<c8'", "'<U3'", "'|O'", "'<f16'", "'f4'", "''", "'<M8[ns]'", "[('a', '<f4')]"}) {
        INFO(descr);
        CHECK_ERROR(parse(with(std::string("{'descr': ") + descr + ", 'fortran_order': False, 'shape': (2,), }")), ErrorCode::unsupported);
    }
    CHECK_ERROR(parse(with("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }")), ErrorCode::dtype_mismatch);
    CHECK_ERROR(parse(with("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 2), }")), ErrorCode::unsupported);
    for (const char* shape : {"(99999999999999999999,)", "(4611686018427387904, 4)", "(0, 4611686018427387904, 8)", "(9223372036854775807, 3)"}) {
        INFO(shape);
        CHECK_ERROR(parse(with(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + ", }")), ErrorCode::size_overflow);
    }
    CHECK_ERROR(parse(with("{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693951,), }")), ErrorCode::bad_offset);
    for (const char* dictionary : {"",
                                   "{",
                                   "{}",
                                   "{'descr': '<f4', 'fortran_order': False}",
                                   "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)",
                                   "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
                                   "['descr']",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} import os",
                                   "{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}",
                                   "{'descr'; '<f4'}",
                                   "{descr: '<f4'}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,)}",
                                   "{'descr': '<f4', 'fortran_order': False, 'shape': (2x,)}",
                                   "{'descr: 1}",
                                   "{'descr': '<f4"}) {
        INFO(dictionary);
        const auto text = with(dictionary);
        bool refused = false;
        try {
            parse(text);
        } catch (const Error& error) {
            refused = error.code() == ErrorCode::bad_header || error.code() == ErrorCode::unsupported;
            CHECK_THAT(error.what(), Catch::Matchers::ContainsSubstring("x.npy"));
        }
        CHECK(refused);
    }
    std::string endless = npy(good, raw<float>({1, 2}), '\x02');
    endless[11] = '\x7f';
    CHECK_ERROR(parse(endless), ErrorCode::bad_header);
    CHECK_ERROR(parse(npy("", std::string(1 << 17, ' '), '\x02').replace(8, 4, std::string("\0\0\1\0", 4))), ErrorCode::unsupported);
}

TEST_CASE(".npy: files that cannot be read or written are named, and nothing is left behind", "[tensor][error]") {
    const TempDir dir;
    const auto x = Tensor<float>::ones({2});
    CHECK_ERROR(load_npy<float>(dir / "none.npy"), ErrorCode::io);
    CHECK_ERROR(load_npy<float>(dir.path()), ErrorCode::io);
    CHECK_ERROR(read_npy_header(dir.write("text.npy", "hello")), ErrorCode::bad_magic);
    CHECK_ERROR(save_npy(dir / "no/such/folder/x.npy", x), ErrorCode::io);
    CHECK_ERROR(save_npy(dir.path(), x), ErrorCode::io);
    CHECK_ERROR(save_npy(dir / "b.npy", Tensor<bf16>::ones({2})), ErrorCode::unsupported);
    save_npy(dir / "x.npy", x);
    CHECK_ERROR(load_npy<double>(dir / "x.npy"), ErrorCode::dtype_mismatch);
    dir.write("x.npy.tmp0", "somebody else's");
    save_npy(dir / "x.npy", Tensor<float>::zeros({3}));  // replaced, beside a temporary file that is not ours
    CHECK(load_npy<float>(dir / "x.npy").to_vector() == std::vector<float>{0, 0, 0});
    CHECK(dir.entries() == 3);
}
