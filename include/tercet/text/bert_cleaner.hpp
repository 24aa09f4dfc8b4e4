// BERT's normalizer (Devlin et al. 2018): control characters go, ideographs are set apart with spaces, accents are stripped, letters lowered.
#pragma once

#include "tercet/text/normalized_text.hpp"
#include "tercet/text/unicode.hpp"

#include <utility>

namespace tercet::inline TERCET_ABI {

struct BertNormalizerOptions {
    bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
};

namespace detail::text {

// BERT's four steps in one pass. Characters come in one by one; what comes out goes to sink(point, span).
template <class Sink>
class BertCleaner {
public:
    BertCleaner(const BertNormalizerOptions& options, Span before, Sink sink) : options_(options), consumed_(before), sink_(std::move(sink)) {}

    void push(char32_t c, Span from) {
        if (options_.clean_text) {
            if (c == 0 || c == U'\uFFFD' || is_bert_control(c)) return;
            if (is_space(c)) c = ' ';
        }
        if (options_.handle_chinese_chars && is_cjk_ideograph(c)) {
            decompose(' ', from);
            decompose(c, from);
            decompose(' ', from);
        } else {
            decompose(c, from);
        }
    }

    void finish() { flush(); }

    bool pending() const { return !marks_.empty(); }
    // For a character that the caller has cleaned and that is a starter without decomposition.
    void note(Span from) { consumed_ = from; }

private:
    struct Mark {
        char32_t point;
        std::uint32_t combining;
        int change;
    };

    void decompose(char32_t c, Span from) {
        if (!options_.strip_accents) return lower(c, from);
        waiting_.push_back(from);
        int change = 0;
        decompose_canonical(c, [&](char32_t point) {
            const auto combining = combining_class(point);
            if (combining == 0) {
                flush();
                resolve(point, change);
            } else {
                marks_.push_back({point, combining, change});
            }
            change = 1;
        });
    }

    void flush() {
        if (marks_.empty()) return;
        std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) { return a.combining < b.combining; });
        for (const auto& mark : marks_) resolve(mark.point, mark.change);
        marks_.clear();
    }

    // A replacing character consumes the next origin that waits; an inserted one repeats the last.
    void resolve(char32_t point, int change) {
        if (change == 0) {
            consumed_ = waiting_[first_waiting_++];
            if (first_waiting_ == waiting_.size()) {
                waiting_.clear();
                first_waiting_ = 0;
            }
        }
        if (!is_bert_nonspacing(point)) lower(point, consumed_);
    }

    void lower(char32_t c, Span from) {
        if (!options_.lowercase) return sink_(c, from);
        const auto lowered = to_lower(c);
        sink_(lowered.first, from);
        if (lowered.second) sink_(lowered.second, from);
    }

    const BertNormalizerOptions& options_;
    Span consumed_;  // the origin of the last character that the decomposition consumed
    Sink sink_;
    std::vector<Mark> marks_;
    std::vector<Span> waiting_;
    std::size_t first_waiting_ = 0;
};

}  // namespace detail::text

}  // namespace tercet::inline TERCET_ABI
