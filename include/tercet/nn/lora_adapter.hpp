// What a fine-tuning has learnt beside a model's weights, as LoRA and DoRA have it (nn/lora.hpp), and the names that it goes by: those of the PEFT
// library, whose modules are the model's layers.
#pragma once

#include "tercet/nn/module.hpp"

#include <array>
#include <cmath>

namespace tercet::inline TERCET_ABI {

/// The factors for one linear layer, or for several that are one matrix in the adapter's file.
struct LoraPair {
    std::string module;  // as the adapter's file names it: "model.layers.0.self_attn.q_proj"
    Weight a, b;         // (r, in), (out, r); out: of all the layers together
    Weight magnitude{};  // (out), DoRA's
    float scaling = 1;
};

/// A weight that an adapter has whole.
struct WholeWeight {
    std::string name;  // the model's: "classifier.weight"
    Weight weight;
};

/// A set of low-rank terms, and of whole weights. Names of its weights, as the PEFT library has them: base_model.model.MODULE.lora_A.weight,
/// ….lora_magnitude_vector; base_model.model.NAME
struct LoraAdapter {
    std::string source;  // for messages
    std::vector<LoraPair> pairs;
    std::vector<std::string> targets{};  // every layer whose name ends so has a pair; empty where the config says it otherwise
    double rank = 0, alpha = 0;          // of the pairs that have no other
    bool stabilised = false;             // s = alpha / √r
    bool in_out = false;                 // its layers are written (in, out), as GPT-2's Conv1D
    std::vector<WholeWeight> whole{};
    std::vector<std::string> whole_modules{};  // the ends of the names of the modules that those are of
    std::shared_ptr<LowRankDropout> dropout = std::make_shared<LowRankDropout>();

    double scaling(double r, double a) const { return a / (stabilised ? std::sqrt(r) : r); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        for (auto& pair : self.pairs) {
            v("base_model.model." + pair.module + ".lora_A.weight", pair.a);
            v("base_model.model." + pair.module + ".lora_B.weight", pair.b);
            v("base_model.model." + pair.module + ".lora_magnitude_vector", pair.magnitude);
        }
        for (auto& w : self.whole) v("base_model.model." + w.name, w.weight);
    }
};

namespace detail {

// Whether a layer is meant by a name of target_modules or of the patterns: the whole name, or the end of it behind a dot.
inline bool names_layer(std::string_view target, std::string_view module) {
    return module == target || (module.ends_with(target) && module.substr(0, module.size() - target.size()).ends_with('.'));
}

// Whether a weight is of the module that a name of modules_to_save means: "classifier" has "classifier.weight" and "classifier.dense.bias".
inline bool is_within(std::string_view target, std::string_view weight) {
    for (auto end = weight.rfind('.'); end != std::string_view::npos && end > 0; end = weight.rfind('.', end - 1))
        if (names_layer(target, weight.substr(0, end))) return true;
    return false;
}

// GPT-2's layers are written (in, out) in its files.
inline WeightOrder order_of(std::string_view weight) {
    for (const char* conv : {"c_attn.weight", "c_proj.weight", "c_fc.weight"})
        if (names_layer(conv, weight)) return WeightOrder::in_out;
    return WeightOrder::out_in;
}

using WeightsByName = std::unordered_map<std::string, Weight*>;
template <class Module>
WeightsByName weights_by_name(Module& model) {
    WeightsByName weights;
    for_each_weight(model, [&](const std::string& name, Weight& w) { weights.emplace(name, &w); });
    return weights;
}

// The model's weight of a name. An adapter made on the bare model leaves out the prefix that the model with a head has, or the other way round.
inline Weight* find_weight(const WeightsByName& weights, const std::string& name) {
    for (const char* prefix : {"", "model.", "transformer."})
        if (const auto at = weights.find(prefix + name); at != weights.end()) return at->second;
    if (!name.starts_with("bert.")) return nullptr;
    const auto at = weights.find(name.substr(5));
    return at == weights.end() ? nullptr : at->second;
}

// What Phi-3's files have as one matrix, and the layers that it is here, one below the other.
struct MergedLayers {
    std::string_view name;
    std::array<std::string_view, 3> parts;
};
inline constexpr MergedLayers merged_layers[] = {{"qkv_proj", {"q_proj", "k_proj", "v_proj"}}, {"gate_up_proj", {"gate_proj", "up_proj", ""}}};

// The matrix that a layer is a part of there: "mlp.gate_up_proj" for "mlp.up_proj"; empty for a layer that stands alone.
inline std::string merged_name(std::string_view module) {
    for (const auto& merged : merged_layers)
        for (const auto part : merged.parts)
            if (!part.empty() && names_layer(part, module))
                return std::string(module.substr(0, module.size() - part.size())) + std::string(merged.name);
    return {};
}

// The matrices that an adapter's module names: one, or the parts of a merged one; none where the model has no such layer.
inline std::vector<Weight*> find_layers(const WeightsByName& weights, const std::string& module) {
    if (Weight* w = find_weight(weights, module + ".weight"); w != nullptr && w->shape().rank() == 2) return {w};
    std::vector<Weight*> layers;
    for (const auto& merged : merged_layers)
        if (names_layer(merged.name, module))
            for (const auto part : merged.parts)
                if (!part.empty())
                    layers.push_back(find_weight(weights, module.substr(0, module.size() - merged.name.size()) + std::string(part) + ".weight"));
    const bool all = std::all_of(layers.begin(), layers.end(), [](const Weight* w) { return w != nullptr && w->order() == WeightOrder::out_in; });
    return all ? layers : std::vector<Weight*>();
}

// Tables that rows are taken from, and no products made with.
inline bool is_table(std::string_view module) {
    constexpr std::string_view tables[] = {"embed_tokens",
                                           "wte",
                                           "wpe",
                                           "word_embeddings",
                                           "position_embeddings",
                                           "token_type_embeddings",
                                           "embed_positions",
                                           "tok_embeddings",
                                           "shared",
                                           "relative_attention_bias"};
    return std::any_of(std::begin(tables), std::end(tables), [&](std::string_view table) { return names_layer(table, module); });
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
