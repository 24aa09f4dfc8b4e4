// Generation: a prompt in, tokens out one by one, as text pieces that are whole UTF-8.
//
//   for (auto piece : llm.generate("The capital of France is", {.max_tokens = 32})) std::cout << piece;
#pragma once

#include "tercet/generate/constraint.hpp"
#include "tercet/generate/score.hpp"
#include "tercet/generate/speculative.hpp"
#include "tercet/text/token_stream.hpp"

#include <chrono>

namespace tercet::inline TERCET_ABI {

struct GenerateOptions {
    index_t max_tokens = 128;
    double temperature = 0.8;  // 0: the most likely token each time
    index_t top_k = 0;
    double top_p = 1, min_p = 0, typical_p = 1, repeat_penalty = 1, frequency_penalty = 0, presence_penalty = 0;
    std::vector<std::pair<std::int32_t, double>> logit_bias{};  // added to the logits of these tokens; −∞ bans one
    std::uint64_t seed = 0;
    std::vector<std::string> stop{};  // texts that end the generation; they are not part of it
    bool ignore_eos = false;
    std::optional<Constraint> constraint{};  // of the text, which then ends where nothing may follow; see generate/constraint.hpp
    index_t lookup = 0;                      // speculative decoding: at most so many tokens at once, guessed from what was seen before
    CausalModel draft{};                     // the same, guessed by a smaller model: draft_tokens at once
    index_t draft_tokens = 4;
    bool log_probabilities = false;  // keep ln p of each new token, before bias, penalties and temperature
    bool slide_context = false;      // where the context is full, begin anew with its later half rather than end
    std::stop_token cancel{};
    DType cache_type = DType::f32;  // of the keys and values kept, or bf16

    SamplerOptions sampler() const {
        return {temperature, top_k, top_p, min_p, typical_p, repeat_penalty, frequency_penalty, presence_penalty, logit_bias, seed};
    }
};

/// Why a generation ended: max_tokens or the context reached, a stop text met, the end token drawn.
enum class Finish { running, length, stop, eos };

constexpr std::string_view name_of(Finish finish) {
    constexpr std::string_view names[] = {"running", "length", "stop", "eos"};
    return names[static_cast<std::size_t>(finish)];
}

/// One running generation. A range of text pieces; or call next() for one token at a time.
class Generation {
public:
    /// Goes on from a prompt; without a tokenizer there are ids alone.
    Generation(const CausalModel& model, std::optional<Tokenizer> tokenizer, std::vector<std::int32_t> end_tokens, std::vector<std::int32_t> prompt,
               const GenerateOptions& options)
        : Generation(Session(model, options.cache_type), std::move(tokenizer), std::move(end_tokens), std::move(prompt), options) {}

    /// Goes on from a prompt in a session: that of an encoder-decoder, whose prompt begins with its start token, or one that holds tokens already:
    /// those at the prompt's beginning are not read again.
    Generation(Session session, std::optional<Tokenizer> tokenizer, std::vector<std::int32_t> end_tokens, std::vector<std::int32_t> prompt,
               GenerateOptions options)
        : session_(std::move(session)),
          tokenizer_(std::move(tokenizer)),
          end_tokens_(std::move(end_tokens)),
          seen_(std::move(prompt)),
          options_(std::move(options)),
          sampler_(options_.sampler()),
          generator_(options_.seed) {
        if (tokenizer_) stream_.emplace(*tokenizer_);
        check(sampler_);
        for (const auto& stop : options_.stop) require(!stop.empty(), ErrorCode::invalid_argument, "generate: a stop text is empty");
        require(options_.lookup >= 0 && options_.lookup <= 256 && options_.draft_tokens >= 1 && options_.draft_tokens <= 256,
                ErrorCode::invalid_argument, "generate: guesses of ", options_.lookup, " or ", options_.draft_tokens, " tokens are not in [0, 256]");
        require(options_.lookup == 0 || !options_.draft, ErrorCode::invalid_argument,
                "generate: guesses by look-up and by a draft model exclude each other");
        if (options_.draft) {
            draft_.emplace(options_.draft);
            require(draft_->vocab_size() == session_.vocab_size(), ErrorCode::invalid_argument, "generate: the draft model's vocabulary of ",
                    draft_->vocab_size(), " is not the model's, ", session_.vocab_size());
        }
        if (options_.constraint) {
            require(tokenizer_.has_value(), ErrorCode::bad_tokenizer,
                    "generate: a constraint on the text needs a tokenizer, this model came without");
            cursor_.emplace(*options_.constraint, *tokenizer_);
        }
        require(options_.max_tokens >= 0, ErrorCode::invalid_argument, "generate: max_tokens ", options_.max_tokens, " is negative");
        require(!seen_.empty(), ErrorCode::invalid_argument, "generate: the prompt is empty");
        prompt_tokens_ = seen_.size();
    }

    /// Makes the next token. False when the generation has ended; piece() then holds what was still held back.
    bool next() {
        piece_.clear();
        if (finish_ != Finish::running) return false;
        const auto made = static_cast<index_t>(seen_.size() - prompt_tokens_);
        const index_t limit = session_.context();
        const bool full = limit > 0 && session_.size() >= limit && !guessing();
        if (made >= options_.max_tokens || (full && made > 0 && !options_.slide_context)) return end(Finish::length);
        require(!options_.cancel.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
        const auto start = std::chrono::steady_clock::now();
        const auto logits = next_logits(made);
        return take(logits, start);
    }

    /// Runs generations of one decoder to their ends together, a token of each in one pass of the model: each as it would be alone, but for the
    /// rounding of products of other heights. Prompts are read one after the other. What each says is in its text(), ids() and finish().
    static void finish_together(std::span<Generation> all) {
        for (auto& g : all) g.next();
        std::vector<Generation*> running;
        std::vector<Session*> sessions;
        std::vector<std::int32_t> newest;
        for (;;) {
            running.clear(), sessions.clear(), newest.clear();
            for (auto& g : all) {
                if (g.finish_ != Finish::running) continue;
                if (g.goes_alone()) {
                    g.next();
                    continue;
                }
                running.push_back(&g), sessions.push_back(&g.session_), newest.push_back(g.seen_.back());
                g.piece_.clear();
            }
            if (running.empty() && std::all_of(all.begin(), all.end(), [](const auto& g) { return g.finish_ != Finish::running; })) return;
            if (running.empty()) continue;
            const auto start = std::chrono::steady_clock::now();
            const auto logits = step_together(sessions, newest);
            for (auto* g : running) g->read_ = g->seen_.size();
            const auto V = static_cast<std::size_t>(logits.size(1));
            for (std::size_t i = 0; i < running.size(); ++i) running[i]->take(logits.span().subspan(i * V, V), start);
        }
    }

    /// The text that the last next() completed; may be empty.
    const std::string& piece() const { return piece_; }
    /// Everything so far, without the prompt.
    const std::string& text() const { return text_; }
    /// The new tokens so far, without an end token.
    std::span<const std::int32_t> ids() const { return std::span<const std::int32_t>(seen_).subspan(prompt_tokens_); }
    Finish finish() const { return finish_; }
    /// ln p of each of ids(), where options.log_probabilities asked for them.
    std::span<const double> log_probabilities() const { return log_probabilities_; }
    /// The session, with the tokens so far, for the next generation.
    Session take_session() && {
        if (guessing()) session_.truncate(session_.size() - static_cast<index_t>(guesses_.size() - at_));  // those that were not looked at
        return std::move(session_);
    }
    /// How many tokens were guessed, and how many of those came true.
    std::pair<index_t, index_t> guesses() const { return {guessed_, came_true_}; }
    /// Tokens a second: of the prompt, and of those made after the first.
    double prompt_tokens_per_s() const { return prompt_seconds_ > 0 ? static_cast<double>(prompt_tokens_) / prompt_seconds_ : 0; }
    double tokens_per_s() const { return seconds_ > 0 ? static_cast<double>(steps_timed()) / seconds_ : 0; }

    /// Runs to the end and gives the whole text.
    const std::string& finish_text() {
        while (next()) {}
        return text_;
    }

    /// Runs to the end and gives each piece to `f` as it comes; f(piece) == false ends the generation there.
    template <class F>
    const std::string& for_each_piece(F&& f) {
        while (next() || !piece_.empty()) {
            if (!piece_.empty() && !f(std::string_view(piece_))) break;
            piece_.clear();
        }
        return text_;
    }

    struct Sentinel {};
    class Iterator {
    public:
        using value_type = std::string;
        using difference_type = std::ptrdiff_t;
        explicit Iterator(Generation* g) : g_(g) { ++*this; }
        const std::string& operator*() const { return g_->piece(); }
        Iterator& operator++() {
            bool more = true;
            while ((more = g_->next()) && g_->piece().empty()) {}
            done_ = !more && g_->piece().empty();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const Iterator& i, Sentinel) { return i.done_; }

    private:
        Generation* g_;
        bool done_ = false;
    };
    Iterator begin() { return Iterator(this); }
    Sentinel end() { return {}; }

private:
    // Draws the next token from its logits, and lets out what text it completes.
    bool take(std::span<const float> logits, std::chrono::steady_clock::time_point start) {
        const bool first = seen_.size() == prompt_tokens_;
        const std::int32_t id = draw(logits);
        (first ? prompt_seconds_ : seconds_) += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (!options_.ignore_eos && std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end()) return end(Finish::eos);
        seen_.push_back(id);
        if (stream_ && tokenizer_->has(id)) held_ += stream_->push(id);  // a model may have more ids than its tokenizer, to fill its table up
        if (const auto at = first_stop(); at != std::string::npos) {
            piece_ = held_.substr(0, at);
            held_.clear();
            text_ += piece_;
            finish_ = Finish::stop;
            return true;
        }
        release(held_.size() - possible_stop());
        if (cursor_ && cursor_->complete() && !cursor_->may_go_on()) {  // the constraint is met
            const std::string rest = std::exchange(held_, {}) + stream_->finish();
            piece_ += rest;
            text_ += rest;
            finish_ = Finish::stop;
        }
        return true;
    }

    // Whether the next token is no plain step of a decoder: the last one there may be, guesses, a context that slides, a sequence that is read anew.
    bool goes_alone() const {
        const auto made = static_cast<index_t>(seen_.size() - prompt_tokens_);
        const index_t limit = session_.context();
        return !session_.is_decoder() || made >= options_.max_tokens || options_.cancel.stop_requested() || guessing() || options_.lookup > 0 ||
               draft_ || (limit > 0 && session_.size() >= limit) || session_.must_reread(1);
    }

    // Whether the logits after what was seen are among those of guesses that came true.
    bool guessing() const { return rows_.storage() != nullptr; }

    // The logits (V) after all that was seen.
    std::span<const float> next_logits(index_t made) {
        const auto V = static_cast<std::size_t>(session_.vocab_size());
        if (guessing()) return rows_.span().subspan(at_ * V, V);
        const index_t limit = session_.context();
        std::span<const std::int32_t> seen(seen_);
        auto fed = made == 0 ? session_.reuse(seen) : seen.last(1);
        if (made > 0 && read_ == seen_.size()) session_.truncate(session_.size() - 1);  // read, but never drawn from: something threw between
        if (options_.slide_context && limit > 0 && session_.size() + static_cast<index_t>(fed.size()) > limit) {
            session_.truncate(0);
            fed = seen.last(std::min(seen.size(), static_cast<std::size_t>(std::max<index_t>(limit / 2, 1))));
        }
        if (made > 0 && session_.must_reread(static_cast<index_t>(fed.size()))) {
            fed = seen.last(static_cast<std::size_t>(session_.size()) + fed.size());
            session_.truncate(0);
        }
        guess(made, limit > 0 ? limit - session_.size() - 1 : options_.max_tokens, fed.size());
        if (guesses_.empty()) {
            logits_ = session_.feed(fed, options_.cancel);
            read_ = seen_.size();
            return logits_.span();
        }
        std::vector<std::int32_t> all(fed.begin(), fed.end());
        all.insert(all.end(), guesses_.begin(), guesses_.end());
        rows_ = session_.feed_all(all);
        read_ = seen_.size();
        at_ = 0;
        return rows_.span().first(V);
    }

    // What may come next, at most `room` tokens of it; nothing while a prompt or several tokens are fed.
    void guess(index_t made, index_t room, std::size_t fed) {
        guesses_.clear();
        if (made == 0 || fed != 1 || (options_.lookup == 0 && !draft_)) return;
        const index_t most = std::min({draft_ ? options_.draft_tokens : options_.lookup, room, options_.max_tokens - made - 1});
        width_ = std::clamp<index_t>(width_, std::min<index_t>(2, most), std::max<index_t>(most, 0));
        if (width_ <= 0 || session_.must_reread(1 + width_)) return;
        const auto count = static_cast<std::size_t>(width_);
        guesses_ = draft_ ? draft_->guess(seen_, count) : look_up(seen_, count);
        guessed_ += static_cast<index_t>(guesses_.size());
    }

    // Goes on to the next row where the guess came true; else forgets the guesses behind it.
    void settle(std::int32_t id) {
        if (!guessing()) return;
        if (at_ < guesses_.size() && guesses_[at_] == id) {
            ++at_, ++came_true_;
            return;
        }
        const auto missed = static_cast<index_t>(guesses_.size() - at_);
        width_ = missed == 0 ? 2 * width_ : static_cast<index_t>(at_) + 1;
        session_.truncate(session_.size() - missed);
        rows_ = {};
    }

    std::int32_t draw(std::span<const float> logits) {
        std::vector<float> masked;
        const auto raw = logits;
        if (cursor_) {
            masked.assign(logits.begin(), logits.end());
            cursor_->mask(masked, options_.ignore_eos ? std::span<const std::int32_t>() : std::span<const std::int32_t>(end_tokens_));
            logits = masked;
        }
        const std::int32_t id = sample_token(logits, sampler_, seen_, generator_);
        const bool ends = !options_.ignore_eos && std::find(end_tokens_.begin(), end_tokens_.end(), id) != end_tokens_.end();
        if (cursor_ && !ends) cursor_->advance(id);
        if (options_.log_probabilities && !ends) log_probabilities_.push_back(log_probability(raw, id));
        settle(id);
        return id;
    }

    bool end(Finish why) {
        finish_ = why;
        if (stream_) held_ += stream_->finish();
        const auto at = first_stop();
        if (at != std::string::npos) held_.resize(at);
        release(held_.size());
        return false;
    }
    void release(std::size_t count) {
        piece_ = held_.substr(0, count);
        held_.erase(0, count);
        text_ += piece_;
    }
    std::size_t first_stop() const {
        std::size_t first = std::string::npos;
        for (const auto& s : options_.stop) first = std::min(first, held_.find(s));
        return first;
    }
    // How many bytes at the end might be the beginning of a stop text.
    std::size_t possible_stop() const {
        std::size_t longest = 0;
        for (const auto& s : options_.stop)
            for (std::size_t n = std::min(s.size(), held_.size()); n > longest; --n)
                if (held_.ends_with(std::string_view(s).substr(0, n))) longest = n;
        return longest;
    }
    index_t steps_timed() const {
        const auto made = static_cast<index_t>(seen_.size() - prompt_tokens_);
        return std::max<index_t>(0, made - 1) + (finish_ == Finish::eos ? 1 : 0);
    }

    Session session_;
    std::optional<Tokenizer> tokenizer_;
    std::optional<TokenStream> stream_;
    std::vector<std::int32_t> end_tokens_, seen_;
    GenerateOptions options_;
    SamplerOptions sampler_;
    Generator generator_;
    std::optional<ConstraintCursor> cursor_;
    std::optional<DraftModel> draft_;
    Tensor<float> logits_{};  // (V)
    Tensor<float> rows_{};    // (1 + guesses, V), while guesses are looked at
    std::vector<std::int32_t> guesses_;
    std::size_t at_ = 0;  // the row that is next: how many guesses came true
    index_t width_ = 4, guessed_ = 0, came_true_ = 0;
    std::vector<double> log_probabilities_;
    std::size_t prompt_tokens_ = 0, read_ = 0;  // read_: how many of seen_ had been read when the logits were last made
    std::string piece_, held_, text_;
    Finish finish_ = Finish::running;
    double prompt_seconds_ = 0, seconds_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
