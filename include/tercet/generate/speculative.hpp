// Speculative decoding (Leviathan et al. 2023; Chen et al. 2023): tokens that are likely to come next are guessed cheaply, and one pass of the model
// over all of them gives the logits after each. They are drawn from one after the other; the first draw that is not the guess ends the run. So the
// tokens are those that plain decoding would draw, whatever the sampler, but for the rounding of products of other heights.
#pragma once

#include "tercet/generate/sampler.hpp"
#include "tercet/generate/session.hpp"

namespace tercet::inline TERCET_ABI {

/// Guesses by prompt look-up (Saxena 2023): what followed the last place where the newest tokens stood before.
inline std::vector<std::int32_t> look_up(std::span<const std::int32_t> seen, std::size_t count, std::size_t longest = 4, std::size_t shortest = 2) {
    for (std::size_t n = std::min(longest, seen.size() > 0 ? seen.size() - 1 : 0); n >= shortest; --n) {
        const auto newest = seen.last(n);
        for (std::size_t at = seen.size() - n; at-- > 0;)
            if (std::equal(newest.begin(), newest.end(), seen.begin() + static_cast<std::ptrdiff_t>(at))) {
                const auto next = seen.subspan(at + n, std::min(count, seen.size() - at - n));
                return {next.begin(), next.end()};
            }
    }
    return {};
}

/// Guesses by a smaller model of the same vocabulary, greedily.
class DraftModel {
public:
    explicit DraftModel(const CausalModel& model) : session_(model) {}

    index_t vocab_size() const { return session_.vocab_size(); }

    /// At most so many tokens; fewer where its context is full.
    std::vector<std::int32_t> guess(std::span<const std::int32_t> seen, std::size_t count) {
        std::size_t common = 0;  // of what it has read; the newest token is read anew, for its logits
        while (common < held_.size() && common + 1 < seen.size() && held_[common] == seen[common]) ++common;
        session_.truncate(static_cast<index_t>(common));
        held_.assign(seen.begin(), seen.end());
        std::vector<std::int32_t> guesses;
        auto fed = seen.subspan(common);
        while (guesses.size() < count) {
            if (session_.context() > 0 && session_.size() + static_cast<index_t>(fed.size()) > session_.context()) break;
            const auto logits = session_.feed(fed);
            guesses.push_back(argmax_token(logits.span()));
            held_.push_back(guesses.back());
            fed = std::span<const std::int32_t>(guesses).last(1);
        }
        held_.resize(static_cast<std::size_t>(session_.size()));
        return guesses;
    }

private:
    Session session_;
    std::vector<std::int32_t> held_;  // the tokens in its cache
};

}  // namespace tercet::inline TERCET_ABI
