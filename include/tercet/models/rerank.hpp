// Reranking (Nogueira & Cho 2019): a cross-encoder reads a query and a text together and says how well the text answers it, one number. Slower than
// comparing embeddings, and better: for the best hundred of a search.
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/models/encoder.hpp"

namespace tercet::inline TERCET_ABI {

/// The logit of each text for the query; larger is better, and its sigmoid is what sentence-transformers' CrossEncoder gives. `max_length` tokens of
/// a pair are read at most; of a longer one the text is cut. Throws invalid_argument for a model that is no classifier with one class, bad_text.
inline std::vector<float> rerank(const EncoderModel& model, const Tokenizer& tokenizer, std::string_view query, std::span<const std::string> texts,
                                 index_t max_length = 512, index_t batch = 32) {
    require(model.task == EncoderTask::sequence_classification && model.labels.size() == 1, ErrorCode::invalid_argument,
            "rerank: the model has no head for one number");
    require(max_length > 0 && batch > 0, ErrorCode::invalid_argument, "rerank: pairs of ", max_length, " tokens, batches of ", batch);
    const NoGrad guard;
    std::vector<Encoding> pairs;
    for (const auto& text : texts) {
        EncodeOptions how;
        how.pair = text;
        how.max_length = std::min(max_length, model.context());
        how.truncation = Truncation::only_second;
        pairs.push_back(tokenizer.encode(query, how));
    }
    std::vector<float> scores;
    const auto count = static_cast<index_t>(pairs.size());
    for (index_t begin = 0; begin < count; begin += batch) {
        const auto packed = pack_texts(pairs, next_in_order(begin, batch, count));
        const auto logits = forward(model, packed.ids, {.type_ids = &packed.type_ids, .lengths = packed.lengths}).logits;  // (texts, 1)
        const auto values = logits.to_vector();
        scores.insert(scores.end(), values.begin(), values.end());
    }
    return scores;
}

}  // namespace tercet::inline TERCET_ABI
