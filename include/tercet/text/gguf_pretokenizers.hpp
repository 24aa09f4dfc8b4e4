// How a GGUF file's byte-level BPE cuts words, by the name in its tokenizer.ggml.pre (llama.cpp's llama-vocab.cpp, where the list is kept).
//
// A name stands for a list of expressions, each of which cuts the words of the one before, and for a few defaults. Where llama.cpp only comes
// near a model's own expression (its \p{Lu} is "no a-z", its digits of AFMoE do not ask what follows), the model's own is taken, since it was
// trained with that. GPT-2's scanner also matches the lone whitespace that llama.cpp's spelling leaves as a gap; the words are the same.
#pragma once

#include "tercet/text/patterns.hpp"

namespace tercet::inline TERCET_ABI {

struct GgufPreTokenizer {
    std::vector<PreTokenizerStep> steps = {};  // without the byte alphabet
    bool ignore_merges = false;                // a word that is a token is not merged
    bool add_bos = false;                      // unless tokenizer.ggml.add_bos_token says otherwise
    bool clean_spaces = true;                  // decoding takes out the space before punctuation
    bool byte_level = true;                    // false: merges work on characters, and bytes without a token are written <0x0A>
    bool escape_spaces = false;                // spaces become U+2581 first
};

namespace detail::text {

enum class GgufCut : std::uint8_t {
    undefined,
    gpt2,
    digits_gpt2,
    cl100k,
    qwen2,
    qwen35,
    minicpm5,
    ufakzeka,
    seed_coder,
    laguna,
    jais2,
    exaone_moe,
    o200k,
    tekken,
    tiny_aya,
    youtu,
    kimi_k2,
    deepseek_llm,
    deepseek_coder,
    deepseek_v3,
    spark,
    afmoe,
    falcon,
    bloom,
    viking,
    superbpe,
    chameleon,
    lines,
    not_spaces,
};

struct GgufPreName {
    std::string_view name;
    GgufCut cut;
    bool clean_spaces = true, ignore_merges = false, add_bos = false;
};

inline constexpr GgufPreName gguf_pre_names[] = {
    {"default", GgufCut::undefined},
    {"gpt-2", GgufCut::gpt2},
    {"phi-2", GgufCut::gpt2},
    {"jina-es", GgufCut::gpt2},
    {"jina-de", GgufCut::gpt2},
    {"jina-v1-en", GgufCut::gpt2},
    {"jina-v2-es", GgufCut::gpt2},
    {"jina-v2-de", GgufCut::gpt2},
    {"jina-v2-code", GgufCut::gpt2},
    {"roberta-bpe", GgufCut::gpt2},
    {"gigachat", GgufCut::gpt2},
    {"a.x-4.0", GgufCut::gpt2},
    {"mellum", GgufCut::gpt2},
    {"modern-bert", GgufCut::gpt2},
    {"exaone4", GgufCut::gpt2},
    {"mpt", GgufCut::gpt2},
    {"olmo", GgufCut::gpt2},
    {"jais", GgufCut::gpt2},
    {"trillion", GgufCut::gpt2, false},
    {"granite-docling", GgufCut::gpt2, false},
    {"starcoder", GgufCut::digits_gpt2},
    {"refact", GgufCut::digits_gpt2},
    {"command-r", GgufCut::digits_gpt2, false},
    {"smollm", GgufCut::digits_gpt2, false},
    {"codeshell", GgufCut::digits_gpt2},
    {"exaone", GgufCut::digits_gpt2},
    {"minerva-7b", GgufCut::digits_gpt2},
    {"mellum2", GgufCut::digits_gpt2},
    {"llama3", GgufCut::cl100k, true, true, true},
    {"llama-v3", GgufCut::cl100k, true, true, true},
    {"llama-bpe", GgufCut::cl100k, true, true, true},
    {"falcon3", GgufCut::cl100k, true, true, true},
    {"falcon-h1", GgufCut::cl100k, true, true, true},
    {"pixtral", GgufCut::cl100k, true, true, true},
    {"midm-2.0", GgufCut::cl100k, true, true, true},
    {"lfm2", GgufCut::cl100k, true, true, true},
    {"jina-v5-nano", GgufCut::cl100k, true, true, true},
    {"dbrx", GgufCut::cl100k},
    {"smaug-bpe", GgufCut::cl100k},
    {"glm4", GgufCut::cl100k},
    {"chatglm-bpe", GgufCut::cl100k},
    {"stablelm2", GgufCut::qwen2},
    {"qwen2", GgufCut::qwen2, false},
    {"deepseek-r1-qwen", GgufCut::qwen2, false},
    {"kormo", GgufCut::qwen2, false},
    {"f2llmv2", GgufCut::qwen2, false},
    {"megrez", GgufCut::qwen2},
    {"hunyuan", GgufCut::qwen2, false},
    {"solar-open", GgufCut::qwen2, false},
    {"grok-2", GgufCut::qwen2, false},
    {"bailingmoe", GgufCut::qwen2, false},
    {"bailingmoe2", GgufCut::qwen2, false},
    {"llada-moe", GgufCut::qwen2, false},
    {"qwen35", GgufCut::qwen35, false},
    {"minicpm5", GgufCut::minicpm5, true, true},
    {"ufakzeka", GgufCut::ufakzeka, false},
    {"seed-coder", GgufCut::seed_coder, false},
    {"laguna", GgufCut::laguna, false},
    {"jais-2", GgufCut::jais2},
    {"exaone-moe", GgufCut::exaone_moe},
    {"gpt-4o", GgufCut::o200k, false},
    {"llama4", GgufCut::o200k, false},
    {"kanana2", GgufCut::o200k, false},
    {"talkie", GgufCut::o200k, false},
    {"minimax-m2", GgufCut::o200k, false},
    {"granite-embed-multi-97m", GgufCut::o200k, false, true},
    {"tekken", GgufCut::tekken, false, true, true},
    {"tiny_aya", GgufCut::tiny_aya, false},
    {"cohere2moe", GgufCut::tiny_aya, false},
    {"youtu", GgufCut::youtu, false, true},
    {"kimi-k2", GgufCut::kimi_k2, false},
    {"deepseek-llm", GgufCut::deepseek_llm, false},
    {"deepseek-coder", GgufCut::deepseek_coder, false},
    {"deepseek-v3", GgufCut::deepseek_v3, false},
    {"hunyuan-dense", GgufCut::deepseek_v3, false},
    {"hy_v4", GgufCut::deepseek_v3, false},
    {"joyai-llm", GgufCut::deepseek_v3, false},
    {"spark2_5", GgufCut::spark, false},
    {"afmoe", GgufCut::afmoe, false},
    {"falcon", GgufCut::falcon},
    {"bloom", GgufCut::bloom},
    {"gpt3-finnish", GgufCut::bloom},
    {"poro-chat", GgufCut::bloom, false},
    {"viking", GgufCut::viking, false},
    {"superbpe", GgufCut::superbpe, false},
    {"chameleon", GgufCut::chameleon, false, false, true},
    {"gemma4", GgufCut::lines, true, false, true},
    {"granite-embed-multi-311m", GgufCut::lines, true, false, true},
    {"sarvam-moe", GgufCut::lines, false},
    {"whitespace", GgufCut::not_spaces},
};

inline std::vector<std::string_view> expressions_of(GgufCut cut) {
    using namespace patterns;
    constexpr std::string_view number = R"(\p{N})", three_numbers = R"(\p{N}{1,3})", three_digits = "[0-9][0-9][0-9]";
    switch (cut) {
    case GgufCut::undefined: return {R"([\p{P}\$\+<=>\^~\|]+)", gpt2, R"(\p{N}+)", three_digits};
    case GgufCut::gpt2: return {gpt2};
    case GgufCut::digits_gpt2: return {number, gpt2};
    case GgufCut::cl100k: return {cl100k};
    case GgufCut::qwen2: return {qwen2};
    case GgufCut::qwen35: return {qwen35};
    case GgufCut::minicpm5:
        return {three_numbers, R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
    case GgufCut::ufakzeka: return {R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
    case GgufCut::seed_coder:
        return {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)"};
    case GgufCut::laguna: return {R"([^\n]+|[\n]+)", qwen2};
    case GgufCut::jais2:
        return {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
                R"(\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})"};
    case GgufCut::exaone_moe:
        return {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|)"
                R"( ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"};
    case GgufCut::o200k: return {o200k};
    case GgufCut::tekken: return {tekken};
    case GgufCut::tiny_aya: return {R"(\d{1,3}(?=(?:\d{3})*\b))", o200k};
    case GgufCut::youtu:
        return {R"([\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+|)"
                R"([\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+)",
                o200k_one_digit};
    case GgufCut::kimi_k2: return {kimi_k2};
    case GgufCut::deepseek_llm: return {R"([\r\n])", deepseek_letters, deepseek_punctuation, R"(\s+$)", deepseek_east_asian, R"(\p{N}+)"};
    case GgufCut::deepseek_coder: return {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", deepseek_east_asian, number};
    case GgufCut::deepseek_v3: return {three_numbers, ideographs_and_kana, deepseek_v3};
    case GgufCut::spark:
        return {three_numbers, ideographs_and_kana,
                R"RE([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)RE",
                number};
    case GgufCut::afmoe:
        return {R"(\d{1,3}(?=(?:\d{3})*\b))",
                R"([\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff)"
                R"(\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+)",
                deepseek_v3};
    case GgufCut::falcon: return {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2, three_digits};
    case GgufCut::bloom: return {bloom};
    case GgufCut::viking: return {bloom, number};
    case GgufCut::superbpe: return {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"};
    case GgufCut::chameleon:
        return {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", number, R"([\p{P}!-/:-@\[-`{-~])", gpt2};
    case GgufCut::lines: return {R"([^\n]+|[\n]+)"};
    case GgufCut::not_spaces: return {R"(\S+)"};
    }
    return {};
}

}  // namespace detail::text

/// The steps and defaults that a name in tokenizer.ggml.pre stands for; nothing for a name that is not in the list.
inline std::optional<GgufPreTokenizer> pretokenizer_for_gguf(std::string_view name) {
    using detail::text::GgufCut;
    for (const auto& row : detail::text::gguf_pre_names) {
        if (row.name != name) continue;
        GgufPreTokenizer out;
        for (const auto expression : detail::text::expressions_of(row.cut)) out.steps.push_back(pattern_step(expression));
        out.ignore_merges = row.ignore_merges;
        out.add_bos = row.add_bos;
        out.clean_spaces = row.clean_spaces;
        out.byte_level = row.cut != GgufCut::lines && row.cut != GgufCut::not_spaces;
        out.escape_spaces = row.cut == GgufCut::lines;
        return out;
    }
    return std::nullopt;
}

}  // namespace tercet::inline TERCET_ABI
