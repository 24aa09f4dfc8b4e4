// Configurations of encoders, from config.json: the encoder itself, what it was saved for, and the names of its classes.
#pragma once

#include "tercet/models/config_reader.hpp"
#include "tercet/models/encoder.hpp"

namespace tercet::inline TERCET_ABI {

/// A config.json of model_type bert, or roberta, xlm-roberta, camembert or mpnet.
inline BertConfig bert_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    BertConfig c;
    c.counted_positions = r.string("model_type", "bert") != "bert";
    c.vocab_size = r.extent("vocab_size");
    c.hidden_size = r.extent("hidden_size");
    c.intermediate_size = r.extent("intermediate_size");
    c.layers = r.layers("num_hidden_layers");
    c.heads = r.extent("num_attention_heads");
    const bool mpnet = r.string("model_type", "bert") == "mpnet";
    c.types = mpnet ? 0 : r.extent_or("type_vocab_size", 2);
    c.relative_buckets = mpnet ? r.extent_or("relative_attention_num_buckets", 32) : 0;
    require(!mpnet || c.relative_buckets >= RelativeBuckets{}.count, ErrorCode::invalid_argument, source, ": relative_attention_num_buckets ",
            c.relative_buckets, " is below the 32 that the model uses");
    c.padding = r.padding_row(c.counted_positions ? 1 : 0, c.vocab_size);
    c.context = r.extent_or("max_position_embeddings", 512);
    if (c.counted_positions) c.context = detail::checked_extent(c.context - c.padding - 1, "max_position_embeddings without padding", source);
    c.layer_norm_eps = r.epsilon("layer_norm_eps", 1e-12);
    c.activation = r.activation("hidden_act", "gelu");
    c.dropout = r.share("hidden_dropout_prob", 0.1);
    c.classifier_dropout = r.share("classifier_dropout", c.dropout);
    require(r.string("position_embedding_type", "absolute") == "absolute" && !r.flag("is_decoder", false), ErrorCode::unsupported, source,
            ": relative positions and BERT as a decoder are not supported");
    detail::check_divides(c.hidden_size, c.heads, source);
    return c;
}

/// A config.json of model_type distilbert.
inline BertConfig distilbert_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    BertConfig c;
    c.pooler = false;
    c.types = 0;
    c.vocab_size = r.extent("vocab_size");
    c.hidden_size = r.extent("dim");
    c.intermediate_size = r.extent("hidden_dim");
    c.layers = r.layers("n_layers");
    c.heads = r.extent("n_heads");
    c.context = r.extent_or("max_position_embeddings", 512);
    c.padding = r.padding_row(0, c.vocab_size);
    c.activation = r.activation("activation", "gelu");
    c.dropout = r.share("dropout", 0.1);
    c.classifier_dropout = r.share("seq_classif_dropout", 0.2);
    detail::check_divides(c.hidden_size, c.heads, source);
    return c;
}

/// A config.json of model_type modernbert.
inline ModernBertConfig modernbert_config(const Json& config, const std::string& source) {
    const detail::ConfigReader r{config, source};
    ModernBertConfig c;
    c.vocab_size = r.extent_or("vocab_size", 50368);
    c.hidden_size = r.extent_or("hidden_size", 768);
    c.intermediate_size = r.extent_or("intermediate_size", 1152);
    c.layers = r.layers("num_hidden_layers", 22);
    c.heads = r.extent_or("num_attention_heads", 12);
    c.context = r.extent_or("max_position_embeddings", 8192);
    c.padding = r.padding_row(50283, c.vocab_size);
    c.norm_eps = r.epsilon("norm_eps", 1e-5);
    c.activation = r.activation("hidden_activation", "gelu");
    c.head_activation = r.activation("classifier_activation", "gelu");
    c.norm_bias = r.flag("norm_bias", false);
    c.attention_bias = r.flag("attention_bias", false);
    c.mlp_bias = r.flag("mlp_bias", false);
    c.head_bias = r.flag("classifier_bias", false);
    c.decoder_bias = r.flag("decoder_bias", true);
    const std::string pooling = r.string("classifier_pooling", "cls");
    require(pooling == "cls" || pooling == "mean", ErrorCode::unsupported, source, ": classifier_pooling '", pooling,
            "' is not supported (cls, mean)");
    c.mean_pooling = pooling == "mean";
    detail::check_divides(c.hidden_size, c.heads, source);

    const index_t every = r.extent_or("global_attn_every_n_layers", 3), window = r.extent_or("local_attention", 128) / 2 + 1;
    c.windows = r.windows(c.layers, window, [&](index_t layer) { return layer % every != 0; });
    const Json* both = r.find("rope_parameters");
    const auto part = [&](const char* key) { return both != nullptr ? both->find(key) : nullptr; };
    const index_t head_dim = c.hidden_size / c.heads;
    c.rope = r.rope(head_dim, r.positive("global_rope_theta", 160000), part("full_attention"));
    c.local_rope = r.rope(head_dim, r.positive("local_rope_theta", 10000), part("sliding_attention"));
    return c;
}

/// What an encoder was saved for, by the first of its "architectures"; hidden states where there is none. Throws unsupported for another one.
inline EncoderTask encoder_task(const Json& config, const std::string& source) {
    const Json* list = config.find("architectures");
    if (list == nullptr || list->is_null() || list->size() == 0) return EncoderTask::hidden_states;
    const auto& name = list->at(0).as_string();
    constexpr std::pair<std::string_view, EncoderTask> endings[] = {{"ForMaskedLM", EncoderTask::masked_lm},
                                                                    {"ForPreTraining", EncoderTask::masked_lm},
                                                                    {"ForSequenceClassification", EncoderTask::sequence_classification},
                                                                    {"ForTokenClassification", EncoderTask::token_classification},
                                                                    {"ForQuestionAnswering", EncoderTask::question_answering},
                                                                    {"Model", EncoderTask::hidden_states}};
    for (const auto& [ending, task] : endings)
        if (name.ends_with(ending)) return task;
    fail(ErrorCode::unsupported, source, ": the architecture '", name,
         "' is not supported (…Model, …ForMaskedLM, …ForSequenceClassification, …ForTokenClassification, …ForQuestionAnswering)");
}

/// The names of a classifier's classes in their order, from "id2label"; "LABEL_0", … where there are none. Throws invalid_argument for numbers that
/// are not 0, 1, …
inline std::vector<std::string> class_labels(const Json& config, const std::string& source) {
    const Json* names = config.find("id2label");
    if (names == nullptr || names->is_null()) {
        std::vector<std::string> labels;
        const index_t count = detail::ConfigReader{config, source}.extent_or("num_labels", 2);
        require(count <= 65536, ErrorCode::invalid_argument, source, ": num_labels = ", count, " is more than 65536");
        for (index_t i = 0; i < count; ++i) labels.push_back("LABEL_" + std::to_string(i));
        return labels;
    }
    std::vector<std::string> labels(names->size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const Json* label = names->find(std::to_string(i));
        require(label != nullptr, ErrorCode::invalid_argument, source, ": id2label has ", labels.size(), " classes, but none with the number ", i);
        labels[i] = label->as_string();
    }
    require(!labels.empty(), ErrorCode::invalid_argument, source, ": id2label is empty");
    return labels;
}

}  // namespace tercet::inline TERCET_ABI
