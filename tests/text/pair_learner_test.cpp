#include "tercet/text/pair_learner.hpp"

#include "tercet/core/random.hpp"

#include "support/catch.hpp"

#include <map>

using namespace tercet;
using detail::text::PairLearner;

namespace {

using Symbols = std::vector<TokenId>;

struct Corpus {
    std::vector<std::pair<Symbols, std::int64_t>> words;
};

// The algorithm as it is written down: all pairs are counted anew before each merge.
template <class Join>
bool merge_slowly(Corpus& corpus, std::int64_t min_count, std::map<std::pair<TokenId, TokenId>, TokenId>& joined, const Join& join) {
    std::map<std::pair<TokenId, TokenId>, std::int64_t> counts;
    for (const auto& [word, n] : corpus.words) {
        for (std::size_t i = 1; i < word.size(); ++i) counts[{word[i - 1], word[i]}] += n;
    }
    auto best = counts.end();
    for (auto at = counts.begin(); at != counts.end(); ++at) {
        if (best == counts.end() || at->second > best->second) best = at;
    }
    if (best == counts.end() || best->second < min_count) return false;
    const auto pair = best->first;
    if (!joined.contains(pair)) joined[pair] = join(pair.first, pair.second);
    for (auto& entry : corpus.words) {
        Symbols out;
        for (std::size_t i = 0; i < entry.first.size(); ++i) {
            const bool here = i + 1 < entry.first.size() && entry.first[i] == pair.first && entry.first[i + 1] == pair.second;
            out.push_back(here ? joined[pair] : entry.first[i]);
            i += here;
        }
        entry.first = out;
    }
    return true;
}

}  // namespace

TEST_CASE("pair learner: merges are those of counting all pairs anew, runs of one symbol and tokens that two ways lead to included", "[text]") {
    Generator random(7);
    const auto below = [&](std::uint64_t n) { return random.below(n); };
    for (int round = 0; round < 200; ++round) {
        const bool collide = round % 2 == 1;  // "aa" and "ab" are symbols from the start
        const std::vector<std::string> first = collide ? std::vector<std::string>{"a", "b", "aa", "ab"} : std::vector<std::string>{"a", "b", "c"};
        Corpus corpus;
        PairLearner learner;
        for (std::uint64_t w = 0, n = 1 + below(6); w < n; ++w) {
            Symbols word;
            for (std::uint64_t i = 0, size = below(12); i < size; ++i) word.push_back(static_cast<TokenId>(below(first.size())));
            const auto count = static_cast<std::int64_t>(1 + below(5));
            corpus.words.emplace_back(word, count);
            learner.add_word(word, count);
        }
        std::vector<std::string> slow = first, fast = first;
        std::vector<std::pair<TokenId, TokenId>> slow_merges, fast_merges;
        const auto join_into = [](std::vector<std::string>& tokens, std::vector<std::pair<TokenId, TokenId>>& merges) {
            return [&](TokenId a, TokenId b) {
                merges.emplace_back(a, b);
                const auto text = tokens[static_cast<std::size_t>(a)] + tokens[static_cast<std::size_t>(b)];
                const auto at = std::find(tokens.begin(), tokens.end(), text);
                const auto id = static_cast<TokenId>(at - tokens.begin());
                if (at == tokens.end()) tokens.push_back(text);
                return id;
            };
        };
        const std::int64_t least = static_cast<std::int64_t>(below(3));
        std::map<std::pair<TokenId, TokenId>, TokenId> joined;
        const auto slow_join = join_into(slow, slow_merges);
        const auto fast_join = join_into(fast, fast_merges);
        for (bool more = true; more;) {
            more = merge_slowly(corpus, std::max<std::int64_t>(least, 1), joined, slow_join);
            REQUIRE(learner.merge_next(least, fast_join) == more);
            REQUIRE(fast_merges == slow_merges);
        }
        CHECK(fast == slow);
    }
}

TEST_CASE("pair learner: without pairs there is nothing to merge", "[text]") {
    const auto join = [](TokenId, TokenId) -> TokenId { return 9; };
    PairLearner none;
    CHECK_FALSE(none.merge_next(0, join));
    PairLearner single;
    single.add_word(Symbols{1}, 5);
    single.add_word(Symbols{}, 5);
    CHECK_FALSE(single.merge_next(0, join));
}
