// Directories as GGUF, and GGUF in other types: the logits stay what the reference says.
#include "tercet/models/convert.hpp"

#include "support/model_golden.hpp"
#include "support/python.hpp"
#include "support/temp_dir.hpp"

using namespace tercet;
using golden::Expected;

namespace {

ModelFiles files_of(const std::string& name) {
    return ModelFiles::open(golden::model_folder(name));
}

double deviation_of(std::span<const std::byte> gguf, const std::string& name) {
    const NoGrad guard;
    const Expected expected(golden::model_folder(name) + "/expected.safetensors");
    const auto model = load_causal_model(Gguf::parse(gguf, name));
    return golden::deviation(forward(model, expected.ids("input_ids")), expected.real("logits"));
}

// What the transformers library makes of a directory's model.
double deviation_in_transformers(const std::string& python, const std::string& directory, const Tensor<std::int32_t>& ids,
                                 const Tensor<float>& logits) {
    const TempDir dir;
    std::string list;
    for (const auto id : ids.to_vector()) list += (list.empty() ? "" : ",") + std::to_string(id);
    const Json got = tercet_test::run_python(python, R"(
import json, sys, torch
from transformers import AutoModelForCausalLM
model, info = AutoModelForCausalLM.from_pretrained(sys.argv[1], attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
assert not info["unexpected_keys"] and set(info["missing_keys"]) <= {"lm_head.weight"}, info
ids = torch.tensor(json.load(open(sys.argv[2]))).view(int(sys.argv[3]), -1)
with torch.no_grad():
    print(json.dumps(model.eval()(input_ids=ids, use_cache=False).logits.flatten().tolist()))
)",
                                             {directory, dir.write("ids.json", "[" + list + "]"), std::to_string(ids.size(0))});
    auto want = Tensor<float>::empty(logits.shape());
    for (index_t i = 0; i < want.numel(); ++i) want.mutable_data()[i] = static_cast<float>(got.at(static_cast<std::size_t>(i)).as_number());
    return golden::deviation(logits, want);
}

}  // namespace

TEST_CASE("convert: a GGUF file as a directory, and a directory saved anew, give the reference's logits, in transformers too") {
    const NoGrad guard;
    const auto python = tercet_test::python_with("transformers");
    for (const std::string name :
         {"llama", "llama3-rope-scaling", "llama-yarn", "mistral-sliding", "qwen2", "qwen3", "phi3", "gemma2", "gemma3", "gpt2"}) {
        INFO(name);
        const TempDir dir;
        const Expected expected(golden::model_folder(name) + "/expected.safetensors");
        const auto ids = expected.ids("input_ids");
        const auto want = expected.real("logits");
        const auto check = [&](const std::string& directory) {
            CHECK(golden::deviation(forward(load_causal_model(ModelFiles::open(directory)), ids), want) <= 2e-5);
            if (python) CHECK(deviation_in_transformers(*python, directory, ids, want) <= 5e-5);
        };
        save_model(dir / "again", load_causal_model(files_of(name)), files_of(name));
        check(dir / "again");
        if (name == "gemma3") continue;  // this one has windows that GGUF has no place for
        gguf_of(files_of(name), nullptr, {.name = name}).save(dir / "model.gguf");
        save_directory(dir / "back", Gguf::open(dir / "model.gguf"));
        check(dir / "back");
    }
}

TEST_CASE("convert: what a family's config has no place for is refused") {
    LlamaConfig c;
    c.heads = c.kv_heads = 1;
    CHECK(parse_json(config_json(c, "llama"), "x").at("model_type").as_string() == "llama");
    c.qk_norm = true;
    CHECK_ERROR(config_json(c, "llama"), ErrorCode::unsupported);
    CHECK(parse_json(config_json(c, "qwen3"), "x").at("num_attention_heads").as_int() == 1);
    c.mlp_bias = true;
    CHECK_ERROR(config_json(c, "qwen3"), ErrorCode::unsupported);
    CHECK_ERROR(config_json(c, "gpt2"), ErrorCode::unsupported);
    CHECK_ERROR(config_json(GemmaConfig{}, "llama"), ErrorCode::unsupported);
}

TEST_CASE("convert: a directory as GGUF gives the reference's logits") {
    for (const std::string name : {"llama", "llama3-rope-scaling", "llama-yarn", "mistral-sliding", "qwen2", "qwen3", "phi3", "gemma2", "gpt2"}) {
        INFO(name);
        const auto bytes = gguf_of(files_of(name), nullptr, {.name = name}).bytes();
        CHECK(deviation_of(bytes, name) <= 2e-5);
        const auto file = Gguf::parse(bytes, name);
        CHECK(file.string("general.name") == name);
        for (const auto& t : file.tensors()) CHECK(t.type == StorageType::f32);
    }
    const auto mistral = gguf_of(files_of("mistral-sliding"), nullptr).bytes();
    CHECK(Gguf::parse(mistral, "m").string("general.architecture") == "llama");
}

TEST_CASE("convert: in half precision the logits stay near, and a GGUF file can be stored anew in another type") {
    const auto f32 = gguf_of(files_of("llama"), nullptr).bytes();
    const auto file = Gguf::parse(f32, "llama");
    for (const auto& [type, tolerance] : {std::pair{StorageType::f16, 5e-3}, std::pair{StorageType::bf16, 4e-2}, std::pair{StorageType::q8_0, 0.1}}) {
        INFO(type);
        const auto once = gguf_of(files_of("llama"), nullptr, {.weights = type}).bytes();
        CHECK(deviation_of(once, "llama") <= tolerance);
        const auto again = requantized(file, {.weights = type}).bytes();
        const auto a = Gguf::parse(once, "a"), b = Gguf::parse(again, "b");
        REQUIRE(a.tensors().size() == b.tensors().size());
        for (const auto& t : a.tensors()) {
            INFO(t.name);
            const auto* other = b.find(t.name);
            REQUIRE(other != nullptr);
            CHECK(other->type == t.type);
            CHECK(std::ranges::equal(other->bytes, t.bytes));
        }
        CHECK(b.integer("general.file_type") == a.integer("general.file_type"));
    }
}

TEST_CASE("convert: Q4_K_M keeps the matrices that matter most in six bits") {
    using detail::matrix_type;
    const GgufOptions m{.weights = StorageType::q4_k, .mixed = true}, plain{.weights = StorageType::q4_k};
    CHECK(matrix_type(m, "output.weight", 512, 16, false) == StorageType::q6_k);
    CHECK(matrix_type(m, "token_embd.weight", 512, 16, false) == StorageType::q4_k);
    CHECK(matrix_type(m, "token_embd.weight", 512, 16, true) == StorageType::q6_k);
    std::vector<int> six;
    for (int i = 0; i < 16; ++i)
        if (matrix_type(m, "blk." + std::to_string(i) + ".attn_v.weight", 512, 16, true) == StorageType::q6_k) six.push_back(i);
    CHECK(six == std::vector<int>{0, 1, 4, 7, 10, 13, 14, 15});
    CHECK(matrix_type(m, "blk.0.ffn_down.weight", 512, 16, true) == StorageType::q6_k);
    CHECK(matrix_type(m, "blk.0.ffn_up.weight", 512, 16, true) == StorageType::q4_k);
    CHECK(matrix_type(plain, "output.weight", 512, 16, false) == StorageType::q4_k);
    CHECK(matrix_type(m, "blk.0.ffn_up.weight", 96, 16, true) == StorageType::q5_0);
    const auto bytes = gguf_of(files_of("llama"), nullptr, m).bytes();
    const auto file = Gguf::parse(bytes, "llama");
    CHECK(file.integer("general.file_type") == 15);
}

TEST_CASE("convert: a file that does not fit its config is refused before anything is written") {
    const TempDir dir;
    const auto with = [&](const std::string& from, const std::string& to) {
        auto config = read_text_file(golden::model_folder("llama") + "/config.json");
        const auto at = config.find(from);
        REQUIRE(at != std::string::npos);
        dir.write("config.json", config.replace(at, from.size(), to));
        dir.write("model.safetensors", read_text_file(golden::model_folder("llama") + "/model.safetensors"));
        return gguf_of(ModelFiles::open(dir.path()), nullptr);
    };
    CHECK_ERROR(with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), ErrorCode::missing_tensor);
    CHECK_ERROR(with("\"intermediate_size\": 56", "\"intermediate_size\": 57"), ErrorCode::shape_mismatch);
    CHECK_ERROR(with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 5000"), ErrorCode::invalid_argument);
    CHECK_ERROR(detail::paired_rows(std::vector<std::byte>(40), 10, 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(detail::paired_rows({}, 0, 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(detail::gguf_name("nameless", detail::llama_names, detail::llama_block_names, "model.layers."), ErrorCode::unsupported);
    const std::vector<std::byte> none;
    GgufWriter file;
    file.set("general.architecture", "llama");
    file.add({"x.weight", StorageType::f32, {4, 0}, none});
    const auto bytes = file.bytes();
    CHECK(requantized(Gguf::parse(bytes, "x"), {.weights = StorageType::f16}).bytes().size() > 0);
}

TEST_CASE("convert: what GGUF has no place for is refused by name") {
    CHECK_ERROR(gguf_of(files_of("bert-base"), nullptr), ErrorCode::unsupported);
    CHECK_ERROR(gguf_of(files_of("gemma3"), nullptr), ErrorCode::unsupported);  // its scale of scores is not its head's
    CHECK_ERROR(gguf_of(files_of("llama"), nullptr, {.weights = StorageType::q8_0, .mixed = true}), ErrorCode::invalid_argument);
    std::stop_source stop;
    stop.request_stop();
    CHECK_ERROR(gguf_of(files_of("llama"), nullptr, {.stop = stop.get_token()}), ErrorCode::cancelled);
}
