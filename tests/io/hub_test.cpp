#include "tercet/io/hub.hpp"

#include "io/message_of.hpp"
#include "support/catch.hpp"
#include "support/real_model.hpp"
#include "support/temp_dir.hpp"

#include <string>

using namespace tercet;
using tercet_test::message_of;

namespace {

const std::vector<float> values{1, 2, 3, 4};

StoredTensor tensor(std::string name) {
    return {std::move(name), StorageType::f32, {4}, std::as_bytes(std::span(values))};
}
void write(const std::string& path, std::vector<std::string> names) {
    std::vector<StoredTensor> tensors;
    for (auto& name : names) tensors.push_back(tensor(name));
    write_safetensors(path, tensors);
}

// A directory with shards a and b, tensors x, y in the one, z in the other, and an index with the given weight_map.
ModelFiles open_shards(const TempDir& dir, const std::string& weight_map) {
    dir.write("config.json", "{}");
    write(dir / "a.safetensors", {"x", "y"});
    write(dir / "b.safetensors", {"z"});
    dir.write("model.safetensors.index.json", "{\"metadata\": {\"total_size\": 48}, \"weight_map\": " + weight_map + "}");
    return ModelFiles::open(dir.path());
}

}  // namespace

TEST_CASE("hub: a directory with one weights file is opened, and the small files read when asked for", "[io]") {
    TempDir dir;
    dir.write("config.json", R"({"model_type": "bert"})");
    write(dir / "model.safetensors", {"x", "y"});
    for (const auto& path : {dir.path(), dir.path() + "/"}) {
        const auto files = ModelFiles::open(path);
        CHECK(files.directory() == path);
        CHECK(files.config().at("model_type").as_string() == "bert");
        CHECK(files.tensors().size() == 2);
        REQUIRE(files.find("y") != nullptr);
        CHECK(files.find("y")->shape == Shape{4});
        CHECK(files.find("z") == nullptr);
        CHECK(files.shards().size() == 1);
        CHECK_FALSE(files.generation_config());
        CHECK_FALSE(files.tokenizer());
        CHECK_FALSE(files.tokenizer_config());
        CHECK_FALSE(files.modules());
        CHECK_FALSE(files.sentence_bert_config());
        CHECK_FALSE(files.pooling());
        CHECK_FALSE(files.has("tokenizer.json"));
    }
    dir.write("generation_config.json", R"({"eos_token_id": 2})");
    dir.write("tokenizer.json", "{}");
    dir.write("tokenizer_config.json", "{}");
    dir.write("sentence_bert_config.json", R"({"max_seq_length": 256})");
    dir.write("1_Pooling/config.json", R"({"name": "first"})");
    const auto files = ModelFiles::open(dir.path(), {.map = false});
    CHECK(files.generation_config()->at("eos_token_id").as_int() == 2);
    CHECK(files.tokenizer()->is_object());
    CHECK(files.tokenizer_config()->is_object());
    CHECK(files.sentence_bert_config()->get_or("max_seq_length", 0) == 256);
    CHECK(files.pooling()->at("name").as_string() == "first");
    dir.write("2_Pooling/config.json", R"({"name": "second"})");
    dir.write("modules.json", R"([{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
                                  {"idx": 1, "path": "2_Pooling", "type": "sentence_transformers.models.Pooling"}])");
    CHECK(files.pooling()->at("name").as_string() == "second");
    CHECK(files.modules()->size() == 2);
    dir.write("modules.json", R"([{"path": "../x", "type": "Pooling"}])");
    CHECK_ERROR(files.pooling(), ErrorCode::bad_header);
    dir.write("generation_config.json", "{");
    CHECK_ERROR(files.generation_config(), ErrorCode::bad_json);
}

TEST_CASE("hub: the weights file itself may be named", "[io]") {
    TempDir dir;
    dir.write("config.json", "{}");
    write(dir / "adapter.safetensors", {"x"});
    const auto files = ModelFiles::open(dir / "adapter.safetensors");
    CHECK(files.tensors().size() == 1);
    CHECK(files.directory() == dir.path());
    CHECK(files.path_of("config.json") == dir / "config.json");
}

TEST_CASE("hub: shards are opened as the index says", "[io]") {
    TempDir dir;
    const auto files = open_shards(dir, R"({"x": "a.safetensors", "z": "b.safetensors", "y": "a.safetensors"})");
    CHECK(files.shards().size() == 2);
    REQUIRE(files.tensors().size() == 3);
    for (const auto* name : {"x", "y", "z"}) CHECK(files.find(name) != nullptr);
    const auto owner = files.owner();
    CHECK(owner != nullptr);
}

TEST_CASE("hub: tensors outlive the files as long as the owner is kept", "[io]") {
    TempDir dir;
    std::shared_ptr<const void> owner;
    StoredTensor kept;
    {
        const auto files = open_shards(dir, R"({"x": "a.safetensors", "z": "b.safetensors", "y": "a.safetensors"})");
        owner = files.owner();
        kept = *files.find("z");
    }
    float last;
    std::memcpy(&last, kept.bytes.data() + 12, sizeof(last));
    CHECK(last == 4);
}

TEST_CASE("hub: an index that does not fit its shards is refused", "[io]") {
    const auto with = [](const char* map) {
        TempDir dir;
        return open_shards(dir, map);
    };
    CHECK_ERROR(with(R"({"x": "a.safetensors", "z": "b.safetensors"})"), ErrorCode::surplus_tensor);
    CHECK_ERROR(with(R"({"x": "a.safetensors", "y": "a.safetensors", "z": "a.safetensors"})"), ErrorCode::missing_tensor);
    CHECK_ERROR(with(R"({"x": "a.safetensors", "y": "a.safetensors", "w": "b.safetensors", "z": "b.safetensors"})"), ErrorCode::missing_tensor);
    CHECK_ERROR(with(R"({"x": "c.safetensors"})"), ErrorCode::io);
    CHECK_ERROR(with(R"({"x": 3})"), ErrorCode::bad_json);
    CHECK_ERROR(with("[]"), ErrorCode::bad_json);
    for (const auto* name : {"../a.safetensors", "/etc/passwd", "", "a/../../b", "..", "a/..", "a\\u0000b"}) {
        INFO(name);
        TempDir dir;
        CHECK_ERROR(open_shards(dir, "{\"x\": \"" + std::string(name) + "\"}"), ErrorCode::bad_header);
    }
    TempDir dir;
    dir.write("config.json", "{}");
    dir.write("model.safetensors.index.json", "{}");
    CHECK_ERROR(ModelFiles::open(dir.path()), ErrorCode::missing_key);
}

TEST_CASE("hub: a missing file is named", "[io]") {
    TempDir dir;
    CHECK(message_of([&] { ModelFiles::open(dir / "none"); }).find(dir / "none") == 0);
    CHECK_ERROR(ModelFiles::open(dir / "none"), ErrorCode::io);
    CHECK_ERROR(ModelFiles::open(dir / "none.safetensors"), ErrorCode::io);
    CHECK_ERROR(ModelFiles::open(dir.path()), ErrorCode::io);
    CHECK(message_of([&] { ModelFiles::open(dir.path()); }).find("config.json") != std::string::npos);
    dir.write("config.json", "{}");
    CHECK_ERROR(ModelFiles::open(dir.path()), ErrorCode::io);
    CHECK(message_of([&] { ModelFiles::open(dir.path()); }).find("model.safetensors") != std::string::npos);
    dir.write("pytorch_model.bin", "x");
    CHECK_ERROR(ModelFiles::open(dir.path()), ErrorCode::unsupported);
    CHECK_ERROR(ModelFiles::open(dir / "pytorch_model.bin"), ErrorCode::unsupported);
    CHECK_ERROR(read_json_file(dir / "none.json"), ErrorCode::io);
    CHECK(read_json_file(dir / "config.json").is_object());
}

TEST_CASE("hub: the sentence encoder's directory is opened", "[io][real]") {
    const auto path = real_model("minilm");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh minilm has not been run");
    const auto files = ModelFiles::open(path);
    CHECK(files.config().at("hidden_size").as_int() == 384);
    CHECK(files.pooling()->at("word_embedding_dimension").as_int() == 384);
}
