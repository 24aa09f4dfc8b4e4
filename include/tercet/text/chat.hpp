// Chat: a conversation as the text that an instruction-tuned model was trained on, through the chat template of its files.
//
//   render_chat(tokenizer.chat_template(), {{"user", "Hi"}}, {.add_generation_prompt = true})
//   ->  <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n        (for a ChatML template)
//
// Encode the result without adding special tokens: the template has put them in.
#pragma once

#include "tercet/text/jinja_value.hpp"
#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI {

struct ChatMessage {
    std::string role;  // "system", "user", "assistant", as the template knows them
    std::string content;
};

struct ChatOptions {
    bool add_generation_prompt = true;  // end with the beginning of the assistant's answer
    std::string bos_token = {}, eos_token = {}, unk_token = {}, pad_token = {};
    JinjaValue::Map variables = {};  // further variables of the template
};

/// The text of a conversation. Throws bad_tokenizer, naming line and column, for a template that cannot be used, invalid_argument when the template
/// refuses the messages, bad_text for messages that are not UTF-8.
TERCET_LINKAGE std::string render_chat(std::string_view chat_template, std::span<const ChatMessage> messages, const ChatOptions& options = {});

inline std::string render_chat(std::string_view chat_template, std::initializer_list<ChatMessage> messages, const ChatOptions& options = {}) {
    return render_chat(chat_template, std::span<const ChatMessage>(messages.begin(), messages.size()), options);
}

/// The same with the tokenizer's own template and special tokens.
TERCET_LINKAGE std::string render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages, bool add_generation_prompt = true);

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/text/chat.inc"
#endif
