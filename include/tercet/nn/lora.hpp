// LoRA (Hu et al. 2021) and DoRA (Liu et al. 2024): what a fine-tuning has learnt, as a low-rank term beside weights that stay as they are.
//
//   LoRA   y = W x + s · B (A x)                          A (r, in), B (out, r)        s = alpha / r, or alpha / √r (rsLoRA, Kalajdzievski 2023)
//   DoRA   y = m · (W x + s · B (A x)) / ‖W + s · B A‖    m (out), the norm of each row of the sum
//
// An adapter is a module of its own: for_each_weight, set_trainable, an optimizer or save_weights see A, B and m alone, whatever type the model's
// weights are stored in. Over quantised weights this is QLoRA (Dettmers et al. 2023).
//
//   auto model = load_causal_model(Gguf::open("model.gguf"));    // its weights stay as they are stored
//   auto adapter = make_lora(model, {.rank = 8, .alpha = 16});   // or load_lora("adapter/", {.trainable = true}), nn/lora_file.hpp
//   attach_lora(model, adapter);                                 // the model's layers now add the term; gradients go to the adapter's weights
#pragma once

#include "tercet/nn/init.hpp"
#include "tercet/ops/shape.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

/// The factors for one linear layer.
struct LoraPair {
    std::string module;  // as the adapter's file names it: "model.layers.0.self_attn.q_proj"
    Weight a, b;         // (r, in), (out, r)
    Weight magnitude{};  // (out), DoRA's
    float scaling = 1;
};

/// A set of low-rank terms. Names of its weights, as the PEFT library has them: base_model.model.<module>.lora_A.weight, ….lora_magnitude_vector
struct LoraAdapter {
    std::string source;  // for messages
    std::vector<LoraPair> pairs;
    std::vector<std::string> targets{};  // every layer whose name ends so has a pair; empty where the config says it otherwise
    double rank = 0, alpha = 0;          // of the pairs that have no other
    bool stabilised = false;             // s = alpha / √r
    bool in_out = false;                 // its layers are written (in, out), as GPT-2's Conv1D

    double scaling(double r, double a) const { return a / (stabilised ? std::sqrt(r) : r); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        for (auto& pair : self.pairs) {
            v("base_model.model." + pair.module + ".lora_A.weight", pair.a);
            v("base_model.model." + pair.module + ".lora_B.weight", pair.b);
            v("base_model.model." + pair.module + ".lora_magnitude_vector", pair.magnitude);
        }
    }
};

struct LoraOptions {
    index_t rank = 8;
    double alpha = 16;
    std::vector<std::string> targets{};  // ends of the layers' names; empty: the queries and values of attention
    bool stabilised = false;             // rsLoRA: scaled by 1/√rank rather than 1/rank
    bool dora = false;
    std::uint64_t seed = 0;  // of A; B begins at 0, so that the model begins as it was
};

namespace detail {

// Whether a layer is meant by a name of target_modules or of the patterns: the whole name, or the end of it behind a dot.
inline bool names_layer(std::string_view target, std::string_view module) {
    return module == target || (module.ends_with(target) && module.substr(0, module.size() - target.size()).ends_with('.'));
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

// What the queries' and values' layers are called in the families that are known.
inline constexpr const char* attention_targets[] = {"q_proj", "v_proj", "c_attn", "query", "value", "q_lin", "v_lin", "Wqkv", "q", "v"};

}  // namespace detail

/// New factors, on the tape, for each of a model's layers whose names end as the targets say: A uniform within 1/√in, B 0, so that the model begins
/// as it was; DoRA's magnitudes are the norms of the weights' rows. They are not attached. Throws invalid_argument for a rank below 1, and for a
/// target that no layer's name ends with; unsupported for a table of embeddings.
template <class Module>
LoraAdapter make_lora(const Module& model, const LoraOptions& options = {}) {
    require(options.rank >= 1 && std::isfinite(options.alpha), ErrorCode::invalid_argument, "make_lora: rank ", options.rank, ", alpha ",
            options.alpha);
    LoraAdapter adapter{"the new adapter", {}, options.targets, static_cast<double>(options.rank), options.alpha, options.stabilised};
    const bool given = !options.targets.empty();
    if (!given) adapter.targets.assign(std::begin(detail::attention_targets), std::end(detail::attention_targets));
    std::vector<bool> used(adapter.targets.size(), false);
    Generator generator(options.seed);
    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        if (w.shape().rank() != 2 || !name.ends_with(".weight")) return;
        const std::string module = name.substr(0, name.size() - 7);
        bool meant = false;
        for (std::size_t t = 0; t < used.size(); ++t)
            if (detail::names_layer(adapter.targets[t], module)) meant = used[t] = true;
        if (!meant) return;
        require(!detail::is_table(module), ErrorCode::unsupported, "make_lora: '", module, "' is a table of embeddings; adapters are for layers");
        auto& pair = adapter.pairs.emplace_back();
        pair.module = module;
        pair.a = Weight(Shape{options.rank, w.in_features()});
        pair.b = Weight(Shape{w.out_features(), options.rank});
        pair.scaling = static_cast<float>(adapter.scaling(adapter.rank, adapter.alpha));
        adapter.in_out = w.order() == WeightOrder::in_out;
        auto a = Tensor<float>::empty(pair.a.shape());
        init_kaiming_uniform(a, generator, fans_of(pair.a), 1 / std::numbers::sqrt3);
        pair.a.set(std::move(a));
        pair.b.set(Tensor<float>::zeros(pair.b.shape()));
        if (options.dora) {
            pair.magnitude = Weight(Shape{w.out_features()});
            pair.magnitude.set(detail::adapted_norms(w, {pair.a.tensor(), pair.b.tensor(), pair.scaling}));
        }
    });
    for (std::size_t t = 0; t < used.size(); ++t)
        require(!given || used[t], ErrorCode::invalid_argument, "make_lora: no layer of the model is called '", adapter.targets[t], "'");
    require(!adapter.pairs.empty(), ErrorCode::invalid_argument, "make_lora: name the layers (targets); none of the usual ones is there");
    std::size_t kept = 0;
    for (std::size_t t = 0; t < used.size(); ++t)
        if (used[t]) adapter.targets[kept++] = adapter.targets[t];
    adapter.targets.resize(kept);
    set_trainable(adapter);
    return adapter;
}

/// Lets a model's layers add the adapter's terms, in place of any they had. The two share their weights: training the adapter changes what the model
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
        require(!pair.magnitude.wanted() || pair.magnitude.shape() == Shape{w->out_features()}, ErrorCode::shape_mismatch, adapter.source, ": ",
                pair.module, ": magnitudes ", pair.magnitude.shape(), " for ", w->out_features(), " outputs");
        LowRank term{pair.a.tensor(), pair.b.tensor(), pair.scaling, pair.magnitude.tensor()};
        const bool fixed = !term.a.needs_grad() && !term.b.needs_grad() && !(w->is_dense() && w->tensor().needs_grad());
        if (pair.magnitude.wanted() && fixed) term.norms = detail::adapted_norms(*w, term);
        found.emplace_back(w, std::make_shared<const LowRank>(std::move(term)));
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

/// The weights as they were before terms were merged into them, with the terms. For unmerge_lora(); let it go where there is no way back.
struct MergedLora {
    std::vector<std::pair<std::string, Weight>> before;
};

/// Makes each low-rank term a part of its weight, and takes it off. Weights that were packed are packed again; stored ones become packed float32,
/// since a quantised type would round the sum.
template <class Module>
MergedLora merge_lora(Module& model) {
    const NoGrad guard;
    MergedLora merged;
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        const auto term = w.low_rank();
        if (term == nullptr) return;
        merged.before.emplace_back(name, w);
        const bool dense = w.is_dense(), trained = dense && w.tensor().needs_grad();
        auto rows = w.to_dense();
        if (w.order() == WeightOrder::in_out) rows = rows.transpose();
        rows = rows + matmul(term->b, term->a) * term->scaling;  // (out, in)
        if (term->magnitude.storage() != nullptr) rows = rows * unsqueeze(term->magnitude / detail::adapted_norms(w, *term), 1);
        w.set(w.order() == WeightOrder::out_in ? rows : rows.transpose().contiguous());
        if (trained) w.tensor().requires_grad();
        if (!dense) w.pack();
    });
    return merged;
}

/// Puts back what merge_lora() changed, to the bit, with the terms beside it. Throws missing_tensor where the model has no such weight.
template <class Module>
void unmerge_lora(Module& model, const MergedLora& merged) {
    std::unordered_map<std::string, Weight*> weights;
    for_each_weight(model, [&](const std::string& name, Weight& w) { weights.emplace(name, &w); });
    for (const auto& [name, before] : merged.before)
        require(weights.contains(name) && weights[name]->shape() == before.shape(), ErrorCode::missing_tensor,
                "unmerge_lora: the terms were merged into '", name, "' of another model");
    for (const auto& [name, before] : merged.before) *weights[name] = before;
}

}  // namespace tercet::inline TERCET_ABI
