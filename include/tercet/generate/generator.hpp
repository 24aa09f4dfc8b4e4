// Generation: a prompt in, tokens out one by one, as text pieces that are whole UTF-8.
//
//   for (auto piece : llm.generate("The capital of France is", {.max_tokens = 32})) std::cout << piece;
#pragma once

#include "tercet/generate/sampler.hpp"
#include "tercet/generate/session.hpp"
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
    bool slide_context = false;  // where the context is full, begin anew with its later half rather than end
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

    /// Goes on from a prompt in a session: that of an encoder-decoder, whose prompt begins with its start token, or one that holds tokens already.
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
        const bool full = limit > 0 && session_.size() >= limit;
        if (made >= options_.max_tokens || (full && made > 0 && !options_.slide_context)) return end(Finish::length);
        require(!options_.cancel.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
        const auto start = std::chrono::steady_clock::now();
        auto fed = made == 0 ? std::span<const std::int32_t>(seen_) : std::span<const std::int32_t>(seen_).last(1);
        if (options_.slide_context && (full || (limit > 0 && static_cast<index_t>(fed.size()) > limit))) {
            session_.cache().truncate(0);
            fed = std::span<const std::int32_t>(seen_).last(static_cast<std::size_t>(std::max<index_t>(limit / 2, 1)));
        }
        if (made > 0 && session_.must_reread(static_cast<index_t>(fed.size()))) {
            fed = std::span<const std::int32_t>(seen_).last(static_cast<std::size_t>(session_.size()) + fed.size());
            session_.cache().truncate(0);
        }
        const auto logits = session_.feed(fed, options_.cancel);
        const std::int32_t id = sample_token(logits.span(), sampler_, seen_, generator_);
        (made == 0 ? prompt_seconds_ : seconds_) += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
        return true;
    }

    /// The text that the last next() completed; may be empty.
    const std::string& piece() const { return piece_; }
    /// Everything so far, without the prompt.
    const std::string& text() const { return text_; }
    /// The new tokens so far, without an end token.
    std::span<const std::int32_t> ids() const { return std::span<const std::int32_t>(seen_).subspan(prompt_tokens_); }
    Finish finish() const { return finish_; }
    /// Tokens a second: of the prompt, and of those made after the first.
    double prompt_tokens_per_s() const { return prompt_seconds_ > 0 ? static_cast<double>(prompt_tokens_) / prompt_seconds_ : 0; }
    double tokens_per_s() const { return seconds_ > 0 ? static_cast<double>(steps_timed()) / seconds_ : 0; }

    /// Runs to the end and gives the whole text.
    const std::string& finish_text() {
        while (next()) {}
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
    std::size_t prompt_tokens_ = 0;
    std::string piece_, held_, text_;
    Finish finish_ = Finish::running;
    double prompt_seconds_ = 0, seconds_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
