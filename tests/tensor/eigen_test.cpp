#include "support/catch.hpp"

#if __has_include(<Eigen/Core>) || __has_include(<eigen3/Eigen/Core>)

#include "tercet/tensor/eigen.hpp"

#include "tercet/autograd/tape.hpp"

using namespace tercet;
using Ints = std::vector<int>;

TEST_CASE("as_eigen: a tensor of any strides is a matrix, without a copy", "[tensor]") {
    auto x = Tensor<int>::arange(0, 12).reshape({3, 4});
    CHECK(as_eigen(x).data() == x.data());
    CHECK(as_eigen(x)(2, 1) == 9);
    CHECK(as_eigen(x.transpose())(1, 2) == 9);
    const auto view = x.slice(1, {1, {}, 2});
    CHECK(as_eigen(view).rows() == 3);
    CHECK(as_eigen(view).cols() == 2);
    CHECK(as_eigen(view).sum() == 1 + 3 + 5 + 7 + 9 + 11);
    CHECK(as_eigen(x.select(1, 2)).sum() == 2 + 6 + 10);
    CHECK(as_eigen(x.select(1, 2)).cols() == 1);
    CHECK(as_eigen(Tensor<int>::scalar(2).expand({2, 3})).sum() == 12);
    CHECK(as_eigen(Tensor<int>::empty({0, 3})).size() == 0);

    auto part = x.slice(0, 1, 3);
    as_mutable_eigen(part).setConstant(7);
    CHECK(x.to_vector() == Ints{0, 1, 2, 3, 7, 7, 7, 7, 7, 7, 7, 7});
    auto column = x.select(1, 0);
    as_mutable_eigen(column) *= 2;
    CHECK(x.select(1, 0).to_vector() == Ints{0, 14, 14});
}

TEST_CASE("as_eigen: products agree with Eigen's", "[tensor]") {
    Generator generator(1);
    const auto a = Tensor<double>::randn({4, 3}, generator), b = Tensor<double>::randn({5, 4}, generator);
    const auto product = from_eigen(as_eigen(a.transpose()) * as_eigen(b.transpose()));
    REQUIRE(product.shape() == Shape{3, 5});
    for (index_t i = 0; i < 3; ++i)
        for (index_t j = 0; j < 5; ++j) {
            double sum = 0;
            for (index_t k = 0; k < 4; ++k) sum += a(k, i) * b(j, k);
            CHECK(product(i, j) == Approx(sum));
        }
}

TEST_CASE("from_eigen copies matrices of either order, vectors and expressions", "[tensor]") {
    Eigen::MatrixXi m(2, 3);
    m << 1, 2, 3, 4, 5, 6;
    CHECK(from_eigen(m).to_vector() == Ints{1, 2, 3, 4, 5, 6});
    CHECK(from_eigen(m.transpose()).to_vector() == Ints{1, 4, 2, 5, 3, 6});
    CHECK(from_eigen(m + m).shape() == Shape{2, 3});
    CHECK(from_eigen(m.row(1)).shape() == Shape{3});
    CHECK(from_eigen(m.col(1)).to_vector() == Ints{2, 5});
    CHECK(from_eigen(EigenMatrix<int>(m)).to_vector() == Ints{1, 2, 3, 4, 5, 6});
    CHECK(from_eigen(Eigen::Matrix3f::Identity()).shape() == Shape{3, 3});
    CHECK(from_eigen(m.array() > 3).to_vector() == std::vector<bool>{false, false, false, true, true, true});
    CHECK(from_eigen(Eigen::MatrixXd(0, 3)).shape() == Shape{0, 3});
}

TEST_CASE("borrow_eigen shares the matrix's memory, adopt_eigen keeps it", "[tensor]") {
    Eigen::MatrixXi m(2, 3);
    m << 1, 2, 3, 4, 5, 6;
    auto x = borrow_eigen(m);
    CHECK(x.data() == m.data());
    CHECK(x.shape() == Shape{2, 3});
    CHECK(x.strides() == Shape{1, 2});
    CHECK(x.to_vector() == Ints{1, 2, 3, 4, 5, 6});
    x.at(1, 0) = 40;
    CHECK(m(1, 0) == 40);
    auto block = m.block(0, 1, 2, 2);
    CHECK(borrow_eigen(block).to_vector() == Ints{2, 3, 5, 6});
    auto row = m.row(1);
    CHECK(borrow_eigen(row).to_vector() == Ints{40, 5, 6});
    Eigen::VectorXi v = Eigen::VectorXi::LinSpaced(4, 0, 3);
    CHECK(borrow_eigen(v).shape() == Shape{4});

    const int* before = m.data();
    const auto kept = adopt_eigen(std::move(m));
    CHECK(kept.data() == before);
    CHECK(kept.to_vector() == Ints{1, 2, 3, 40, 5, 6});
    CHECK(adopt_eigen(Eigen::Matrix2d(Eigen::Matrix2d::Identity())).to_vector() == std::vector<double>{1, 0, 0, 1});
}

TEST_CASE("eigen maps: what does not fit is refused by name", "[tensor][error]") {
    auto x = Tensor<float>::zeros({2, 3, 4});
    CHECK_ERROR(as_eigen(x), ErrorCode::shape_mismatch);
    CHECK_ERROR(as_eigen(Tensor<float>::scalar(1)), ErrorCode::shape_mismatch);
    CHECK_ERROR(as_mutable_eigen(x), ErrorCode::shape_mismatch);
    CHECK_ERROR(as_eigen(Tensor<float>::zeros({3}).slice(0, {{}, {}, -1})), ErrorCode::invalid_argument);
    auto wide = Tensor<float>::scalar(1).expand({2, 2});
    CHECK_ERROR(as_mutable_eigen(wide), ErrorCode::invalid_argument);
    auto leaf = Tensor<float>::zeros({2, 2}).requires_grad();
    CHECK_ERROR(as_mutable_eigen(leaf), ErrorCode::autograd);
}

#else

TEST_CASE("Eigen interoperation") {
    SKIP_TEST("Eigen's headers are not installed");
}

#endif
