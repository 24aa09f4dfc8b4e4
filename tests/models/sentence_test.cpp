#include "tercet/models/sentence.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/save.hpp"

using namespace tercet;

namespace {

// A directory of sentence-transformers: the smallest BERT, the mean, a layer from 32 to 3 channels, and Normalize unless left out.
std::string directory(const TempDir& dir, const std::string& modules, const std::string& dense) {
    for (const char* name : {"config.json", "model.safetensors"})
        std::filesystem::copy_file(golden::model_folder("bert-base") + "/" + name, dir / name, std::filesystem::copy_options::overwrite_existing);
    for (const char* folder : {"1_Pooling", "2_Dense"}) std::filesystem::create_directories(dir / folder);
    dir.write("modules.json", modules);
    dir.write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
    dir.write("2_Dense/config.json", dense);
    SentenceDense layer{Linear(32, 3)};
    Generator generator(3);
    layer.linear.weight.set(Tensor<float>::randn({3, 32}, generator));
    layer.linear.bias.set(Tensor<float>::randn({3}, generator));
    save_weights(layer, dir / "2_Dense/model.safetensors");
    return dir.path();
}
const std::string all_modules = R"([{"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}, {"type": "sentence_transformers.models.Dense", "path": "2_Dense"},
    {"type": "sentence_transformers.models.Normalize", "path": "3_Normalize"}])";
const std::string good_dense = R"({"in_features": 32, "out_features": 3, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"})";

}  // namespace

TEST_CASE("sentence_config: a Dense module is a layer behind pooling, and is saved with the model") {
    const TempDir dir, out;
    const auto files = ModelFiles::open(directory(dir, all_modules, good_dense));
    const auto config = sentence_config(files);
    REQUIRE(config.dense.size() == 1);
    CHECK(config.normalise);
    CHECK(config.width(32) == 3);
    const auto x = Tensor<float>::ones({2, 32});
    const auto& layer = config.dense[0].linear;
    const auto want = tanh(matmul(x, layer.weight.to_dense().transpose()) + layer.bias.tensor());
    CHECK(golden::deviation(config.after_pooling(x), want) <= 1e-6);
    save_encoder(out / "copy", load_encoder_body(files), files);
    const auto again = sentence_config(ModelFiles::open(out / "copy"));
    REQUIRE(again.dense.size() == 1);
    CHECK(golden::deviation(again.after_pooling(x), want) <= 1e-6);
}

TEST_CASE("sentence_config: modules that are not known, or in another order, are refused") {
    const TempDir dir;
    const auto with = [&](const std::string& modules, const std::string& dense) {
        return sentence_config(ModelFiles::open(directory(dir, modules, dense)));
    };
    CHECK_ERROR(with(R"([{"type": "x.Normalize", "path": ""}, {"type": "x.Dense", "path": "2_Dense"}])", good_dense), ErrorCode::unsupported);
    CHECK_ERROR(with(R"([{"type": "x.LSTM", "path": ""}])", good_dense), ErrorCode::unsupported);
    CHECK_ERROR(with(R"([{"type": "x.Dense", "path": "7_Dense"}])", good_dense), ErrorCode::io);
    CHECK_ERROR(with(R"([{"type": "x.Dense", "path": "../2_Dense"}])", good_dense), ErrorCode::bad_header);
    CHECK_ERROR(with(all_modules, R"({"in_features": 31, "out_features": 3})"), ErrorCode::shape_mismatch);
    CHECK_ERROR(with(all_modules, R"({"in_features": 0, "out_features": 3})"), ErrorCode::invalid_argument);
    CHECK_ERROR(with(all_modules, R"({"in_features": 32})"), ErrorCode::missing_key);
    CHECK_ERROR(with(all_modules, R"({"in_features": 32, "out_features": 3, "activation_function": "torch.nn.Mish"})"), ErrorCode::unsupported);
}
