// The merges of a BPE as a list, each of its own rank, which is how files tell them. A BPE that ranks its tokens (text/bpe.hpp) has more pairs than
// that, as most tokens can be cut in two in several ways, but of the pairs that make a token T only one ever does:
//
//   Where merging makes T of a stretch of a text, no merge before has crossed the ends of the stretch. So whenever the best pair of the text lay in
//   it, that pair was the best of the stretch, and its symbols have merged in the same order as those of a text that is T and nothing else.
//
// The pair that remains last there is T's; the others may be left out. (With dropout they count, which such files do not ask for.)
#pragma once

#include "tercet/text/bpe.hpp"

namespace tercet::inline TERCET_ABI::detail::text {

// The pair by which the characters of a token become the token, or one without a rank: they never do.
inline PairTable::Pair last_merge(const PairTable& pairs, const Vocabulary& vocabulary, std::string_view token) {
    std::vector<TokenId> symbols;
    for (std::size_t i = 0; i < token.size();) {
        const std::size_t size = utf8_decode_valid(token, i).size;
        symbols.push_back(vocabulary.find(token.substr(i, size)));
        i += size;
    }
    PairTable::Pair best;
    while (symbols.size() > 1) {
        best = {};
        std::size_t at = 0;
        for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
            const auto pair = pairs.find(symbols[i], symbols[i + 1]);
            if (pair.rank >= best.rank) continue;
            best = pair;
            at = i;
        }
        if (best.rank == PairTable::no_rank) return best;
        symbols[at] = best.merged;
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    return best;
}

// The pairs of tokens that merge, first learnt first. Throws unsupported, with `source` in front, where pairs that make different tokens share a
// rank, so that no list tells their order.
inline std::vector<std::pair<TokenId, TokenId>> merge_list(const Bpe& bpe, const Vocabulary& vocabulary, std::string_view source) {
    std::vector<std::pair<TokenId, TokenId>> out;
    const auto pairs = bpe.pairs().by_rank();
    for (std::size_t i = 0, next = 0; i < pairs.size(); i = next) {
        while (next < pairs.size() && pairs[next].rank == pairs[i].rank) ++next;
        auto key = pairs[i].key;
        if (next - i > 1) {
            const TokenId made = pairs[i].merged;
            for (std::size_t k = i; k < next; ++k)
                require(pairs[k].merged == made, ErrorCode::unsupported, source, ": the tokens '", vocabulary.token(made), "' and '",
                        vocabulary.token(pairs[k].merged), "' are merged with the same rank, which a list of merges cannot say");
            const auto pair = last_merge(bpe.pairs(), vocabulary, vocabulary.token(made));
            if (pair.rank != pairs[i].rank) continue;
            key = pair.key;
        }
        out.emplace_back(static_cast<TokenId>(key >> 32), static_cast<TokenId>(key & 0xffffffff));
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI::detail::text
