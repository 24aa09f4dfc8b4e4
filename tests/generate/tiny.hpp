// A tokenizer for the tiny golden models: each id spells its number, "<50>", unless the test says what it spells.
#pragma once

#include "support/model_golden.hpp"
#include "tercet/generate/generator.hpp"
#include "tercet/text/load_tokenizer.hpp"

#include <map>

namespace tercet_test {

/// The JSON of a byte-level tokenizer of `size` ids; `texts` gives what some of them spell, in the byte alphabet ("Ġ" is a space).
inline std::string tiny_tokenizer_json(int size, const std::map<int, std::string>& texts = {}) {
    std::string vocabulary;
    for (int i = 0; i < size; ++i) {
        const auto text = texts.find(i);
        const std::string token = text != texts.end() ? text->second : "<" + std::to_string(i) + ">";
        vocabulary += (i > 0 ? "," : "") + tercet::quote_json(token) + ":" + std::to_string(i);
    }
    return R"({"added_tokens":[],"normalizer":null,)"
           R"("pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true,"trim_offsets":true},)"
           R"("post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)" +
           vocabulary + R"(},"merges":[]}})";
}

inline tercet::Tokenizer tiny_tokenizer(int size, const std::map<int, std::string>& texts = {}) {
    return tercet::tokenizer_from_json(tiny_tokenizer_json(size, texts), "tiny");
}

inline tercet::CausalModel golden_model(const std::string& name) {
    return tercet::load_causal_model(tercet::ModelFiles::open(golden::model_folder(name)));
}

/// The prompt of a golden case, and what follows it greedily: 20 tokens.
struct Greedy {
    std::vector<std::int32_t> prompt, next;
};
inline Greedy greedy_case(const std::string& name) {
    const golden::Expected expected(golden::model_folder(name) + "/expected.safetensors");
    auto whole = expected.ids("greedy_ids").to_vector();
    Greedy result{expected.ids("prompt_ids").to_vector(), {}};
    result.next.assign(whole.begin() + static_cast<std::ptrdiff_t>(result.prompt.size()), whole.end());
    return result;
}

inline std::vector<std::int32_t> to_vector(std::span<const std::int32_t> ids) {
    return {ids.begin(), ids.end()};
}

}  // namespace tercet_test
