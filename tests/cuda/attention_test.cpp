// Attention on the emulated GPU, forward and backward, against the CPU backend: masks, grouped heads, biases, caps, slopes, any extents.
#include "tercet/backend/cuda/attention_decode.cuh"
#include "tercet/backend/cuda/attention_tensor.cuh"

#include "cuda/compare.hpp"
#include "tercet/backend/cpu/backend.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

// Contiguous (B, heads, tokens, D), or with heads and tokens exchanged, as a model has them.
template <class T>
HeadsView<T> view(T* data, index_t heads, index_t tokens, index_t channels, bool by_tokens) {
    return by_tokens ? HeadsView<T>{data, heads * tokens * channels, channels, heads * channels}
                     : HeadsView<T>{data, heads * tokens * channels, tokens * channels, channels};
}

struct Case {
    const char* name;
    index_t batch, heads, kv_heads, query_tokens, key_tokens, head_dim;
    bool causal = false;
    index_t window = 0;
    bool bias = false, slopes = false;
    float softcap = 0;
};
constexpr Case cases[] = {{"plain", 2, 2, 2, 7, 9, 8},
                          {"causal", 1, 2, 2, 70, 70, 16, true},
                          {"grouped", 1, 6, 2, 33, 40, 64, true},
                          {"one query", 2, 4, 1, 1, 75, 32, true},
                          {"window", 1, 2, 2, 66, 66, 12, true, 20},
                          {"window on either side", 1, 1, 1, 50, 50, 8, false, 9},
                          {"bias and cap", 1, 2, 1, 35, 37, 40, false, 0, true, false, 3.f},
                          {"slopes", 1, 4, 4, 20, 20, 128, true, 0, false, true},
                          {"queries before all keys", 1, 1, 1, 6, 3, 4, true}};

// A case's numbers, rounded to S, here and on the device: what goes in, and what is written.
template <class T, class S = T>
struct Numbers {
    Case c;
    bool by_tokens;
    std::vector<T> q, k, v, dout, bias, slopes{T(0.5), T(0.25), T(0.125), T(0.0625)}, dq, dk, dv, out, log_sums;
    OnDevice<T> q_, k_, v_, dout_, bias_, slopes_, dq_, dk_, dv_, out_, log_sums_, row_sums_;

    Numbers(const Case& of, bool tokens_first)
        : c(of),
          by_tokens(tokens_first),
          q(rounded(c.heads * c.query_tokens, 1)),
          k(rounded(c.kv_heads * c.key_tokens, 2)),
          v(rounded(c.kv_heads * c.key_tokens, 3)),
          dout(rounded(c.heads * c.query_tokens, 4)),
          bias(random<T>(c.heads * c.query_tokens * c.key_tokens, 5)),
          dq(random<T>(static_cast<index_t>(q.size()), 6)),
          dk(random<T>(static_cast<index_t>(k.size()), 7)),
          dv(random<T>(static_cast<index_t>(v.size()), 8)),
          out(q.size()),
          log_sums(static_cast<std::size_t>(c.batch * c.heads * c.query_tokens)),
          q_(q),
          k_(k),
          v_(v),
          dout_(dout),
          bias_(bias),
          slopes_(slopes),
          dq_(dq),
          dk_(dk),
          dv_(dv),
          out_(out),
          log_sums_(log_sums),
          row_sums_(log_sums) {}

    AttentionShape<T> shape(bool on_device) const {
        AttentionShape<T> s{c.batch,  c.heads, c.kv_heads, c.query_tokens, c.key_tokens, c.head_dim, T(1) / std::sqrt(static_cast<T>(c.head_dim)),
                            c.causal, c.window};
        s.softcap = static_cast<T>(c.softcap);
        if (c.bias) s.bias_head = c.query_tokens * c.key_tokens, s.bias_query = c.key_tokens, s.bias_key = 1;
        if (c.bias) s.bias = on_device ? bias_.data : bias.data();
        if (c.slopes) s.slopes = on_device ? slopes_.data : slopes.data();
        return s;
    }
    // (B, H, Tq, D) and (B, Hkv, Tk, D)
    template <class P>
    HeadsView<P> many(P* x) const {
        return view(x, c.heads, c.query_tokens, c.head_dim, by_tokens);
    }
    template <class P>
    HeadsView<P> few(P* x) const {
        return view(x, c.kv_heads, c.key_tokens, c.head_dim, by_tokens);
    }
    // What is only read.
    static const T* given(const T* x) { return x; }
    static const T* given(const std::vector<T>& x) { return x.data(); }

    // The CPU's results into out, log_sums, dq, dk and dv.
    void attend_on_cpu() { cpu::attention<T, T>(many(out.data()), log_sums.data(), many(given(q)), few(given(k)), few(given(v)), shape(false)); }
    void go_back_on_cpu() {
        cpu::attention_backward<T>(many(dq.data()), few(dk.data()), few(dv.data()), many(given(dout)), many(given(out)), log_sums.data(),
                                   many(given(q)), few(given(k)), few(given(v)), shape(false));
    }

private:
    std::vector<T> rounded(index_t rows, unsigned seed) const { return as<T>(as<S>(random<T>(c.batch * rows * c.head_dim, seed))); }
};

}  // namespace

TEMPLATE_TEST_CASE("cuda: attention and its gradients are the CPU's", "[cuda]", float, double) {
    using T = TestType;
    std::uint64_t order = 0;
    for (const Case& c : cases)
        for (const bool by_tokens : {false, true}) {
            INFO(c.name << (by_tokens ? ", heads by tokens" : ""));
            Numbers<T> x(c, by_tokens);
            cuda_emulator::clear(order++);
            cuda::attention<T, T>(x.many(x.out_.data), x.log_sums_.data, x.many(x.given(x.q_.data)), x.few(x.given(x.k_.data)),
                                  x.few(x.given(x.v_.data)), x.shape(true));
            x.attend_on_cpu();
            CHECK(apart(x.out_.values(), x.out) <= near<T>);
            CHECK(apart(x.log_sums_.values(), x.log_sums) <= near<T>);
            cuda::attention_backward<T>(x.many(x.dq_.data), x.few(x.dk_.data), x.few(x.dv_.data), x.many(x.given(x.dout_.data)),
                                        x.many(x.given(x.out_.data)), x.log_sums_.data, x.many(x.given(x.q_.data)), x.few(x.given(x.k_.data)),
                                        x.few(x.given(x.v_.data)), x.shape(true), x.row_sums_.data);
            x.go_back_on_cpu();
            CHECK(apart(x.dq_.values(), x.dq) <= 4 * near<T>);
            CHECK(apart(x.dk_.values(), x.dk) <= 4 * near<T>);
            CHECK(apart(x.dv_.values(), x.dv) <= 4 * near<T>);
            check_no_fault();
        }
}

TEST_CASE("cuda: attention over keys and values in bfloat16, and heads too wide", "[cuda]") {
    const index_t heads = 2, tokens = 40, channels = 16, n = heads * tokens * channels;
    const auto q = random<float>(n, 1);
    const auto k = as<bf16>(random<float>(n, 2)), v = as<bf16>(random<float>(n, 3));
    std::vector<float> out(q.size());
    const OnDevice<float> q_(q), out_(out);
    const OnDevice<bf16> k_(k), v_(v);
    const AttentionShape<float> shape{1, heads, heads, tokens, tokens, channels, 0.25f, true};
    const auto by_heads = [&](auto* x) { return view(x, heads, tokens, channels, false); };
    cuda_emulator::clear(3);
    cuda::attention<float, bf16>(by_heads(out_.data), nullptr, by_heads(static_cast<const float*>(q_.data)),
                                 by_heads(static_cast<const bf16*>(k_.data)), by_heads(static_cast<const bf16*>(v_.data)), shape);
    cpu::attention<float, bf16>(by_heads(out.data()), nullptr, by_heads(q.data()), by_heads(k.data()), by_heads(v.data()), shape);
    CHECK(apart(out_.values(), out) <= near<float>);
    check_no_fault();
    auto wide = shape;
    wide.head_dim = 257;
    CHECK_ERROR((cuda::attention<float, float>({}, nullptr, {}, {}, {}, wide)), ErrorCode::unsupported);
}

TEST_CASE("cuda: attention on tensor cores is the CPU's of operands rounded to bfloat16, and so are its gradients", "[cuda]") {
    std::uint64_t order = 0;
    for (const Case& c : cases)
        for (const bool by_tokens : {false, true}) {
            INFO(c.name << (by_tokens ? ", heads by tokens" : ""));
            Numbers<float, bf16> x(c, by_tokens);
            cuda_emulator::clear(order++);
            cuda::attention_tensor<float>(x.many(x.out_.data), x.log_sums_.data, x.many(x.given(x.q_.data)), x.few(x.given(x.k_.data)),
                                          x.few(x.given(x.v_.data)), x.shape(true));
            const auto by_floats = x.out_.values();
            const OnDevice<bf16> k(as<bf16>(x.k)), v(as<bf16>(x.v));
            cuda::attention_tensor<bf16>(x.many(x.out_.data), nullptr, x.many(x.given(x.q_.data)), x.few(static_cast<const bf16*>(k.data)),
                                         x.few(static_cast<const bf16*>(v.data)), x.shape(true));
            CHECK(x.out_.values() == by_floats);
            x.attend_on_cpu();
            CHECK(apart(x.out_.values(), x.out) <= 0.005);  // what P loses when it is rounded
            CHECK(apart(x.log_sums_.values(), x.log_sums) <= near<float>);
            cuda::attention_backward_tensor(x.many(x.dq_.data), x.few(x.dk_.data), x.few(x.dv_.data), x.many(x.given(x.dout_.data)),
                                            x.many(x.given(x.out_.data)), x.log_sums_.data, x.many(x.given(x.q_.data)), x.few(x.given(x.k_.data)),
                                            x.few(x.given(x.v_.data)), x.shape(true), x.row_sums_.data);
            x.go_back_on_cpu();
            CHECK(apart(x.dq_.values(), x.dq) <= 0.01);
            CHECK(apart(x.dk_.values(), x.dk) <= 0.01);
            CHECK(apart(x.dv_.values(), x.dv) <= 0.01);
            check_no_fault();
        }
    AttentionShape<float> wide{1, 1, 1, 1, 1, 129, 1.f};
    CHECK_ERROR((cuda::attention_tensor<float>({}, nullptr, {}, {}, {}, wide)), ErrorCode::unsupported);
}

TEMPLATE_TEST_CASE("cuda: one query over a long cache, its keys in any type, is the CPU's", "[cuda]", float, double, bf16) {
    using S = TestType;
    using T = std::conditional_t<std::is_same_v<S, bf16>, float, S>;
    const Case long_caches[] = {{"one key", 1, 2, 2, 1, 1, 16, true},
                                {"no key", 1, 2, 2, 1, 0, 16, true},
                                {"three stretches, grouped", 2, 6, 2, 1, 600, 64, true},
                                {"more heads than go together", 1, 18, 2, 1, 300, 20, true},
                                {"window", 1, 2, 1, 1, 1100, 32, true, 500},
                                {"bias and cap", 1, 4, 2, 1, 270, 40, false, 0, true, false, 3.f},
                                {"slopes", 1, 4, 4, 1, 257, 128, true, 0, false, true},
                                {"wide", 1, 2, 1, 1, 30, sizeof(T) == 4 ? 200 : 100, true}};
    std::uint64_t order = 0;
    for (const Case& c : long_caches) {
        INFO(c.name);
        const index_t queries = c.batch * c.heads * c.head_dim, keys = c.batch * c.kv_heads * c.key_tokens * c.head_dim;
        const auto q = random<T>(queries, 1), bias = random<T>(c.heads * c.key_tokens, 2);
        const std::vector<T> slopes{T(0.5), T(0.25), T(0.125), T(0.0625)};
        const auto k = as<S>(random<T>(keys, 3)), v = as<S>(random<T>(keys, 4));
        AttentionShape<T> shape{c.batch, c.heads, c.kv_heads, 1, c.key_tokens, c.head_dim, T(0.2), c.causal, c.window};
        shape.softcap = static_cast<T>(c.softcap);
        if (c.bias) shape.bias_head = c.key_tokens, shape.bias_key = 1, shape.bias = bias.data();
        if (c.slopes) shape.slopes = slopes.data();
        std::vector<T> out(q.size());
        const auto one = [&](auto* x) { return view(x, c.heads, 1, c.head_dim, false); };
        const auto cache = [&](const S* x) { return view(x, c.kv_heads, c.key_tokens, c.head_dim, false); };
        cpu::attention<T, S>(one(out.data()), nullptr, one(q.data()), cache(k.data()), cache(v.data()), shape);

        const OnDevice<T> q_(q), bias_(bias), slopes_(slopes), out_(out),
            partials(std::vector<T>(static_cast<std::size_t>(c.batch * c.heads * cuda::decode_stretches(shape) * (c.head_dim + 2))));
        const OnDevice<S> k_(k), v_(v);
        if (c.bias) shape.bias = bias_.data;
        if (c.slopes) shape.slopes = slopes_.data;
        cuda_emulator::clear(order++);
        cuda::attention_decode<T, S>(one(out_.data), partials.data, one(static_cast<const T*>(q_.data)), cache(k_.data), cache(v_.data), shape);
        CHECK(apart(out_.values(), out) <= near<T>);
        check_no_fault();
    }
}

TEST_CASE("cuda: one query reads the cache once for all heads that share it", "[cuda]") {
    const index_t heads = 8, kv_heads = 2, tokens = 512, channels = 64;
    const OnDevice<float> q(random<float>(heads * channels, 1)), k(random<float>(kv_heads * tokens * channels, 2)),
        v(random<float>(kv_heads * tokens * channels, 3)), out(random<float>(heads * channels, 4)),
        partials(std::vector<float>(static_cast<std::size_t>(heads * 2 * (channels + 2))));
    cuda_emulator::clear(1);
    cuda::attention_decode<float, float>(
        view(out.data, heads, 1, channels, false), partials.data, view(static_cast<const float*>(q.data), heads, 1, channels, false),
        view(static_cast<const float*>(k.data), kv_heads, tokens, channels, false),
        view(static_cast<const float*>(v.data), kv_heads, tokens, channels, false), {1, heads, kv_heads, 1, tokens, channels, 0.2f, true});
    const auto cache = static_cast<std::uint64_t>(2 * kv_heads * tokens * channels * 4);
    CHECK(static_cast<double>(cuda_emulator::traffic().fetched) <= 1.1 * static_cast<double>(cache));
}

TEST_CASE("cuda: attention's scores never reach memory", "[cuda]") {
    const index_t heads = 2, tokens = 256, channels = 32, n = heads * tokens * channels;
    const OnDevice<float> q(random<float>(n, 1)), k(random<float>(n, 2)), v(random<float>(n, 3)),
        out(std::vector<float>(static_cast<std::size_t>(n)));
    const auto by_heads = [&](auto* x) { return view(x, heads, tokens, channels, false); };
    cuda_emulator::clear(3);
    cuda::attention<float, float>(by_heads(out.data), nullptr, by_heads(static_cast<const float*>(q.data)),
                                  by_heads(static_cast<const float*>(k.data)), by_heads(static_cast<const float*>(v.data)),
                                  {1, heads, heads, tokens, tokens, channels, 0.2f, true});
    const auto traffic = cuda_emulator::traffic();
    const index_t blocks = tokens / 64;
    index_t tiles = 0;  // of 64 queries' keys
    for (index_t b = 0; b < blocks; ++b) tiles += b + 1;
    CHECK(traffic.written == 4 * static_cast<std::uint64_t>(n));
    CHECK(traffic.read == 4 * static_cast<std::uint64_t>(n + heads * tiles * 2 * 64 * channels));
}
