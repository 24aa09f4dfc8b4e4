// Adapters' files, as the PEFT library writes and reads them: adapter_config.json, and adapter_model.safetensors with the tensors
//
//   base_model.model.<module>.lora_A.weight (r, in), .lora_B.weight (out, r), and for DoRA .lora_magnitude_vector (out)
//   base_model.model.<weight>, whole, of the modules that modules_to_save names
#pragma once

#include "tercet/io/json_text.hpp"
#include "tercet/nn/lora.hpp"
#include "tercet/nn/save.hpp"

namespace tercet::inline TERCET_ABI {

struct LoraLoading {
    bool trainable = false;  // A, B and magnitudes on the tape
    bool map = true;         // see LoadOptions
    std::stop_token stop{};
};

namespace detail {

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
    for (const char* key : {"lora_bias", "use_qalora", "use_bdlora"}) {
        const Json* value = config.find(key);
        const bool on = value != nullptr && !value->is_null() && !(value->is_bool() && !value->as_bool());
        require(!on, ErrorCode::unsupported, source, ": ", key, " is not supported");
    }
    for (const char* key : {"layer_replication", "target_parameters", "trainable_token_indices", "alora_invocation_tokens"}) {
        const Json* value = config.find(key);
        require(value == nullptr || value->is_null() || ((value->is_array() || value->is_object()) && value->size() == 0), ErrorCode::unsupported,
                source, ": ", key, " is not supported");
    }
    const std::string bias = config.get_or("bias", "none");
    require(bias == "none", ErrorCode::unsupported, source, ": trained biases (bias ", excerpt(bias), ") are not supported");
}

// The module and part (0: A, 1: B, 2: magnitudes) that a tensor of an adapter belongs to; or the weight that it is as a whole, and 3.
inline std::pair<std::string, int> lora_place(const StoredTensor& t, const std::vector<std::string>& whole_modules, const std::string& source) {
    constexpr std::string_view prefix = "base_model.model.", endings[] = {".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"};
    const std::string_view name = t.name;
    for (const int factor : {0, 1, 2}) {
        const auto ending = endings[factor];
        if (!name.starts_with(prefix) || !name.ends_with(ending) || name.size() <= prefix.size() + ending.size()) continue;
        require(t.shape.rank() == (factor == 2 ? 1 : 2) && element_count(t.shape) > 0, ErrorCode::shape_mismatch, source, ": tensor ", excerpt(name),
                " ", t.shape, " is no factor of a low-rank term");
        return {std::string(name.substr(prefix.size(), name.size() - prefix.size() - ending.size())), factor};
    }
    if (name.starts_with(prefix))
        for (const auto& module : whole_modules)
            if (is_within(module, name.substr(prefix.size()))) return {std::string(name.substr(prefix.size())), 3};
    const bool known = name.find("lora_embedding_") != std::string_view::npos;
    fail(known ? ErrorCode::unsupported : ErrorCode::surplus_tensor, source, ": tensor ", excerpt(name), " ", t.shape,
         known ? ": adapters of embeddings are not supported" : " is no factor of a low-rank term");
}

}  // namespace detail

/// Reads a PEFT adapter's directory. Throws io, bad_json, missing_key, unsupported for other kinds of adapters, missing_tensor for an A without
/// its B, or none of modules_to_save, surplus_tensor, invalid_argument for a dropout outside [0, 1), and shape_mismatch where the factors' rank is
/// not the config's.
inline LoraAdapter load_lora(const std::string& directory, const LoraLoading& how = {}) {
    const std::string folder = directory.ends_with('/') ? directory : directory + "/";
    const Json config = read_json_file(folder + "adapter_config.json");
    LoraAdapter adapter{folder + "adapter_model.safetensors", {}};
    detail::check_lora_config(config, folder + "adapter_config.json");
    if (const Json* modules = config.find("modules_to_save"); modules != nullptr && !modules->is_null())
        for (const auto& module : modules->elements()) adapter.whole_modules.push_back(module.as_string());
    const auto file = Safetensors::open(adapter.source, {how.map, how.stop});

    std::unordered_map<std::string, std::size_t> places;
    for (const auto& t : file.tensors()) {
        const auto [module, factor] = detail::lora_place(t, adapter.whole_modules, adapter.source);
        if (factor == 3) {
            adapter.whole.push_back({module, Weight(t.shape, detail::order_of(module))});
            continue;
        }
        const auto [place, fresh] = places.emplace(module, adapter.pairs.size());
        if (fresh) adapter.pairs.push_back({module, Weight(Shape{0, 0}), Weight(Shape{0, 0})});
        auto& pair = adapter.pairs[place->second];
        (factor == 0 ? pair.a : factor == 1 ? pair.b : pair.magnitude) = Weight(t.shape);
    }
    require(!adapter.pairs.empty(), ErrorCode::missing_tensor, adapter.source, ": the adapter has no low-rank terms");
    require(adapter.whole_modules.empty() || !adapter.whole.empty(), ErrorCode::missing_tensor, adapter.source,
            ": modules_to_save names modules, and no tensor is of one");
    std::erase_if(adapter.whole_modules, [&](const std::string& module) {  // PEFT names "classifier" and "score" where one of them is there
        return std::none_of(adapter.whole.begin(), adapter.whole.end(), [&](const auto& w) { return detail::is_within(module, w.name); });
    });
    load_weights(adapter, {adapter.source, file.tensors(), file.owner()}, {.trainable = true, .stop = how.stop});
    set_trainable(adapter, how.trainable);

    adapter.rank = static_cast<double>(config.at("r").as_int());
    adapter.alpha = config.get_or("lora_alpha", 8.0);
    adapter.dropout->p = config.get_or("lora_dropout", 0.0);
    require(adapter.dropout->p >= 0 && adapter.dropout->p < 1, ErrorCode::invalid_argument, folder, "adapter_config.json: lora_dropout ",
            adapter.dropout->p, " is not in [0, 1)");
    adapter.stabilised = config.get_or("use_rslora", false);
    adapter.in_out = config.get_or("fan_in_fan_out", false);
    const bool dora = config.get_or("use_dora", false);
    for (auto& pair : adapter.pairs) {
        const double r = detail::pattern_or(config, "rank_pattern", pair.module, adapter.rank),
                     alpha = detail::pattern_or(config, "alpha_pattern", pair.module, adapter.alpha);
        require(pair.magnitude.wanted() == dora, dora ? ErrorCode::missing_tensor : ErrorCode::surplus_tensor, adapter.source, ": ", pair.module,
                ": use_dora is ", dora ? "set" : "not set", ", and there are ", dora ? "no " : "", "magnitudes");
        const index_t rows = pair.a.shape()[0], columns = pair.b.shape()[1];
        require(static_cast<double>(rows) == r && static_cast<double>(columns) == r, ErrorCode::shape_mismatch, adapter.source, ": ", pair.module,
                ": the config's rank is ", r, ", the factors are A ", pair.a.shape(), " and B ", pair.b.shape());
        pair.scaling = static_cast<float>(adapter.scaling(r, alpha));
    }
    const auto absent = [&](const char* key) { return config.find(key) == nullptr || config.find(key)->is_null(); };
    const Json* targets = config.find("target_modules");
    if (targets != nullptr && targets->is_array() && absent("layers_to_transform") && absent("exclude_modules"))
        for (const auto& target : targets->elements()) adapter.targets.push_back(target.as_string());
    return adapter;
}

/// What an adapter's config says besides its own: the model that it is for, and for what.
struct LoraSaving {
    std::string base_model{};             // its name or path
    std::string task_type = "CAUSAL_LM";  // as PEFT names it: CAUSAL_LM, SEQ_CLS, FEATURE_EXTRACTION, …
};

/// Writes an adapter into a directory, which is made where there is none, for load_lora() and for PEFT. Throws io, invalid_argument for one without
/// pairs.
inline void save_lora(const std::string& directory, const LoraAdapter& adapter, const LoraSaving& how = {}) {
    require(!adapter.pairs.empty(), ErrorCode::invalid_argument, "save_lora: the adapter has no pairs");
    const auto number = [](double value) { return detail::number_to_json(value); };
    JsonText ranks("    "), alphas("    ");
    std::vector<std::string> targets = adapter.targets;
    for (const auto& pair : adapter.pairs) {
        const auto r = static_cast<double>(pair.a.shape()[0]);
        const double alpha = static_cast<double>(pair.scaling) * (adapter.stabilised ? std::sqrt(r) : r);
        if (adapter.targets.empty()) targets.push_back(pair.module);
        if (r != adapter.rank) ranks.json(pair.module, number(r));
        if (static_cast<float>(adapter.scaling(r, adapter.alpha)) != pair.scaling) alphas.json(pair.module, number(alpha));
    }
    JsonText config;
    config.string("peft_type", "LORA").string("task_type", how.task_type).string("base_model_name_or_path", how.base_model);
    config.json("r", number(adapter.rank)).json("lora_alpha", number(adapter.alpha)).number("lora_dropout", adapter.dropout->p);
    config.string("bias", "none").flag("use_rslora", adapter.stabilised).flag("use_dora", adapter.pairs[0].magnitude.wanted());
    config.flag("fan_in_fan_out", adapter.in_out).flag("inference_mode", true).list("target_modules", targets, quote_json);
    config.json("rank_pattern", ranks.nested()).json("alpha_pattern", alphas.nested());
    if (adapter.whole_modules.empty()) config.json("modules_to_save", "null");
    else config.list("modules_to_save", adapter.whole_modules, quote_json);
    make_directory(directory);
    write_file_atomically(join_path(directory, "adapter_config.json"), config.text());
    save_weights(adapter, join_path(directory, "adapter_model.safetensors"));
}

}  // namespace tercet::inline TERCET_ABI
