#include "op_test.hpp"

#include "tercet/ops/attention.hpp"

#include "tercet/ops/matmul.hpp"
#include "tercet/ops/reduce.hpp"
#include "tercet/ops/softmax.hpp"

namespace {

// Attention by its definition, one number at a time; by pointers, since a debug build's accessors take minutes.
D naive(const D& query, const D& key, const D& value, const AttentionOptions& options, const D& bias = {}) {
    const D q = query.contiguous(), k = key.contiguous(), v = value.contiguous();
    const auto row = [](const D& x, index_t b, index_t h, index_t t) { return x.data() + ((b * x.size(1) + h) * x.size(2) + t) * x.size(3); };
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
                    if (options.window > 0 && std::abs(position - j) >= options.window) continue;
                    double score = 0;
                    const double *qi = row(q, b, h, i), *kj = row(k, b, h / group, j);
                    for (index_t d = 0; d < D_; ++d) score += qi[d] * kj[d];
                    score *= scale;
                    if (options.softcap > 0) score = options.softcap * std::tanh(score / options.softcap);
                    if (!options.slopes.empty()) score -= options.slopes[static_cast<std::size_t>(h)] * static_cast<double>(position - j);
                    total += weight[static_cast<std::size_t>(j)] = std::exp(score + added(b, h, i, j));
                }
                double* to = out.mutable_data() + ((b * H + h) * Tq + i) * D_;
                for (index_t j = 0; j < Tk && total > 0; ++j) {
                    const double p = weight[static_cast<std::size_t>(j)] / total, *vj = row(v, b, h / group, j);
                    for (index_t d = 0; d < D_; ++d) to[d] += p * vj[d];
                }
            }
    return out;
}

constexpr double masked = -std::numeric_limits<double>::infinity();

// Largest difference, with a number on one side alone counted as infinite.
template <class T>
double distance(const Tensor<T>& a, const D& b) {
    REQUIRE(a.shape() == b.shape());
    const auto x = a.template to<double>().to_vector(), y = b.to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        worst = x[i] == y[i] ? worst : std::isnan(x[i] - y[i]) ? HUGE_VAL : std::max(worst, std::abs(x[i] - y[i]));
    return worst;
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
                              {2, 1, 150, 150, 6, {.window = 9}},
                              {2, 2, 3, 400, 6, {.window = 90}},
                              {2, 1, 70, 3, 6, {.window = 68}},
                              {4, 2, 100, 130, 8, {.causal = true, .scale = 3.0, .softcap = 1.5}},
                              {4, 2, 1, 300, 8, {.scale = 3.0, .softcap = 0.5}},
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
                              {{1, 2, 5, 3}, {1, 1, 5, 3}, {.window = 2}},
                              {{1, 2, 5, 3}, {1, 1, 5, 3}, {.causal = true, .scale = 2.0, .softcap = 0.7}},
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
        CHECK(gradcheck(
                  [&](Inputs& v) {
                      return attention(v[0], v[1], v[2], {.causal = true, .slopes = {0.5, 0.1}});
                  },
                  {numbers({1, 2, 7, 3}, 1), numbers({1, 1, 7, 3}, 2), numbers({1, 1, 7, 3}, 3)}) <= 1e-6);
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

// Attention by ops that each have a gradient of their own.
D by_parts(const D& q, const D& k, const D& v, const AttentionOptions& options) {
    const index_t H = q.size(1), Tq = q.size(2), Tk = k.size(2), group = H / k.size(1);
    auto mask = D::zeros({H, Tq, Tk});
    for (index_t h = 0; h < H; ++h)
        for (index_t i = 0; i < Tq; ++i)
            for (index_t j = 0; j < Tk; ++j) {
                const index_t position = i + Tk - Tq;
                if ((options.causal && j > position) || (options.window > 0 && std::abs(position - j) >= options.window)) mask.at(h, i, j) = masked;
                else if (!options.slopes.empty()) mask.at(h, i, j) = -options.slopes[static_cast<std::size_t>(h)] * static_cast<double>(position - j);
            }
    std::vector<D> heads;
    for (index_t h = 0; h < H; ++h) {
        auto scores = matmul(select(q, 1, h), transpose(select(k, 1, h / group))) * (1 / std::sqrt(static_cast<double>(q.size(3))));
        if (options.softcap > 0) scores = tanh(scores * (1 / options.softcap)) * options.softcap;
        heads.push_back(unsqueeze(matmul(softmax(scores + mask[h]), select(v, 1, h / group)), 1));
    }
    return concatenate(heads, 1);
}

TEST_CASE("attention: gradients over many tiles and odd extents equal those of its parts, in double and in float", "[ops]") {
    struct Case {
        index_t heads, kv_heads, queries, keys, channels;
        AttentionOptions options;
    };
    const Case cases[] = {{2, 2, 130, 130, 16, {.causal = true}},
                          {2, 2, 64, 64, 64, {.causal = true}},
                          {4, 2, 70, 93, 5, {.causal = true, .window = 17}},
                          {2, 1, 150, 150, 40, {.causal = true, .window = 70, .slopes = alibi_slopes(2)}},
                          {3, 1, 67, 131, 12, {}},
                          {2, 2, 130, 140, 12, {.window = 30}},
                          {2, 1, 130, 130, 16, {.causal = true, .softcap = 0.8}},
                          {1, 1, 3, 200, 33, {.causal = true}},
                          {1, 1, 80, 140, 80, {}},
                          {2, 2, 140, 70, 8, {.causal = true}}};  // the first queries see nothing
    for_each_isa([&] {
        for (const auto& c : cases) {
            INFO(c.heads << '/' << c.kv_heads << " heads, " << c.queries << " queries, " << c.keys << " keys, " << c.channels << " channels");
            const D given[] = {numbers({2, c.heads, c.queries, c.channels}, 1), numbers({2, c.kv_heads, c.keys, c.channels}, 2),
                               numbers({2, c.kv_heads, c.keys, c.channels}, 3)};
            const auto dy = numbers(given[0].shape(), 4);
            const auto gradients = [&](const auto& f, auto number) {
                using T = decltype(number);
                std::vector<Tensor<T>> in;
                for (const auto& x : given) in.push_back(x.template to<T>().requires_grad());
                f(in).backward(dy.template to<T>());
                return std::vector<Tensor<T>>{in[0].grad(), in[1].grad(), in[2].grad()};
            };
            const auto attend = [&](const auto& in) { return attention(in[0], in[1], in[2], c.options); };
            auto want = gradients([&](const auto& in) { return by_parts(in[0], in[1], in[2], c.options); }, double{});
            const index_t blind = c.options.causal ? std::max<index_t>(0, c.queries - c.keys) : 0;  // NaN there, nothing here
            const auto twice = gradients(attend, double{});
            const auto once = gradients(attend, float{});
            for (std::size_t i = 0; i < 3; ++i) {
                if (blind > 0) {
                    if (i == 0) check_close(twice[0].slice(2, 0, blind).contiguous(), D::zeros({2, c.heads, blind, c.channels}), {0, 0});
                    continue;
                }
                check_close(twice[i], want[i], {1e-12, 1e-11});
                check_close(once[i], want[i].to<float>(), {2e-5, 1e-4});
            }
        }
    });
}

TEST_CASE("self_attention: queries, keys and values in one tensor give what they give apart", "[ops]") {
    for_each_isa([] {
        const auto x = numbers({2, 70, 3 * 4 * 6}, 1), dy = numbers({2, 70, 4 * 6}, 2);
        const auto apart = [](const D& qkv, const AttentionOptions& options) {
            const auto part = [&](index_t i) { return permute(reshape(slice(qkv, 2, i * 24, (i + 1) * 24), {2, 70, 4, 6}), {0, 2, 1, 3}); };
            return reshape(permute(attention(part(0), part(1), part(2), options), {0, 2, 1, 3}), {2, 70, 24});
        };
        for (const AttentionOptions& options : {AttentionOptions{}, AttentionOptions{.causal = true, .window = 9}}) {
            auto a = x.detach().requires_grad(), b = x.detach().requires_grad();
            const auto together = self_attention(a, 4, options), separate = apart(b, options);
            CHECK(together.detach().to_vector() == separate.detach().to_vector());
            together.backward(dy);
            separate.backward(dy);
            CHECK(a.grad().to_vector() == b.grad().to_vector());
        }
        CHECK(gradcheck([](Inputs& v) { return self_attention(v[0], 2, {.causal = true}); }, {numbers({2, 3, 12}, 3)}) <= 1e-6);
        CHECK(self_attention(D::zeros({0, 3, 12}), 2).shape() == Shape{0, 3, 4});
    });
    CHECK_ERROR(self_attention(D::zeros({2, 3, 10}), 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(self_attention(D::zeros({3, 12}), 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(self_attention(D::zeros({2, 3, 12}), 0), ErrorCode::shape_mismatch);
}

TEST_CASE("attention: a row with nothing to see gives zeros and no gradient", "[ops]") {
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

TEST_CASE("attention in float equals its definition in double, over many tiles and odd extents, with every kind of mask and bias", "[ops]") {
    struct Case {
        index_t heads, kv_heads, queries, keys, channels;
        AttentionOptions options;
    };
    const Case cases[] = {{1, 1, 523, 523, 64, {.causal = true}},
                          {3, 1, 129, 300, 33, {.causal = true}},
                          {2, 2, 65, 193, 1, {}},
                          {2, 1, 200, 200, 16, {.causal = true, .window = 64}},
                          {2, 2, 150, 171, 7, {.causal = true, .window = 100}},
                          {2, 2, 80, 70, 24, {.causal = true}},
                          {6, 2, 97, 97, 20, {.causal = true, .slopes = alibi_slopes(6)}},
                          {2, 2, 17, 130, 40, {.slopes = {0.5, 0.01}}},
                          {8, 2, 1, 777, 64, {.causal = true, .slopes = alibi_slopes(8)}},
                          {5, 1, 3, 600, 19, {.causal = true, .window = 260}},
                          {7, 7, 4, 259, 96, {.causal = true}}};
    for_each_isa([&] {
        for (const auto& c : cases) {
            INFO(c.heads << '/' << c.kv_heads << " heads of " << c.channels << ", " << c.queries << " queries, " << c.keys << " keys");
            const auto q = numbers({2, c.heads, c.queries, c.channels}, 1), k = numbers({2, c.kv_heads, c.keys, c.channels}, 2),
                       v = numbers({2, c.kv_heads, c.keys, c.channels}, 3);
            const auto single = [&](const D& bias) {
                return attention(q.to<float>(), k.to<float>(), v.to<float>(), c.options,
                                 bias.storage() == nullptr ? Tensor<float>() : bias.to<float>());
            };
            CHECK(distance(single({}), naive(q, k, v, c.options)) <= 5e-6);
            auto padding = D::zeros({2, 1, 1, c.keys});  // the second row ends in padding, whole tiles of it
            padding.slice(0, 1, 2).slice(3, c.keys / 3, c.keys).fill(masked);
            CHECK(distance(single(padding), naive(q, k, v, c.options, padding)) <= 1e-5);  // a slope adds hundreds to scores in float
            for (const Shape& shape : {Shape{c.heads, c.queries, c.keys}, Shape{2, 1, c.queries, 1}}) {
                const auto bias = numbers(shape, 4);
                CHECK(distance(single(bias), naive(q, k, v, c.options, bias)) <= 5e-6);
            }
            const auto turned = transpose(numbers({c.heads, c.keys, c.queries}, 5)).detach();
            CHECK(distance(single(turned), naive(q, k, v, c.options, turned)) <= 5e-6);
        }
    });
}

TEST_CASE("attention: the weights are those of softmax to a few ulp, down to where they vanish", "[ops]") {
    constexpr index_t n = 128;
    auto scores = Tensor<float>::zeros({n});
    for (index_t i = 0; i < n; ++i) scores.mutable_data()[i] = -0.7f * static_cast<float>(i);
    auto identity = Tensor<float>::zeros({1, 1, n, n});
    for (index_t i = 0; i < n; ++i) identity.at(0, 0, i, i) = 1;
    for_each_isa([&] {
        for (const index_t queries : {1, 20}) {
            const auto y = attention(Tensor<float>::zeros({1, 1, queries, n}), identity, identity, {}, scores);
            double total = 0;
            for (index_t i = 0; i < n; ++i) total += std::exp(static_cast<double>(scores(i)));
            for (index_t i = 0; i < n; ++i) {
                const double want = std::exp(static_cast<double>(scores(i))) / total;
                // Turning the score into base 2 rounds it twice, which counts in proportion to its size.
                CHECK(std::abs(static_cast<double>(y(0, 0, queries - 1, i)) - want) <=
                      want * (4e-7 + 1.2e-7 * std::abs(static_cast<double>(scores(i)))) + 2e-38);
            }
        }
    });
}

TEST_CASE("attention: keys and values in bf16 give what their rounded values give in float", "[ops]") {
    for_each_isa([] {
        for (const index_t queries : {1, 2, 4, 5, 70, 200})
            for (const index_t channels : {3, 64, 72}) {
                INFO(queries << " queries, " << channels << " channels");
                const auto q = numbers({2, 6, queries, channels}, 1).to<float>();
                const auto k = numbers({2, 300, 2, channels}, 2).to<bf16>(), v = numbers({2, 300, 2, channels}, 3).to<bf16>();  // (B, T, H, D)
                const AttentionOptions options{.causal = true, .window = 280};
                const auto turned = [](const auto& x) { return x.transpose(1, 2); };
                const auto want = attention(q, turned(k.to<float>()), turned(v.to<float>()), options);
                CHECK(distance(attention(q, turned(k), turned(v), options), want.to<double>()) <= 1e-6);
            }
        const auto k = numbers({1, 1, 5, 4}, 1).to<bf16>();
        auto q = numbers({1, 1, 5, 4}, 1).to<float>().requires_grad();
        CHECK_ERROR(attention(q, k, k), ErrorCode::autograd);
    });
}

TEST_CASE("attention: token by token, a few at a time or all at once, a query sees the same", "[ops]") {
    constexpr index_t tokens = 330;
    const auto q = numbers({1, 6, tokens, 32}, 1).to<float>(), k = numbers({1, 2, tokens, 32}, 2).to<float>(),
               v = numbers({1, 2, tokens, 32}, 3).to<float>();
    const AttentionOptions options{.causal = true, .window = 290, .slopes = alibi_slopes(6)};
    for_each_isa([&] {
        const auto whole = attention(q, k, v, options).to<double>();
        for (const index_t step : {1, 3, 11, 70})
            for (index_t end = tokens; end > tokens - 5 * step && end >= step; end -= step) {
                const auto part = attention(q.slice(2, end - step, end), k.slice(2, 0, end), v.slice(2, 0, end), options);
                CHECK(distance(part, whole.slice(2, end - step, end)) <= 2e-6);
            }
    });
}

TEST_CASE("attention: rows that are masked wholly, infinite scores and NaN stay in their rows", "[ops]") {
    for_each_isa([] {
        for (const index_t queries : {2, 100}) {
            INFO(queries << " queries");
            const auto q = numbers({1, 2, queries, 8}, 1).to<float>(), k = numbers({1, 1, 100, 8}, 2).to<float>(),
                       v = numbers({1, 1, 100, 8}, 3).to<float>();
            const auto plain = attention(q, k, v, {.causal = true}), all = attention(q, k, v);

            auto bias = Tensor<float>::zeros({queries, 100});
            bias[1].fill(-std::numeric_limits<float>::infinity());
            auto y = attention(q, k, v, {}, bias);
            for (index_t d = 0; d < 8; ++d) CHECK(y(0, 1, 1, d) == 0);
            CHECK(distance(y.slice(2, 0, 1), all.slice(2, 0, 1).to<double>()) <= 1e-6);

            bias[1].fill(0);
            bias.at(1, 50) = std::numeric_limits<float>::infinity();
            y = attention(q, k, v, {}, bias);
            CHECK(std::isnan(y(0, 0, 1, 0)));
            CHECK_FALSE(std::isnan(y(0, 0, 0, 0)));

            auto bad = q.clone();
            bad.at(0, 1, 1, 3) = std::numeric_limits<float>::quiet_NaN();
            y = attention(bad, k, v, {.causal = true});
            for (index_t d = 0; d < 8; ++d) CHECK(std::isnan(y(0, 1, 1, d)));
            CHECK(y.slice(1, 0, 1).to_vector() == plain.slice(1, 0, 1).to_vector());
            CHECK(y.slice(2, 0, 1).to_vector() == plain.slice(2, 0, 1).to_vector());

            auto keys = k.clone();  // what is wrong in the last token is not seen by those before it
            keys.at(0, 0, 99, 0) = std::numeric_limits<float>::quiet_NaN();
            y = attention(q, keys, v, {.causal = true});
            CHECK(y.slice(2, 0, queries - 1).to_vector() == plain.slice(2, 0, queries - 1).to_vector());
            CHECK(std::isnan(y(0, 0, queries - 1, 0)));
        }
    });
}

TEST_CASE("attention: forward holds its tiles beside the output, however many tokens there are", "[ops]") {
    const NoGrad guard;
    const UseThreads two(2);
    constexpr std::size_t tile = 4 * 64 * (2 * 64 + 2 * 64 + 4), rounding = 8;  // Qᵀ, O, S, the bias and four rows; the allocator adds an eighth
    for (const index_t tokens : {512, 2048, 4096}) {
        const auto q = Tensor<float>::randn({1, 2, tokens, 64});
        trim_memory();
        const auto before = memory_stats();
        const auto y = attention(q, q, q, {.causal = true});
        const auto after = memory_stats();
        const std::size_t most = after.in_use + after.cached - before.in_use, output = static_cast<std::size_t>(y.numel()) * 4;
        CHECK(most <= (output + 2 * tile) * (rounding + 1) / rounding);
    }
}

TEST_CASE("alibi_slopes: a geometric row, and every other one of the next power's for other numbers of heads", "[ops]") {
    CHECK(alibi_slopes(4) == std::vector<double>{0.25, 0.0625, 0.015625, 0.00390625});
    CHECK(alibi_slopes(3) == std::vector<double>{0.0625, 0.00390625, 0.25});
    CHECK_ERROR(alibi_slopes(0), ErrorCode::invalid_argument);
}

TEST_CASE("attention: writing to the bias before backward is noticed", "[ops]") {
    auto q = numbers({1, 1, 2, 3}, 1).requires_grad();
    auto bias = D::zeros({2, 2});
    const auto y = attention(q, q, q, {}, bias);
    bias.fill(1);
    CHECK_ERROR(y.backward(D::ones({1, 1, 2, 3})), ErrorCode::autograd);
}

TEMPLATE_TEST_CASE("attention has the same bits on any number of threads", "[ops]", float, double) {
    using T = TestType;
    const auto numbers = [](const Shape& shape, int seed) { return ::numbers(shape, seed).template to<T>(); };
    const auto q = numbers({2, 4, 130, 16}, 1), k = numbers({2, 2, 130, 16}, 2), v = numbers({2, 2, 130, 16}, 3), dy = numbers({2, 4, 130, 16}, 4);
    std::vector<T> first;
    for_each_thread_count([&] {
        auto a = q.detach().requires_grad(), b = k.detach().requires_grad(), c = v.detach().requires_grad();
        const auto y = attention(a, b, c, {.causal = true});
        y.backward(dy);
        auto bits = y.detach().to_vector();
        for (const auto& g : {a.grad(), b.grad(), c.grad()})
            for (const T x : g.to_vector()) bits.push_back(x);
        for (const index_t queries : {1, 3})  // decoding, over several runs of keys
            for (const T x : attention(numbers({2, 4, queries, 16}, 5), numbers({2, 2, 700, 16}, 6), numbers({2, 2, 700, 16}, 7)).to_vector())
                bits.push_back(x);
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
    CHECK_ERROR(attention(x, x, x, {.slopes = {1, 2, 3}}), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(x, x, x, {.softcap = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(attention(x, x, x, {.causal = true, .window = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(self_attention(D::zeros({1, 3, 24}), 4, {}, D::zeros({3, 3}).requires_grad()), ErrorCode::autograd);
}

TEST_CASE("attention: a bias that is trained gets its gradient, and the values stay the same", "[ops]") {
    const auto q = numbers({2, 4, 5, 3}, 1), k = numbers({2, 2, 6, 3}, 2), v = numbers({2, 2, 6, 3}, 3), bias = numbers({4, 5, 6}, 4);
    const AttentionOptions cases[] = {{}, {.causal = true, .window = 3}, {.scale = 1.0, .softcap = 0.9}, {.causal = true, .slopes = alibi_slopes(4)}};
    for (const auto& options : cases) {
        CHECK(distance(attention(q, k, v, options, bias.clone().requires_grad()).detach(), attention(q, k, v, options, bias)) <= 1e-12);
        CHECK(gradcheck([&](Inputs& in) { return attention(in[0], in[1], in[2], options, in[3]); }, {q, k, v, bias}) <= 1e-6);
    }
}

TEST_CASE("attention: packed sequences each see themselves alone, with their gradients", "[ops]") {
    const std::vector<index_t> lengths{3, 70, 1, 6};
    const auto q = numbers({1, 4, 80, 3}, 1), k = numbers({1, 2, 80, 3}, 2), v = numbers({1, 2, 80, 3}, 3), bias = numbers({4, 70, 70}, 4);
    const AttentionOptions cases[] = {
        {}, {.causal = true}, {.window = 3}, {.scale = 1.0, .softcap = 0.9}, {.causal = true, .slopes = alibi_slopes(4)}};
    for (const auto& options : cases)
        for (const bool biased : {false, true}) {
            auto packed = options;
            packed.lengths = lengths;
            const auto b = biased ? bias : D();
            std::vector<D> alone;
            index_t first = 0;
            for (const index_t n : lengths) {
                const auto part = [&](const D& x) { return x.slice(2, first, first + n); };
                alone.push_back(attention(part(q), part(k), part(v), options, biased ? bias.slice(1, 0, n).slice(2, 0, n) : D()));
                first += n;
            }
            const auto want = concatenate(alone, 2);
            CHECK(distance(attention(q, k, v, packed, b), want) <= 1e-12);
            if (biased) CHECK(distance(attention(q, k, v, packed, bias.clone().requires_grad()).detach(), want) <= 1e-12);
        }
    const AttentionOptions small{.causal = true, .lengths = {2, 4, 1}};
    const auto a = numbers({1, 4, 7, 3}, 5), c = numbers({1, 2, 7, 3}, 6), d = numbers({1, 2, 7, 3}, 7), e = numbers({4, 4, 4}, 8),
               x = numbers({1, 7, 24}, 9);
    CHECK(gradcheck([&](Inputs& in) { return attention(in[0], in[1], in[2], small); }, {a, c, d}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& in) { return attention(in[0], in[1], in[2], small, in[3]); }, {a, c, d, e}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& in) { return self_attention(in[0], 4, small); }, {x}) <= 1e-6);
    for (const auto& wrong : {std::vector<index_t>{2, 4}, {2, 4, 2}, {7, 0}, {8, -1}}) {
        auto options = small;
        options.lengths = wrong;
        CHECK_ERROR(attention(a, c, d, options), ErrorCode::shape_mismatch);
    }
    CHECK_ERROR(attention(numbers({2, 4, 7, 3}, 1), numbers({2, 2, 7, 3}, 1), numbers({2, 2, 7, 3}, 1), small), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(a, numbers({1, 2, 8, 3}, 1), numbers({1, 2, 8, 3}, 1), small), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention(a, c, d, small, numbers({4, 7, 7}, 1)), ErrorCode::shape_mismatch);
}

TEST_CASE("attention_weights: rows of probabilities that give attention's result, also packed, with windows, slopes and soft caps") {
    Generator generator(9);
    const auto q = Tensor<double>::randn({1, 4, 6, 8}, generator), k = Tensor<double>::randn({1, 2, 6, 8}, generator),
               v = Tensor<double>::randn({1, 2, 6, 8}, generator);
    for (const auto& options :
         {AttentionOptions{}, AttentionOptions{.causal = true}, AttentionOptions{.causal = true, .window = 2}, AttentionOptions{.softcap = 3},
          AttentionOptions{.causal = true, .slopes = alibi_slopes(4)}, AttentionOptions{.causal = true, .lengths = {2, 3, 1}}}) {
        const auto by_weights = matmul(attention_weights(q, k, options), repeat_interleave(v, 2, 1)), direct = attention(q, k, v, options);
        CHECK(max(abs(by_weights - direct)).item() <= 1e-12);
        CHECK(max(abs(sum(attention_weights(q, k, options), {-1}) - 1.0)).item() <= 1e-12);
    }
    CHECK_ERROR(attention_weights(q, k, {.slopes = {1.0}}), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention_weights(q, k, {.window = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(attention_weights(q, Tensor<double>::zeros({1, 3, 6, 8})), ErrorCode::shape_mismatch);
    CHECK_ERROR(attention_weights(q, Tensor<double>::zeros({1, 2, 7, 8}), {.lengths = {6}}), ErrorCode::shape_mismatch);
}
