#include "op_test.hpp"

#include "tercet/ops/elementwise.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/pointwise.hpp"

namespace {

// In [0.2, 1.2): away from the corners and poles.
D positive(const Shape& shape, std::uint64_t seed) {
    Generator generator(seed);
    return D::rand(shape, generator) + 0.2;
}

using Unary = D (*)(const D&);
const std::pair<const char*, Unary> unary_ops[] = {{"neg", neg<double>},
                                                   {"abs", abs<double>},
                                                   {"square", square<double>},
                                                   {"sqrt", sqrt<double>},
                                                   {"rsqrt", rsqrt<double>},
                                                   {"reciprocal", reciprocal<double>},
                                                   {"exp", exp<double>},
                                                   {"log", log<double>},
                                                   {"sin", sin<double>},
                                                   {"cos", cos<double>},
                                                   {"tanh", tanh<double>},
                                                   {"erf", erf<double>},
                                                   {"sigmoid", sigmoid<double>},
                                                   {"relu", relu<double>},
                                                   {"gelu", gelu<double>},
                                                   {"gelu_tanh", gelu_tanh<double>},
                                                   {"silu", silu<double>},
                                                   {"log1p", log1p<double>},
                                                   {"expm1", expm1<double>},
                                                   {"quick_gelu", quick_gelu<double>},
                                                   {"log_sigmoid", log_sigmoid<double>},
                                                   {"softplus", softplus<double>},
                                                   {"mish", mish<double>},
                                                   {"relu6", relu6<double>},
                                                   {"hardswish", hardswish<double>}};

using Binary = D (*)(const D&, const D&);
const std::pair<const char*, Binary> binary_ops[] = {{"add", add<double>},        {"sub", sub<double>}, {"mul", mul<double>},
                                                     {"div", div<double>},        {"pow", pow<double>}, {"maximum", maximum<double>},
                                                     {"minimum", minimum<double>}};

}  // namespace

TEST_CASE("activations: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("activations");
    for_each_isa([&] {
        for (const auto& c : golden_cases("activations")) {
            const auto check = [&](const auto& f) {
                check_golden(
                    c, {"x"}, [&](const auto& in) { return f(in[0]); }, report);
            };
            if (c.is("sin")) check([](const auto& x) { return sin(x); });
            else if (c.is("cos")) check([](const auto& x) { return cos(x); });
            else if (c.is("reciprocal")) check([](const auto& x) { return reciprocal(x); });
            else if (c.is("abs")) check([](const auto& x) { return abs(x); });
            else if (c.is("tanh")) check([](const auto& x) { return tanh(x); });
            else if (c.is("gelu_erf")) check([](const auto& x) { return gelu(x); });
            else if (c.is("gelu_tanh")) check([](const auto& x) { return gelu_tanh(x); });
            else if (c.is("rsqrt")) check([](const auto& x) { return rsqrt(x); });
            else if (c.is("neg")) check([](const auto& x) { return -x; });
            else if (c.is("square")) check([](const auto& x) { return square(x); });
            else if (c.is("erf")) check([](const auto& x) { return erf(x); });
            else if (c.is("silu")) check([](const auto& x) { return silu(x); });
            else if (c.is("sigmoid")) check([](const auto& x) { return sigmoid(x); });
            else if (c.is("sqrt")) check([](const auto& x) { return sqrt(x); });
            else if (c.is("log")) check([](const auto& x) { return log(x); });
            else if (c.is("exp")) check([](const auto& x) { return exp(x); });
            else if (c.is("relu")) check([](const auto& x) { return relu(x); });
            else if (c.is("quick_gelu")) check([](const auto& x) { return quick_gelu(x); });
            else if (c.is("relu6")) check([](const auto& x) { return relu6(x); });
            else if (c.is("hardswish")) check([](const auto& x) { return hardswish(x); });
            else if (c.is("mish")) check([](const auto& x) { return mish(x); });
            else if (c.is("softplus")) check([](const auto& x) { return softplus(x); });
            else if (c.is("logsigmoid")) check([](const auto& x) { return log_sigmoid(x); });
            else if (c.is("log1p")) check([](const auto& x) { return log1p(x); });
            else if (c.is("expm1")) check([](const auto& x) { return expm1(x); });
            else if (c.is("elu")) check([](const auto& x) { return elu(x); });
            else if (c.is("leaky_relu")) check([](const auto& x) { return leaky_relu(x); });
            else if (c.is("clamp"))
                check([&](const auto& x) {
                    using T = typename std::remove_cvref_t<decltype(x)>::value_type;
                    return clamp(x, static_cast<T>(c.parameters.at("min").as_number()), static_cast<T>(c.parameters.at("max").as_number()));
                });
            else if (c.is("swiglu"))
                check_golden(
                    c, {"x", "wg", "wu", "wd"}, [](const auto& in) { return linear(silu(linear(in[0], in[1])) * linear(in[0], in[2]), in[3]); },
                    report);
            else if (c.is("geglu_tanh"))
                check_golden(
                    c, {"x", "wg", "wu", "wd"}, [](const auto& in) { return linear(gelu_tanh(linear(in[0], in[1])) * linear(in[0], in[2]), in[3]); },
                    report);
            else FAIL_CHECK("case " << c.name << " is not tested");
        }
    });
}

TEST_CASE("every unary op's gradient equals finite differences, also of strided, single and no numbers", "[ops]") {
    for_each_isa([] {
        for (const auto& [name, op] : unary_ops) {
            INFO(name);
            const auto f = [op = op](Inputs& v) { return op(v[0]); };
            CHECK(gradcheck(f, {positive({3, 7}, 1)}) <= 1e-6);
            CHECK(gradcheck(f, {positive({}, 2)}) <= 1e-6);
            CHECK(gradcheck(f, {positive({0, 3}, 2)}) == 0);
            if (std::string_view(name) != "sqrt" && std::string_view(name) != "rsqrt" && std::string_view(name) != "log" &&
                std::string_view(name) != "log1p" && std::string_view(name) != "reciprocal")
                CHECK(gradcheck(f, {numbers({40}, 3)}) <= 1e-6);

            auto strided = positive({4, 5}, 4).transpose().requires_grad();
            auto plain = strided.detach().clone().requires_grad();
            const auto y = op(strided);
            CHECK(y.detach().to_vector() == op(plain).detach().to_vector());
            y.backward(numbers({5, 4}, 5));
            op(plain).backward(numbers({5, 4}, 5));
            CHECK(strided.grad().to_vector() == plain.grad().to_vector());
        }
    });
}

TEST_CASE("every binary op's gradient equals finite differences, for all ways of broadcasting", "[ops]") {
    for_each_isa([] {
        const std::pair<Shape, Shape> shapes[] = {{{3, 4}, {3, 4}}, {{2, 3, 4}, {4}}, {{3}, {2, 1}}, {{2, 1, 4}, {3, 1}}, {{}, {2, 3}},
                                                  {{1, 1}, {3}},    {{2, 3}, {}},     {{0, 3}, {3}}, {{1}, {0}}};
        for (const auto& [name, op] : binary_ops)
            for (const auto& [a, b] : shapes) {
                INFO(name << ' ' << a.rank() << ' ' << b.rank());
                CHECK(gradcheck([op = op](Inputs& v) { return op(v[0], v[1]); }, {positive(a, 1), positive(b, 2)}) <= 1e-6);
                CHECK(gradcheck([op = op](Inputs& v) { return op(v[0], v[0] * 2.0); }, {positive(a, 3)}) <= 1e-6);
            }
    });
}

TEST_CASE("binary ops of strided and broadcast operands equal those of copies", "[ops]") {
    for_each_isa([] {
        for (const auto& [name, op] : binary_ops) {
            INFO(name);
            const auto a = positive({700, 5}, 1).transpose(), b = positive({5, 1401}, 2).slice(1, Range{1, {}, 2});
            CHECK(op(a, b).to_vector() == op(a.clone(), b.clone()).to_vector());
            const auto line = positive({5, 1}, 3), wide = line.expand({5, 700});
            CHECK(op(a, line).to_vector() == op(a, wide.clone()).to_vector());
            CHECK(op(wide, a).to_vector() == op(line, a).to_vector());
        }
    });
}

TEST_CASE("equal operands share the gradient of maximum and minimum", "[ops]") {
    for (const auto op : {maximum<double>, minimum<double>}) {
        auto a = D::copy({1, 2, 3}, {3}).requires_grad(), b = D::copy({1, 5, 0}, {3}).requires_grad();
        op(a, b).backward(D::ones({3}));
        CHECK(a.grad()(0) == 0.5);
        CHECK(b.grad()(0) == 0.5);
        CHECK(a.grad()(1) + b.grad()(1) == 1);
        CHECK((a.grad()(1) == 0 || b.grad()(1) == 0));
    }
}

TEST_CASE("operators take tensors and numbers on either side, and work in place", "[ops]") {
    const auto x = Tensor<float>::copy({1, 2, 4}, {3});
    CHECK((x + 1).to_vector() == std::vector<float>{2, 3, 5});
    CHECK((1 - x).to_vector() == std::vector<float>{0, -1, -3});
    CHECK((2 / x).to_vector() == std::vector<float>{2, 1, 0.5f});
    CHECK((x * x - x / 2).to_vector() == std::vector<float>{0.5f, 3, 14});
    CHECK((-x).to_vector() == std::vector<float>{-1, -2, -4});
    auto y = x.clone();
    y += x;
    y *= Tensor<float>::scalar(3);
    y -= x;
    CHECK(y.to_vector() == std::vector<float>{5, 10, 20});
    auto z = Tensor<float>::zeros({2, 3});
    z += x;
    CHECK(z.to_vector() == std::vector<float>{1, 2, 4, 1, 2, 4});
    CHECK_ERROR(y += Tensor<float>::zeros({2, 3}), ErrorCode::shape_mismatch);  // x does not grow
    auto leaf = x.clone().requires_grad();
    CHECK_ERROR(leaf += x, ErrorCode::autograd);
    CHECK((Tensor<int>::copy({7, -7}, {2}) / Tensor<int>::copy({2, 0}, {2})).to_vector() == std::vector<int>{3, 0});
}

TEST_CASE("shapes that do not broadcast are refused by name", "[ops]") {
    const auto a = D::zeros({2, 3}), b = D::zeros({2, 4});
    for (const auto& [name, op] : binary_ops) {
        CHECK_ERROR(op(a, b), ErrorCode::shape_mismatch);
        try {
            op(a, b);
        } catch (const Error& error) {
            CHECK(std::string_view(error.what()).find(name) == 0);
            CHECK(std::string_view(error.what()).find("(2, 3) and (2, 4)") != std::string_view::npos);
        }
    }
}

TEST_CASE("sum_to is the transpose of broadcasting", "[ops]") {
    const Shape shapes[] = {{}, {1}, {4}, {3, 1}, {1, 4}, {3, 4}, {2, 1, 1}, {2, 1, 4}, {2, 3, 1}, {1, 3, 4}, {2, 3, 4}, {1, 1, 1}};
    const auto x = numbers({2, 3, 4}, 7), strided = in_other_order(x);
    for (const Shape& shape : shapes) {
        auto expected = D::zeros(shape);
        for (index_t i = 0; i < 2; ++i)
            for (index_t j = 0; j < 3; ++j)
                for (index_t k = 0; k < 4; ++k) {
                    const index_t full[] = {i, j, k};
                    index_t place = 0;
                    for (index_t d = 0; d < shape.rank(); ++d) place = place * shape[d] + (shape[d] == 1 ? 0 : full[3 - shape.rank() + d]);
                    expected.mutable_data()[place] += x(i, j, k);
                }
        CHECK(compare(sum_to(x, shape), expected, {1e-14, 0}).in_tolerances <= 1);
        CHECK(compare(sum_to(strided, shape), expected, {1e-14, 0}).in_tolerances <= 1);
    }
    CHECK(sum_to(D::zeros({0, 3}), {3}).to_vector() == std::vector<double>{0, 0, 0});
    CHECK_ERROR(sum_to(x, {5}), ErrorCode::shape_mismatch);
}

TEST_CASE("elementwise results have the same bits on any number of threads", "[ops]") {
    const auto a = numbers({300, 401}, 1), b = numbers({401}, 2);
    std::vector<double> first;
    for_each_thread_count([&] {
        auto x = a.detach().requires_grad(), y = b.detach().requires_grad();
        const auto z = gelu(x * y + x);
        z.backward(a);
        auto bits = z.detach().to_vector();
        for (const auto& g : {x.grad(), y.grad()})
            for (const double v : g.to_vector()) bits.push_back(v);
        if (first.empty()) first = bits;
        CHECK(first == bits);
    });
}

TEST_CASE("borrowed memory with gaps, and from the back: an operation reads its elements and no others") {
    std::vector<float> spaced{1, -1, -1, 2, -1, -1, 3, -1, -1, 4};
    using Numbers = std::vector<float>;
    CHECK((Tensor<float>::borrow(spaced.data(), {2, 2}, Shape{6, 3}) * 2.f).to_vector() == Numbers{2, 4, 6, 8});
    CHECK((Tensor<float>::borrow(spaced.data() + 9, {4}, Shape{-3}) * 2.f).to_vector() == Numbers{8, 6, 4, 2});
    CHECK((Tensor<float>::borrow(spaced.data() + 3, {2, 2}, Shape{-3, 6}) + 1.f).to_vector() == Numbers{3, 5, 2, 4});
    CHECK(Tensor<float>::borrow(nullptr, {2, 0}).numel() == 0);
}
