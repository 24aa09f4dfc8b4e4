// Chat: a conversation as the text that an instruction-tuned model was trained on, through the chat template of its files.
//
//   render_chat(tokenizer.chat_template(), {{"user", "Hi"}}, {.add_generation_prompt = true})
//   ->  <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n        (for a ChatML template)
//
// Encode the result without adding special tokens: the template has put them in.
#pragma once

#include "tercet/text/jinja.hpp"
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
inline std::string render_chat(std::string_view chat_template, std::span<const ChatMessage> messages, const ChatOptions& options = {}) {
    require(!chat_template.empty(), ErrorCode::bad_tokenizer, "chat template: the model's files have none");
    require_utf8(chat_template, "chat template");
    JinjaValue::List list;
    for (const auto& message : messages) {
        require_utf8(message.role, "chat message");
        require_utf8(message.content, "chat message");
        list.push_back(JinjaValue::Map{{{"role", message.role}, {"content", message.content}}});
    }
    auto variables = options.variables;
    const auto set = [&](const char* name, JinjaValue value) { variables.members.emplace_back(name, std::move(value)); };
    set("messages", std::move(list));
    set("add_generation_prompt", options.add_generation_prompt);
    for (const auto& [name, text] : {std::pair{"bos_token", &options.bos_token},
                                     {"eos_token", &options.eos_token},
                                     {"unk_token", &options.unk_token},
                                     {"pad_token", &options.pad_token}})
        if (!text->empty()) set(name, *text);
    set("tools", JinjaValue::None{});
    set("documents", JinjaValue::None{});
    return render_template(chat_template, std::move(variables));
}

inline std::string render_chat(std::string_view chat_template, std::initializer_list<ChatMessage> messages, const ChatOptions& options = {}) {
    return render_chat(chat_template, std::span<const ChatMessage>(messages.begin(), messages.size()), options);
}

/// The same with the tokenizer's own template and special tokens.
inline std::string render_chat(const Tokenizer& tokenizer, std::span<const ChatMessage> messages, bool add_generation_prompt = true) {
    ChatOptions options;
    options.add_generation_prompt = add_generation_prompt;
    const auto& roles = tokenizer.special();
    for (auto [text, id] : {std::pair{&options.bos_token, roles.bos},
                            {&options.eos_token, roles.eos},
                            {&options.unk_token, roles.unk},
                            {&options.pad_token, roles.pad}})
        if (tokenizer.has(id)) *text = tokenizer.token(id);
    return render_chat(tokenizer.chat_template(), messages, options);
}

}  // namespace tercet::inline TERCET_ABI
