// Tokens in the order in which a learner of vocabularies meets them, and their ids: the special ones first, each once, and in front of them the
// unknown one where they lack it.
#pragma once

#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

#include <algorithm>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {
namespace detail::text {

class LearntTokens {
public:
    // `who` is named in errors.
    LearntTokens(std::vector<std::string> special, std::string unknown, std::string_view who) : who_(who), unknown_(std::move(unknown)) {
        if (!unknown_.empty() && std::find(special.begin(), special.end(), unknown_) == special.end()) special.insert(special.begin(), unknown_);
        for (const auto& token : special) {
            require(!token.empty(), ErrorCode::invalid_argument, who_, ": an empty special token");
            require_utf8(token, who_ + ": a special token");
            if (!has(token)) special_.push_back(token);
            id_of(token);
        }
    }

    // The id of a token, a new one when it is not there.
    TokenId id_of(const std::string& token) {
        const auto [at, is_new] = ids_.try_emplace(token, static_cast<TokenId>(tokens_.size()));
        if (is_new) {
            require(tokens_.size() < 0x7fffffff, ErrorCode::size_overflow, who_, ": more than 2^31 - 1 tokens");
            tokens_.push_back(token);
        }
        return at->second;
    }
    bool has(const std::string& token) const { return ids_.contains(token); }

    std::size_t size() const { return tokens_.size(); }
    const std::string& operator[](TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }
    const std::vector<std::string>& special() const { return special_; }
    const std::string& unknown() const { return unknown_; }

    Vocabulary vocabulary() const {
        std::vector<std::pair<std::string, TokenId>> tokens;
        for (const auto& token : tokens_) tokens.emplace_back(token, static_cast<TokenId>(tokens.size()));
        return Vocabulary(tokens, who_);
    }

private:
    std::string who_;
    std::vector<std::string> special_;
    std::string unknown_;
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, TokenId> ids_;
};

}  // namespace detail::text
}  // namespace tercet::inline TERCET_ABI
