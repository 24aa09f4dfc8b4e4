// From files to models: config.json or GGUF metadata names the architecture, and this table knows how to build it.
#pragma once

#include "tercet/io/gguf.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/models/encoder.hpp"
#include "tercet/models/seq2seq.hpp"

namespace tercet::inline TERCET_ABI {

struct ModelOptions {
    bool map = true;                     // map the file; false reads it into memory, for files that may shrink meanwhile
    bool trainable = false;              // weights as dense f32 on the tape; otherwise they are packed, or stay as stored
    std::vector<std::string> trained{};  // with trainable: only those whose names match one of these ("classifier*"); the rest stays as it is
    std::stop_token stop{};              // cancels loading
    // What activations become in matrix products. With int8, weights of block types (Q8_0, Q4_K, …) are met by bytes under a scale for each 32
    // activations: several times as fast, and the logits move by some hundredths. BF16 weights are met by bfloat16
    // where the machine multiplies that; F32 and F16 are unaffected.
    Activations activations = Activations::f32;
    // What matrices that a checkpoint has in float32 are held as: q8_0 takes a quarter of the memory, bf16 half of it. Float32 when absent.
    std::optional<StorageType> weights{};
    std::string adapter{};  // a directory with a LoRA adapter to put on the model (nn/lora.hpp); none when empty
};

/// A language model from an opened directory: GPT-2, Llama, Mistral, Qwen 2 and 3, Phi-3, Gemma 1 to 3. Throws unsupported for a model_type that is
/// not in the table.
TERCET_LINKAGE CausalModel load_causal_model(const ModelFiles& files, const ModelOptions& options = {});

/// A language model from an opened GGUF file.
TERCET_LINKAGE CausalModel load_causal_model(const Gguf& file, const ModelOptions& options = {});

/// Whether a directory's model is an encoder, which load_encoder() takes.
TERCET_LINKAGE bool is_encoder(const ModelFiles& files);

/// An encoder from an opened directory (BERT, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT, MPNet, ModernBERT) with the head that its architecture
/// names. Throws unsupported for another model_type or architecture.
TERCET_LINKAGE EncoderModel load_encoder(const ModelFiles& files, const ModelOptions& options = {});

/// A head that is to be learnt: what for, and what its classes are called.
struct NewHead {
    EncoderTask task = EncoderTask::sequence_classification;
    std::vector<std::string> labels{};  // of the classes, of texts or tokens; a single one: a number is learnt (regression)
    std::uint64_t seed = 0;             // of its first values: normal, with the config's initializer_range as their deviation
};

/// An encoder from an opened directory with a new head, whatever head it was saved with (transfer learning; Howard & Ruder 2018). The head is on
/// the tape; the rest is where options.trainable says so. Throws invalid_argument for classes without names, and what load_encoder() throws.
TERCET_LINKAGE EncoderModel load_encoder(const ModelFiles& files, const NewHead& head, const ModelOptions& options = {.trainable = true});

/// The encoder alone, whatever head it was saved with; the heads' tensors are left aside.
TERCET_LINKAGE EncoderModel load_encoder_body(const ModelFiles& files, const ModelOptions& options = {});

/// Whether a directory's model is an encoder-decoder, which load_seq2seq_model() takes.
TERCET_LINKAGE bool is_seq2seq(const ModelFiles& files);

/// An encoder-decoder from an opened directory: T5, mT5, BART, Marian. Throws unsupported for another model_type.
TERCET_LINKAGE Seq2SeqModel load_seq2seq_model(const ModelFiles& files, const ModelOptions& options = {});

/// Whether the path names a GGUF file.
inline bool is_gguf(std::string_view path) {
    return path.ends_with(".gguf");
}

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/models/auto.inc"
#endif
