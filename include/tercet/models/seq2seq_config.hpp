// Configurations of encoder-decoder models, from config.json.
#pragma once

#include "tercet/models/bart.hpp"
#include "tercet/models/config_reader.hpp"
#include "tercet/models/t5.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// What the decoder begins with, an id of the vocabulary.
inline std::int32_t start_token(const ConfigReader& r, index_t vocabulary) {
    const Json* value = r.find("decoder_start_token_id");
    const auto id = value != nullptr ? value->as_int() : r.config.get_or("pad_token_id", std::int64_t{0});
    require(id >= 0 && id < vocabulary, ErrorCode::invalid_argument, r.source, ": decoder_start_token_id ", id, " is not in the vocabulary of ",
            vocabulary);
    return static_cast<std::int32_t>(id);
}

}  // namespace detail

/// A config.json of model_type t5 or mt5.
inline T5Config t5_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    T5Config c;
    c.vocab_size = r.extent("vocab_size");
    c.hidden_size = r.extent("d_model");
    c.inner_size = r.extent("d_ff");
    c.layers = r.layers("num_layers");
    c.decoder_layers = r.layers("num_decoder_layers", c.layers);
    c.heads = r.extent("num_heads");
    c.head_dim = r.extent("d_kv");
    c.buckets = r.extent_or("relative_attention_num_buckets", 32);
    c.max_distance = r.extent_or("relative_attention_max_distance", 128);
    require(c.buckets >= 4 && c.buckets % 4 == 0 && c.max_distance > c.buckets / 2, ErrorCode::invalid_argument, source, ": ", c.buckets,
            " buckets of relative positions up to a distance of ", c.max_distance);
    c.rms_eps = r.epsilon("layer_norm_epsilon", 1e-6);
    const std::string form = r.string("feed_forward_proj", "relu");
    c.gated = form.starts_with("gated-");
    const std::string name = c.gated ? form.substr(6) : form;
    c.activation = form == "gated-gelu" ? UnaryOp::gelu_tanh : detail::activation(name, source);  // "gated-gelu" means gelu_new
    c.tied = r.flag("tie_word_embeddings", true);
    c.scaled_outputs = r.flag("scale_decoder_outputs", c.tied && r.type() == "t5");
    c.start_token = detail::start_token(r, c.vocab_size);
    return c;
}

/// A config.json of model_type bart or marian.
inline BartConfig bart_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    BartConfig c;
    const bool marian = r.type() == "marian";
    c.vocab_size = r.extent("vocab_size");
    c.decoder_vocab_size = r.extent_or("decoder_vocab_size", c.vocab_size);
    c.hidden_size = r.extent("d_model");
    c.layers = r.layers("encoder_layers", 12);
    c.decoder_layers = r.layers("decoder_layers", 12);
    c.heads = r.extent_or("encoder_attention_heads", 16);
    c.decoder_heads = r.extent_or("decoder_attention_heads", 16);
    c.inner_size = r.extent_or("encoder_ffn_dim", 4096);
    c.decoder_inner_size = r.extent_or("decoder_ffn_dim", 4096);
    c.context = r.extent_or("max_position_embeddings", 1024);
    c.padding = r.padding_row(marian ? 58100 : 1, c.vocab_size);
    c.activation = r.activation("activation_function", "gelu");
    c.learned_positions = !marian && !r.flag("static_position_embeddings", false);
    c.scaled_embeddings = r.flag("scale_embedding", false);
    c.shared_embeddings = !marian || r.flag("share_encoder_decoder_embeddings", true);
    c.tied = r.flag("tie_word_embeddings", true);
    c.start_token = detail::start_token(r, c.decoder_vocab_size);
    require(!c.shared_embeddings || c.vocab_size == c.decoder_vocab_size, ErrorCode::invalid_argument, source, ": vocabularies of ", c.vocab_size,
            " and ", c.decoder_vocab_size, " cannot share their embeddings");
    require(!r.flag("normalize_before", false) && r.flag("normalize_embedding", c.learned_positions) == c.learned_positions, ErrorCode::unsupported,
            source, ": blocks that norm before their branches, and embeddings with", c.learned_positions ? "out" : "", " a norm, are not supported");
    detail::check_divides(c.hidden_size, c.heads, source);
    detail::check_divides(c.hidden_size, c.decoder_heads, source);
    return c;
}

}  // namespace tercet::inline TERCET_ABI
