#include "tercet/ops/reduce.hpp"

#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"

using namespace op_test;

namespace {

using D = Tensor<double>;
using Inputs = std::vector<D>;
constexpr double NaN = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

template <class T>
void check_indices(const OpCase& c, const Tensor<std::int64_t>& got, const std::string& key) {
    INFO("case " << c.name << suffix<T>);
    const auto want = c.indices(key);
    CHECK(got.shape() == want.shape());
    CHECK(got.to_vector() == want.to_vector());
}

}  // namespace

TEMPLATE_TEST_CASE("reductions: values, indices and gradients equal PyTorch's", "[ops][golden]", float, double) {
    using T = TestType;
    int checked = 0;
    GoldenReport report("reductions");
    for (const auto& c : op_cases("reductions")) {
        const Axes axes = c.axes();
        const bool keep = c.keepdim();
        const auto correction = static_cast<index_t>(c.parameters.get_or("correction", std::int64_t{1}));
        const auto kind = c.name.substr(0, c.name.find('_'));
        const auto check = [&](const auto& f) {
            check_op<T>(c, f, report);
            ++checked;
        };
        if (kind == "sum") check([&](auto in) { return sum(in("x"), axes, keep); });
        if (kind == "mean") check([&](auto in) { return mean(in("x"), axes, keep); });
        if (kind == "prod") check([&](auto in) { return prod(in("x"), axes, keep); });
        if (kind == "var") check([&](auto in) { return var(in("x"), axes, keep, correction); });
        if (kind == "std") check([&](auto in) { return stddev(in("x"), axes, keep, correction); });
        if (kind == "norm2") check([&](auto in) { return norm(in("x"), axes, keep); });
        if (kind == "logsumexp") check([&](auto in) { return logsumexp(in("x"), axes, keep); });
        if (c.name == "max_all") check([&](auto in) { return max(in("x")); });
        else if (kind == "max" || kind == "min") {
            check([&](auto in) { return std::vector<Tensor<T>>{kind == "max" ? max(in("x"), axes) : min(in("x"), axes)}; });
            const auto x = c.template tensor<T>("in.x");
            check_indices<T>(c, kind == "max" ? max_with_index(x, axes).indices : min_with_index(x, axes).indices, "out.1");
        }
        if (kind == "argmax" || kind == "argmin") {
            const auto x = c.template tensor<T>("in.x");
            check_indices<T>(c, kind == "argmax" ? argmax(in_other_order(x), axes, keep) : argmin(in_other_order(x), axes, keep), "out");
            ++checked;
        }
    }
    CHECK(checked >= 69);
    GoldenReport lse_report("logsumexp");
    for (const auto& c : op_cases("logsumexp"))
        check_op<T>(
            c, [&](auto in) { return logsumexp(in("x"), c.axes(), c.keepdim()); }, lse_report);
}

TEST_CASE("reductions: gradients equal finite differences, also on strided, one-element and empty inputs", "[ops]") {
    Generator generator(3);
    for (const Shape& shape : {Shape{3, 4, 2}, Shape{1, 1, 1}, Shape{0, 4, 2}}) {
        for (const Axes& axes : {Axes(), Axes(1), Axes(-1), Axes(0), Axes({0, 2}), Axes({1, 2}), Axes(Shape{})}) {
            for (const bool keep : {false, true}) {
                INFO("shape " << shape << ", axes " << axes.mask(3, "test") << ", keepdim " << keep);
                const Inputs x{D::randn(shape, generator)};
                const auto check = [&](const auto& f) {
                    CHECK(gradcheck([&](Inputs& in) { return square(f(permute(in[0], {2, 0, 1}))); }, x) <= 1e-6);
                };
                check([&](const D& v) { return sum(v, axes, keep); });
                check([&](const D& v) { return prod(v, axes, keep); });
                check([&](const D& v) { return logsumexp(v * 3.0, axes, keep); });
                check([&](const D& v) { return sum(v, axes, keep) + sum(exp(v), axes, keep); });
                const detail::Reduction r({shape[2], shape[0], shape[1]}, {1, 1, 1}, axes, "test");
                if (r.each == 0) continue;
                check([&](const D& v) { return mean(v, axes, keep); });
                check([&](const D& v) { return max(v, axes, keep); });
                check([&](const D& v) { return min(v, axes, keep); });
                check([&](const D& v) { return var(v, axes, keep, 0); });
                check([&](const D& v) { return norm(v, axes, keep); });
                if (r.each < 2) continue;
                check([&](const D& v) { return var(v, axes, keep); });
                check([&](const D& v) { return stddev(v, axes, keep); });
            }
        }
    }
}

TEST_CASE("reductions of any layout and size equal a plain loop, whatever the number of threads", "[ops]") {
    Generator generator(5);
    const int before = threads();
    for (const Shape& shape : {Shape{3, 50000}, Shape{50000, 3}, Shape{300, 7, 300}, Shape{2, 40, 1000, 3}, Shape{100001}, Shape{1, 600, 500}}) {
        const auto x = Tensor<float>::randn(shape, generator);
        for (unsigned mask = 0; mask < 1u << shape.rank(); ++mask) {
            Shape dims;
            for (index_t d = 0; d < shape.rank(); ++d)
                if (mask >> d & 1) dims.push_back(d);
            INFO("shape " << shape << ", axes " << dims);
            const detail::Reduction r(shape, x.strides(), dims, "test");
            std::vector<double> sums, tops, squares;
            std::vector<std::int64_t> places;
            for (index_t o = 0; o < r.outputs; ++o) {
                double total = 0, square = 0;
                index_t best = 0;
                const float* from = x.data() + r.output_offset(o);
                for (index_t i = 0; i < r.each; ++i) {
                    const float v = from[r.element_offset(i)];
                    total += static_cast<double>(v), square += static_cast<double>(v) * static_cast<double>(v);
                    if (v > from[r.element_offset(best)]) best = i;
                }
                sums.push_back(total), squares.push_back(std::sqrt(square));
                tops.push_back(static_cast<double>(from[r.element_offset(best)])), places.push_back(best);
            }
            set_threads(1);
            const auto once = sum(x, dims);
            const auto top = max_with_index(x, dims);
            check_close(once.to<double>(), D::copy(sums, once.shape()), {1e-5, 1e-6});
            check_close(norm(x, dims).to<double>(), D::copy(squares, once.shape()), {1e-5, 1e-6});
            CHECK(top.values.to<double>().to_vector() == tops);
            CHECK(top.indices.to_vector() == places);
            set_threads(3);
            CHECK(sum(x, dims).to_vector() == once.to_vector());
            CHECK(max_with_index(x, dims).indices.to_vector() == places);
            check_close(sum(in_other_order(x), dims), once, {1e-5, 1e-6});
        }
    }
    set_threads(before);
}

TEST_CASE("sums of integers and truth values are wide, and long sums of floats stay exact", "[ops]") {
    CHECK(sum(Tensor<std::uint8_t>::full({1000}, 255)).item() == 255000);
    CHECK(sum(Tensor<std::int8_t>::full({1000}, -128)).item() == -128000);
    CHECK(sum(Tensor<bool>::ones({3, 5}), 1).to_vector() == std::vector<std::int64_t>{5, 5, 5});
    CHECK(prod(Tensor<std::int8_t>::full({5}, 100)).item() == 10000000000);
    CHECK(prod(Tensor<int>::empty({0})).item() == 1);
    CHECK(sum(Tensor<float>::full({1 << 25}, 0.1f)).item() == Approx(static_cast<double>(0.1f) * (1 << 25)).epsilon(1e-7));
    CHECK(static_cast<float>(sum(Tensor<bf16>::full({100}, bf16(0.5f))).item()) == 50.f);
    CHECK(static_cast<float>(mean(Tensor<f16>::full({100}, f16(0.5f))).item()) == 0.5f);
}

TEST_CASE("extremes: NaN wins, the first of equals is chosen, and it alone takes the gradient", "[ops]") {
    const auto x = D::copy({1, NaN, 3, NaN, 2, 2, 0, 2, 0, -inf, -inf, -inf}, {3, 4});
    CHECK(argmax(x, 1).to_vector() == std::vector<std::int64_t>{1, 0, 0});
    CHECK(argmin(x, 1).to_vector() == std::vector<std::int64_t>{1, 2, 1});
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(min(x).item()));
    CHECK(argmax(x).item() == 1);
    CHECK(max_with_index(x, {0, 1}, true).indices.shape() == Shape{1, 1});
    const auto ties = D::copy({5, 7, 7, 5}, {4}).requires_grad();
    (max(ties) + min(ties)).backward();
    CHECK(ties.grad().to_vector() == std::vector<double>{1, 1, 0, 0});
    CHECK(max(D::scalar(3)).item() == 3);
    CHECK(argmax(D::scalar(3)).item() == 0);
    CHECK(max(Tensor<bool>::copy({false, true, true}, {3})).item());
    CHECK(max(D::zeros({0, 3}), 1).shape() == Shape{0});
}

TEST_CASE("any and all: over nothing, NaN and any axes", "[ops]") {
    const auto x = D::copy({0, 0, NaN, 1, 0, 2}, {3, 2});
    CHECK(any(x, 1).to_vector() == std::vector<bool>{false, true, true});
    CHECK(all(x, 1).to_vector() == std::vector<bool>{false, true, false});
    CHECK(any(x, 0, true).shape() == Shape{1, 2});
    CHECK_FALSE(any(D::zeros({0})).item());
    CHECK(all(D::zeros({0})).item());
    CHECK(all(transpose(Tensor<int>::ones({2, 3})), 0).to_vector() == std::vector<bool>{true, true});
}

TEST_CASE("moments and norms where there is no spread: values as PyTorch's, no gradient out of nothing", "[ops]") {
    CHECK(std::isnan(mean(D::empty({0})).item()));
    CHECK(std::isnan(var(D::ones({1})).item()));
    CHECK(var(D::ones({1}), {}, false, 0).item() == 0);
    const auto same = D::full({3}, 2).requires_grad();
    stddev(same).backward();
    CHECK(same.grad().to_vector() == std::vector<double>{0, 0, 0});
    const auto zero = D::zeros({3}).requires_grad();
    norm(zero).backward();
    CHECK(zero.grad().to_vector() == std::vector<double>{0, 0, 0});
    CHECK(var(Tensor<float>::copy({10000, 10001, 10002}, {3})).item() == 1.f);
    const auto nothing = D::full({2}, -inf).requires_grad();
    const auto level = logsumexp(nothing);
    CHECK(level.item() == -inf);
    level.backward();
    CHECK(nothing.grad().to_vector() == std::vector<double>{0, 0});
    CHECK(logsumexp(D::copy({inf, 1}, {2})).item() == inf);
    CHECK(std::isnan(logsumexp(D::copy({NaN, 1}, {2})).item()));
    CHECK(logsumexp(D::empty({0})).item() == -inf);
}

TEST_CASE("reductions: what does not fit is refused by name", "[ops][error]") {
    const auto x = D::zeros({2, 3});
    CHECK_ERROR(sum(x, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(mean(x, -3), ErrorCode::index_out_of_range);
    CHECK_ERROR((sum(x, {0, -2})), ErrorCode::invalid_argument);
    CHECK_ERROR(sum(D::scalar(1), 0), ErrorCode::index_out_of_range);
    CHECK_ERROR(max(D::zeros({0})), ErrorCode::shape_mismatch);
    CHECK_ERROR(argmin(D::zeros({3, 0}), 1), ErrorCode::shape_mismatch);
    CHECK_ERROR(var(x, {}, false, -1), ErrorCode::invalid_argument);
    CHECK_ERROR(prod(x, 5), ErrorCode::index_out_of_range);
    CHECK_ERROR(norm(x, 5), ErrorCode::index_out_of_range);
    CHECK_ERROR(logsumexp(x, 5), ErrorCode::index_out_of_range);
    CHECK_ERROR(any(x, 5), ErrorCode::index_out_of_range);
    CHECK_ERROR(all(x, 5), ErrorCode::index_out_of_range);
    CHECK_ERROR(stddev(x, 5), ErrorCode::index_out_of_range);
}
