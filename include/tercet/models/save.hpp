// A model as a directory that the transformers library loads: model.safetensors, the config.json that it came with and what has changed of it, and
// the files of its tokenizer.
#pragma once

#include "tercet/models/bart.hpp"
#include "tercet/models/encoder.hpp"
#include "tercet/nn/save.hpp"
#include "tercet/ops/shape.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

/// What lies beside a model's weights and is as true of those that were trained further.
inline constexpr const char* companion_files[] = {"generation_config.json",
                                                  "tokenizer.json",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json",
                                                  "vocab.txt",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "spiece.model",
                                                  "tokenizer.model",
                                                  "sentencepiece.bpe.model",
                                                  "tiktoken.model",
                                                  "source.spm",
                                                  "target.spm",
                                                  "chat_template.jinja",
                                                  "modules.json",
                                                  "sentence_bert_config.json",
                                                  "config_sentence_transformers.json"};

// Those that there are, and the files of sentence-transformers' modules.
inline std::vector<std::string> companions_of(const ModelFiles& from) {
    std::vector<std::string> names;
    for (const char* name : companion_files)
        if (from.has(name)) names.emplace_back(name);
    std::vector<std::string> modules{"1_Pooling"};
    if (const auto list = from.modules()) {
        modules.clear();
        for (const auto& module : list->elements()) modules.push_back(module.get_or("path", ""));
    }
    for (const auto& module : modules)
        for (const char* name : {"/config.json", "/model.safetensors"})
            if (!module.empty() && from.has(module + name)) names.push_back(module + name);
    return names;
}

/// The classes' names as id2label and label2id.
inline std::vector<std::pair<std::string, std::string>> label_members(std::span<const std::string> labels) {
    std::string names, numbers;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const std::string number = std::to_string(i), comma = i == 0 ? "" : ", ";
        names += comma + quote_json(number) + ": " + quote_json(labels[i]);
        numbers += comma + quote_json(labels[i]) + ": " + number;
    }
    return {{"id2label", "{" + names + "}"}, {"label2id", "{" + numbers + "}"}};
}

// Weights under names of their own, to be saved.
struct NamedWeights {
    std::vector<std::pair<std::string, Weight>> weights;

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        for (auto& [name, weight] : self.weights) v(name, weight);
    }
};

// Phi-3's matrices as its files have them: query, key and value one above the other, and so gate and up.
template <class Model>
NamedWeights phi3_weights(const Model& model) {
    NamedWeights out;
    std::vector<Tensor<float>> parts;
    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        const auto ends = [&](std::string_view ending) { return name.ends_with(ending); };
        const bool last_of_qkv = ends("v_proj.weight"), last_of_mlp = ends("up_proj.weight");
        if (last_of_qkv || last_of_mlp || ends("q_proj.weight") || ends("k_proj.weight") || ends("gate_proj.weight")) {
            parts.push_back(w.to_dense());
            if (!last_of_qkv && !last_of_mlp) return;
            auto whole = concatenate(parts, 0);
            parts.clear();
            const std::string module = name.substr(0, name.rfind('.', name.size() - 8) + 1);
            auto& merged = out.weights.emplace_back(module + (last_of_qkv ? "qkv_proj.weight" : "gate_up_proj.weight"), Weight(whole.shape())).second;
            merged.set(std::move(whole));
        } else {
            out.weights.emplace_back(name, w);
        }
    });
    return out;
}

// save_model() with the tensors that files of this model_type have.
template <class Model>
void save_model_as(const std::string& directory, const Model& model, std::string_view type, std::string_view config) {
    if constexpr (std::is_same_v<Model, Seq2SeqModel>) {
        if (const auto* bart = model.template as<Bart>(); bart != nullptr && bart->final_logits_bias.storage() != nullptr) {
            NamedWeights all;
            for_each_weight(model, [&](const std::string& name, const Weight& w) { all.weights.emplace_back(name, w); });
            auto bias = bart->final_logits_bias.detach().reshape({1, -1});  // not trained, and no weight of the module
            all.weights.emplace_back("final_logits_bias", Weight(bias.shape())).second.set(std::move(bias));
            return save_model(directory, all, config);
        }
    }
    if (type == "phi3") save_model(directory, phi3_weights(model), config);
    else save_model(directory, model, config);
}

}  // namespace detail

/// Writes a model that was loaded from `from`, in float32, into a directory, which is made where there is none; with the files of its tokenizer.
/// `changes` are members of config.json. Throws io.
template <class Model>
void save_model(const std::string& directory, const Model& model, const ModelFiles& from,
                std::vector<std::pair<std::string, std::string>> changes = {}) {
    for (const char* key : {"dtype", "torch_dtype"})
        if (from.config().find(key) != nullptr) changes.emplace_back(key, "\"float32\"");
    std::vector<std::pair<std::string, std::string>> companions;  // read before anything is written: it may be the same directory
    for (const auto& name : detail::companions_of(from)) companions.emplace_back(name, read_text_file(from.path_of(name)));
    const Json* config = &from.config();
    if (const Json* text = config->find("text_config");
        text != nullptr && text->is_object()) {  // of Gemma 3 with images the text model is loaded alone
        config = text;
        changes.emplace_back("architectures", "[\"Gemma3ForCausalLM\"]");
    }
    detail::save_model_as(directory, model, config->get_or("model_type", ""), with_members(*config, changes));
    for (const auto& [name, text] : companions) {
        const std::string path = join_path(directory, name);
        make_directory(std::filesystem::path(path).parent_path().string());
        write_file_atomically(path, text);
    }
}

/// An encoder with its head: the config's architecture and classes become the model's own.
inline void save_encoder(const std::string& directory, const EncoderModel& model, const ModelFiles& from) {
    constexpr const char* endings[] = {"Model", "ForMaskedLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"};
    std::vector<std::pair<std::string, std::string>> changes;
    const std::string positions[] = {"LABEL_0", "LABEL_1"};  // of answers: by their number transformers knows how wide the head is
    if (model.task == EncoderTask::question_answering) changes = detail::label_members(positions);
    else if (!model.labels.empty()) changes = detail::label_members(model.labels);
    if (!model.problem_type.empty()) changes.emplace_back("problem_type", quote_json(model.problem_type));
    changes.emplace_back("architectures", "[" + quote_json(model.class_name + endings[static_cast<std::size_t>(model.task)]) + "]");
    save_model(directory, model, from, std::move(changes));
}

}  // namespace tercet::inline TERCET_ABI
