// A character-level vocabulary: the id of a code point is its rank among the distinct code points of a text, in the order of their numbers.
//
// As a file: {"chars": ["\n", " ", "!", …]}, the characters in the order of their ids; other members are ignored.
#pragma once

#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"
#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <span>

namespace tercet::inline TERCET_ABI {

class CharVocabulary {
public:
    /// The vocabulary of a text. Throws bad_text when it is not UTF-8, bad_tokenizer when it is empty.
    static CharVocabulary of_text(std::string_view text) {
        require_utf8(text, "character vocabulary");
        std::vector<bool> seen(0x110000);
        for (std::size_t i = 0; i < text.size();) {
            const auto step = utf8_decode_valid(text, i);
            seen[step.point] = true;
            i += step.size;
        }
        CharVocabulary v;
        for (char32_t c = 0; c < 0x110000; ++c)
            if (seen[c]) v.points_.push_back(c);
        v.index("character vocabulary");
        return v;
    }

    /// Reads the JSON form. Throws io, bad_json, missing_key, and bad_tokenizer where an entry is not one character or stands there twice.
    static CharVocabulary load(const std::string& path) { return parse(read_text_file(path), path); }
    /// The same from text; `source` names it in messages.
    static CharVocabulary parse(std::string_view json, const std::string& source) {
        const Json file = parse_json(json, source);
        CharVocabulary v;
        for (const auto& entry : file.at("chars").elements()) {
            const std::string& text = entry.as_string();
            const bool one = !text.empty() && utf8_count(text) == 1;
            require(one, ErrorCode::bad_tokenizer, source, ": chars[", v.points_.size(), "] = ", quote_json(text.substr(0, 40)),
                    " is not one character");
            v.points_.push_back(utf8_decode(text, 0).point);
        }
        v.index(source);
        return v;
    }

    /// The JSON form, ending in a newline.
    std::string to_json() const {
        std::string out = "{\"chars\": [";
        for (std::size_t i = 0; i < points_.size(); ++i) (out += i == 0 ? "" : ", ") += quote_json(utf8_encode({&points_[i], 1}));
        return out += "]}\n";
    }
    /// Writes it, whole or not at all. Throws io.
    void save(const std::string& path) const { write_file_atomically(path, to_json()); }

    /// How many characters there are.
    TokenId size() const { return static_cast<TokenId>(points_.size()); }
    /// The id of a code point, or no_token.
    TokenId find(char32_t point) const {
        const auto at =
            std::lower_bound(by_point_.begin(), by_point_.end(), point, [this](TokenId id, char32_t p) { return points_[position(id)] < p; });
        return at != by_point_.end() && points_[position(*at)] == point ? *at : no_token;
    }

    /// The ids of a text. Throws bad_text when it is not UTF-8, index_out_of_range for a character that the vocabulary has not.
    std::vector<TokenId> encode(std::string_view text) const {
        require_utf8(text, "text to encode");
        std::vector<TokenId> ids;
        ids.reserve(text.size());
        TokenId ascii[128];  // most text is looked up here
        for (char32_t c = 0; c < 128; ++c) ascii[c] = find(c);
        for (std::size_t i = 0; i < text.size();) {
            const auto step = utf8_decode_valid(text, i);
            const TokenId id = step.point < 128 ? ascii[step.point] : find(step.point);
            require(id != no_token, ErrorCode::index_out_of_range, "the character ", quote_json(text.substr(i, step.size)), " at byte ", i,
                    " is not among the ", size(), " of the vocabulary");
            ids.push_back(id);
            i += step.size;
        }
        return ids;
    }

    /// The text of ids. Throws index_out_of_range.
    std::string decode(std::span<const TokenId> ids) const {
        std::string text;
        for (const TokenId id : ids) {
            require(id >= 0 && id < size(), ErrorCode::index_out_of_range, "id ", id, " is outside the vocabulary of ", size(), " characters");
            utf8_append(text, points_[position(id)]);
        }
        return text;
    }

    friend bool operator==(const CharVocabulary& a, const CharVocabulary& b) { return a.points_ == b.points_; }

private:
    static std::size_t position(TokenId id) { return static_cast<std::size_t>(id); }

    void index(const std::string& source) {
        require(!points_.empty(), ErrorCode::bad_tokenizer, source, ": a vocabulary without a character");
        by_point_.resize(points_.size());
        for (std::size_t i = 0; i < points_.size(); ++i) by_point_[i] = static_cast<TokenId>(i);
        std::sort(by_point_.begin(), by_point_.end(), [this](TokenId a, TokenId b) { return points_[position(a)] < points_[position(b)]; });
        for (std::size_t i = 1; i < by_point_.size(); ++i) {
            const char32_t point = points_[position(by_point_[i])];
            require(points_[position(by_point_[i - 1])] != point, ErrorCode::bad_tokenizer, source, ": the character ",
                    quote_json(utf8_encode({&point, 1})), " stands there twice");
        }
    }

    std::u32string points_;          // by id
    std::vector<TokenId> by_point_;  // ids in the order of their code points
};

}  // namespace tercet::inline TERCET_ABI
