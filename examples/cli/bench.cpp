// tercet bench: what this machine makes of the kernels, each alone, and of whole models. {"gflops"}, {"ms"}, … with "isa" and "threads".
//
// gemm       C (M, N) = A (M, K) · B (K, N), all row-major, into memory that is there; --prepacked keeps the packing of B out of the timing;
//            bf16 sums in float, int8 in 32-bit integers; on a GPU bf16 are floats that are rounded on the way
// rows       one op on R rows of C floats, from memory to memory; gb_per_s counts each float once read and once written
// attention  scaled dot-product attention on (1, heads, tokens, head-dim); with --backward, forward and backward
#include "bench.hpp"
#include "ids.hpp"

#include <tercet/ops/attention.hpp>
#include <tercet/ops/elementwise.hpp>

#include <functional>

namespace cli {

namespace {

using namespace tercet;

// "2,3" as extents, as many as there are names.
Ids parse_extents(const std::string& text, std::size_t count, const std::string& names) {
    const Ids extents = parse_ids(text, "--size");
    const bool positive = std::all_of(extents.begin(), extents.end(), [](auto extent) { return extent > 0; });
    if (extents.size() != count || !positive) bad_usage("--size: '" + text + "' is not " + names + ", each 1 or more");
    return extents;
}

struct GemmSettings : Common {
    std::string size, type = "f32";
    bool prepacked = false;
    index_t rotate_mb = 0;
};

template <class In, class Sum>
void measure_gemm(const GemmSettings& s, index_t m, index_t n, index_t k, Activations activations = Activations::f32) {
    using Right = RightOperand<In>;
    const auto numbers = [](index_t rows, index_t columns) { return (Tensor<float>::randn({rows, columns}) * 32.f).template to<In>(); };
    const auto a = numbers(m, k), b = numbers(k, n);
    auto c = Tensor<Sum>::empty({m, n});
    auto panels = Tensor<PackedWord<In>>::empty({s.prepacked ? cpu::packed_words<In>(n, k) : 0});
    if (s.prepacked) Device::pack<In>(panels.mutable_data(), {b.data(), n, 1}, n, k);
    // Copies of it, where the weights are to come from memory each time, as in a model's decoding step.
    std::vector<Tensor<In>> plain{b};
    std::vector<decltype(panels)> packed{panels};
    const index_t bytes = b.numel() * index_t{sizeof(In)}, copies = std::max<index_t>(1, (s.rotate_mb << 20) / bytes);
    for (index_t i = 1; i < copies; ++i) {
        if (s.prepacked) packed.push_back(panels.clone());
        else plain.push_back(b.clone());
    }
    std::size_t next = 0;
    const double seconds = median_seconds([&] {
        const Right right = s.prepacked ? Right{.kind = Right::Kind::packed, .panels = packed[next].data()}
                                        : Right{.kind = Right::Kind::strided, .view = {plain[next].device_data(), n, 1}, .activations = activations};
        Device::gemm(c.mutable_device_data(), n, MatrixView<In>{a.device_data(), k, 1}, right, m, n, k, false);
        next = (next + 1) % static_cast<std::size_t>(copies);
    });
    const double operations = 2. * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    const index_t touched = bytes + a.numel() * index_t{sizeof(In)} + c.numel() * index_t{sizeof(Sum)};
    print_measured(s, {{"gflops", operations / seconds / 1e9}, {"ms", 1e3 * seconds}, {"gb_per_s", static_cast<double>(touched) / seconds / 1e9}});
}

void run_gemm(const GemmSettings& s) {
    const auto extents = parse_extents(s.size, 3, "M,N,K");
    const index_t m = extents[0], n = extents[1], k = extents[2];
    if (s.prepacked && !Device::packs) bad_usage("--prepacked: this build's device takes weights as they are");
    if (s.type == "f32") return measure_gemm<float, float>(s, m, n, k);
    if constexpr (Device::computes<bf16>) {
        if (s.type == "bf16") measure_gemm<bf16, float>(s, m, n, k);
        else measure_gemm<std::int8_t, std::int32_t>(s, m, n, k);
    } else {
        if (s.type == "int8") bad_usage("--type: this build's device has no product of plain bytes");
        measure_gemm<float, float>(s, m, n, k, Activations::bf16);
    }
}

struct RowsSettings : Common {
    std::string op, size;
};

using RowsOp = std::function<void(float* y, const float* x)>;

// What works on (rows, columns) floats, by name: every elementwise operation, a copy, and those that take a row as a whole.
std::map<std::string, RowsOp> rows_ops(index_t rows, index_t columns) {
    std::map<std::string, RowsOp> ops;
#define TERCET_ENTRY(entry, functor) ops[#entry] = [=](float* y, const float* x) { Device::unary(UnaryOp::entry, y, x, rows* columns); };
    TERCET_UNARY_OPS(TERCET_ENTRY)
#undef TERCET_ENTRY
    ops["copy"] = [=](float* y, const float* x) { Device::copy(y, Shape{columns, 1}, x, Shape{columns, 1}, Shape{rows, columns}); };
    ops["softmax"] = [=](float* y, const float* x) { Device::softmax(y, x, rows, columns); };
    const auto weight = Tensor<float>::randn({columns}), bias = Tensor<float>::randn({columns});
    auto mean = Tensor<float>::empty({rows}), rstd = Tensor<float>::empty({rows});
    ops["layer_norm"] = [=](float* y, const float* x) mutable {
        Device::layer_norm(y, mean.mutable_device_data(), rstd.mutable_device_data(), x, weight.device_data(), bias.device_data(), 1e-5f, rows,
                           columns);
    };
    ops["rms_norm"] = [=](float* y, const float* x) mutable {
        Device::rms_norm(y, rstd.mutable_device_data(), x, weight.device_data(), 1e-5f, rows, columns);
    };
    return ops;
}

void run_rows(const RowsSettings& s) {
    const auto extents = parse_extents(s.size, 2, "R,C");
    const index_t rows = extents[0], columns = extents[1];
    const auto x = Tensor<float>::randn({rows, columns});
    auto y = Tensor<float>::empty({rows, columns});
    const auto op = rows_ops(rows, columns).at(s.op);
    const double seconds = median_seconds([&] { op(y.mutable_device_data(), x.device_data()); });
    print_measured(s, {{"ms", 1e3 * seconds}, {"gb_per_s", 2. * sizeof(float) * static_cast<double>(x.numel()) / seconds / 1e9}});
}

struct AttentionSettings : Common {
    index_t heads = 12, tokens = 1024, head_dim = 64;
    bool causal = false, backward = false;
};

void run_attention(const AttentionSettings& s) {
    const Shape shape{1, s.heads, s.tokens, s.head_dim};
    std::vector<Tensor<float>> qkv;
    for (int i = 0; i < 3; ++i) qkv.push_back(Tensor<float>::randn(shape).requires_grad(s.backward));
    const auto dy = Tensor<float>::randn(shape);
    const double seconds = median_seconds([&] {
        const auto y = attention(qkv[0], qkv[1], qkv[2], {.causal = s.causal});
        if (s.backward) y.backward(dy);
    });
    print_measured(s, {{"ms", 1e3 * seconds}});
}

}  // namespace

void add_bench_gemm(CLI::App& bench) {
    const auto [command, s] = add_command<GemmSettings>(bench, "gemm", "A matrix product", run_gemm);
    command->add_option("--size", s->size, "Rows of A, columns of B, and what is summed over")->required()->type_name("M,N,K");
    command->add_option("--type", s->type, "Type of both operands")->check(CLI::IsMember({"f32", "bf16", "int8"}))->capture_default_str();
    command->add_flag("--prepacked", s->prepacked, "B is packed once, as a loaded model's weights are");
    command->add_option("--rotate", s->rotate_mb, "Take B in turn from so many megabytes, so that it comes from memory")
        ->check(CLI::Range(0, 1 << 16))
        ->type_name("MB");
}

void add_bench_rows(CLI::App& bench) {
    const auto [command, s] = add_command<RowsSettings>(bench, "rows", "An operation on rows, or on each element", run_rows);
    std::vector<std::string> names;
    for (const auto& [name, op] : rows_ops(1, 1)) names.push_back(name);
    command->add_option("--op", s->op, "softmax, layer_norm, rms_norm, gelu, silu, exp, copy, …")
        ->required()
        ->check(CLI::IsMember(names))
        ->type_name("OP");
    command->add_option("--size", s->size, "Rows and columns")->required()->type_name("R,C");
}

void add_bench_attention(CLI::App& bench) {
    const auto [command, s] = add_command<AttentionSettings>(bench, "attention", "Scaled dot-product attention", run_attention);
    const auto extent = [&, app = command](const std::string& name, index_t& value, const std::string& what) {
        app->add_option(name, value, what)->check(CLI::Range(1, 1 << 24))->capture_default_str()->type_name("N");
    };
    extent("--heads", s->heads, "Heads");
    extent("--tokens", s->tokens, "Queries, and keys");
    extent("--head-dim", s->head_dim, "Width of a head");
    command->add_flag("--causal", s->causal, "A query sees the keys up to its own position");
    command->add_flag("--backward", s->backward, "Forward and backward");
}

void add_bench(CLI::App& app) {
    CLI::App* bench = app.add_subcommand("bench", "Measure kernels and models on this machine");
    bench->require_subcommand(1);
    add_bench_gemm(*bench);
    add_bench_rows(*bench);
    add_bench_attention(*bench);
    add_bench_embed(*bench);
    add_bench_sentences(*bench);
    add_bench_generate(*bench);
    add_bench_train(*bench);
    add_bench_tokenize(*bench);
}

}  // namespace cli
