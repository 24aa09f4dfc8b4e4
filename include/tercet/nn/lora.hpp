// LoRA (Hu et al. 2021): what a fine-tuning has learnt, as a low-rank term beside weights that stay as they are.
//
//   y = W x + s · B (A x)        A (r, in), B (out, r)        s = alpha / r, or alpha / sqrt(r) (rsLoRA, Kalajdzievski 2023)
//
// Adapters are read as the PEFT library writes them: adapter_config.json, and adapter_model.safetensors with the tensors
// base_model.model.<module>.lora_A.weight and .lora_B.weight. An adapter is a module of its own: for_each_weight, set_trainable, an
// optimizer or save_weights see A and B alone, whatever type the model's weights are stored in.
//
//   const auto adapter = load_lora("adapter/", {.trainable = true});
//   attach_lora(model, adapter);               // model's linear layers now add the term; gradients go to the adapter's weights
#pragma once

#include "tercet/io/hub.hpp"
#include "tercet/nn/load.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

/// The factors for one linear layer.
struct LoraPair {
    std::string module;  // as the adapter's file names it: "model.layers.0.self_attn.q_proj"
    Weight a, b;         // (r, in), (out, r)
    float scaling = 1;
};

/// A set of low-rank terms. Names of its weights: base_model.model.<module>.lora_A.weight, …
struct LoraAdapter {
    std::string source;  // for messages
    std::vector<LoraPair> pairs;
    std::vector<std::string> targets{};  // every layer whose name ends so has a pair; empty where the config says it otherwise

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        for (auto& pair : self.pairs) {
            v("base_model.model." + pair.module + ".lora_A.weight", pair.a);
            v("base_model.model." + pair.module + ".lora_B.weight", pair.b);
        }
    }
};

struct LoraLoading {
    bool trainable = false;  // A and B on the tape
    bool map = true;         // see LoadOptions
    std::stop_token stop{};
};

namespace detail {

// Whether a layer is meant by a name of target_modules or of the patterns: the whole name, or the end of it behind a dot.
inline bool names_layer(std::string_view target, std::string_view module) {
    return module == target || (module.ends_with(target) && module.substr(0, module.size() - target.size()).ends_with('.'));
}

// The value that rank_pattern or alpha_pattern has for a module, or the fallback. PEFT's keys are regular expressions; names are read here.
inline double pattern_or(const Json& config, std::string_view key, std::string_view module, double fallback) {
    const Json* pattern = config.find(key);
    if (pattern == nullptr || pattern->is_null()) return fallback;
    for (const auto& [name, value] : pattern->items()) {
        const bool plain = name.find_first_of("^$*+?()[]{}|\\") == std::string::npos;
        require(plain, ErrorCode::unsupported, pattern->place(), ": the regular expression ", excerpt(name), " is not supported, plain names are");
        if (names_layer(name, module)) return value.as_number();
    }
    return fallback;
}

// What other kinds of adapters ask for, and this one does not do.
inline void check_lora_config(const Json& config, const std::string& source) {
    const std::string type = config.get_or("peft_type", "LORA");
    require(type == "LORA", ErrorCode::unsupported, source, ": an adapter of type ", excerpt(type), " is not supported (LORA)");
    for (const char* key : {"use_dora", "lora_bias", "use_qalora", "use_bdlora"}) {
        const Json* value = config.find(key);
        const bool on = value != nullptr && !value->is_null() && !(value->is_bool() && !value->as_bool());
        require(!on, ErrorCode::unsupported, source, ": ", key, " is not supported");
    }
    for (const char* key : {"modules_to_save", "layer_replication", "target_parameters", "trainable_token_indices", "alora_invocation_tokens"}) {
        const Json* value = config.find(key);
        require(value == nullptr || value->is_null() || ((value->is_array() || value->is_object()) && value->size() == 0), ErrorCode::unsupported,
                source, ": ", key, " is not supported");
    }
    const std::string bias = config.get_or("bias", "none");
    require(bias == "none", ErrorCode::unsupported, source, ": trained biases (bias ", excerpt(bias), ") are not supported");
}

// The module and factor (0: A, 1: B) that a tensor of an adapter belongs to.
inline std::pair<std::string, int> lora_place(const StoredTensor& t, const std::string& source) {
    constexpr std::string_view prefix = "base_model.model.", endings[] = {".lora_A.weight", ".lora_B.weight"};
    const std::string_view name = t.name;
    for (const int factor : {0, 1}) {
        const auto ending = endings[factor];
        if (!name.starts_with(prefix) || !name.ends_with(ending) || name.size() <= prefix.size() + ending.size()) continue;
        require(t.shape.rank() == 2 && element_count(t.shape) > 0, ErrorCode::shape_mismatch, source, ": tensor ", excerpt(name), " ", t.shape,
                " is no factor of a low-rank term");
        return {std::string(name.substr(prefix.size(), name.size() - prefix.size() - ending.size())), factor};
    }
    const bool known = name.find("lora_embedding_") != std::string_view::npos || name.find("lora_magnitude_vector") != std::string_view::npos;
    fail(known ? ErrorCode::unsupported : ErrorCode::surplus_tensor, source, ": tensor ", excerpt(name), " ", t.shape,
         known ? ": adapters of embeddings and DoRA are not supported" : " is no factor of a low-rank term");
}

// The model's matrix that an adapter's module names. An adapter made on the bare model leaves out the prefix that the model with a head
// has, or the other way round.
inline Weight* find_layer(const std::unordered_map<std::string, Weight*>& matrices, const std::string& module) {
    for (const char* prefix : {"", "model.", "transformer."})
        if (const auto at = matrices.find(prefix + module + ".weight"); at != matrices.end()) return at->second;
    if (!module.starts_with("bert.")) return nullptr;
    const auto at = matrices.find(module.substr(5) + ".weight");
    return at == matrices.end() ? nullptr : at->second;
}

}  // namespace detail

/// Reads a PEFT adapter's directory. Throws io, bad_json, missing_key, unsupported for other kinds of adapters, missing_tensor for an A without
/// its B, surplus_tensor, and shape_mismatch where the factors' rank is not the config's.
inline LoraAdapter load_lora(const std::string& directory, const LoraLoading& how = {}) {
    const std::string folder = directory.ends_with('/') ? directory : directory + "/";
    const Json config = read_json_file(folder + "adapter_config.json");
    LoraAdapter adapter{folder + "adapter_model.safetensors", {}, {}};
    detail::check_lora_config(config, folder + "adapter_config.json");
    const auto file = Safetensors::open(adapter.source, {how.map, how.stop});

    std::unordered_map<std::string, std::size_t> places;
    for (const auto& t : file.tensors()) {
        const auto [module, factor] = detail::lora_place(t, adapter.source);
        const auto [place, fresh] = places.emplace(module, adapter.pairs.size());
        if (fresh) adapter.pairs.push_back({module, Weight(Shape{0, 0}), Weight(Shape{0, 0})});
        auto& pair = adapter.pairs[place->second];
        (factor == 0 ? pair.a : pair.b) = Weight(t.shape);
    }
    require(!adapter.pairs.empty(), ErrorCode::missing_tensor, adapter.source, ": the adapter has no tensors");
    load_weights(adapter, {adapter.source, file.tensors(), file.owner()}, {.trainable = true, .stop = how.stop});
    set_trainable(adapter, how.trainable);

    const double rank = static_cast<double>(config.at("r").as_int()), alpha = config.get_or("lora_alpha", 8.0);
    const bool stabilised = config.get_or("use_rslora", false);
    for (auto& pair : adapter.pairs) {
        const double r = detail::pattern_or(config, "rank_pattern", pair.module, rank),
                     scale = detail::pattern_or(config, "alpha_pattern", pair.module, alpha);
        const index_t rows = pair.a.shape()[0], columns = pair.b.shape()[1];
        require(static_cast<double>(rows) == r && static_cast<double>(columns) == r, ErrorCode::shape_mismatch, adapter.source, ": ", pair.module,
                ": the config's rank is ", r, ", the factors are A ", pair.a.shape(), " and B ", pair.b.shape());
        pair.scaling = static_cast<float>(scale / (stabilised ? std::sqrt(r) : r));
    }
    const auto absent = [&](const char* key) { return config.find(key) == nullptr || config.find(key)->is_null(); };
    const Json* targets = config.find("target_modules");
    if (targets != nullptr && targets->is_array() && absent("layers_to_transform") && absent("exclude_modules"))
        for (const auto& target : targets->elements()) adapter.targets.push_back(target.as_string());
    return adapter;
}

/// Lets a model's layers add the adapter's terms, in place of any they had. The two share A and B: training the adapter changes what the model
/// gives. Throws missing_tensor, naming it, when the model lacks a layer or the adapter the factors of a targeted one; shape_mismatch.
template <class Module>
void attach_lora(Module& model, const LoraAdapter& adapter) {
    std::unordered_map<std::string, Weight*> matrices;
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        if (w.shape().rank() == 2) matrices.emplace(name, &w);
    });
    std::vector<std::pair<Weight*, std::shared_ptr<const LowRank>>> found;  // attached when all have been found
    std::unordered_map<const Weight*, bool> adapted;
    for (const auto& pair : adapter.pairs) {
        Weight* w = detail::find_layer(matrices, pair.module);
        require(w != nullptr, ErrorCode::missing_tensor, adapter.source, ": the model has no layer '", pair.module, "'");
        const Shape &a = pair.a.shape(), &b = pair.b.shape();
        require(a[1] == w->in_features() && b[0] == w->out_features() && a[0] == b[1], ErrorCode::shape_mismatch, adapter.source, ": ", pair.module,
                ": the factors A ", a, " and B ", b, " do not fit the model's layer, ", w->in_features(), " -> ", w->out_features());
        found.emplace_back(w, std::make_shared<const LowRank>(LowRank{pair.a.tensor(), pair.b.tensor(), pair.scaling}));
        adapted.emplace(w, true);
    }
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        if (w.shape().rank() != 2 || adapted.contains(&w) || !name.ends_with(".weight")) return;
        const std::string module = name.substr(0, name.size() - 7);
        for (const auto& target : adapter.targets)
            require(!detail::names_layer(target, module), ErrorCode::missing_tensor, adapter.source, ": the factors for the targeted layer '", module,
                    "' are not there");
    });
    for (auto& [w, term] : found) w->set_low_rank(std::move(term));
}

/// Takes all low-rank terms off a model.
template <class Module>
void detach_lora(Module& model) {
    for_each_weight(model, [](const std::string&, Weight& w) { w.set_low_rank(nullptr); });
}

/// Adds each low-rank term to its weight, W + s · B A, and takes it off. Weights that were packed are packed again; stored ones become
/// packed float32, since a quantised type would round the sum.
template <class Module>
void merge_lora(Module& model) {
    const NoGrad guard;
    for_each_weight(model, [](const std::string&, Weight& w) {
        const auto term = w.low_rank();
        if (term == nullptr) return;
        const bool dense = w.is_dense(), trained = dense && w.tensor().needs_grad();
        auto whole = w.to_dense();
        const auto change = matmul(term->b, term->a) * term->scaling;  // (out, in)
        whole += w.order() == WeightOrder::out_in ? change : change.transpose();
        w.set(std::move(whole));
        if (trained) w.tensor().requires_grad();
        if (!dense) w.pack();
    });
}

}  // namespace tercet::inline TERCET_ABI
