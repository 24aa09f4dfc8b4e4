// The unigram language model (Kudo 2018, section 3.2): of all ways to cut a text into pieces of the vocabulary, the most probable one.
//
//   best(e) = max over pieces x that end at e of   best(e − |x|) + log p(x)             the text's pieces: walk back from its end
//
// A trie finds the pieces that begin at each character, so a text takes its length times the longest piece's (Viterbi's algorithm). A character
// that is no piece may be taken as unknown, at ten below the worst score.
//
// Ties are real: a+aa and aa+a score the same, and which one wins is a matter of rounding. Sentencepiece keeps the path's score as a float, and
// adds the next piece's in double before it compares (unigram_model.cc, EncodeOptimized); Hugging Face's tokenizers keep doubles and start anew in
// each word. To give the same ids, so does this: with single_precision the score before a word is carried into it.
#pragma once

#include "tercet/text/trie.hpp"
#include "tercet/text/utf8.hpp"
#include "tercet/text/vocabulary.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

struct UnigramOptions {
    TokenId unknown = no_token;              // characters outside the vocabulary; without one such a text is an error
    bool byte_fallback = false;              // they become <0x..> tokens instead, one a byte
    bool single_precision = false;           // scores of paths are floats, over the whole text
    std::vector<TokenId> user_defined = {};  // pieces that always win
    std::vector<TokenId> left_out = {};      // tokens that no text is cut into: control tokens, bytes, unused ones
};

/// What encode() needs room for; one a thread, used again from word to word. Set `before` to 0 where a text begins.
struct UnigramScratch {
    struct Node {
        double score;
        std::int32_t size;  // of the last piece on the best path to here; 0: none yet
        TokenId id;
    };
    std::vector<Node> nodes;
    float before = 0;      // the score of the text so far
    float margin = 0;      // how much closer the last word's decisions could have been
    bool unknown = false;  // whether it has characters outside the vocabulary
};

class Unigram {
public:
    Unigram() = default;

    /// `scores` has the logarithm of each id's probability. Throws bad_tokenizer, with `source` in front, when there are not as many as ids, one is
    /// not a number, or a byte or the unknown token is missing.
    Unigram(const Vocabulary& vocabulary, std::vector<double> scores, UnigramOptions options, std::string_view source)
        : options_(std::move(options)), scores_(std::move(scores)) {
        require(scores_.size() == static_cast<std::size_t>(vocabulary.size()), ErrorCode::bad_tokenizer, source, ": ", scores_.size(),
                " scores for a vocabulary of ", vocabulary.size());
        std::vector<std::uint8_t> kinds(scores_.size(), normal);
        const auto mark = [&](const std::vector<TokenId>& ids, Kind kind) {
            for (const TokenId id : ids) {
                require(vocabulary.has(id), ErrorCode::bad_tokenizer, source, ": token ", id, " in a vocabulary of ", vocabulary.size());
                kinds[static_cast<std::size_t>(id)] = kind;
            }
        };
        mark(options_.user_defined, user_defined);
        mark(options_.left_out, left_out);
        require(options_.unknown == no_token || vocabulary.has(options_.unknown), ErrorCode::bad_tokenizer, source, ": the unknown token ",
                options_.unknown, " is not in the vocabulary");
        double least = std::numeric_limits<double>::infinity();
        std::vector<Trie::Entry> entries;
        for (TokenId id = 0; id < vocabulary.size(); ++id) {
            const auto i = static_cast<std::size_t>(id);
            if (!vocabulary.has(id)) continue;
            require(!std::isnan(scores_[i]), ErrorCode::bad_tokenizer, source, ": the score of token ", id, " is not a number");
            if (kinds[i] == normal) least = std::min(least, scores_[i]);
            // Of two tokens with one spelling the later one is found, as in the vocabulary.
            if (kinds[i] != left_out && vocabulary.find(vocabulary.token(id)) == id) entries.emplace_back(vocabulary.token(id), id);
        }
        unknown_score_ = std::isfinite(least) ? least - unknown_penalty : -unknown_penalty;
        if (options_.single_precision) unknown_score_ = static_cast<float>(static_cast<float>(std::isfinite(least) ? least : 0) - 10.f);
        for (const TokenId id : options_.user_defined) wins_.push_back(id);
        std::sort(wins_.begin(), wins_.end());
        trie_ = Trie(std::move(entries));
        for (std::size_t b = 0; options_.byte_fallback && b < 256; ++b) {
            constexpr char hex[] = "0123456789ABCDEF";
            bytes_[b] = vocabulary.find(std::string("<0x") + hex[b >> 4] + hex[b & 15] + ">");
        }
    }

    const UnigramOptions& options() const { return options_; }
    const std::vector<double>& scores() const { return scores_; }
    double score(TokenId id) const { return scores_[static_cast<std::size_t>(id)]; }

    /// Appends the tokens of text[begin, end). Throws bad_tokenizer for a character outside the vocabulary when there is no unknown token.
    void encode(std::string_view text, std::uint32_t begin, std::uint32_t end, UnigramScratch& scratch, std::vector<Token>& out) const {
        const auto word = text.substr(begin, end - begin);
        const std::size_t first = out.size();
        if (options_.single_precision) search<float>(word, scratch);
        else search<double>(word, scratch);
        scratch.unknown = false;
        const auto node_at = [&](std::size_t at) -> const UnigramScratch::Node& { return scratch.nodes[at]; };
        const auto is_unknown = [&](std::size_t at) { return node_at(at).id == unknown_mark || node_at(at).id == options_.unknown; };
        for (std::size_t at = word.size(); at > 0;) {
            const std::size_t stop = at;
            const bool unknown = is_unknown(at);
            do at -= static_cast<std::size_t>(node_at(at).size);
            while (unknown && at > 0 && is_unknown(at));  // a run of unknown characters is one
            const Token token{node_at(stop).id, begin + static_cast<std::uint32_t>(at), begin + static_cast<std::uint32_t>(stop)};
            if (!unknown) out.push_back(token);
            else append_unknown(text, token, scratch, out);
        }
        std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
        if (!options_.single_precision || !scratch.unknown || first == 0) return;
        auto& last = out[first - 1];  // in sentencepiece a run of unknown characters reaches over words
        if (last.id != options_.unknown || out[first].id != options_.unknown || last.end != out[first].begin) return;
        last.end = out[first].end;
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(first));
    }

    /// The score of a text, in single precision, with one more piece of that many bytes.
    float after(float before, TokenId id, std::size_t length) const { return static_cast<float>(score_of(id, length) + static_cast<double>(before)); }

    /// How much rounding can move two ways to cut a word of `size` bytes and the score `word` against each other.
    static float noise(float before, float word, std::size_t size) {
        return 4 * static_cast<float>(size + 1) * (std::abs(before) + std::abs(word)) * 0x1p-24f;
    }

    /// Whether encode() would give the same tokens after another beginning of the text: true unless rounding could turn one of the decisions that it
    /// made for this word. `margin` is what encode() found, less the noise() that was in it.
    static bool same_after(float before, float word, float margin, std::size_t size) {
        return std::abs(before) + std::abs(word) < 0.9f * static_cast<float>(most_score) && margin > noise(before, word, size);
    }

private:
    enum Kind : std::uint8_t { normal, user_defined, left_out };
    static constexpr double unknown_penalty = 10, most_score = 100000;
    static constexpr TokenId unknown_mark = -2;

    template <class Score>
    void search(std::string_view word, UnigramScratch& s) const {
        auto& nodes = s.nodes;
        nodes.assign(word.size() + 1, {0, 0, no_token});
        nodes[0].score = options_.single_precision ? static_cast<double>(s.before) : 0;
        double margin = std::numeric_limits<double>::infinity();
        std::size_t frontier = 0;  // the last place that was reached
        const auto offer = [&](std::size_t at, std::size_t size, TokenId id, double score) {
            score = static_cast<double>(static_cast<Score>(score));  // a sum of two floats is exact in double: this rounds it as a float's sum
            auto& node = nodes[at + size];
            if (node.size != 0) margin = std::min(margin, std::abs(score - node.score));
            if (node.size == 0 || score > node.score) node = {score, static_cast<std::int32_t>(size), id};
            frontier = std::max(frontier, at + size);
        };
        for (std::size_t at = 0; at < word.size();) {
            if (options_.single_precision && std::abs(nodes[at].score) > most_score) {
                const double offset = nodes[at].score;
                for (std::size_t i = at; i <= frontier; ++i) nodes[i].score = static_cast<double>(static_cast<Score>(nodes[i].score - offset));
                nodes[at].score = 0;
            }
            const double before = nodes[at].score;
            const std::size_t size = utf8_decode_valid(word, at).size;
            bool single = false;
            trie_.prefixes(word, at, [&](std::size_t length, TokenId id) {
                single = single || length == size;
                offer(at, length, id, score_of(id, length) + before);
            });
            if (!single) offer(at, size, unknown_mark, unknown_score_ + before);
            at += size;
        }
        s.margin = static_cast<float>(margin);
        s.before = static_cast<float>(nodes[word.size()].score);
    }

    double score_of(TokenId id, std::size_t length) const {
        if (wins_.empty() || !std::binary_search(wins_.begin(), wins_.end(), id)) return scores_[static_cast<std::size_t>(id)];
        return static_cast<double>(static_cast<float>(0.1 * (static_cast<double>(length) - 1)));
    }

    // A run of unknown characters: its bytes in reverse, as all of the word, if each is a token, else one token. Sentencepiece gives each byte its
    // character's place, Hugging Face's tokenizers the whole run's.
    void append_unknown(std::string_view text, Token run, UnigramScratch& s, std::vector<Token>& out) const {
        s.unknown = true;
        const auto bytes = text.substr(run.begin, run.end - run.begin);
        const auto is_token = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)] != no_token; };
        if (options_.byte_fallback && std::all_of(bytes.begin(), bytes.end(), is_token)) {
            for (std::uint32_t end = run.end; end > run.begin;) {
                const auto begin = static_cast<std::uint32_t>(utf8_previous(text, end));
                for (std::uint32_t i = end; i > begin; --i) {
                    const TokenId id = bytes_[static_cast<unsigned char>(text[i - 1])];
                    out.push_back(options_.single_precision ? Token{id, begin, end} : Token{id, run.begin, run.end});
                }
                end = begin;
            }
            return;
        }
        require(options_.unknown != no_token, ErrorCode::bad_tokenizer, "encode: '", text.substr(run.begin, std::min(run.end - run.begin, 64u)),
                "' is not in the vocabulary, which has no unknown token");
        out.push_back({options_.unknown, run.begin, run.end});
    }

    UnigramOptions options_;
    std::vector<double> scores_;
    std::vector<TokenId> wins_;
    Trie trie_;
    TokenId bytes_[256] = {};
    double unknown_score_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
