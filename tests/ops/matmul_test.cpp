#include "op_test.hpp"

#include "tercet/ops/matmul.hpp"

TEST_CASE("matmul: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("matmul");
    for_each_isa([&] {
        for (const auto& c : golden_cases("matmul")) {
            if (c.is("transposed_a"))
                check_golden(
                    c, {"a", "b"}, [](const auto& in) { return matmul(transpose(in[0]), in[1]); }, report);
            else if (c.is("transposed_b"))
                check_golden(
                    c, {"a", "b"}, [](const auto& in) { return matmul(in[0], transpose(in[1])); }, report);
            else if (c.is("permuted_views"))
                check_golden(
                    c, {"a", "b"},
                    [](const auto& in) {
                        return matmul(permute(in[0], {1, 0, 2}), permute(in[1], {2, 1, 0}));
                    },
                    report);
            else if (c.is("2d_big")) {  // sums of 65 products: measured 6e-6 apart
                check_golden_as<float>(c, {"a", "b"}, [](const auto& in) { return matmul(in[0], in[1]); }, report, {{1e-5, 1e-5}, {1e-5, 1e-4}});
                check_golden_as<double>(
                    c, {"a", "b"}, [](const auto& in) { return matmul(in[0], in[1]); }, report);
            } else
                check_golden(
                    c, {"a", "b"}, [](const auto& in) { return matmul(in[0], in[1]); }, report);
        }
    });
}

TEST_CASE("linear: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("linear");
    for_each_isa([&] {
        for (const auto& c : golden_cases("linear")) {
            if (c.is("nobias_3d"))
                check_golden(
                    c, {"x", "w"}, [](const auto& in) { return linear(in[0], in[1]); }, report);
            else if (c.is("conv1d_gpt2"))
                check_golden(
                    c, {"x", "w", "b"}, [](const auto& in) { return linear(in[0], transpose(in[1]), in[2]); }, report);
            else
                check_golden(
                    c, {"x", "w", "b"}, [](const auto& in) { return linear(in[0], in[1], in[2]); }, report);
        }
    });
}

TEST_CASE("matmul: gradients equal finite differences, batched, broadcast, strided, one row, empty", "[ops]") {
    for_each_isa([] {
        const std::pair<Shape, Shape> shapes[] = {{{2, 3}, {3, 4}},    {{1, 3}, {3, 1}},          {{3}, {3}},          {{3}, {3, 2}},
                                                  {{2, 3}, {3}},       {{2, 1, 2, 3}, {4, 3, 2}}, {{3, 2}, {2, 2, 2}}, {{2, 2, 3}, {3, 2}},
                                                  {{2, 2, 3}, {3}},    {{3}, {2, 3, 2}},          {{2, 0}, {0, 3}},    {{0, 2}, {2, 3}},
                                                  {{0, 2, 3}, {3, 2}}, {{1, 2, 3}, {3, 2}}};
        for (const auto& [a, b] : shapes) {
            INFO("ranks " << a.rank() << " and " << b.rank());
            CHECK(gradcheck([](Inputs& v) { return matmul(v[0], v[1]); }, {numbers(a, 1), numbers(b, 2)}) <= 1e-6);
        }
        CHECK(gradcheck([](Inputs& v) { return matmul(transpose(v[0]), transpose(v[1], 0, 2)); }, {numbers({2, 3, 4}, 1), numbers({5, 3, 2}, 2)}) <=
              1e-6);
        CHECK(gradcheck([](Inputs& v) { return matmul(v[0], transpose(v[0])); }, {numbers({3, 4}, 1)}) <= 1e-6);
    });
}

TEST_CASE("linear: gradients equal finite differences, with and without bias, strided, one row, empty", "[ops]") {
    for_each_isa([] {
        const Shape inputs[] = {{4, 3}, {3}, {1, 3}, {2, 2, 3}, {0, 3}};
        for (const Shape& x : inputs) {
            CHECK(gradcheck([](Inputs& v) { return linear(v[0], v[1], v[2]); }, {numbers(x, 1), numbers({5, 3}, 2), numbers({5}, 3)}) <= 1e-6);
            CHECK(gradcheck([](Inputs& v) { return linear(v[0], v[1]); }, {numbers(x, 1), numbers({5, 3}, 2)}) <= 1e-6);
        }
        CHECK(gradcheck([](Inputs& v) { return linear(transpose(v[0]), transpose(v[1]), v[2]); },
                        {numbers({3, 4}, 1), numbers({3, 5}, 2), numbers({5}, 3)}) <= 1e-6);
        // Two uses of one weight: the second adds to what the first wrote.
        CHECK(gradcheck([](Inputs& v) { return linear(linear(v[0], v[1]), v[1]); }, {numbers({2, 3}, 1), numbers({3, 3}, 2)}) <= 1e-6);
    });
}

TEST_CASE("linear: a weight written (in, out) and an activation behind it equal the ops one by one; gradients equal finite differences", "[ops]") {
    for_each_isa([] {
        const auto x = numbers({2, 3, 4}, 1), w = numbers({4, 5}, 2), b = numbers({5}, 3);
        const LinearOptions options{.activation = UnaryOp::gelu_tanh, .in_out = true};
        check_close(linear(x, w, b, options), gelu_tanh(matmul(x, w) + b), {1e-14, 1e-14});
        for (const auto& o : {options, LinearOptions{.in_out = true}, LinearOptions{.activation = UnaryOp::silu, .in_out = true}}) {
            CHECK(gradcheck([&](Inputs& v) { return linear(v[0], v[1], v[2], o); }, {x, w, b}) <= 1e-6);
            CHECK(gradcheck([&](Inputs& v) { return linear(v[0], transpose(v[1]), D(), o); }, {x, numbers({5, 4}, 2)}) <= 1e-6);
        }
        auto recorded = x.detach().requires_grad();
        CHECK(linear(recorded, w, b, options).detach().to_vector() == linear(x, w, b, options).to_vector());
    });
    CHECK_ERROR(linear(D::zeros({2, 3}), D::zeros({5, 3}), D(), {.in_out = true}), ErrorCode::shape_mismatch);
}

TEST_CASE("linear with operands in bfloat16: what the rounded numbers give in float, forward and backward", "[ops]") {
    for_each_isa([] {
        using F = Tensor<float>;
        const auto rounded = [](const D& x) { return x.to<bf16>().to<float>(); };
        for (const bool in_out : {false, true}) {
            const auto x = rounded(numbers({33, 70}, 1)), w = rounded(numbers(in_out ? Shape{70, 45} : Shape{45, 70}, 2));
            const auto b = numbers({45}, 3).to<float>(), dy = rounded(numbers({33, 45}, 4));
            const auto run = [&](Activations activations) {
                std::vector<F> in{x.detach().requires_grad(), w.detach().requires_grad(), b.detach().requires_grad()};
                const auto y = linear(in[0], in[1], in[2], {.activations = activations, .in_out = in_out});
                y.backward(dy);
                return std::vector<F>{y.detach(), in[0].grad(), in[1].grad(), in[2].grad()};
            };
            const auto got = run(Activations::bf16), want = run(Activations::f32);  // nothing is left to be rounded
            for (std::size_t i = 0; i < got.size(); ++i) check_close(got[i], want[i], {2e-5, 2e-6});
        }
        const auto x = numbers({20, 64}, 5).to<float>(), w = numbers({24, 64}, 6).to<float>();
        const auto exact = linear(x, w), near = linear(x, w, F(), {.activations = Activations::bf16});
        check_close(near, exact, {0.2, 0});  // 64 products, each of two numbers that are off by up to 2^-9
        CHECK(near.to_vector() != exact.to_vector());
    });
}

TEST_CASE("linear without inputs gives its bias, without outputs nothing", "[ops]") {
    const auto bias = D::copy({1, 2, 3}, {3});
    CHECK(linear(D::zeros({2, 0}), D::zeros({3, 0}), bias).to_vector() == std::vector<double>{1, 2, 3, 1, 2, 3});
    CHECK(linear(D::zeros({2, 0}), D::zeros({3, 0})).to_vector() == std::vector<double>(6, 0));
    CHECK(linear(D::zeros({2, 4}), D::zeros({0, 4})).shape() == Shape{2, 0});
    auto x = D::zeros({2, 4}).requires_grad();
    linear(x, D::zeros({0, 4})).backward(D::zeros({2, 0}));
    CHECK(x.grad().to_vector() == std::vector<double>(8, 0));
}

TEST_CASE("matmul: batches of products without rows, columns or depth", "[ops]") {
    CHECK(matmul(D::zeros({3, 0, 5}), D::zeros({3, 5, 4})).shape() == Shape{3, 0, 4});
    CHECK(matmul(D::zeros({3, 0, 5}), D::zeros({5, 4})).shape() == Shape{3, 0, 4});
    CHECK(matmul(D::zeros({3, 8, 5}), D::zeros({3, 5, 0})).shape() == Shape{3, 8, 0});
    CHECK(matmul(D::zeros({0, 8, 5}), D::zeros({0, 5, 4})).shape() == Shape{0, 8, 4});
    CHECK(matmul(D::zeros({2, 8, 0}), D::zeros({2, 0, 4})).to_vector() == std::vector<double>(64, 0));
}

TEST_CASE("matmul: shapes that do not fit are refused by name", "[ops]") {
    CHECK_ERROR(matmul(D::zeros({2, 3}), D::zeros({4, 5})), ErrorCode::shape_mismatch);
    CHECK_ERROR(matmul(D::zeros({}), D::zeros({4, 5})), ErrorCode::shape_mismatch);
    CHECK_ERROR(matmul(D::zeros({2, 3}), D::zeros({})), ErrorCode::shape_mismatch);
    CHECK_ERROR(matmul(D::zeros({2, 2, 3}), D::zeros({4, 3, 2})), ErrorCode::shape_mismatch);
    CHECK_ERROR(matmul(D::zeros({3}), D::zeros({4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(matmul(D::zeros({1, 1, 1, 1, 1, 1, 1, 1}), D::zeros({1, 1, 1, 1, 1, 1, 1, 2})).item(), ErrorCode::shape_mismatch);
    try {
        matmul(D::zeros({2, 3}), D::zeros({4, 5}));
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()) == "matmul: inner dimensions differ, (2, 3) x (4, 5)");
    }
    CHECK_ERROR(linear(D::zeros({2, 3}), D::zeros({5, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear(D::zeros({2, 3}), D::zeros({5, 3}), D::zeros({4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear(D::zeros({}), D::zeros({5, 3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(linear(D::zeros({2, 3}), D::zeros({3})), ErrorCode::shape_mismatch);
    CHECK(matmul(Tensor<float>::zeros({1, 1, 1, 1, 1, 1, 2, 3}), Tensor<float>::zeros({3, 1})).shape() == Shape{1, 1, 1, 1, 1, 1, 2, 1});
}

TEST_CASE("matmul of integers and halves goes by way of wider numbers", "[ops]") {
    const auto a = Tensor<int>::copy({1, 2, 3, 4}, {2, 2});
    CHECK(matmul(a, a).to_vector() == std::vector<int>{7, 10, 15, 22});
    const auto h = a.to<bf16>();
    CHECK(matmul(h, h).to<int>().to_vector() == std::vector<int>{7, 10, 15, 22});
}

TEST_CASE("matmul has the same bits on any number of threads, forward and backward", "[ops]") {
    const auto a = numbers({3, 70, 65}, 1), b = numbers({65, 90}, 2), dy = numbers({3, 70, 90}, 3);
    std::vector<double> first;
    for_each_thread_count([&] {
        auto x = a.detach().requires_grad(), y = b.detach().requires_grad();
        const auto z = matmul(x, y);
        z.backward(dy);
        auto bits = z.detach().to_vector();
        for (const auto& g : {x.grad(), y.grad()})
            for (const double v : g.to_vector()) bits.push_back(v);
        if (first.empty()) first = bits;
        CHECK(first == bits);
    });
}
