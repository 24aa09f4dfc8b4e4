// GGUF files of the golden models, made here as a converter makes them: other names, and q and k in neighbouring pairs.
#include "tercet/models/gguf_names.hpp"

#include "support/byte_builder.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/save_gguf.hpp"

using namespace tercet;
using golden::Expected;

namespace {

struct Entry {
    std::string key;
    std::variant<std::uint32_t, float, std::string> value;
};

// A GGUF file in memory: version 3, alignment 32.
std::string gguf_bytes(const std::vector<Entry>& entries, const std::vector<StoredTensor>& tensors) {
    GgufWriter file;
    for (const auto& e : entries) std::visit([&](const auto& value) { file.set(e.key, value); }, e.value);
    for (const auto& t : tensors) file.add(t);
    const auto bytes = file.bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A file's tensor, turned into what GGUF holds: renamed, transposed for GPT-2, q and k rows paired, and stored as `type` where it is a matrix.
struct Converter {
    bool gpt2;
    StorageType type;
    std::vector<std::vector<std::byte>> kept{};

    StoredTensor operator()(const StoredTensor& t, index_t heads, index_t kv_heads) {
        auto values = detail::dense_from(t);
        if (gpt2 && t.shape.rank() == 2 && t.name.find("wte") == std::string::npos && t.name.find("wpe") == std::string::npos)
            values = values.transpose().contiguous();
        const bool q = t.name.find("q_proj") != std::string::npos, k = t.name.find("k_proj") != std::string::npos;
        if (q || k) {
            const Shape shape = values.shape();
            values = values.reshape({q ? heads : kv_heads, 2, -1, shape.rank() == 2 ? shape[1] : 1}).transpose(1, 2).contiguous().reshape(shape);
        }
        const bool as_blocks = t.shape.rank() == 2 && values.size(1) % block_size(type) == 0;
        const auto stored = as_blocks ? type : StorageType::f32;
        kept.emplace_back(bytes_of(stored, values.numel()));
        quantize(stored, values.span(), kept.back());
        const auto name = gpt2 ? detail::gguf_name(t.name, detail::gpt2_names, detail::gpt2_block_names, "transformer.h.")
                               : detail::gguf_name(t.name, detail::llama_names, detail::llama_block_names, "model.layers.");
        return {name, stored, values.shape(), kept.back()};
    }
};

std::string llama_gguf(StorageType type) {
    const auto files = ModelFiles::open(golden::model_folder("llama"));
    Converter convert{false, type};
    convert.kept.reserve(100);
    std::vector<StoredTensor> tensors;
    for (const auto& t : files.tensors()) tensors.push_back(convert(t, 4, 2));
    return gguf_bytes({{"general.architecture", "llama"},
                       {"llama.embedding_length", 32u},
                       {"llama.feed_forward_length", 56u},
                       {"llama.block_count", 2u},
                       {"llama.attention.head_count", 4u},
                       {"llama.attention.head_count_kv", 2u},
                       {"llama.context_length", 64u},
                       {"llama.attention.layer_norm_rms_epsilon", 1e-5f},
                       {"llama.rope.freq_base", 10000.f}},
                      tensors);
}

}  // namespace

TEST_CASE("gguf: a llama file gives the reference's logits, in f32 and f16") {
    const Expected expected(golden::model_folder("llama") + "/expected.safetensors");
    for (const auto& [type, tolerance] : {std::pair{StorageType::f32, 2e-5}, std::pair{StorageType::f16, 2e-2}}) {
        const auto heap = on_heap(llama_gguf(type));
        const auto model = load_causal_model(Gguf::parse(heap.span(), "llama.gguf"));
        CHECK(golden::deviation(forward(model, expected.ids("input_ids")), expected.real("logits")) <= tolerance);
    }
}

TEST_CASE("gguf: a quantised llama file computes what its dequantised weights compute") {
    const auto heap = on_heap(llama_gguf(StorageType::q8_0));
    const auto file = Gguf::parse(heap.span(), "llama.gguf");
    const auto ids = Tensor<std::int32_t>::randint(0, 100, {2, 11});
    const auto stored = load_causal_model(file), dense = load_causal_model(file, {.trainable = true});
    const auto want = forward(dense, ids).detach();
    CHECK(golden::deviation(forward(stored, ids), want) <= 2e-5);
    const auto bytes = load_causal_model(file, {.activations = Activations::int8});
    const double off = golden::deviation(forward(bytes, ids), want);
    CHECK(off > 1e-5);  // rounded activations are another computation, but not far from it
    CHECK(off <= 0.1);
}

TEST_CASE("gguf: a gpt2 file gives the reference's logits") {
    const Expected expected(golden::model_folder("gpt2") + "/expected.safetensors");
    const auto files = ModelFiles::open(golden::model_folder("gpt2"));
    Converter convert{true, StorageType::f32};
    convert.kept.reserve(100);
    std::vector<StoredTensor> tensors;
    for (const auto& t : files.tensors()) tensors.push_back(convert(t, 4, 4));
    const auto heap = on_heap(gguf_bytes({{"general.architecture", "gpt2"},
                                          {"gpt2.embedding_length", 32u},
                                          {"gpt2.feed_forward_length", 128u},
                                          {"gpt2.block_count", 2u},
                                          {"gpt2.attention.head_count", 4u},
                                          {"gpt2.context_length", 64u},
                                          {"gpt2.attention.layer_norm_epsilon", 1e-5f}},
                                         tensors));
    const auto model = load_causal_model(Gguf::parse(heap.span(), "gpt2.gguf"));
    CHECK(golden::deviation(forward(model, expected.ids("input_ids")), expected.real("logits")) <= 2e-5);
}

TEST_CASE("gguf: files that are not a model, or lack something, are refused by name") {
    const auto parse = [](const std::vector<Entry>& entries) {
        const auto heap = on_heap(gguf_bytes(entries, {}));
        return load_causal_model(Gguf::parse(heap.span(), "test.gguf"));
    };
    CHECK_ERROR(parse({}), ErrorCode::missing_key);
    CHECK_ERROR(parse({{"general.architecture", "whisper"}}), ErrorCode::unsupported);
    CHECK_ERROR(parse({{"general.architecture", "llama"}}), ErrorCode::missing_tensor);
}
