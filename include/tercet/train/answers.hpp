// Fine-tuning of an encoder to find answers in texts (Devlin et al. 2019, section 4.2): where an answer starts and where it ends.
//
//   loss = (cross-entropy of the start among the window's tokens + that of the end) / 2
//
// An answer that a window does not hold is at its first token.
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/metrics/answers.hpp"
#include "tercet/models/question_answering.hpp"
#include "tercet/train/finetune.hpp"

namespace tercet::inline TERCET_ABI {

/// A question, a text, and the answer: the bytes [begin, begin + answer.size()) of the text.
struct AnsweredQuestion {
    std::string question, text, answer;
    index_t begin = 0;
};

/// Windows of questions and texts as tokens, and the tokens of each where the answer starts and ends.
struct AnsweredWindows {
    std::vector<Encoding> windows;
    std::vector<std::int32_t> starts, ends;
};

/// White space around an answer is left out. Throws invalid_argument where a text does not have the answer at that place, for an answer without
/// anything else, and for one that no window holds.
inline AnsweredWindows answered_windows(const Tokenizer& tokenizer, std::span<const AnsweredQuestion> questions, const AnswerOptions& how = {}) {
    AnsweredWindows out;
    for (const auto& q : questions) {
        const auto begin = static_cast<std::size_t>(q.begin);
        require(q.begin >= 0 && !q.answer.empty() && begin <= q.text.size() && q.text.compare(begin, q.answer.size(), q.answer) == 0,
                ErrorCode::invalid_argument, "answered_windows: the answer '", q.answer, "' is not at byte ", q.begin, " of its text");
        const auto first_byte = q.answer.find_first_not_of(" \t\r\n");
        require(first_byte != std::string::npos, ErrorCode::invalid_argument, "answered_windows: an answer is white space");
        const auto from_byte = q.begin + static_cast<index_t>(first_byte),
                   end = q.begin + static_cast<index_t>(q.answer.find_last_not_of(" \t\r\n") + 1);
        bool held = false;
        for (auto& window : question_windows(tokenizer, q.question, q.text, how, how.max_length)) {
            const auto [from, to] = second_text(window);
            index_t first = -1, last = -1;
            for (index_t t = from; t < to; ++t) {
                const auto [b, e] = window.offsets[static_cast<std::size_t>(t)];
                if (e > from_byte && b < end) {
                    if (first < 0) first = t;
                    last = t;
                }
            }
            const bool whole = first >= 0 && window.offsets[static_cast<std::size_t>(first)].first <= from_byte &&
                               window.offsets[static_cast<std::size_t>(last)].second >= end;
            out.starts.push_back(static_cast<std::int32_t>(whole ? first : 0));
            out.ends.push_back(static_cast<std::int32_t>(whole ? last : 0));
            out.windows.push_back(std::move(window));
            held = held || whole;
        }
        require(held, ErrorCode::invalid_argument, "answered_windows: no window of ", how.max_length, " tokens holds the answer '", q.answer, "'");
    }
    return out;
}

/// Exact matches and token F1 of a model's answers, as shares of the questions.
struct AnswerScore {
    double exact_match = 0, f1 = 0;
};
inline AnswerScore evaluate_answers(const EncoderModel& model, const Tokenizer& tokenizer, std::span<const AnsweredQuestion> questions,
                                    const AnswerOptions& how = {}) {
    AnswerScore sum;
    for (const auto& q : questions) {
        const auto found = find_answer(model, tokenizer, q.question, q.text, how).text;
        sum.exact_match += exact_match(found, q.answer) / static_cast<double>(questions.size());
        sum.f1 += token_f1(found, q.answer) / static_cast<double>(questions.size());
    }
    return sum;
}

/// Trains what is on the tape of a model with a head for answers, or how.parameters. After each epoch the token F1 of its answers to the held-out
/// questions, if there are any, is measured. Throws invalid_argument for a model without such a head, and what answered_windows() and fine_tune()
/// throw.
inline TrainingResult train_answers(EncoderModel& model, const Tokenizer& tokenizer, std::span<const AnsweredQuestion> questions,
                                    std::span<const AnsweredQuestion> held_out = {}, const FineTuning& how = {}, AnswerOptions windows = {}) {
    require(model.task == EncoderTask::question_answering, ErrorCode::invalid_argument, "train_answers: the model has no head for answers");
    windows.max_length = std::min(windows.max_length, model.context());
    const auto data = answered_windows(tokenizer, questions, windows);
    HeldOutMeasure measure{.name = "validation/f1", .maximise = true};
    if (!held_out.empty()) measure.measure = [&] { return evaluate_answers(model, tokenizer, held_out, windows).f1; };
    const auto loss = [&](std::span<const index_t> which, Generator* training) {
        const auto packed = pack_texts(data.windows, which);
        const auto logits = forward(model, packed.ids, {.type_ids = &packed.type_ids, .lengths = packed.lengths, .training = training}).logits;
        std::vector<Tensor<float>> losses;
        index_t first = 0;
        for (std::size_t i = 0; i < which.size(); ++i) {
            const auto at = static_cast<std::size_t>(which[i]);
            const auto position = [](std::int32_t token) { return Tensor<std::int32_t>::full({1}, token); };
            const auto own = slice(logits, 1, first, first + packed.lengths[i]);  // (1, T, 2)
            losses.push_back(reshape(question_answering_loss(own, position(data.starts[at]), position(data.ends[at])), {1}));
            first += packed.lengths[i];
        }
        return mean(concatenate(losses, 0));
    };
    return fine_tune(model, static_cast<index_t>(data.windows.size()), loss, how, measure);
}

}  // namespace tercet::inline TERCET_ABI
