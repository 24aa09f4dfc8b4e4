#include "op_test.hpp"

#include "tercet/ops/attention.hpp"

namespace {

// Attention by its definition, one number at a time.
D naive(const D& q, const D& k, const D& v, const AttentionOptions& options, const D& bias = {}) {
    const index_t B = q.size(0), H = q.size(1), Tq = q.size(2), D_ = q.size(3), Tk = k.size(2), group = H / k.size(1);
    const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(D_)));
    auto out = D::zeros(q.shape());
    const auto added = bias.storage() != nullptr ? bias.expand({B, H, Tq, Tk}) : D::zeros({B, H, Tq, Tk});
    for (index_t b = 0; b < B; ++b)
        for (index_t h = 0; h < H; ++h)
            for (index_t i = 0; i < Tq; ++i) {
                std::vector<double> weight(static_cast<std::size_t>(Tk), 0);
                double total = 0;
                for (index_t j = 0; j < Tk; ++j) {
                    const index_t position = i + Tk - Tq;
                    if (options.causal && j > position) continue;
                    if (options.window > 0 && position - j >= options.window) continue;
                    double score = 0;
                    for (index_t d = 0; d < D_; ++d) score += q(b, h, i, d) * k(b, h / group, j, d);
                    total += weight[static_cast<std::size_t>(j)] = std::exp(scale * score + added(b, h, i, j));
                }
                for (index_t j = 0; j < Tk && total > 0; ++j)
                    for (index_t d = 0; d < D_; ++d) out.at(b, h, i, d) += weight[static_cast<std::size_t>(j)] / total * v(b, h / group, j, d);
            }
    return out;
}

}  // namespace

TEST_CASE("attention: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("sdpa");
    for_each_isa([&] {
        for (const auto& c : golden_cases("sdpa")) {
            AttentionOptions options;
            options.causal = c.parameters.get_or("is_causal", false) || c.parameters.find("window") != nullptr;
            options.window = static_cast<index_t>(c.parameters.get_or("window", 0));
            if (c.parameters.find("scale") != nullptr) options.scale = c.parameters.at("scale").as_number();
            if (c.is("fully_masked_row_bool")) {
                const auto seen = c.tensor<std::uint8_t>("in.mask");
                check_golden(
                    c, {"q", "k", "v"},
                    [&](const auto& in) {
                        using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                        auto bias = Tensor<T>::zeros(seen.shape());
                        for (index_t i = 0; i < bias.numel(); ++i)
                            if (seen.data()[i] == 0) bias.mutable_data()[i] = -std::numeric_limits<T>::infinity();
                        return attention(in[0], in[1], in[2], options, bias);
                    },
                    report);
            } else if (c.is("fully_masked_row_nan")) {  // a softmax of nothing: NaN there, zeros here
                const auto q = c.tensor<double>("in.q");
                auto want = c.tensor<double>("out");
                for (index_t h = 0; h < want.size(1); ++h) {
                    CHECK(std::isnan(want(0, h, 1, 0)));
                    want[0][h][1].fill(0);
                }
                check_close(attention(q, c.tensor<double>("in.k"), c.tensor<double>("in.v"), options, c.tensor<double>("in.mask")), want,
                            output_tolerance<double>);
            } else if (c.find("in.mask.f32") != nullptr) {  // the bias takes no gradient
                check_golden(
                    c, {"q", "k", "v"},
                    [&](const auto& in) {
                        using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                        return attention(in[0], in[1], in[2], options, c.tensor<T>("in.mask"));
                    },
                    report);
            } else {
                check_golden(
                    c, {"q", "k", "v"}, [&](const auto& in) { return attention(in[0], in[1], in[2], options); }, report);
            }
        }
    });
}

TEST_CASE("attention equals its definition across blocks of queries, with every kind of masking", "[ops]") {
    for_each_isa([] {
        struct Case {
            index_t heads, kv_heads, queries, keys, channels;
            AttentionOptions options;
        };
        const Case cases[] = {{2, 2, 130, 130, 8, {.causal = true}},
                              {4, 2, 70, 90, 5, {.causal = true, .window = 17}},
                              {4, 1, 1, 200, 8, {.causal = true, .window = 30}},
                              {3, 3, 1, 5, 1, {}},
                              {2, 1, 65, 3, 4, {}},
                              {2, 2, 9, 4, 3, {.causal = true}},
                              {1, 1, 140, 70, 2, {.causal = true, .window = 1}},
                              {1, 1, 5, 5, 3, {.scale = 2.0}},
                              {70, 1, 1, 9, 3, {}}};
        for (const auto& c : cases) {
            INFO(c.heads << '/' << c.kv_heads << " heads, " << c.queries << " queries, " << c.keys << " keys");
            const auto q = numbers({2, c.heads, c.queries, c.channels}, 1), k = numbers({2, c.kv_heads, c.keys, c.channels}, 2),
                       v = numbers({2, c.kv_heads, c.keys, c.channels}, 3);
            check_close(attention(q, k, v, c.options), naive(q, k, v, c.options), {1e-12, 1e-12});
            const auto bias = numbers({c.heads, 1, c.keys}, 4);
            check_close(attention(q, k, v, c.options, bias), naive(q, k, v, c.options, bias), {1e-12, 1e-12});
        }
    });
}

TEST_CASE("attention: gradients equal finite differences, also grouped, masked, strided, one query, one key, empty", "[ops]") {
    for_each_isa([] {
        struct Case {
            Shape q, kv;
            AttentionOptions options;
        };
        const Case cases[] = {{{1, 2, 3, 4}, {1, 2, 3, 4}, {}},
                              {{2, 4, 3, 2}, {2, 2, 4, 2}, {.causal = true}},
                              {{1, 2, 5, 3}, {1, 1, 5, 3}, {.causal = true, .window = 2}},
                              {{1, 4, 1, 3}, {1, 2, 4, 3}, {}},
                              {{1, 2, 1, 3}, {1, 1, 5, 3}, {.causal = true, .window = 2}},
                              {{1, 2, 3, 2}, {1, 2, 1, 2}, {}},
                              {{1, 1, 4, 2}, {1, 1, 2, 2}, {.causal = true}},  // the first queries see nothing
                              {{1, 2, 0, 3}, {1, 2, 2, 3}, {}},
                              {{1, 2, 2, 3}, {1, 2, 0, 3}, {}},
                              {{0, 2, 2, 3}, {0, 2, 2, 3}, {}},
                              {{1, 1, 66, 1}, {1, 1, 66, 1}, {.causal = true}}};
        for (const auto& c : cases) {
            INFO("queries " << c.q.back() << " x " << c.q[2] << ", keys " << c.kv[2]);
            CHECK(gradcheck([&](Inputs& v) { return attention(v[0], v[1], v[2], c.options); },
                            {numbers(c.q, 1), numbers(c.kv, 2), numbers(c.kv, 3)}) <= 1e-6);
        }
        const auto bias = numbers({2, 3, 4}, 5);
        CHECK(gradcheck([&](Inputs& v) { return attention(v[0], v[1], v[2], {}, bias); },
                        {numbers({2, 2, 3, 4}, 1), numbers({2, 1, 4, 4}, 2), numbers({2, 1, 4, 4}, 3)}) <= 1e-6);
        // As models have them: (B, T, H, D) seen as (B, H, T, D); and channels that are not neighbours.
        CHECK(gradcheck([&](Inputs& v) { return attention(transpose(v[0], 1, 2), transpose(v[1], 1, 2), transpose(v[2], 1, 2)); },
                        {numbers({1, 3, 2, 2}, 1), numbers({1, 3, 2, 2}, 2), numbers({1, 3, 2, 2}, 3)}) <= 1e-6);
        CHECK(gradcheck([&](Inputs& v) { return attention(transpose(v[0]), transpose(v[1]), transpose(v[2])); },
                        {numbers({1, 2, 2, 3}, 1), numbers({1, 2, 2, 3}, 2), numbers({1, 2, 2, 3}, 3)}) <= 1e-6);
    });
}

TEST_CASE("attention: a row with nothing to see gives zeros and no gradient", "[ops]") {
    const double masked = -std::numeric_limits<double>::infinity();
    auto q = numbers({1, 1, 2, 3}, 1).requires_grad(), k = numbers({1, 1, 2, 3}, 2).requires_grad(), v = numbers({1, 1, 2, 3}, 3).requires_grad();
    const auto y = attention(q, k, v, {}, D::copy({masked, masked, 0, 0}, {2, 2}));
    for (index_t d = 0; d < 3; ++d) CHECK(y(0, 0, 0, d) == 0);
    y.backward(D::ones({1, 1, 2, 3}));
    for (index_t d = 0; d < 3; ++d) CHECK(q.grad()(0, 0, 0, d) == 0);
    for (const auto& g : {q.grad(), k.grad(), v.grad()})
        for (const double x : g.to_vector()) CHECK(std::isfinite(x));

    const auto one = attention(numbers({1, 1, 1, 3}, 1), numbers({1, 1, 2, 3}, 2), numbers({1, 1, 2, 3}, 3), {}, D::full({1, 2}, masked));
    CHECK(one.to_vector() == std::vector<double>(3, 0));
    CHECK(attention(numbers({1, 1, 2, 3}, 1), numbers({1, 1, 0, 3}, 2), numbers({1, 1, 0, 3}, 3)).to_vector() == std::vector<double>(6, 0));
}

TEST_CASE("attention: only the gradients that are wanted are made, and heads join without a copy", "[ops]") {
    const auto q = numbers({2, 4, 3, 5}, 1), k = numbers({2, 2, 3, 5}, 2);
    auto v = numbers({2, 2, 3, 5}, 3).requires_grad();
    const auto y = attention(q, k, v, {.causal = true});
    y.backward(D::ones(y.shape()));
    CHECK(v.grad().shape() == v.shape());
    const auto joined = y.detach().transpose(1, 2);
    CHECK(joined.reshape({2, 3, 20}).storage() == joined.storage());
}

TEST_CASE("attention: writing to the bias before backward is noticed", "[ops]") {
    auto q = numbers({1, 1, 2, 3}, 1).requires_grad();
    auto bias = D::zeros({2, 2});
    const auto y = attention(q, q, q, {}, bias);
    bias.fill(1);
    CHECK_ERROR(y.backward(D::ones({1, 1, 2, 3})), ErrorCode::autograd);
}

TEST_CASE("attention has the same bits on any number of threads", "[ops]") {
    const auto q = numbers({2, 4, 130, 16}, 1), k = numbers({2, 2, 130, 16}, 2), v = numbers({2, 2, 130, 16}, 3), dy = numbers({2, 4, 130, 16}, 4);
    std::vector<double> first;
    for_each_thread_count([&] {
        auto a = q.detach().requires_grad(), b = k.detach().requires_grad(), c = v.detach().requires_grad();
        const auto y = attention(a, b, c, {.causal = true});
        y.backward(dy);
        auto bits = y.detach().to_vector();
        for (const auto& g : {a.grad(), b.grad(), c.grad()})
            for (const double x : g.to_vector()) bits.push_back(x);
        if (first.empty()) first = bits;
        CHECK(first == bits);
    });
}

TEST_CASE("attention: shapes and options that do not fit are refused by name", "[ops]") {
    const auto x = D::zeros({1, 4, 3, 8});
    CHECK_ERROR(attention(D::zeros({4, 3, 8}), x, x), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, D::zeros({1, 3, 3, 8}), D::zeros({1, 3, 3, 8})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, D::zeros({1, 0, 3, 8}), D::zeros({1, 0, 3, 8})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, x, D::zeros({1, 4, 2, 8})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, D::zeros({2, 4, 3, 8}), D::zeros({2, 4, 3, 8})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, D::zeros({1, 4, 3, 7}), D::zeros({1, 4, 3, 7})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, x, x, {}, D::zeros({4, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, x, x, {.window = 2}), ErrorCode::invalid_argument);
    CHECK_ERROR(attention(x, x, x, {.causal = true, .window = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(attention(x, x, x, {}, D::zeros({3, 3}).requires_grad()), ErrorCode::autograd);
}
