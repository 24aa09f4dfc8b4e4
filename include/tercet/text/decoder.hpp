// Decoders: tokens back to text. The steps are those of tokenizer.json's "decoder": each turns a list of strings into another,
// and what the last one leaves is joined.
#pragma once

#include "tercet/text/byte_alphabet.hpp"
#include "tercet/text/pattern.hpp"
#include "tercet/text/sentencepiece_decoder.hpp"
#include "tercet/text/vocabulary.hpp"

namespace tercet::inline TERCET_ABI {

enum class DecoderKind : std::uint8_t { wordpiece, byte_level, byte_fallback, fuse, strip, replace, metaspace, bpe, ctc };

struct DecoderStep {
    DecoderKind kind = DecoderKind::fuse;
    std::string pattern = {}, content = {};  // wordpiece: the prefix; replace: both; strip: the character; metaspace: the symbol; bpe: the suffix;
                                             // ctc: the padding and the delimiter of words
    Pattern regex = {};                      // replace: in place of `pattern`, where it is not empty
    bool cleanup = true;                     // wordpiece, ctc: no space before punctuation
    bool drop_first = true;                  // metaspace: the symbol in front of the first token is nothing
    std::size_t start = 0, stop = 0;         // strip: how many characters at either end, at most
};

namespace detail::text {

inline std::string clean_up(std::string text) {
    constexpr std::pair<std::string_view, std::string_view> rules[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                                                       {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                                                       {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    if (text.find(' ') == std::string::npos) return text;
    for (const auto& [pattern, content] : rules) text = replace_all(text, pattern, content);
    return text;
}

}  // namespace detail::text

class Decoder {
public:
    Decoder() = default;
    explicit Decoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {}

    const std::vector<DecoderStep>& steps() const { return steps_; }

    /// The text of a list of tokens; without steps they are joined with spaces.
    std::string decode(std::vector<std::string> tokens) const {
        for (const auto& step : steps_) tokens = apply(step, std::move(tokens));
        std::string out;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (i > 0 && steps_.empty()) out += ' ';
            out += tokens[i];
        }
        return out;
    }

private:
    static std::vector<std::string> apply(const DecoderStep& step, std::vector<std::string> tokens) {
        using enum DecoderKind;
        switch (step.kind) {
        case wordpiece:
            for (std::size_t i = 0; i < tokens.size(); ++i) {
                if (i > 0) {
                    if (tokens[i].starts_with(step.pattern)) tokens[i].erase(0, step.pattern.size());
                    else tokens[i].insert(0, 1, ' ');
                }
                if (step.cleanup) tokens[i] = detail::text::clean_up(std::move(tokens[i]));
            }
            return tokens;
        case byte_level: {
            std::string bytes;
            for (const auto& token : tokens) detail::text::append_alphabet_bytes(bytes, token);
            return {utf8_replace_invalid(bytes)};
        }
        case byte_fallback: return join_fallback_bytes(tokens);
        case fuse: {
            std::string all;
            for (const auto& token : tokens) all += token;
            return {all};
        }
        case strip:
            for (auto& token : tokens) token = strip_ends(step, token);
            return tokens;
        case replace:
            for (auto& token : tokens)
                token = step.regex.empty() ? detail::text::replace_all(token, step.pattern, step.content) : replace_matches(step, token);
            return tokens;
        case metaspace:
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = detail::text::replace_all(tokens[i], step.pattern, i == 0 && step.drop_first ? "" : " ");
            return tokens;
        case bpe:
            for (std::size_t i = 0; i < tokens.size(); ++i)
                tokens[i] = detail::text::replace_all(tokens[i], step.pattern, i + 1 < tokens.size() ? " " : "");
            return tokens;
        case ctc: return apply_ctc(step, tokens);
        }
        return tokens;
    }

    static std::string replace_matches(const DecoderStep& step, const std::string& token) {
        std::string out;
        std::size_t at = 0;
        PatternMatches matches(step.regex, token);
        while (const auto match = matches.next()) {
            out.append(token, at, match->begin - at).append(step.content);
            at = match->end;
        }
        return out.append(token, at);
    }

    // What a speech model puts out: of equal neighbours one stays, and the padding between them goes (Graves et al. 2006, section 3.1).
    static std::vector<std::string> apply_ctc(const DecoderStep& step, const std::vector<std::string>& tokens) {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (i > 0 && tokens[i] == tokens[i - 1]) continue;
            std::string token = detail::text::replace_all(tokens[i], step.pattern, "");
            if (step.cleanup) token = detail::text::replace_all(detail::text::clean_up(std::move(token)), step.content, " ");
            if (!token.empty()) out.push_back(std::move(token));
        }
        return out;
    }

    // Runs of byte tokens become text when they are well formed, else one U+FFFD a byte.
    static std::vector<std::string> join_fallback_bytes(const std::vector<std::string>& tokens) {
        std::vector<std::string> out;
        std::string bytes;
        const auto flush = [&] {
            if (bytes.empty()) return;
            if (utf8_first_error(bytes) == std::string::npos) {
                out.push_back(bytes);
            } else {
                for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xef\xbf\xbd");
            }
            bytes.clear();
        };
        for (const auto& token : tokens) {
            if (const int byte = detail::text::fallback_byte(token); byte >= 0) {
                bytes.push_back(static_cast<char>(static_cast<unsigned char>(byte)));
            } else {
                flush();
                out.push_back(token);
            }
        }
        flush();
        return out;
    }

    static std::string strip_ends(const DecoderStep& step, std::string_view token) {
        for (std::size_t i = 0; i < step.start && !step.pattern.empty() && token.starts_with(step.pattern); ++i)
            token.remove_prefix(step.pattern.size());
        for (std::size_t i = 0; i < step.stop && !step.pattern.empty() && token.ends_with(step.pattern); ++i)
            token.remove_suffix(step.pattern.size());
        return std::string(token);
    }

    std::vector<DecoderStep> steps_;
};

}  // namespace tercet::inline TERCET_ABI
