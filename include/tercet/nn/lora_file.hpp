// Adapters' files, as the PEFT library writes and reads them: adapter_config.json, and adapter_model.safetensors with the tensors
//
//   base_model.model.<module>.lora_A.weight (r, in), .lora_B.weight (out, r), and for DoRA .lora_magnitude_vector (out)
#pragma once

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
    for (const char* key : {"modules_to_save", "layer_replication", "target_parameters", "trainable_token_indices", "alora_invocation_tokens"}) {
        const Json* value = config.find(key);
        require(value == nullptr || value->is_null() || ((value->is_array() || value->is_object()) && value->size() == 0), ErrorCode::unsupported,
                source, ": ", key, " is not supported");
    }
    const std::string bias = config.get_or("bias", "none");
    require(bias == "none", ErrorCode::unsupported, source, ": trained biases (bias ", excerpt(bias), ") are not supported");
}

// The module and part (0: A, 1: B, 2: magnitudes) that a tensor of an adapter belongs to.
inline std::pair<std::string, int> lora_place(const StoredTensor& t, const std::string& source) {
    constexpr std::string_view prefix = "base_model.model.", endings[] = {".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"};
    const std::string_view name = t.name;
    for (const int factor : {0, 1, 2}) {
        const auto ending = endings[factor];
        if (!name.starts_with(prefix) || !name.ends_with(ending) || name.size() <= prefix.size() + ending.size()) continue;
        require(t.shape.rank() == (factor == 2 ? 1 : 2) && element_count(t.shape) > 0, ErrorCode::shape_mismatch, source, ": tensor ", excerpt(name),
                " ", t.shape, " is no factor of a low-rank term");
        return {std::string(name.substr(prefix.size(), name.size() - prefix.size() - ending.size())), factor};
    }
    const bool known = name.find("lora_embedding_") != std::string_view::npos;
    fail(known ? ErrorCode::unsupported : ErrorCode::surplus_tensor, source, ": tensor ", excerpt(name), " ", t.shape,
         known ? ": adapters of embeddings are not supported" : " is no factor of a low-rank term");
}

}  // namespace detail

/// Reads a PEFT adapter's directory. Throws io, bad_json, missing_key, unsupported for other kinds of adapters, missing_tensor for an A without
/// its B, surplus_tensor, and shape_mismatch where the factors' rank is not the config's.
inline LoraAdapter load_lora(const std::string& directory, const LoraLoading& how = {}) {
    const std::string folder = directory.ends_with('/') ? directory : directory + "/";
    const Json config = read_json_file(folder + "adapter_config.json");
    LoraAdapter adapter{folder + "adapter_model.safetensors", {}};
    detail::check_lora_config(config, folder + "adapter_config.json");
    const auto file = Safetensors::open(adapter.source, {how.map, how.stop});

    std::unordered_map<std::string, std::size_t> places;
    for (const auto& t : file.tensors()) {
        const auto [module, factor] = detail::lora_place(t, adapter.source);
        const auto [place, fresh] = places.emplace(module, adapter.pairs.size());
        if (fresh) adapter.pairs.push_back({module, Weight(Shape{0, 0}), Weight(Shape{0, 0})});
        auto& pair = adapter.pairs[place->second];
        (factor == 0 ? pair.a : factor == 1 ? pair.b : pair.magnitude) = Weight(t.shape);
    }
    require(!adapter.pairs.empty(), ErrorCode::missing_tensor, adapter.source, ": the adapter has no tensors");
    load_weights(adapter, {adapter.source, file.tensors(), file.owner()}, {.trainable = true, .stop = how.stop});
    set_trainable(adapter, how.trainable);

    adapter.rank = static_cast<double>(config.at("r").as_int());
    adapter.alpha = config.get_or("lora_alpha", 8.0);
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
    std::string targets, ranks, alphas;
    const auto add = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; };
    for (const auto& target : adapter.targets) add(targets, quote_json(target));
    for (const auto& pair : adapter.pairs) {
        const auto r = static_cast<double>(pair.a.shape()[0]);
        const double alpha = static_cast<double>(pair.scaling) * (adapter.stabilised ? std::sqrt(r) : r);
        if (adapter.targets.empty()) add(targets, quote_json(pair.module));
        if (r != adapter.rank) add(ranks, quote_json(pair.module) + ": " + number(r));
        if (static_cast<float>(adapter.scaling(r, adapter.alpha)) != pair.scaling) add(alphas, quote_json(pair.module) + ": " + number(alpha));
    }
    const auto flag = [](bool on) { return on ? "true" : "false"; };
    const std::string config = "{\n  \"peft_type\": \"LORA\",\n  \"task_type\": " + quote_json(how.task_type) +
                               ",\n  \"base_model_name_or_path\": " + quote_json(how.base_model) + ",\n  \"r\": " + number(adapter.rank) +
                               ",\n  \"lora_alpha\": " + number(adapter.alpha) +
                               ",\n  \"lora_dropout\": 0.0,\n  \"bias\": \"none\",\n  \"use_rslora\": " + flag(adapter.stabilised) +
                               ",\n  \"use_dora\": " + flag(adapter.pairs[0].magnitude.wanted()) +
                               ",\n  \"fan_in_fan_out\": " + flag(adapter.in_out) + ",\n  \"inference_mode\": true,\n  \"target_modules\": [" +
                               targets + "],\n  \"rank_pattern\": {" + ranks + "},\n  \"alpha_pattern\": {" + alphas + "}\n}\n";
    make_directory(directory);
    write_file_atomically(join_path(directory, "adapter_config.json"), config);
    save_weights(adapter, join_path(directory, "adapter_model.safetensors"));
}

}  // namespace tercet::inline TERCET_ABI
