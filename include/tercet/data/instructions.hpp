// Text of which a part is to be learnt: answers to instructions (Wei et al. 2022; Ouyang et al. 2022, section 3.5). The model reads all of it, and
// the loss is of the answers alone, so that it learns to answer and not to ask.
//
//   "Translate: good morning" → "bonjour"        ids  Trans late : good morning bon jour <end>
//                                                target                            bon jour <end>       (others: -100, not scored)
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/text/chat.hpp"

namespace tercet::inline TERCET_ABI {

/// Tokens, and for each whether the model is to learn to write it.
struct LearntTokens {
    std::vector<TokenId> ids;
    std::vector<std::uint8_t> learnt;

    std::size_t size() const { return ids.size(); }
    void add(std::span<const TokenId> more, bool to_learn) {
        ids.insert(ids.end(), more.begin(), more.end());
        learnt.insert(learnt.end(), more.size(), to_learn);
    }
    /// Its first tokens, at most so many.
    LearntTokens cut(index_t length) const {
        const auto n = std::min(static_cast<std::size_t>(length), ids.size());
        return {{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)}, {learnt.begin(), learnt.begin() + static_cast<std::ptrdiff_t>(n)}};
    }
};

namespace detail {

// A text as tokens, of which those are learnt that begin in one of the spans [begin, end) of bytes.
inline LearntTokens tokens_with_spans(const Tokenizer& tokenizer, std::string_view text, std::span<const std::pair<std::size_t, std::size_t>> spans,
                                      bool add_special) {
    EncodeOptions how;
    how.add_special = add_special;
    how.offsets = OffsetUnit::bytes;
    const auto encoding = tokenizer.encode(text, how);
    LearntTokens out;
    for (std::size_t t = 0; t < encoding.size(); ++t) {
        const auto from = static_cast<std::size_t>(encoding.offsets[t].first);
        const bool learnt = encoding.special_tokens_mask[t] == 0 &&
                            std::any_of(spans.begin(), spans.end(), [&](const auto& span) { return from >= span.first && from < span.second; });
        out.add(std::span(encoding.ids).subspan(t, 1), learnt);
    }
    return out;
}

}  // namespace detail

/// A prompt and the answer that it should have; the end token, if any (≥ 0), is learnt as a part of the answer. The two are tokenized as one text: a
/// token that begins in the prompt is the prompt's.
inline LearntTokens prompt_and_answer(const Tokenizer& tokenizer, std::string_view prompt, std::string_view answer, TokenId end = -1) {
    const std::string text = std::string(prompt) + std::string(answer);
    const std::pair<std::size_t, std::size_t> span{prompt.size(), text.size()};
    auto out = detail::tokens_with_spans(tokenizer, text, std::span(&span, 1), true);
    if (end >= 0) out.add(std::span<const TokenId>(&end, 1), true);
    return out;
}

/// A conversation in the tokenizer's chat template, of which the assistant's messages are learnt, what ends them included. Throws what render_chat()
/// throws, and unsupported for a template that does not write a longer conversation as the shorter one and more.
inline LearntTokens conversation_tokens(const Tokenizer& tokenizer, std::span<const ChatMessage> messages) {
    const std::string whole = render_chat(tokenizer, messages, false);
    const auto length_of = [&](std::span<const ChatMessage> beginning, bool answer_begins) {
        const auto part = render_chat(tokenizer, beginning, answer_begins);
        require(whole.starts_with(part), ErrorCode::unsupported,
                "conversation_tokens: the chat template writes the beginning of a conversation otherwise once it goes on");
        return part.size();
    };
    std::vector<std::pair<std::size_t, std::size_t>> answers;
    for (std::size_t i = 0; i < messages.size(); ++i)
        if (messages[i].role == "assistant") answers.emplace_back(length_of(messages.first(i), true), length_of(messages.first(i + 1), false));
    return detail::tokens_with_spans(tokenizer, whole, answers, false);
}

/// Sequences one behind the other, without padding: ids and targets (1, N), and the lengths. Each target is the token after its input, or −100 where
/// that is not learnt or is another sequence's.
struct PackedTokens {
    Tensor<std::int32_t> ids{}, targets{};
    std::vector<index_t> lengths;
    index_t scored = 0;  // targets that are tokens
};

/// These of the texts, in this order. Throws index_out_of_range, and invalid_argument for one without tokens.
inline PackedTokens pack_tokens(std::span<const LearntTokens> texts, std::span<const index_t> which) {
    PackedTokens out{.lengths = detail::lengths_to_pack(texts, which)};
    const index_t tokens = std::accumulate(out.lengths.begin(), out.lengths.end(), index_t{0});
    out.ids = Tensor<std::int32_t>::empty({1, tokens});
    out.targets = Tensor<std::int32_t>::full({1, tokens}, -100);
    std::int32_t *id = out.ids.mutable_data(), *target = out.targets.mutable_data();
    for (const index_t i : which) {
        const auto& text = texts[static_cast<std::size_t>(i)];
        id = std::copy(text.ids.begin(), text.ids.end(), id);
        for (std::size_t t = 1; t < text.size(); ++t)
            if (text.learnt[t] != 0) {
                target[t - 1] = text.ids[t];
                ++out.scored;
            }
        target += text.size();
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
