// Numbers from a model's files, each checked for its range: a Hugging Face config.json, or a GGUF file's metadata.
//
// So a model can trust its config. What a config asks for and the models do not do is refused by name: a wrong answer would be worse.
#pragma once

#include "tercet/io/gguf.hpp"
#include "tercet/ops/rope_scaling.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::int64_t largest_extent = std::int64_t{1} << 26;

// An extent from a config: positive and of a size that exists.
inline index_t checked_extent(std::int64_t value, std::string_view key, std::string_view source) {
    require(value > 0 && value <= largest_extent, ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not in [1, ", largest_extent,
            "]");
    return static_cast<index_t>(value);
}

inline UnaryOp activation(const std::string& name, std::string_view source) {
    if (name == "gelu") return UnaryOp::gelu;
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast") return UnaryOp::gelu_tanh;
    if (name == "relu") return UnaryOp::relu;
    if (name == "silu" || name == "swish") return UnaryOp::silu;
    fail(ErrorCode::unsupported, source, ": the activation '", name, "' is not supported (gelu, gelu_new, relu, silu)");
}

inline void check_divides(index_t width, index_t heads, std::string_view source) {
    require(width % heads == 0, ErrorCode::invalid_argument, source, ": a width of ", width, " does not divide into ", heads, " heads");
}
inline void check_kv_heads(index_t heads, index_t kv_heads, std::string_view source) {
    require(heads % kv_heads == 0, ErrorCode::invalid_argument, source, ": ", heads, " heads do not divide among ", kv_heads, " key heads");
}
inline void check_positive(double value, std::string_view key, std::string_view source) {
    require(value > 0 && std::isfinite(value), ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not positive");
}

// Layers are built before their weights are looked for: no file may ask for more than this many.
inline index_t checked_layers(index_t layers, std::string_view key, std::string_view source) {
    require(layers <= 4096, ErrorCode::invalid_argument, source, ": ", key, " = ", layers, " is more than 4096 layers");
    return layers;
}

// The members of a config.json; null counts as absent.
struct ConfigReader {
    const Json& config;
    const std::string& source;

    const Json* find(std::string_view key) const {
        const Json* value = config.find(key);
        return value == nullptr || value->is_null() ? nullptr : value;
    }
    bool has(std::string_view key) const { return find(key) != nullptr; }
    std::string type() const { return config.at("model_type").as_string(); }
    index_t extent(std::string_view key) const { return checked_extent(config.at(key).as_int(), key, source); }
    index_t extent_or(std::string_view key, index_t fallback) const {
        const Json* value = find(key);
        return value == nullptr ? fallback : checked_extent(value->as_int(), key, source);
    }
    index_t layers(std::string_view key, std::optional<index_t> fallback = {}) const {
        return checked_layers(fallback ? extent_or(key, *fallback) : extent(key), key, source);
    }
    std::int64_t integer(std::string_view key, std::int64_t fallback) const { return config.get_or(key, fallback); }
    bool flag(std::string_view key, bool fallback) const { return config.get_or(key, fallback); }
    double number(std::string_view key, double fallback) const { return config.get_or(key, fallback); }
    double positive(std::string_view key, double fallback) const {
        const double value = number(key, fallback);
        check_positive(value, key, source);
        return value;
    }
    float epsilon(std::string_view key, double fallback) const {
        const double value = number(key, fallback);
        require(value > 0 && value < 1, ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not in (0, 1)");
        return static_cast<float>(value);
    }
    double share(std::string_view key, double fallback) const {
        const double value = number(key, fallback);
        require(value >= 0 && value < 1, ErrorCode::invalid_argument, source, ": ", key, " = ", value, " is not in [0, 1)");
        return value;
    }
    std::string string(std::string_view key, std::string_view fallback) const { return config.get_or(key, fallback); }
    UnaryOp activation(std::string_view key, std::string_view fallback) const { return detail::activation(string(key, fallback), source); }
    // How far a layer with a window sees; 0 for null, and where nothing is said, unless there is a default.
    index_t window(std::string_view key, index_t otherwise = 0) const { return config.find(key) == nullptr ? otherwise : extent_or(key, 0); }
    // The window of each layer: from "layer_types" where there is one, else `windowed(layer)` says which layers have it. Empty where none has.
    template <class Windowed>
    std::vector<index_t> windows(index_t layers, index_t window, const Windowed& windowed) const {
        std::vector<index_t> each(static_cast<std::size_t>(layers), 0);
        const Json* types = find("layer_types");
        require(types == nullptr || types->size() == each.size(), ErrorCode::invalid_argument, source, ": layer_types does not name each of ", layers,
                " layers");
        bool any = false;
        for (std::size_t i = 0; i < each.size(); ++i) {
            bool slides = windowed(static_cast<index_t>(i));
            if (types != nullptr) {
                const auto& name = types->at(i).as_string();
                slides = name == "sliding_attention";
                require(slides || name == "full_attention", ErrorCode::unsupported, source, ": layers of type '", name,
                        "' are not supported (full_attention, sliding_attention)");
                require(!slides || window > 0, ErrorCode::invalid_argument, source, ": layer_types has sliding layers, but there is no window");
            }
            each[i] = slides ? window : 0;
            any = any || each[i] > 0;
        }
        return any ? each : std::vector<index_t>();
    }

    // The row of a table that stands for padding and is not trained; -1 where there is none.
    index_t padding_row(std::int64_t otherwise, index_t rows) const {
        const Json* value = config.find("pad_token_id");
        if (value != nullptr && value->is_null()) return -1;
        const auto row = value == nullptr ? otherwise : value->as_int();
        require(row >= 0 && row < rows, ErrorCode::invalid_argument, source, ": pad_token_id ", row, " is not in the vocabulary of ", rows);
        return static_cast<index_t>(row);
    }

    // Rotary positions of heads of so many channels: transformers 5 writes rope_parameters, earlier versions rope_theta and rope_scaling.
    RopeConfig rope(index_t head_dim, double theta = 10000) const;
    RopeConfig rope(index_t head_dim, double theta, const Json* scaling) const;
};

inline RopeConfig ConfigReader::rope(index_t head_dim, double theta) const {
    const Json* scaling = find("rope_parameters");
    return rope(head_dim, number("rope_theta", theta), scaling != nullptr ? scaling : find("rope_scaling"));
}

inline RopeConfig ConfigReader::rope(index_t head_dim, double theta, const Json* parameters) const {
    const std::string name = source + ": rope_scaling";
    const ConfigReader r{parameters != nullptr ? *parameters : config, name};  // rope_theta may stand in the config itself
    RopeConfig c;
    c.theta = r.positive("rope_theta", theta);
    const double share = r.number("partial_rotary_factor", number("partial_rotary_factor", 1));
    require(share > 0 && share <= 1, ErrorCode::invalid_argument, source, ": partial_rotary_factor = ", share, " is not in (0, 1]");
    c.channels = static_cast<index_t>(static_cast<double>(head_dim) * share);
    require(c.channels > 0 && c.channels <= head_dim && c.channels % 2 == 0, ErrorCode::invalid_argument, source, ": rotary positions of ",
            c.channels, " of ", head_dim, " channels; they need pairs");

    const std::string type = r.string("rope_type", r.string("type", "default"));
    if (type == "default") return c;
    const auto context = positive("max_position_embeddings", 2048);
    const double original = positive("original_max_position_embeddings", r.positive("original_max_position_embeddings", context));
    require(original >= 1 && original <= static_cast<double>(largest_extent), ErrorCode::invalid_argument, name,
            ": original_max_position_embeddings = ", original, " is out of range");
    const auto factors = [&](std::string_view key) {
        std::vector<double> list;
        for (const Json& f : r.config.at(key).elements()) {
            check_positive(f.as_number(), key, name);
            list.push_back(f.as_number());
        }
        require(list.size() == static_cast<std::size_t>(c.channels / 2), ErrorCode::invalid_argument, name, ": ", list.size(), " values in ", key,
                " for ", c.channels / 2, " pairs of channels");
        return list;
    };
    if (type == "longrope" || type == "su") {
        const double factor = r.positive("factor", context / original);
        const double usual = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(original));
        c.scaling = RopeFactors{factors("short_factor"), factors("long_factor"), original, r.positive("attention_factor", usual)};
        return c;
    }
    require(r.has("factor"), ErrorCode::missing_key, name, ": 'factor' is not there");
    const double factor = r.positive("factor", 1);
    if (type == "linear") {
        c.scaling = RopeLinear{factor};
    } else if (type == "dynamic") {
        require(factor >= 1 && factor * context <= static_cast<double>(largest_extent), ErrorCode::invalid_argument, name, ": factor = ", factor,
                " is out of range");
        c.scaling = RopeDynamic{factor, context};
    } else if (type == "llama3") {
        const RopeLlama3 s{factor, r.positive("low_freq_factor", 1), r.positive("high_freq_factor", 4), original};
        require(s.high_freq_factor > s.low_freq_factor, ErrorCode::invalid_argument, name, " is out of range");
        c.scaling = s;
    } else if (type == "yarn") {
        require(c.theta > 1, ErrorCode::invalid_argument, name, ": rope_theta = ", c.theta, " is not above 1");
        const auto grown = [&](double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; };
        const bool both = r.number("mscale", 0) > 0 && r.number("mscale_all_dim", 0) > 0;
        const double usual = both ? grown(r.number("mscale", 1)) / grown(r.number("mscale_all_dim", 1)) : grown(1);
        c.scaling = RopeYarn{factor,
                             original,
                             r.positive("beta_fast", 32),
                             r.positive("beta_slow", 1),
                             r.flag("truncate", true),
                             r.positive("attention_factor", usual)};
    } else {
        fail(ErrorCode::unsupported, source, ": rotary scaling of type '", type, "' is not supported (linear, dynamic, llama3, yarn, longrope)");
    }
    return c;
}

// The metadata of a GGUF file under its architecture's name: "llama.block_count".
struct GgufReader {
    const Gguf& file;
    std::string prefix;  // "llama."

    explicit GgufReader(const Gguf& f) : file(f), prefix(f.string("general.architecture") + ".") {}

    const std::string& source() const { return file.source(); }
    bool has(const std::string& key) const { return file.has(prefix + key); }
    index_t extent(const std::string& key) const { return checked_extent(file.integer(prefix + key), prefix + key, source()); }
    index_t extent_or(const std::string& key, index_t fallback) const { return has(key) ? extent(key) : fallback; }
    index_t layers(const std::string& key) const { return checked_layers(extent(key), prefix + key, source()); }
    double positive(const std::string& key, double fallback) const {
        const double value = file.number_or(prefix + key, fallback);
        check_positive(value, prefix + key, source());
        return value;
    }
    float epsilon(const std::string& key, std::optional<double> fallback = {}) const {
        const double value = fallback ? file.number_or(prefix + key, *fallback) : file.number(prefix + key);
        require(value > 0 && value < 1, ErrorCode::invalid_argument, source(), ": ", prefix, key, " = ", value, " is not in (0, 1)");
        return static_cast<float>(value);
    }
    // Rows of the table of embeddings: the vocabulary.
    index_t vocabulary() const {
        const StoredTensor* table = file.find("token_embd.weight");
        require(table != nullptr && table->shape.rank() == 2, ErrorCode::missing_tensor, source(),
                ": tensor 'token_embd.weight' (vocabulary, width) is not there");
        return checked_extent(table->shape[0], "token_embd.weight", source());
    }
    std::vector<double> factors(std::string_view name, index_t pairs) const {
        const StoredTensor* t = file.find(name);
        require(t != nullptr, ErrorCode::missing_tensor, source(), ": tensor '", name, "' is not there");
        require(t->type == StorageType::f32 && t->shape == Shape{pairs}, ErrorCode::shape_mismatch, source(), ": tensor '", name, "' ", t->shape,
                " of ", t->type, ": one float for each of ", pairs, " pairs of channels was expected");
        std::vector<double> list;
        for (index_t i = 0; i < pairs; ++i) {
            list.push_back(static_cast<double>(load_unaligned<float>(t->bytes.data() + 4 * i)));
            check_positive(list.back(), name, source());
        }
        return list;
    }
    RopeConfig rope(index_t head_dim, double theta = 10000) const;
};

inline RopeConfig GgufReader::rope(index_t head_dim, double theta) const {
    RopeConfig c;
    c.channels = extent_or("rope.dimension_count", head_dim);
    require(c.channels <= head_dim && c.channels % 2 == 0, ErrorCode::invalid_argument, source(), ": rotary positions of ", c.channels, " of ",
            head_dim, " channels; they need pairs");
    c.theta = positive("rope.freq_base", theta);
    const std::string type = file.string_or(prefix + "rope.scaling.type", "none");
    const double factor = positive("rope.scaling.factor", 1);
    const auto context = static_cast<double>(extent_or("context_length", 2048)), original = positive("rope.scaling.original_context_length", context);
    if (file.find("rope_factors_long.weight") != nullptr) {
        const double stretch = context / original, usual = stretch <= 1 ? 1 : std::sqrt(1 + std::log(stretch) / std::log(original));
        c.scaling = RopeFactors{factors("rope_factors_short.weight", c.channels / 2), factors("rope_factors_long.weight", c.channels / 2), original,
                                positive("rope.scaling.attn_factor", usual)};
    } else if (file.find("rope_freqs.weight") != nullptr) {  // Llama 3's blend, worked out
        const auto list = factors("rope_freqs.weight", c.channels / 2);
        c.scaling = RopeFactors{list, list, 0, 1};
    } else if (type == "linear") {
        c.scaling = RopeLinear{factor};
    } else if (type == "yarn") {
        require(c.theta > 1, ErrorCode::invalid_argument, source(), ": rope.freq_base = ", c.theta, " is not above 1");
        c.scaling = RopeYarn{factor, original, positive("rope.scaling.yarn_beta_fast", 32), positive("rope.scaling.yarn_beta_slow", 1)};
    } else {
        require(type == "none", ErrorCode::unsupported, source(), ": rotary scaling of type '", type, "' is not supported (linear, yarn)");
    }
    return c;
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
