// The distinct words of texts and how often each occurs: all that a learner of vocabularies needs of a corpus.
//
// Words are cut by GPT-2's expression (Radford et al. 2019), which needs no normalizer and leaves every byte in a word, or by whatever
// normalizer and pre-tokenizer the tokenizer will have. They are kept in the order in which each occurs first.
#pragma once

#include "tercet/text/normalizer.hpp"
#include "tercet/text/pretokenizer.hpp"
#include "tercet/text/vocabulary.hpp"

#include <stop_token>

namespace tercet::inline TERCET_ABI {

class WordCounts {
public:
    /// Counts the words of a text, as GPT-2's expression cuts them. Throws bad_text when it is not UTF-8, cancelled.
    void add(std::string_view text, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        add_valid(text, stop);
    }
    /// Counts each line, with the newline that ends it, as a text of its own, as Hugging Face's trainer reads files: no word spans two lines.
    void add_lines(std::string_view text, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        each_line(text, [&](std::string_view line) { add_valid(line, stop); });
    }

    /// Counts the words that a tokenizer's first two stages make of a text. A byte-level last step is left to the learner, as words that
    /// are learnt from are spelled in plain bytes. Throws bad_text when it is not UTF-8, size_overflow for 4 GiB or more, cancelled.
    void add(std::string_view text, const Normalizer& normalizer, const PreTokenizer& pre_tokenizer, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        add_valid(text, normalizer, pre_tokenizer, stop);
    }
    /// The same for each line, with the newline that ends it, as a text of its own: the way for long texts, as the stages need ten bytes a byte.
    void add_lines(std::string_view text, const Normalizer& normalizer, const PreTokenizer& pre_tokenizer, const std::stop_token& stop = {}) {
        require_utf8(text, "text to learn from");
        each_line(text, [&](std::string_view line) { add_valid(line, normalizer, pre_tokenizer, stop); });
    }

    /// Counts a word that someone else has cut; an empty one is none. Throws bad_text when it is not UTF-8, invalid_argument for a count
    /// below 1, size_overflow when all words together reach 2^62 bytes.
    void add_word(std::string_view word, std::int64_t count = 1) {
        require_utf8(word, "word to learn from");
        require(count >= 1, ErrorCode::invalid_argument, "WordCounts: a word that occurs ", count, " times");
        put(word, count);
    }

    /// How many distinct words there are.
    std::size_t size() const { return entries_.size(); }
    std::string_view word(std::size_t i) const { return std::string_view(buffer_).substr(entries_[i].begin, entries_[i].size); }
    std::int64_t count(std::size_t i) const { return entries_[i].count; }

private:
    struct Entry {
        std::uint64_t hash;
        std::size_t begin, size;
        std::int64_t count;
    };
    static constexpr std::uint32_t empty = 0xffffffff;
    static constexpr std::int64_t most_bytes = std::int64_t{1} << 62;  // a count of anything in the words, over all of them, fits

    template <class F>
    static void each_line(std::string_view text, const F& f) {
        while (!text.empty()) {
            const std::size_t size = std::min(text.find('\n'), text.size() - 1) + 1;
            f(text.substr(0, size));
            text.remove_prefix(size);
        }
    }

    void add_valid(std::string_view text, const std::stop_token& stop) {
        std::size_t look = 0;  // where the stop token is looked at next
        for (std::size_t at = 0; at < text.size();) {
            if (at >= look) {
                require(!stop.stop_requested(), ErrorCode::cancelled, "counting words was stopped after ", at, " of ", text.size(), " bytes");
                look = at + (std::size_t{1} << 20);
            }
            const std::size_t end = scan_gpt2(text, at);
            put(text.substr(at, end - at), 1);
            at = end;
        }
    }

    void add_valid(std::string_view text, const Normalizer& normalizer, const PreTokenizer& pre_tokenizer, const std::stop_token& stop) {
        const auto look = [&] {
            require(!stop.stop_requested(), ErrorCode::cancelled, "counting words was stopped in a text of ", text.size(), " bytes");
        };
        look();
        require(text.size() < 0xffffffffu, ErrorCode::size_overflow, "text to learn from: ", text.size(), " bytes, below 4 GiB is supported");
        NormalizedText normal;
        if (!normalizer.empty()) normal = normalizer.apply(text);
        look();
        PreTokenized cut;
        cut.text = normalizer.empty() ? text : std::string_view(normal.text);
        cut.spans = normalizer.empty() ? nullptr : normal.spans.data();
        cut.words.push_back({0, static_cast<std::uint32_t>(cut.text.size())});
        pre_tokenizer.apply(cut, true);
        look();
        for (const auto& [begin, end] : cut.words) put(cut.text.substr(begin, end - begin), 1);
    }

    void put(std::string_view text, std::int64_t count) {
        if (text.empty()) return;
        require(text.size() <= 0x7fffffff && count <= (most_bytes - bytes_) / static_cast<std::int64_t>(text.size()), ErrorCode::size_overflow,
                "text to learn from: a word of ", text.size(), " bytes, ", count, " times, beside ", bytes_, " bytes");
        bytes_ += count * static_cast<std::int64_t>(text.size());
        if (2 * entries_.size() >= slots_.size()) grow();
        TextHash hash;
        hash.add(text);
        const std::size_t mask = slots_.size() - 1;
        std::size_t i = hash.value() & mask;
        for (; slots_[i] != empty; i = (i + 1) & mask) {
            auto& entry = entries_[slots_[i]];
            if (entry.hash == hash.state && word(slots_[i]) == text) return void(entry.count += count);
        }
        require(entries_.size() < empty, ErrorCode::size_overflow, "text to learn from: more than ", empty, " words");
        slots_[i] = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back({hash.state, buffer_.size(), text.size(), count});
        buffer_ += text;
    }

    void grow() {
        slots_.assign(std::max<std::size_t>(1024, 4 * slots_.size()), empty);
        for (std::uint32_t w = 0; w < entries_.size(); ++w) {
            std::size_t i = TextHash{entries_[w].hash}.value() & (slots_.size() - 1);
            while (slots_[i] != empty) i = (i + 1) & (slots_.size() - 1);
            slots_[i] = w;
        }
    }

    std::string buffer_;  // the words, one after the other
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> slots_;
    std::int64_t bytes_ = 0;  // of all words, each as often as it occurs
};

/// The characters of the words and how often each occurs, in the order of their code points.
inline std::vector<std::pair<char32_t, std::int64_t>> character_counts(const WordCounts& words) {
    std::vector<std::int64_t> counts(0x110000);
    for (std::size_t w = 0; w < words.size(); ++w) {
        const auto text = words.word(w);
        for (std::size_t i = 0; i < text.size();) {
            const auto step = utf8_decode_valid(text, i);
            counts[step.point] += words.count(w);
            i += step.size;
        }
    }
    std::vector<std::pair<char32_t, std::int64_t>> out;
    for (char32_t point = 0; point < counts.size(); ++point) {
        if (counts[point] > 0) out.emplace_back(point, counts[point]);
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
