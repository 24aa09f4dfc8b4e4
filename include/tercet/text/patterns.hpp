// The regular expressions that well-known tokenizers cut words with, and the step that runs one.
//
// Most compile to an automaton whatever their spelling (text/pattern.hpp). The two families that nearly all models share, GPT-2's and
// cl100k's, are recognised by their text and go to the hand-written scanners, which are faster; both ways give the same words.
// Sources: the tokenizer.json of each model; openai_public.py of tiktoken; llama-vocab.cpp of llama.cpp for the names.
#pragma once

#include "tercet/text/pretokenizer.hpp"

namespace tercet::inline TERCET_ABI {

/// Expressions by the tokenizer that made them known.
namespace patterns {

inline constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// GPT-4; Llama 3, GLM-4 and many more.
inline constexpr std::string_view cl100k =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Qwen 2 to 3: each digit alone.
inline constexpr std::string_view qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Qwen 3.5: marks go with the letters.
inline constexpr std::string_view qwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// GPT-4o; Llama 4: words are cut before capitals.
inline constexpr std::string_view o200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The same with each digit alone (Youtu).
inline constexpr std::string_view o200k_one_digit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Mistral's Tekken.
inline constexpr std::string_view tekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                           R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                           R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Kimi K2: Han characters apart.
inline constexpr std::string_view kimi_k2 =
    R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// DeepSeek V3, the last of its steps; also Hunyuan.
inline constexpr std::string_view deepseek_v3 =
    R"RE([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)RE";

/// Ideographs and kana: the step before that.
inline constexpr std::string_view ideographs_and_kana = R"([\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+)";

/// DeepSeek LLM: the letters of scripts that have two cases (Unicode 11), ASCII and full-width punctuation, everything East Asian.
inline constexpr std::string_view deepseek_letters =
    R"(\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d)"
    R"(\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd)"
    R"(\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59)"
    R"(\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4)"
    R"(\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149)"
    R"(\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e)"
    R"(\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\x{10400}-\x{1044f}\x{104b0}-\x{104d3}\x{104d8}-\x{104fb})"
    R"(\x{10c80}-\x{10cb2}\x{10cc0}-\x{10cf2}\x{118a0}-\x{118df}\x{1e900}-\x{1e943}]+)";
inline constexpr std::string_view deepseek_punctuation = R"(\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+)";
inline constexpr std::string_view deepseek_east_asian = R"([\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+)";

/// BLOOM, Poro and Viking: everything between a few marks of punctuation.
inline constexpr std::string_view bloom = R"( ?[^(\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+)";

/// CLIP, on text in lower case.
inline constexpr std::string_view clip = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";

}  // namespace patterns

namespace detail::text {

// How many digits a word of the cl100k scanner has when the expression is one of its spellings, else 0.
inline std::size_t cl100k_digits(std::string_view expression) {
    constexpr std::string_view contractions[] = {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|", "'(?i:[sdmt]|ll|ve|re)|",
                                                 "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|"};
    // \s*[\r\n] takes as much as \s*[\r\n]+, and none of the possessive runs could give back what another alternative wants.
    constexpr std::string_view letters[] = {R"([^\r\n\p{L}\p{N}]?\p{L}+|)", R"([^\r\n\p{L}\p{N}]?+\p{L}+|)", R"([^\r\n\p{L}\p{N}]?+\p{L}++|)"};
    constexpr std::string_view others[] = {
        R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
        R"(| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
        R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)",
        R"(| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    };
    const auto take = [&](auto& spellings) {
        for (const auto spelling : spellings) {
            if (!expression.starts_with(spelling)) continue;
            expression.remove_prefix(spelling.size());
            return true;
        }
        return false;
    };
    if (!take(contractions) || !take(letters)) return 0;
    const bool three = expression.starts_with(R"(\p{N}{1,3}|)");
    if (!three && !expression.starts_with(R"(\p{N}|)")) return 0;
    expression.remove_prefix(expression.find('|'));
    return std::find(std::begin(others), std::end(others), expression) == std::end(others) ? 0 : three ? 3 : 1;
}

}  // namespace detail::text

/// The step that cuts words at an expression, by a scanner that has it or else by a Pattern. Throws unsupported, naming `source` and the
/// expression, for one that this build cannot run.
inline PreTokenizerStep pattern_step(std::string_view expression, SplitBehavior behavior = SplitBehavior::isolated, bool invert = false,
                                     std::string_view source = "pattern") {
    PreTokenizerStep step{.behavior = behavior, .invert = invert};
    const auto is_one_of = [&](std::initializer_list<std::string_view> spellings) {
        return std::find(spellings.begin(), spellings.end(), expression) != spellings.end();
    };
    // Without the last \s+ a lone whitespace character is no match but a gap, which is a word as well when both are kept apart.
    const bool gaps_are_words = behavior == SplitBehavior::isolated && !invert;
    if (is_one_of({patterns::gpt2, R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"}) ||
        (gaps_are_words && is_one_of({R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))"}))) {
        step.kind = PreTokenizerKind::gpt2;
    } else if (is_one_of({R"(\p{N})", R"(\p{N}{1,3})"})) {
        step.kind = PreTokenizerKind::number_run;
        step.limit = expression.size() > 5 ? 3 : 1;
    } else if (const auto digits = detail::text::cl100k_digits(expression)) {
        step.kind = PreTokenizerKind::cl100k;
        step.limit = digits;
    } else {
        step.kind = PreTokenizerKind::pattern;
        step.compiled = Pattern(expression, source);
    }
    return step;
}

}  // namespace tercet::inline TERCET_ABI
