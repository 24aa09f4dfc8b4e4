// Extractive question answering (Devlin et al. 2019, section 4.2): the words of a text that answer a question.
//
//   score(i, j) = start_i + end_j        over tokens i ≤ j < i + max_tokens of the text
//
// A text that is longer than the model's context is read in windows that overlap, and the best answer of all of them is taken.
#pragma once

#include "tercet/models/encoder.hpp"
#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

struct AnswerOptions {
    index_t max_length = 384, stride = 128;  // tokens of a window, question included, and those that neighbours share
    index_t max_tokens = 30;                 // of an answer
};

struct TextAnswer {
    std::string text;            // empty where there is none
    index_t begin = 0, end = 0;  // bytes of the text that it was found in
    double score = -std::numeric_limits<double>::infinity();
    double no_answer =
        std::numeric_limits<double>::infinity();  // the score of the first token, which models that may decline point to; the least of all windows
};

/// Where the tokens of the second text of a pair stand: [begin, end). Throws invalid_argument for a pair whose first text has no tokens.
inline std::pair<index_t, index_t> second_text(const Encoding& pair) {
    const auto& special = pair.special_tokens_mask;
    const auto next = [&](index_t from, std::uint8_t kind) {
        while (from < static_cast<index_t>(special.size()) && special[static_cast<std::size_t>(from)] != kind) ++from;
        return from;
    };
    const index_t first = next(0, 0), between = next(first, 1), begin = next(between, 0);
    require(first < between && pair.size() > 0, ErrorCode::invalid_argument, "a pair of texts, of which the first has no tokens");
    return {begin, next(begin, 1)};
}

/// A question and a text as windows of tokens, offsets in bytes. Throws invalid_argument for an empty question, one that fills a window, and options
/// outside their ranges.
inline std::vector<Encoding> question_windows(const Tokenizer& tokenizer, std::string_view question, std::string_view text, const AnswerOptions& how,
                                              index_t context) {
    require(how.max_length > 0 && how.stride >= 0 && how.max_tokens > 0, ErrorCode::invalid_argument, "question answering: windows of ",
            how.max_length, " tokens that share ", how.stride, ", answers of ", how.max_tokens);
    require(question.find_first_not_of(" \t\r\n") != std::string_view::npos, ErrorCode::invalid_argument,
            "question answering: the question is empty");
    EncodeOptions options;
    options.pair = text;
    options.max_length = std::min(how.max_length, context);
    options.truncation = Truncation::only_second;
    options.stride = std::min(how.stride, options.max_length / 4);
    options.offsets = OffsetUnit::bytes;
    return tokenizer.encode_windows(question, options);
}

/// The best span of one window: logits (T, 2) of starts and ends.
inline TextAnswer best_answer(const Tensor<float>& logits, const Encoding& window, std::string_view text, index_t max_tokens) {
    const auto x = logits.detach().contiguous();
    const auto [begin, end] = second_text(window);
    const auto score = [&](index_t i, index_t j) { return static_cast<double>(x(i, 0)) + static_cast<double>(x(j, 1)); };
    TextAnswer best;
    best.no_answer = score(0, 0);
    for (index_t i = begin; i < end; ++i)
        for (index_t j = i; j < i + std::min(end - i, max_tokens); ++j)
            if (score(i, j) > best.score) {
                best.score = score(i, j);
                best.begin = window.offsets[static_cast<std::size_t>(i)].first;
                best.end = window.offsets[static_cast<std::size_t>(j)].second;
            }
    if (best.end > best.begin) best.text = text.substr(static_cast<std::size_t>(best.begin), static_cast<std::size_t>(best.end - best.begin));
    return best;
}

/// The answer to a question that a text holds. Throws invalid_argument for a model without a head for answers, an empty question, or options outside
/// their ranges.
inline TextAnswer find_answer(const EncoderModel& model, const Tokenizer& tokenizer, std::string_view question, std::string_view text,
                              const AnswerOptions& how = {}) {
    require(model.task == EncoderTask::question_answering, ErrorCode::invalid_argument, "find_answer: the model has no head for answers");
    const NoGrad guard;
    TextAnswer best;
    for (const auto& window : question_windows(tokenizer, question, text, how, model.context())) {
        const auto length = static_cast<index_t>(window.size());
        const auto types = Tensor<std::int32_t>::copy(window.type_ids, {1, length});
        const auto logits = forward(model, Tensor<std::int32_t>::copy(window.ids, {1, length}), {.type_ids = &types}).logits;
        auto found = best_answer(logits.select(0, 0), window, text, how.max_tokens);
        found.no_answer = std::min(found.no_answer, best.no_answer);
        if (found.score > best.score) best = std::move(found);
        else best.no_answer = found.no_answer;
    }
    return best;
}

}  // namespace tercet::inline TERCET_ABI
