// LoRA (Hu et al. 2021) and DoRA (Liu et al. 2024): what a fine-tuning has learnt, as a low-rank term beside weights that stay as they are.
//
//   LoRA   y = W x + s · B (A x)                          A (r, in), B (out, r)        s = alpha / r, or alpha / √r (rsLoRA, Kalajdzievski 2023)
//   DoRA   y = m · (W x + s · B (A x)) / ‖W + s · B A‖    m (out), the norm of each row of the sum
//
// Weights that are trained whole, such as a new head's, may be of an adapter too (PEFT's modules_to_save); attaching puts them in place of the
// model's.
//
// An adapter is a module of its own: for_each_weight, set_trainable, an optimizer or save_weights see A, B, m and whole weights alone, whatever type
// the model's weights are stored in. Over quantised weights this is QLoRA (Dettmers et al. 2023).
//
//   auto model = load_causal_model(Gguf::open("model.gguf"));    // its weights stay as they are stored
//   auto adapter = make_lora(model, {.rank = 8, .alpha = 16});   // or load_lora("adapter/", {.trainable = true}), nn/lora_file.hpp
//   attach_lora(model, adapter);                                 // the model's layers now add the term; gradients go to the adapter's weights
#pragma once

#include "tercet/nn/init.hpp"
#include "tercet/nn/lora_adapter.hpp"

namespace tercet::inline TERCET_ABI {

struct LoraOptions {
    index_t rank = 8;
    double alpha = 16;
    std::vector<std::string> targets{};  // ends of the layers' names; empty: the queries and values of attention
    bool stabilised = false;             // rsLoRA: scaled by 1/√rank rather than 1/rank
    bool dora = false;
    double dropout = 0;                // of what goes into the terms, in training
    std::vector<std::string> whole{};  // ends of the names of modules, such as a new head, that are trained whole and saved with the adapter
    std::uint64_t seed = 0;            // of A; B begins at 0, so that the model begins as it was
};

namespace detail {

inline index_t rows_of(std::span<Weight* const> layers) {
    index_t rows = 0;
    for (const Weight* w : layers) rows += w->out_features();
    return rows;
}

// The terms that a pair of factors is for these layers, which have the rows of B one below the other.
inline std::vector<LowRank> terms_of(const LoraPair& pair, std::span<Weight* const> layers, std::shared_ptr<LowRankDropout> dropout) {
    std::vector<LowRank> terms;
    index_t first = 0;
    for (const Weight* w : layers) {
        terms.push_back({pair.a.tensor(), pair.b.tensor(), pair.scaling, pair.magnitude.tensor(), {}, first, dropout});
        first += w->out_features();
    }
    return terms;
}

// What the queries' and values' layers are called in the families that are known.
inline constexpr const char* attention_targets[] = {"q_proj", "v_proj", "c_attn", "query", "value", "q_lin", "v_lin", "Wqkv", "q", "v"};

}  // namespace detail

/// New factors, on the tape, for each of a model's layers whose names end as the targets say: A uniform within 1/√in, B 0, so that the model begins
/// as it was; DoRA's magnitudes are the norms of the weights' rows. Phi-3's layers can be named as its files have them (qkv_proj, gate_up_proj),
/// which is what PEFT reads. They are not attached. Throws invalid_argument for a rank below 1, an alpha that is no number, a dropout outside [0, 1),
/// a name that no layer or module ends with, and a layer that is meant twice; unsupported for a table of embeddings.
template <class Module>
LoraAdapter make_lora(const Module& model, const LoraOptions& options = {}) {
    require(options.rank >= 1 && std::isfinite(options.alpha) && options.dropout >= 0 && options.dropout < 1, ErrorCode::invalid_argument,
            "make_lora: rank ", options.rank, ", alpha ", options.alpha, ", dropout ", options.dropout);
    LoraAdapter adapter{"the new adapter", {}, options.targets, static_cast<double>(options.rank), options.alpha, options.stabilised};
    adapter.dropout->p = options.dropout;
    adapter.whole_modules = options.whole;
    const bool given = !options.targets.empty();
    if (!given) adapter.targets.assign(std::begin(detail::attention_targets), std::end(detail::attention_targets));
    std::vector<bool> used(adapter.targets.size(), false), used_whole(options.whole.size(), false);
    const auto meant = [&](const std::string& module) {
        bool any = false;
        for (std::size_t t = 0; t < used.size(); ++t)
            if (detail::names_layer(adapter.targets[t], module)) any = used[t] = true;
        return any;
    };
    const auto weights = detail::weights_by_name(const_cast<Module&>(model));  // which are not changed here
    Generator generator(options.seed);
    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        const std::string module = name.substr(0, name.rfind('.'));
        for (std::size_t t = 0; t < used_whole.size(); ++t) {
            if (!detail::is_within(options.whole[t], name)) continue;
            used_whole[t] = true;
            require(!detail::is_table(module), ErrorCode::unsupported, "make_lora: '", module,
                    "' is a table of embeddings; these are not trained whole");
            require(w.shape().rank() != 2 || w.order() == detail::order_of(name), ErrorCode::unsupported, "make_lora: '", name,
                    "' of a GGUF file is written the other way round than an adapter has it");
            adapter.whole.push_back({name, Weight(w.shape(), w.order())});
            return adapter.whole.back().weight.set(w.to_dense());
        }
        if (w.shape().rank() != 2 || !name.ends_with(".weight")) return;
        const std::string merged = detail::merged_name(module);
        const bool alone = meant(module), with_others = !merged.empty() && meant(merged);
        if (!alone && !with_others) return;
        require(alone != with_others, ErrorCode::invalid_argument, "make_lora: the targets name '", module, "' both alone and as a part of '", merged,
                "'");
        require(!detail::is_table(module), ErrorCode::unsupported, "make_lora: '", module, "' is a table of embeddings; adapters are for layers");
        const auto layers = alone ? std::vector<Weight*>{weights.at(name)} : detail::find_layers(weights, merged);
        require(!layers.empty(), ErrorCode::invalid_argument, "make_lora: the model does not have all parts of '", merged, "'");
        if (layers[0] != weights.at(name)) return;  // made with the first part
        auto& pair = adapter.pairs.emplace_back();
        pair.module = alone ? module : merged;
        pair.a = Weight(Shape{options.rank, w.in_features()});
        pair.b = Weight(Shape{detail::rows_of(layers), options.rank});
        pair.scaling = static_cast<float>(adapter.scaling(adapter.rank, adapter.alpha));
        adapter.in_out = w.order() == WeightOrder::in_out;
        auto a = Tensor<float>::empty(pair.a.shape());
        init_kaiming_uniform(a, generator, fans_of(pair.a), 1 / std::numbers::sqrt3);
        pair.a.set(std::move(a));
        pair.b.set(Tensor<float>::zeros(pair.b.shape()));
        if (options.dora) {
            const auto terms = detail::terms_of(pair, layers, nullptr);
            std::vector<Tensor<float>> norms;
            for (std::size_t i = 0; i < layers.size(); ++i) norms.push_back(detail::adapted_norms(*layers[i], terms[i]));
            pair.magnitude = Weight(Shape{pair.b.shape()[0]});
            pair.magnitude.set(concatenate(norms, 0));
        }
    });
    for (std::size_t t = 0; t < used.size(); ++t)
        require(!given || used[t], ErrorCode::invalid_argument, "make_lora: no layer of the model is called '", adapter.targets[t], "'");
    for (std::size_t t = 0; t < used_whole.size(); ++t)
        require(used_whole[t], ErrorCode::invalid_argument, "make_lora: no module of the model is called '", options.whole[t], "'");
    require(!adapter.pairs.empty(), ErrorCode::invalid_argument, "make_lora: name the layers (targets); none of the usual ones is there");
    std::size_t kept = 0;
    for (std::size_t t = 0; t < used.size(); ++t)
        if (used[t]) adapter.targets[kept++] = adapter.targets[t];
    adapter.targets.resize(kept);
    set_trainable(adapter);
    return adapter;
}

/// Weights as they were, by name: for unmerge_lora(). Let it go where there is no way back.
struct EarlierWeights {
    std::vector<std::pair<std::string, Weight>> weights;
};

namespace detail {

// A weight that is the adapter's own, as the model's `place` holds its: in its order, for activations of its type, packed where that is.
inline Weight in_place_of(const Weight& place, const WholeWeight& own, const std::string& source) {
    const Shape& shape = own.weight.shape();
    const bool turned = place.order() == WeightOrder::out_in && shape.rank() == 2 && own.weight.order() == WeightOrder::in_out;  // of a GGUF file
    require((turned ? Shape{shape[1], shape[0]} : shape) == place.shape(), ErrorCode::shape_mismatch, source, ": the whole weight '", own.name, "' ",
            shape, " is ", place.shape(), " in the model");
    Weight w(place.shape(), place.order());
    const auto& tensor = own.weight.tensor();
    require(!turned || !tensor.needs_grad(), ErrorCode::unsupported, source, ": '", own.name,
            "' is trained the other way round than the model has it");
    w.set(turned ? tensor.transpose().contiguous() : tensor);
    w.set_activations(place.activations());
    if (!place.is_dense() && !tensor.needs_grad()) w.pack();
    return w;
}

}  // namespace detail

/// Lets a model's layers add the adapter's terms, in place of any they had, and puts its whole weights in; gives back the weights that those took the
/// place of. The two share their weights: training the adapter changes what the model gives. Throws missing_tensor, naming it, when the model lacks a
/// layer or a weight, or the adapter the factors of a targeted one; invalid_argument where it has two for one; shape_mismatch.
template <class Module>
EarlierWeights attach_lora(Module& model, const LoraAdapter& adapter) {
    const auto weights = detail::weights_by_name(model);
    std::unordered_map<const Weight*, std::shared_ptr<const LowRank>> terms;  // attached when all have been found
    std::unordered_map<const Weight*, const WholeWeight*> whole;
    for (const auto& pair : adapter.pairs) {
        const auto layers = detail::find_layers(weights, pair.module);
        require(!layers.empty(), ErrorCode::missing_tensor, adapter.source, ": the model has no layer '", pair.module, "'");
        const Shape &a = pair.a.shape(), &b = pair.b.shape();
        const index_t rows = detail::rows_of(layers);
        require(a[1] == layers[0]->in_features() && b[0] == rows && a[0] == b[1], ErrorCode::shape_mismatch, adapter.source, ": ", pair.module,
                ": the factors A ", a, " and B ", b, " do not fit the model's layer, ", layers[0]->in_features(), " -> ", rows);
        require(!pair.magnitude.wanted() || pair.magnitude.shape() == Shape{rows}, ErrorCode::shape_mismatch, adapter.source, ": ", pair.module,
                ": magnitudes ", pair.magnitude.shape(), " for ", rows, " outputs");
        auto parts = detail::terms_of(pair, layers, adapter.dropout);
        for (std::size_t i = 0; i < layers.size(); ++i) {
            const Weight& w = *layers[i];
            LowRank& term = parts[i];
            const bool fixed = !term.a.needs_grad() && !term.b.needs_grad() && !(w.is_dense() && w.tensor().needs_grad());
            if (pair.magnitude.wanted() && fixed) term.norms = detail::adapted_norms(w, term);
            const bool first = terms.emplace(&w, std::make_shared<const LowRank>(std::move(term))).second;
            require(first, ErrorCode::invalid_argument, adapter.source, ": '", pair.module, "' is a layer that has factors already");
        }
    }
    for (const auto& own : adapter.whole) {
        const Weight* w = detail::find_weight(weights, own.name);
        require(w != nullptr, ErrorCode::missing_tensor, adapter.source, ": the model has no weight '", own.name, "'");
        require(!detail::is_table(own.name.substr(0, own.name.rfind('.'))), ErrorCode::unsupported, adapter.source, ": '", own.name,
                "' is a table of embeddings; these are not taken whole");
        require(whole.emplace(w, &own).second && !terms.contains(w), ErrorCode::invalid_argument, adapter.source, ": '", own.name,
                "' is a weight that is there twice");
    }
    EarlierWeights earlier;
    std::vector<std::pair<Weight*, Weight>> placed;
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        if (const auto own = whole.find(&w); own != whole.end()) {
            earlier.weights.emplace_back(name, w);
            placed.emplace_back(&w, detail::in_place_of(w, *own->second, adapter.source));
            return;
        }
        if (w.shape().rank() != 2 || terms.contains(&w) || !name.ends_with(".weight")) return;
        const std::string module = name.substr(0, name.size() - 7), merged = detail::merged_name(module);
        for (const auto& target : adapter.targets)
            require(!detail::names_layer(target, module) && (merged.empty() || !detail::names_layer(target, merged)), ErrorCode::missing_tensor,
                    adapter.source, ": the factors for the targeted layer '", module, "' are not there");
    });
    for (auto& [to, w] : placed) *to = std::move(w);
    for_each_weight(model, [&](const std::string&, Weight& w) {
        if (const auto term = terms.find(&w); term != terms.end()) w.set_low_rank(term->second);
    });
    return earlier;
}

/// In training, lets the dropout of a model's low-rank terms draw from this generator; null: there is none. It is the adapter's, so all models that
/// the adapter is on share it: none of them may be used by another thread meanwhile. Where blocks are computed again in backward
/// (ForwardOptions::checkpoint), ForwardOptions::training must be the same generator.
template <class Module>
void set_lora_training(Module& model, Generator* training) {
    for_each_weight(model, [&](const std::string&, Weight& w) {
        if (w.low_rank() != nullptr && w.low_rank()->dropout != nullptr) w.low_rank()->dropout->training = training;
    });
}

/// Takes all low-rank terms off a model. Whole weights stay; unmerge_lora() with what attach_lora() gave takes them off too.
template <class Module>
void detach_lora(Module& model) {
    for_each_weight(model, [](const std::string&, Weight& w) { w.set_low_rank(nullptr); });
}

/// Makes each low-rank term a part of its weight, and takes it off. Weights that were packed are packed again; stored ones become packed float32,
/// since a quantised type would round the sum.
template <class Module>
EarlierWeights merge_lora(Module& model) {
    const NoGrad guard;
    EarlierWeights earlier;
    for_each_weight(model, [&](const std::string& name, Weight& w) {
        const auto term = w.low_rank();
        if (term == nullptr) return;
        earlier.weights.emplace_back(name, w);
        const bool dense = w.is_dense(), trained = dense && w.tensor().needs_grad();
        auto rows = w.to_dense();
        if (w.order() == WeightOrder::in_out) rows = rows.transpose();
        rows = rows + matmul(detail::own_rows(term->b, *term, w), term->a) * term->scaling;  // (out, in)
        if (term->magnitude.storage() != nullptr)
            rows = rows * unsqueeze(detail::own_rows(term->magnitude, *term, w) / detail::adapted_norms(w, *term), 1);
        w.set(w.order() == WeightOrder::out_in ? rows : rows.transpose().contiguous());
        if (trained) w.tensor().requires_grad();
        if (!dense) w.pack();
    });
    return earlier;
}

/// Puts back what merge_lora() changed, to the bit, with the terms beside it; or the weights whose place attach_lora() gave to whole ones. Throws
/// missing_tensor where the model has no such weight.
template <class Module>
void unmerge_lora(Module& model, const EarlierWeights& earlier) {
    const auto weights = detail::weights_by_name(model);
    for (const auto& [name, before] : earlier.weights) {
        const auto at = weights.find(name);
        require(at != weights.end() && at->second->shape() == before.shape(), ErrorCode::missing_tensor, "unmerge_lora: '", name,
                "' was another model's");
    }
    for (const auto& [name, before] : earlier.weights) *weights.at(name) = before;
}

}  // namespace tercet::inline TERCET_ABI
