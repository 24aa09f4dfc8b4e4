// LoRA adapters against PEFT: logits, every gradient of A and B, merged weights; and on weights of each stored type.
#include "tercet/nn/lora_file.hpp"

#include "support/model_golden.hpp"
#include "support/python.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/models/llama.hpp"
#include "tercet/ops/loss.hpp"

using namespace tercet;
using golden::Expected;

namespace {

struct Case {
    const char *adapter, *base;
};
constexpr Case cases[] = {{"llama", "llama"}, {"llama3-rslora", "llama3-rope-scaling"}, {"llama-dora", "llama"}, {"gpt2-dora-rslora", "gpt2"}};

std::string adapter_folder(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/lora/" + name;
}

CausalModel load(const std::string& base, const ModelOptions& options = {}) {
    return load_causal_model(ModelFiles::open(golden::model_folder(base)), options);
}

// A module of one layer, to put small adapters on.
struct OneLayer {
    Linear layer{64, 3};
    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("model.layer", self.layer);
    }
};

// A copy of an adapter's directory in which one text of the config is replaced, and its tensors are changed.
template <class Change>
std::string changed(const TempDir& dir, const std::string& from, const std::string& to, const Change& change) {
    auto config = read_text_file(adapter_folder("llama") + "/adapter_config.json");
    const auto at = config.find(from);
    REQUIRE(at != std::string::npos);
    config.replace(at, from.size(), to);
    dir.write("adapter_config.json", config);
    const auto file = Safetensors::open(adapter_folder("llama") + "/adapter_model.safetensors");
    auto tensors = file.tensors();
    change(tensors);
    write_safetensors(dir / "adapter_model.safetensors", tensors);
    return dir.path();
}
std::string changed(const TempDir& dir, const std::string& from, const std::string& to) {
    return changed(dir, from, to, [](auto&) {});
}

}  // namespace

TEST_CASE("lora: logits of a model with an adapter are PEFT's, packed or dense, and its own again without") {
    for (const auto& [adapter, base] : cases) {
        INFO(adapter);
        const Expected expected(adapter_folder(adapter) + "/expected.safetensors");
        const auto ids = expected.ids("input_ids");
        for (const bool dense : {false, true}) {
            auto model = load(base, {.trainable = dense, .adapter = adapter_folder(adapter)});
            const double d = golden::deviation(model(ids), expected.real("logits"));
            CHECK(d <= 2e-5);
            WARN(adapter << (dense ? ", dense" : ", packed") << ": logits deviate by " << d);
            detach_lora(model);
            CHECK(golden::deviation(model(ids), expected.real("logits_base")) <= 2e-5);
        }
    }
}

TEST_CASE("lora: the loss and the gradients of A and B are PEFT's, over packed weights as over dense ones") {
    for (const auto& [name, base] : cases) {
        for (const bool dense : {false, true}) {
            INFO(name << (dense ? ", dense" : ", packed"));
            const Expected expected(adapter_folder(name) + "/expected.safetensors");
            auto model = load(base);
            if (dense) {
                model = load(base, {.trainable = true});
                set_trainable(model, false);
            }
            const auto adapter = load_lora(adapter_folder(name), {.trainable = true});
            attach_lora(model, adapter);
            const auto labels = expected.ids("labels");
            const index_t T = labels.size(1);
            const auto loss = cross_entropy(slice(model(expected.ids("input_ids")), 1, 0, T - 1), labels.slice(1, 1, T));
            CHECK(std::abs(loss.item() - expected.real("loss").item()) <= 1e-5);
            loss.backward();
            golden::check_gradients(expected, adapter);
        }
    }
}

TEST_CASE("lora: merged weights and their logits are PEFT's, and the terms are gone") {
    for (const auto& [adapter, base] : cases) {
        for (const bool dense : {false, true}) {
            INFO(adapter << (dense ? ", dense" : ", packed"));
            const Expected expected(adapter_folder(adapter) + "/expected.safetensors");
            auto model = load(base, {.trainable = dense, .adapter = adapter_folder(adapter)});
            const auto merged = merge_lora(model);
            index_t compared = 0;
            for_each_weight(model, [&](const std::string& name, const Weight& w) {
                CHECK(w.low_rank() == nullptr);
                if (!expected.has("merged." + name)) return;
                CHECK(golden::deviation(w.to_dense(), expected.real("merged." + name)) <= 2e-5);
                if (w.shape().rank() == 2) CHECK(w.is_dense() == dense);
                ++compared;
            });
            index_t given = 0;
            for (const auto& t : expected.tensors()) given += t.name.starts_with("merged.");
            CHECK(compared == given);
            CHECK(golden::deviation(model(expected.ids("input_ids")), expected.real("logits_merged")) <= 2e-5);

            // And back: the same bits as before.
            const auto never = load(base, {.trainable = dense, .adapter = adapter_folder(adapter)});
            unmerge_lora(model, merged);
            CHECK(golden::deviation(model(expected.ids("input_ids")), never(expected.ids("input_ids"))) == 0);
            detach_lora(model);
            CHECK(golden::deviation(model(expected.ids("input_ids")), expected.real("logits_base")) <= 2e-5);
            auto other = load(base == std::string("gpt2") ? "llama" : "gpt2");
            CHECK_ERROR(unmerge_lora(other, merged), ErrorCode::missing_tensor);
        }
    }
}

TEST_CASE("lora: a term adds scaling · B A to a weight of any type, and merging gives the same") {
    manual_seed(3);
    const auto x = Tensor<float>::randn({5, 64}), values = Tensor<float>::randn({3, 64});
    const auto term = std::make_shared<const LowRank>(LowRank{Tensor<float>::randn({2, 64}), Tensor<float>::randn({3, 2}), 0.5f});
    const auto change = matmul(x, (matmul(term->b, term->a) * 0.5f).transpose());
    for (const auto type : {StorageType::f32, StorageType::f16, StorageType::bf16, StorageType::q8_0, StorageType::q4_0, StorageType::q4_1}) {
        INFO(name_of(type));
        auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(type, 3 * 64));
        quantize(type, values.span(), *bytes);
        OneLayer stored;
        stored.layer.bias = Weight();
        stored.layer.weight.set(type, {3, 64}, *bytes, bytes);
        const auto plain = stored.layer(x);
        stored.layer.weight.set_low_rank(term);
        CHECK(golden::deviation(stored.layer(x), plain + change) <= 2e-5);
        merge_lora(stored);
        CHECK(stored.layer.weight.type() == StorageType::f32);
        CHECK(golden::deviation(stored.layer(x), plain + change) <= 2e-5);
    }
    Weight turned(Shape{64, 3}, WeightOrder::in_out);  // GPT-2's order
    turned.set(values.transpose().contiguous());
    turned.set_low_rank(term);
    CHECK(golden::deviation(linear(x, turned), matmul(x, values.transpose()) + change) <= 2e-5);
    CHECK_ERROR(Weight(Shape{3}).set_low_rank(term), ErrorCode::invalid_argument);
    CHECK_ERROR(Weight(Shape{4, 64}).set_low_rank(term), ErrorCode::shape_mismatch);
}

TEST_CASE("lora: an adapter is a module, saved as the file that it was read from") {
    const TempDir dir;
    const auto adapter = load_lora(adapter_folder("llama"));
    CHECK(adapter.pairs.size() == 10);
    CHECK(adapter.pairs[0].scaling == Catch::Approx(8.0 / 3));
    save_weights(adapter, dir / "adapter_model.safetensors");
    dir.write("adapter_config.json", read_text_file(adapter_folder("llama") + "/adapter_config.json"));
    const auto again = load_lora(dir.path() + "/");
    REQUIRE(parameter_count(again) == parameter_count(adapter));
    for (const auto& pair : again.pairs) {
        const auto same = std::find_if(adapter.pairs.begin(), adapter.pairs.end(), [&](const LoraPair& p) { return p.module == pair.module; });
        REQUIRE(same != adapter.pairs.end());
        CHECK(golden::deviation(pair.b.tensor(), same->b.tensor()) == 0);
        CHECK_FALSE(pair.a.tensor().needs_grad());
    }
}

TEST_CASE("lora: names without the head's prefix, and ranks and alphas of single modules") {
    const TempDir dir;
    const auto path = changed(dir, R"("alpha_pattern": {})", R"("alpha_pattern": {"q_proj": 3, "layers.1.mlp.down_proj": 6})", [](auto& tensors) {
        for (auto& t : tensors) t.name = "base_model.model." + t.name.substr(std::string("base_model.model.model.").size());
    });
    const auto model = *load("llama", {.adapter = path}).as<Llama>();
    CHECK(model.blocks[0].self_attn.q_proj.weight.low_rank()->scaling == 1.f);
    CHECK(model.blocks[1].mlp.down_proj.weight.low_rank()->scaling == 2.f);
    CHECK(model.blocks[0].mlp.down_proj.weight.low_rank()->scaling == Catch::Approx(8.0 / 3));
    CHECK(model.blocks[0].self_attn.k_proj.weight.low_rank() == nullptr);

    const TempDir other;
    CHECK_ERROR(load_lora(changed(other, R"("rank_pattern": {})", R"("rank_pattern": {"q_proj": 4})")), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_lora(changed(other, R"("rank_pattern": {})", R"("rank_pattern": {".*q_proj": 3})")), ErrorCode::unsupported);
}

TEST_CASE("lora: what an adapter's files get wrong is refused by name") {
    const TempDir dir;
    CHECK_ERROR(load_lora(dir.path()), ErrorCode::io);
    CHECK_ERROR(load_lora(changed(dir, R"("peft_type": "LORA")", R"("peft_type": "IA3")")), ErrorCode::unsupported);
    CHECK_ERROR(load_lora(changed(dir, R"("use_dora": false)", R"("use_dora": true)")), ErrorCode::missing_tensor);
    CHECK_ERROR(load_lora(changed(dir, R"("bias": "none")", R"("bias": "all")")), ErrorCode::unsupported);
    CHECK_ERROR(load_lora(changed(dir, R"("modules_to_save": null)", R"("modules_to_save": ["lm_head"])")), ErrorCode::missing_tensor);
    CHECK_ERROR(load_lora(changed(dir, R"("lora_dropout": 0.0)", R"("lora_dropout": 1.0)")), ErrorCode::invalid_argument);
    CHECK_ERROR(load_lora(changed(dir, R"("r": 3)", R"("r": 4)")), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_lora(changed(dir, R"("r": 3)", R"("r": 0)")), ErrorCode::shape_mismatch);
    CHECK_ERROR(load_lora(changed(dir, R"("r": 3)", R"("r": "3")")), ErrorCode::bad_json);
    CHECK_ERROR(load_lora(changed(dir, R"("r": 3)", R"("rr": 3)")), ErrorCode::missing_key);
    const std::string same = R"("r": 3)";
    CHECK_ERROR(load_lora(changed(dir, same, same, [](auto& t) { t.clear(); })), ErrorCode::missing_tensor);
    CHECK_ERROR(load_lora(changed(dir, same, same, [](auto& t) { t.pop_back(); })), ErrorCode::missing_tensor);
    CHECK_ERROR(load_lora(changed(dir, same, same, [](auto& t) { t[0].name = "base_model.model.lm_head.weight"; })), ErrorCode::surplus_tensor);
    CHECK_ERROR(load_lora(changed(dir, same, same, [](auto& t) { t[0].name = "base_model.model.model.embed_tokens.lora_embedding_A"; })),
                ErrorCode::unsupported);
    CHECK_ERROR(load_lora(changed(dir, same, same, [](auto& t) { t[0].shape = {element_count(t[0].shape)}; })), ErrorCode::shape_mismatch);

    auto model = load("llama");
    const auto without_pair = changed(dir, same, same, [](auto& t) {
        std::erase_if(t, [](const StoredTensor& tensor) { return tensor.name.find("layers.1.self_attn.v_proj") != std::string::npos; });
    });
    CHECK_ERROR(attach_lora(model, load_lora(without_pair)), ErrorCode::missing_tensor);
    const auto renamed = changed(dir, same, same, [](auto& t) {
        for (auto& tensor : t)
            if (const auto at = tensor.name.find("layers.1."); at != std::string::npos) tensor.name.replace(at, 9, "layers.7.");
    });
    CHECK_ERROR(attach_lora(model, load_lora(renamed)), ErrorCode::missing_tensor);
    const auto misplaced = changed(dir, same, same, [](auto& t) {
        for (auto& tensor : t)
            if (const auto at = tensor.name.find("o_proj"); at != std::string::npos) tensor.name[at] = 'k';
    });
    CHECK_ERROR(attach_lora(model, load_lora(misplaced)), ErrorCode::shape_mismatch);
    for_each_weight(model, [](const std::string&, const Weight& w) { CHECK(w.low_rank() == nullptr); });  // refused as a whole
}

TEST_CASE("make_lora: a new adapter leaves the model as it is, learns, is saved, and PEFT gives the same logits") {
    const auto python = tercet_test::python_with("peft");
    struct Adapted {
        const char* base;
        std::vector<std::string> targets, whole;
    };
    const Adapted some[] = {{"llama", {}, {}}, {"gpt2", {}, {"ln_f"}}, {"gemma3", {}, {}}, {"phi3", {"qkv_proj", "gate_up_proj", "o_proj"}, {}}};
    for (const auto& [base, targets, whole] : some)
        for (const bool dora : {false, true}) {
            INFO(base << (dora ? ", DoRA" : ", LoRA"));
            auto model = load(base);
            const Expected expected(golden::model_folder(base) + "/expected.safetensors");
            const auto ids = expected.ids("input_ids"), labels = expected.ids("labels");
            const auto before = model(ids);
            auto adapter = make_lora(model, {.rank = 3, .alpha = 5, .targets = targets, .stabilised = dora, .dora = dora, .whole = whole, .seed = 2});
            const auto earlier = attach_lora(model, adapter);
            CHECK(earlier.weights.size() == 2 * whole.size());  // of a norm, its bias too
            CHECK(golden::deviation(model(ids), before) <= 1e-5);
            const auto loss_of = [&] { return cross_entropy(slice(model(ids), 1, 0, ids.size(1) - 1), labels.slice(1, 1, ids.size(1))); };
            const float first = loss_of().item();
            for (int step = 0; step < 5; ++step) {
                loss_of().backward();
                for_each_weight(adapter, [](const std::string&, Weight& w) {
                    const NoGrad guard;
                    w.tensor() -= w.tensor().grad() * 0.1f;
                });
                zero_grad(adapter);
            }
            CHECK(loss_of().item() < first);

            const TempDir dir;
            save_lora(dir / "adapter", adapter, {.base_model = base});
            const auto again = load(base, {.adapter = dir / "adapter"});
            const auto logits = model(ids).detach();
            CHECK(golden::deviation(again(ids), logits) <= 1e-5);
            detach_lora(model);
            unmerge_lora(model, earlier);
            CHECK(golden::deviation(model(ids), before) == 0);
            if (!python) continue;
            const Json got = tercet_test::run_python(*python, R"(
import json, sys, torch, warnings
warnings.simplefilter("ignore")
from transformers import AutoModelForCausalLM
from peft import PeftModel
from safetensors.torch import load_file
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], attn_implementation="eager", dtype=torch.float32).eval()
model = PeftModel.from_pretrained(base, sys.argv[2]).eval()
ids = load_file(sys.argv[1] + "/expected.safetensors")["input_ids"]
with torch.no_grad():
    print(json.dumps(model(input_ids=ids, use_cache=False).logits.flatten().tolist()))
)",
                                                     {golden::model_folder(base), dir / "adapter"});
            auto want = Tensor<float>::empty(logits.shape());
            for (index_t i = 0; i < want.numel(); ++i) want.mutable_data()[i] = static_cast<float>(got.at(static_cast<std::size_t>(i)).as_number());
            CHECK(golden::deviation(logits, want) <= 3e-5);
        }
}

TEST_CASE("make_lora: over quantised weights gradients reach the factors and nothing else") {
    OneLayer module;
    manual_seed(5);
    const auto values = Tensor<float>::randn({3, 64});
    auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(StorageType::q4_0, 3 * 64));
    quantize(StorageType::q4_0, values.span(), *bytes);
    module.layer.bias = Weight();
    module.layer.weight.set(StorageType::q4_0, {3, 64}, *bytes, bytes);
    for (const bool dora : {false, true}) {
        auto adapter = make_lora(module, {.rank = 2, .alpha = 2, .targets = {"layer"}, .dora = dora});
        attach_lora(module, adapter);
        const auto x = Tensor<float>::randn({4, 64});
        sum(module.layer(x)).backward();
        CHECK(adapter.pairs[0].a.tensor().grad().storage() != nullptr);
        CHECK(golden::deviation(adapter.pairs[0].b.tensor().grad(), Tensor<float>::zeros({3, 2})) > 0);
        CHECK(module.layer.weight.type() == StorageType::q4_0);
        CHECK(adapter.pairs[0].magnitude.wanted() == dora);
        if (!dora) continue;
        // Its norms are kept where nothing changes any more, and give the same.
        const auto moving = module.layer(x).detach();
        set_trainable(adapter, false);
        attach_lora(module, adapter);
        CHECK(module.layer.weight.low_rank()->norms.storage() != nullptr);
        CHECK(golden::deviation(module.layer(x), moving) <= 1e-6);
    }
    CHECK_ERROR(make_lora(module, {.rank = 0, .targets = {"layer"}}), ErrorCode::invalid_argument);
    CHECK_ERROR(make_lora(module, {.targets = {"lay"}}), ErrorCode::invalid_argument);
    CHECK_ERROR(make_lora(module), ErrorCode::invalid_argument);
    CHECK_ERROR(make_lora(load("llama"), {.targets = {"embed_tokens"}}), ErrorCode::unsupported);
    CHECK_ERROR(make_lora(load("gpt2"), {.targets = {"wpe"}}), ErrorCode::unsupported);
    const TempDir dir;
    CHECK_ERROR(save_weights(module, dir / "x.safetensors"), ErrorCode::invalid_argument);  // an adapter is beside it
    CHECK_ERROR(save_lora("x", LoraAdapter{}), ErrorCode::invalid_argument);
}

TEST_CASE("lora: dropout is of the terms alone, drawn from the run's generator, and off again outside of training") {
    for (const std::string base : {"llama", "gpt2", "phi3"})
        for (const bool dora : {false, true}) {
            INFO(base << (dora ? ", DoRA" : ", LoRA"));
            auto model = load(base);
            const auto ids = Expected(golden::model_folder(base) + "/expected.safetensors").ids("input_ids");
            const auto plain = model(ids);
            const auto targets = base == "phi3" ? std::vector<std::string>{"qkv_proj", "down_proj"} : std::vector<std::string>{};
            auto adapter = make_lora(model, {.rank = 4, .targets = targets, .dora = dora, .dropout = 0.5, .seed = 1});
            attach_lora(model, adapter);
            const NoGrad guard;
            const auto dropped = [&](std::uint64_t seed) {
                Generator generator(seed);
                set_lora_training(model, &generator);
                const auto y = model(ids);
                set_lora_training(model, nullptr);
                CHECK(generator.position() > 0);
                return y;
            };
            if (!dora) CHECK(golden::deviation(dropped(3), plain) <= 1e-6);  // B is 0: the layers themselves drop nothing
            for (auto& pair : adapter.pairs) pair.b.tensor().fill(0.05f);
            const auto whole = model(ids);
            CHECK(golden::deviation(dropped(3), whole) > 1e-3);
            CHECK(golden::deviation(dropped(3), dropped(3)) == 0);
            CHECK(golden::deviation(dropped(3), dropped(4)) > 0);
            CHECK(golden::deviation(model(ids), whole) == 0);
            adapter.dropout->p = 1e-12;  // of so many numbers none is dropped
            CHECK(golden::deviation(dropped(3), whole) <= 1e-5);
        }
    // Backward draws the same again, where blocks are computed anew in it too.
    auto model = load("llama");
    const auto ids = Expected(golden::model_folder("llama") + "/expected.safetensors").ids("input_ids");
    auto adapter = make_lora(model, {.rank = 4, .targets = {"q_proj", "down_proj"}, .dropout = 0.5, .seed = 1});
    attach_lora(model, adapter);
    const auto gradients = [&](bool recompute) {
        Generator generator(3);
        set_lora_training(model, &generator);
        cross_entropy(forward(model, ids, {.checkpoint = recompute, .training = &generator}), ids).backward();
        set_lora_training(model, nullptr);
        std::vector<float> all;
        for_each_weight(adapter, [&](const std::string&, Weight& w) {
            const auto values = w.tensor().grad().to_vector();
            all.insert(all.end(), values.begin(), values.end());
        });
        zero_grad(adapter);
        return all;
    };
    CHECK(gradients(false) == gradients(true));
    CHECK_ERROR(make_lora(load("llama"), {.dropout = 1}), ErrorCode::invalid_argument);
}

TEST_CASE("lora: whole weights are saved, read and put in as the model has them, and what cannot be is refused") {
    const auto ids = Expected(golden::model_folder("gpt2") + "/expected.safetensors").ids("input_ids");
    for (const auto& whole : std::initializer_list<std::vector<std::string>>{{"attn.c_proj"}, {"c_fc"}, {"ln_1", "ln_2"}}) {
        INFO(whole[0]);
        auto model = load("gpt2");
        auto adapter = make_lora(model, {.rank = 2, .targets = {"c_attn"}, .whole = whole});
        attach_lora(model, adapter);
        const NoGrad guard;
        for (auto& w : adapter.whole) w.weight.tensor() *= Tensor<float>::randn(w.weight.shape());
        const TempDir dir;
        save_lora(dir / "adapter", adapter);
        CHECK(golden::deviation(load("gpt2", {.adapter = dir / "adapter"})(ids), model(ids).detach()) <= 1e-5);
        auto narrow = load("gpt2", {.activations = Activations::bf16, .adapter = dir / "adapter"});
        for_each_weight(narrow, [](const std::string&, const Weight& w) {
            if (w.shape().rank() == 2) CHECK(w.activations() == Activations::bf16);
        });
        auto other = load("llama");
        CHECK_ERROR(attach_lora(other, adapter), ErrorCode::missing_tensor);
    }
    // PEFT names "classifier" and "score" for every classifier, which has one of them.
    const TempDir dir;
    const auto path = changed(dir, R"("modules_to_save": null)", R"("modules_to_save": ["norm", "score"])", [](auto& tensors) {
        static const std::vector<float> ones(64, 1.f);
        tensors.push_back({"base_model.model.model.norm.weight", StorageType::f32, {64}, std::as_bytes(std::span(ones))});
    });
    CHECK(load_lora(path).whole_modules == std::vector<std::string>{"norm"});
    const auto model = load("llama");
    CHECK_ERROR(make_lora(model, {.whole = {"lm_hea"}}), ErrorCode::invalid_argument);
    CHECK_ERROR(make_lora(model, {.whole = {"embed_tokens"}}), ErrorCode::unsupported);
    CHECK_ERROR(make_lora(model, {.targets = {"qkv_proj", "k_proj"}}), ErrorCode::invalid_argument);
    auto both = make_lora(model, {.targets = {"qkv_proj"}}), one = make_lora(model, {.targets = {"k_proj"}});
    both.pairs.push_back(one.pairs[0]);
    auto target = load("llama");
    CHECK_ERROR(attach_lora(target, both), ErrorCode::invalid_argument);
    both.pairs.resize(1);  // the second block's are missing now
    CHECK_ERROR(attach_lora(target, both), ErrorCode::missing_tensor);
    for_each_weight(target, [](const std::string&, const Weight& w) { CHECK(w.low_rank() == nullptr); });
}
