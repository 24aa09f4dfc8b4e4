#include "op_cases.hpp"

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/ops/shape.hpp"

using namespace op_test;

namespace {

using D = Tensor<double>;
using Inputs = std::vector<D>;

template <class T>
Tensor<T> sliced(const Tensor<T>& x, std::string_view text) {
    if (text == "x[1::2, ::3]") return slice(slice(x, 0, {1, {}, 2}), 1, {{}, {}, 3});
    if (text == "x[-3:-1, 0:2]") return slice(slice(x, 0, -3, -1), 1, 0, 2);
    if (text == "x[2:2]") return slice(x, 0, 2, 2);
    if (text == "x[1:100]") return slice(x, 0, 1, 100);
    fail(ErrorCode::unsupported, "a slice that this test does not know: ", text);
}

}  // namespace

TEMPLATE_TEST_CASE("views and joins: values and gradients equal PyTorch's", "[ops][golden]", float, double) {
    using T = TestType;
    int checked = 0;
    GoldenReport report("indexing (shape)");
    const auto check = [&](const OpCase& c, const auto& f) {
        check_op<T>(c, f, report);
        ++checked;
    };
    for (const auto& c : op_cases("indexing")) {
        if (c.starts_with("cat")) check(c, [&](auto in) { return concatenate({in("a"), in("b"), in("c")}, c.integer("dim")); });
        if (c.starts_with("stack")) check(c, [&](auto in) { return stack({in("a"), in("b")}, c.integer("dim")); });
        if (c.starts_with("chunk")) check(c, [&](auto in) { return chunk(in("x"), c.integer("chunks"), c.integer("dim")); });
        if (c.name == "split_2") check(c, [&](auto in) { return split(in("x"), c.integer("size"), c.integer("dim")); });
        if (c.name == "split_sizes") check(c, [&](auto in) { return split(in("x"), c.integers("sizes"), c.integer("dim")); });
        if (c.starts_with("flip")) check(c, [&](auto in) { return flip(in("x"), c.integer("dim")); });
        if (c.starts_with("roll")) check(c, [&](auto in) { return roll(in("x"), c.integer("shift"), c.integer("dim")); });
        if (c.starts_with("repeat_interleave")) check(c, [&](auto in) { return repeat_interleave(in("x"), c.integer("repeats"), c.integer("dim")); });
        if (c.starts_with("permute")) check(c, [&](auto in) { return permute(in("x"), c.shape("dims")); });
        if (c.name == "reshape_of_transpose") check(c, [&](auto in) { return reshape(transpose(in("x"), 0, 1), {-1, 2}); });
        if (c.starts_with("slice")) check(c, [&](auto in) { return sliced(in("x"), c.parameters.at("slice").as_string()); });
        if (c.starts_with("pad")) {
            const auto last = c.integers("pad_last"), second = c.integers("pad_second_last");
            const auto value = static_cast<T>(c.parameters.at("value").as_number());
            check(c, [&](auto in) { return pad(pad(in("x"), -1, last[0], last[1], value), -2, second[0], second[1], value); });
        }
    }
    CHECK(checked >= 27);
    for (const auto& c : op_cases("broadcast"))
        if (c.starts_with("expand"))
            check_op<T>(
                c, [&](auto in) { return expand(in("a"), c.shape("to")) * static_cast<T>(c.integer("times")); }, report);
}

TEMPLATE_TEST_CASE("broadcast arithmetic: values and gradients equal PyTorch's", "[ops][golden]", float, double) {
    using T = TestType;
    int checked = 0;
    GoldenReport report("broadcast");
    for (const auto& c : op_cases("broadcast")) {
        const auto name = c.name.substr(0, c.name.find('_'));
        if (name == "expand") continue;
        ++checked;
        if (const Json* exponent = c.parameters.find("exponent")) {
            check_op<T>(
                c, [&](auto in) { return pow(in("a"), Tensor<T>::scalar(static_cast<T>(exponent->as_number()))); }, report);
            continue;
        }
        check_op<T>(
            c,
            [&](auto in) {
                const Tensor<T> a = in("a"), b = in("b");
                if (name == "add") return a + b;
                if (name == "sub") return a - b;
                if (name == "mul") return a * b;
                if (name == "div") return a / b;
                if (name == "pow") return pow(a, b);
                if (name == "maximum") return maximum(a, b);
                if (name == "minimum") return minimum(a, b);
                fail(ErrorCode::unsupported, "an operation that this test does not know: ", name);
            },
            report);
    }
    CHECK(checked >= 53);
}

TEST_CASE("views: gradients equal finite differences, also on strided, one-element and empty inputs", "[ops]") {
    const auto check = [](const Inputs& x, const auto& f) { CHECK(gradcheck([&](Inputs& in) { return square(f(in)) * f(in); }, x) <= 1e-6); };
    for (const Shape& shape : {Shape{4, 6}, Shape{1, 1}, Shape{0, 6}, Shape{3, 0}}) {
        INFO("shape " << shape);
        const Inputs x{D::randn(shape)};
        check(x, [](Inputs& in) { return reshape(transpose(in[0]), {1, in[0].numel()}); });
        check(x, [](Inputs& in) { return permute(in[0], {-1, 0}); });
        check(x, [](Inputs& in) { return slice(slice(in[0], 0, {{}, {}, -2}), 1, {1, {}, 2}); });
        check(x, [](Inputs& in) { return expand(unsqueeze(in[0], 0), {3, in[0].size(0), in[0].size(1)}); });
        check(x, [](Inputs& in) { return flatten(squeeze(unsqueeze(in[0], 1), 1)); });
        check(x, [](Inputs& in) { return squeeze(unsqueeze(in[0], -1)); });
        check(x, [](Inputs& in) { return concatenate({transpose(in[0]), transpose(in[0])}, -1); });
        check(x, [](Inputs& in) { return stack({in[0], in[0] * 2.0}, 1); });
        check(x, [](Inputs& in) { return pad(in[0], 1, 1, 2, 0.5); });
        check(x, [](Inputs& in) { return repeat(repeat_interleave(in[0], 2, 0), 3, 1); });
        check(x, [](Inputs& in) { return roll(flip(in[0], 0), -5, 1); });
        check(x, [](Inputs& in) { return contiguous(transpose(in[0])); });
    }
    check({D::randn({4, 3})}, [](Inputs& in) { return select(in[0], 1, -1) * select(select(in[0], 0, 2), 0, 1); });
    check({D::randn({4, 3})}, [](Inputs& in) {  // the same tensor through several views: their gradients add up
        const auto parts = split(in[0], 2);
        return parts[0] * parts[1] + slice(in[0], 0, 1, 3) + expand(select(in[0], 0, 0), {2, 3});
    });
    check({D::randn({})}, [](Inputs& in) { return flatten(in[0]) + expand(in[0], {3}); });
}

TEST_CASE("views share their elements; joins and repeats copy", "[ops]") {
    auto x = Tensor<int>::arange(0, 12).reshape({3, 4});
    for (const auto& view : {reshape(x, {4, 3}), transpose(x), permute(x, {1, 0}), slice(x, 0, 1, 2), select(x, 0, 1), expand(x, {2, 3, 4}),
                             unsqueeze(x, 0), flatten(x), flip(x, 1)})
        CHECK(view.storage() == x.storage());
    CHECK(contiguous(x).storage() == x.storage());
    CHECK(contiguous(transpose(x)).storage() != x.storage());
    CHECK(concatenate({x}).storage() != x.storage());
    CHECK(split(x, 3, 1)[1].to_vector() == std::vector<int>{3, 7, 11});
    CHECK(repeat(slice(x, 0, 0, 1), 2, 1).to_vector() == std::vector<int>{0, 1, 2, 3, 0, 1, 2, 3});
    CHECK(repeat_interleave(slice(x, 0, 0, 1), 2, 1).to_vector() == std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3});
    CHECK(roll(slice(x, 0, 0, 1), 1, 1).to_vector() == std::vector<int>{3, 0, 1, 2});
    CHECK(roll(slice(x, 0, 0, 1), -9, 1).to_vector() == std::vector<int>{1, 2, 3, 0});
    CHECK(chunk(Tensor<int>::arange(0, 9), 4).size() == 3);  // as PyTorch: pieces of 3
    CHECK(split(Tensor<int>::empty({0}), 4).size() == 1);
    CHECK(stack({Tensor<bool>::ones({2}), Tensor<bool>::zeros({2})}, -1).to_vector() == std::vector<bool>{true, false, true, false});
}

TEST_CASE("joins: parts that need no gradient keep their place in the gradient", "[ops]") {
    const auto dy = D::arange(0, 14).reshape({2, 7});
    const index_t widths[] = {2, 1, 4};
    for (int wanted = 1; wanted < 8; ++wanted) {
        std::vector<D> parts;
        for (int i = 0; i < 3; ++i) {
            parts.push_back(D::zeros({2, widths[i]}));
            if ((wanted >> i & 1) != 0) parts.back().requires_grad();
        }
        concatenate(parts, 1).backward(dy);
        index_t begin = 0;
        for (int i = 0; i < 3; ++i) {
            if ((wanted >> i & 1) != 0)
                CHECK(parts[static_cast<std::size_t>(i)].grad().to_vector() == dy.slice(1, begin, begin + widths[i]).to_vector());
            begin += widths[i];
        }
    }
}

TEST_CASE("views: nothing is recorded under NoGrad, nor for tensors without gradients", "[ops]") {
    const auto x = D::randn({2, 3}).requires_grad();
    CHECK(transpose(x).needs_grad());
    CHECK_FALSE(transpose(x.detach()).needs_grad());
    const NoGrad guard;
    CHECK_FALSE(transpose(x).needs_grad());
    CHECK_FALSE(concatenate({x, x}).needs_grad());
}

TEST_CASE("views and joins: what does not fit is refused by name", "[ops][error]") {
    const auto x = D::zeros({2, 3});
    CHECK_ERROR(reshape(x, {4, 2}), ErrorCode::shape_mismatch);
    CHECK_ERROR(reshape(x, {-1, -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(permute(x, {0}), ErrorCode::shape_mismatch);
    CHECK_ERROR(permute(x, {0, 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(permute(x, {0, 2}), ErrorCode::index_out_of_range);
    CHECK_ERROR(transpose(D::zeros({3})), ErrorCode::index_out_of_range);
    CHECK_ERROR(slice(x, 2, 0, 1), ErrorCode::index_out_of_range);
    CHECK_ERROR(slice(x, 0, (Range{0, 1, 0})), ErrorCode::invalid_argument);
    CHECK_ERROR(select(x, 0, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(expand(x, {4, 3}), ErrorCode::shape_mismatch);
    CHECK_ERROR(expand(x, {3}), ErrorCode::shape_mismatch);
    CHECK_ERROR(unsqueeze(x, 4), ErrorCode::index_out_of_range);
    CHECK_ERROR(squeeze(x, 0), ErrorCode::shape_mismatch);
    CHECK_ERROR(flatten(x, 1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(concatenate(std::vector<D>{}), ErrorCode::invalid_argument);
    CHECK_ERROR((concatenate({x, D::zeros({2, 3, 1})}, 0)), ErrorCode::shape_mismatch);
    CHECK_ERROR((concatenate({x, D::zeros({2, 4})}, 0)), ErrorCode::shape_mismatch);
    CHECK_ERROR((concatenate({x, x}, 2)), ErrorCode::index_out_of_range);
    CHECK_ERROR((stack({x, D::zeros({3, 2})}, 0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(stack(std::vector<D>{}), ErrorCode::invalid_argument);
    CHECK_ERROR(split(x, 0), ErrorCode::invalid_argument);
    CHECK_ERROR((split(x, {1, 2}, 0)), ErrorCode::shape_mismatch);
    CHECK_ERROR((split(x, {1, 1}, 1)), ErrorCode::shape_mismatch);
    CHECK_ERROR((split(x, {3, -1}, 0)), ErrorCode::shape_mismatch);
    CHECK_ERROR(chunk(x, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(repeat(x, -1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(repeat_interleave(x, -1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(repeat(x, index_t{1} << 62, 0), ErrorCode::size_overflow);
    CHECK_ERROR(roll(x, 1, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(pad(x, 0, -1, 0), ErrorCode::invalid_argument);
}
