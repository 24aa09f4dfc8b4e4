// The files that `tercet finetune` and `tercet eval` read, by task:
//
//   classify   .tsv (label, tab, text), .csv with columns label and text, or .jsonl {"text", "label"}
//   lm         .jsonl {"prompt", "completion"}, {"messages": [{"role", "content"}, …]} or {"text"}: the completion, the assistant's messages or all
//   of the
//              text is learnt. Another file is one text, cut into windows
//   embed      .tsv (text, tab, text that belongs to it), .csv with columns anchor and positive, or .jsonl of these
#pragma once

#include <tercet/data/labelled_texts.hpp>
#include <tercet/train/classifier.hpp>
#include <tercet/train/embedding.hpp>
#include <tercet/train/instructions.hpp>

namespace cli {

/// The examples of classify. Throws what read_labelled_texts() throws, and invalid_argument for a file without any, or, where no labels are given,
/// with one label alone.
tercet::LabelledTexts read_examples(const std::string& path, std::vector<std::string> labels = {});

tercet::ClassifiedTexts tokenized(const tercet::LabelledTexts& texts, const tercet::Tokenizer& tokenizer, tercet::index_t max_length);

/// `end` is the token that ends what is learnt, or −1.
std::vector<tercet::LearntTokens> read_learnt_texts(const std::string& path, const tercet::Tokenizer& tokenizer, tercet::index_t max_length,
                                                    tercet::TokenId end);

tercet::TextPairs read_text_pairs(const std::string& path, const tercet::Tokenizer& tokenizer, tercet::index_t max_length);

/// Takes every n-th of the elements, the n-th first, out of a list and gives them back; n 0: none.
template <class T>
std::vector<T> take_every(std::vector<T>& list, tercet::index_t n) {
    std::vector<T> taken, kept;
    for (std::size_t i = 0; i < list.size(); ++i) (n > 0 && (i + 1) % static_cast<std::size_t>(n) == 0 ? taken : kept).push_back(std::move(list[i]));
    list = std::move(kept);
    return taken;
}

}  // namespace cli
