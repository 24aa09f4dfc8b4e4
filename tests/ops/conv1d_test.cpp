#include "op_test.hpp"

#include "tercet/ops/conv1d.hpp"
#include "tercet/ops/reduce.hpp"

TEST_CASE("conv1d: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("conv1d");
    for_each_isa([&] {
        for (const auto& c : golden_cases("conv1d")) {
            const auto option = [&](const char* key, index_t otherwise) {
                return static_cast<index_t>(c.parameters.get_or(key, static_cast<std::int64_t>(otherwise)));
            };
            const Conv1dOptions options{option("stride", 1), option("padding", 0), option("dilation", 1), option("groups", 1)};
            std::vector<std::string> names{"x", "w"};
            if (c.has<float>("in.b")) names.push_back("b");
            check_golden(
                c, names,
                [&](const auto& in) {
                    using Same = std::remove_cvref_t<decltype(in[0])>;
                    return conv1d(in[0], in[1], in.size() > 2 ? in[2] : Same(), options);
                },
                report);
        }
    });
}

TEST_CASE("conv1d equals its definition, and its gradients finite differences, for many strides, paddings, dilations and groups", "[ops]") {
    for (const index_t stride : {1, 2, 5})
        for (const index_t padding : {0, 2})
            for (const index_t dilation : {1, 3})
                for (const index_t groups : {1, 2, 4}) {
                    const Conv1dOptions options{stride, padding, dilation, groups};
                    const auto x = numbers({2, 4, 9}, 1), w = numbers({8, 4 / groups, 3}, 2), b = numbers({8}, 3);
                    const auto y = conv1d(x, w, b, options);
                    REQUIRE(y.shape() == Shape{2, 8, (9 + 2 * padding - 2 * dilation - 1) / stride + 1});
                    double worst = 0;
                    for (index_t n = 0; n < 2; ++n)
                        for (index_t o = 0; o < 8; ++o)
                            for (index_t t = 0; t < y.size(2); ++t) {
                                double sum = b(o);
                                for (index_t c = 0; c < 4 / groups; ++c)
                                    for (index_t k = 0; k < 3; ++k) {
                                        const index_t at = t * stride + k * dilation - padding;
                                        if (at >= 0 && at < 9) sum += w(o, c, k) * x(n, o / (8 / groups) * (4 / groups) + c, at);
                                    }
                                worst = std::max(worst, std::abs(sum - y(n, o, t)));
                            }
                    CHECK(worst <= 1e-13);
                    CHECK(gradcheck([&](Inputs& v) { return conv1d(v[0], v[1], v[2], options); }, {x, w, b}) <= 1e-6);
                }
}

TEST_CASE("conv1d: strided and empty inputs, a window of one, a window as long as x", "[ops]") {
    CHECK(gradcheck([](Inputs& v) { return conv1d(transpose(v[0]), transpose(v[1])); }, {numbers({2, 7, 3}, 1), numbers({4, 2, 3}, 2)}) <= 1e-6);
    CHECK(gradcheck([](Inputs& v) { return conv1d(v[0], v[1]); }, {numbers({1, 3, 5}, 1), numbers({2, 3, 1}, 2)}) <= 1e-6);
    CHECK(gradcheck([](Inputs& v) { return conv1d(v[0], v[1]); }, {numbers({1, 3, 5}, 1), numbers({2, 3, 5}, 2)}) <= 1e-6);
    CHECK(conv1d(D::zeros({0, 3, 5}), D::zeros({2, 3, 3})).shape() == Shape{0, 2, 3});
}

TEST_CASE("conv1d: the same bits on any number of threads", "[ops]") {
    Generator generator(1);
    const auto x0 = Tensor<float>::randn({3, 20, 501}, generator), w0 = Tensor<float>::randn({30, 20, 3}, generator);
    std::vector<float> first;
    for_each_thread_count([&] {
        auto x = x0.detach().requires_grad(), w = w0.detach().requires_grad();
        const auto y = conv1d(x, w, {}, {.stride = 2, .padding = 1});
        sum(square(y)).backward();
        auto all = y.detach().to_vector();
        for (const auto& g : {x.grad(), w.grad()})
            for (const float v : g.span()) all.push_back(v);
        if (first.empty()) first = all;
        CHECK((all == first));
    });
}

TEST_CASE("conv1d: what does not fit is refused by name", "[ops]") {
    const auto x = D::zeros({2, 4, 9}), w = D::zeros({6, 4, 3});
    CHECK_ERROR(conv1d(x, D::zeros({6, 3, 3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, D::zeros({6, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(D::zeros({4, 9}), w), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, D::zeros({6, 4, 0})), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, D::zeros({6, 4, 10})), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, D::zeros({5, 2, 3}), {}, {.groups = 2}), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, w, D::zeros({4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(conv1d(x, w, {}, {.stride = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(conv1d(x, w, {}, {.padding = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(conv1d(x, w, {}, {.dilation = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(conv1d(x, w, {}, {.groups = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(conv1d(x, w, {}, {.dilation = std::numeric_limits<index_t>::max()}), ErrorCode::size_overflow);
}
