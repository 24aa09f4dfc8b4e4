// A session: one caller's use of a model that many share. It owns the key-value cache; the model stays const.
#pragma once

#include "tercet/io/checksum.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/nn/load.hpp"

namespace tercet::inline TERCET_ABI {

class Session {
public:
    /// A cache in float, or in bf16: half the memory, and values rounded to 8 bits. Throws dtype_mismatch for other types.
    explicit Session(CausalModel model, DType cache_type = DType::f32) : model_(std::move(model)), cache_(layers(*model_), cache_type) {}

    /// Of an encoder-decoder, which reads the source here; what is fed are the decoder's tokens. Throws invalid_argument for no tokens,
    /// index_out_of_range, context_overflow, dtype_mismatch.
    Session(Seq2SeqModel model, std::span<const std::int32_t> source, DType cache_type = DType::f32)
        : seq2seq_(std::move(model)), cache_(seq2seq_->decoder_layers(), cache_type) {
        const NoGrad guard;
        encoded_ = seq2seq_->encode(Tensor<std::int32_t>::copy(source, {1, static_cast<index_t>(source.size())}));
    }

    /// Tokens in the cache.
    index_t size() const { return cache_.size(); }
    /// Which they are, from the first on; those behind one that came through step() are not known.
    std::span<const std::int32_t> tokens() const {
        return std::span<const std::int32_t>(tokens_).first(std::min(tokens_.size(), static_cast<std::size_t>(cache_.size())));
    }
    /// Forgets all but the first `count` tokens.
    void truncate(index_t count) { cache_.truncate(count); }
    /// Keeps the beginning that the tokens in the cache share with a prompt, and gives the rest of the prompt, which has yet to be fed: at least its
    /// last token. So a conversation, or many prompts that begin alike, are read once.
    std::span<const std::int32_t> reuse(std::span<const std::int32_t> prompt) {
        const auto held = tokens();
        std::size_t common = 0;
        while (common < held.size() && common + 1 < prompt.size() && held[common] == prompt[common]) ++common;
        if (must_reread(static_cast<index_t>(prompt.size()) - size())) common = 0;
        truncate(static_cast<index_t>(common));
        return prompt.subspan(common);
    }

    /// Writes the tokens, keys and values to a file, whole or not at all, with a checksum. Throws io; unsupported for an encoder-decoder or a session
    /// of several rows.
    void save(const std::string& path) const;
    /// Takes in what save() wrote, in place of what there is. Throws io; damaged; invalid_argument for a file of another version, or of another
    /// model than this one; missing_tensor and shape_mismatch for one that holds something else; unsupported for an encoder-decoder.
    void load(const std::string& path);
    /// Positions the model was made for; 0 where there is no end to them.
    index_t context() const { return model_ ? model_->context() : seq2seq_->context(); }
    index_t vocab_size() const { return model_ ? model_->vocab_size() : seq2seq_->vocab_size(); }

    /// Whether it is a decoder's, not an encoder-decoder's.
    bool is_decoder() const { return model_.has_value(); }
    /// Whether so many more tokens make what is in the cache worthless: then truncate it to none, and feed all tokens again.
    bool must_reread(index_t more) const { return model_ && model_->must_reread(size(), size() + more); }

    /// Takes in more tokens and gives the logits (V) after the last of them. Long prompts go through in pieces, between which a stop is
    /// noticed. Throws invalid_argument for no tokens, index_out_of_range for an id outside the vocabulary, context_overflow, cancelled.
    Tensor<float> feed(std::span<const std::int32_t> ids, const std::stop_token& stop = {}) {
        const NoGrad guard;
        check_ids(ids);
        remember(ids);
        const index_t total = size() + static_cast<index_t>(ids.size());
        Tensor<float> logits;
        constexpr std::size_t piece = 512;
        for (std::size_t begin = 0; begin < ids.size(); begin += piece) {
            require(!stop.stop_requested(), ErrorCode::cancelled, "generate: cancelled");
            const auto part = ids.subspan(begin, std::min(piece, ids.size() - begin));
            logits = logits_after(Tensor<std::int32_t>::copy(part, {1, static_cast<index_t>(part.size())}), true, total);
        }
        return logits.reshape({-1});
    }

    /// The same, and the logits (T, V) after each of them; `total` are the tokens of the whole sequence, where these are a piece of it.
    Tensor<float> feed_all(std::span<const std::int32_t> ids, index_t total = 0) {
        const NoGrad guard;
        check_ids(ids);
        remember(ids);
        const auto count = static_cast<index_t>(ids.size());
        return logits_after(Tensor<std::int32_t>::copy(ids, {1, count}), false, total).reshape({count, vocab_size()}).contiguous();
    }

    /// More tokens for each row of the batch, (B, T) -> logits (B, V) after the last.
    Tensor<float> step(const Tensor<std::int32_t>& newest) {
        const NoGrad guard;
        return logits_after(newest, true).reshape({newest.size(0), vocab_size()}).contiguous();
    }

    /// The rows of the batch in another order, or some of them several times: what beam search needs after each step.
    void reorder(std::span<const index_t> rows) {
        cache_.reorder(rows);
        const auto count = static_cast<index_t>(rows.size());
        const auto spread = [&](Tensor<float>& x) {  // all rows read the same source
            auto shape = x.shape();
            shape[0] = count;
            x = x.slice(0, 0, 1).expand(shape);
        };
        if (seq2seq_) spread(encoded_);
        for (auto& layer : cross_.layers) spread(layer.key), spread(layer.value);
    }

    KvCache& cache() { return cache_; }

    /// One more token for each of several sessions of one decoder, in one pass of the model: ids (B) -> logits (B, V). The sessions may be of
    /// different lengths. Throws invalid_argument for sessions of several models, or of an encoder-decoder, and what feed() throws.
    friend Tensor<float> step_together(std::span<Session* const> sessions, std::span<const std::int32_t> ids) {
        const NoGrad guard;
        require(!sessions.empty() && sessions.size() == ids.size(), ErrorCode::invalid_argument, "generate: ", ids.size(), " tokens for ",
                sessions.size(), " sessions");
        std::vector<KvCache*> rows;
        for (std::size_t r = 0; r < sessions.size(); ++r) {
            Session& s = *sessions[r];
            require(s.model_.has_value() && *s.model_ == *sessions[0]->model_, ErrorCode::invalid_argument,
                    "generate: sessions that go on together are of one decoder");
            s.check_ids(ids.subspan(r, 1));
            rows.push_back(&s.cache_);
        }
        for (std::size_t r = 0; r < sessions.size(); ++r) sessions[r]->remember(ids.subspan(r, 1));
        const auto B = static_cast<index_t>(ids.size());
        return (*sessions[0]->model_)(Tensor<std::int32_t>::copy(ids, {B, 1}), {.rows = rows}).reshape({B, -1}).contiguous();
    }

private:
    void check_ids(std::span<const std::int32_t> ids) const {
        require(!ids.empty(), ErrorCode::invalid_argument, "generate: the prompt is empty");
        const index_t context_size = context(), total = cache_.size() + static_cast<index_t>(ids.size());
        require(context_size == 0 || total <= context_size, ErrorCode::context_overflow, "generate: ", total, " tokens, the model's context holds ",
                context_size);
        for (const auto id : ids)
            require(id >= 0 && id < vocab_size(), ErrorCode::index_out_of_range, "generate: token id ", id, " is outside the model's vocabulary of ",
                    vocab_size());
    }
    void remember(std::span<const std::int32_t> ids) {
        if (tokens_.size() < static_cast<std::size_t>(cache_.size())) return;  // some came otherwise: tokens() stays short of them
        constexpr std::size_t first_room = 1024;                               // a step that is made anew does not grow it
        tokens_.reserve(first_room);
        tokens_.resize(static_cast<std::size_t>(cache_.size()));
        tokens_.insert(tokens_.end(), ids.begin(), ids.end());
    }
    // Tells models apart: their weights' names and shapes, and the numbers of those that are vectors.
    std::string fingerprint() const {
        std::uint32_t crc = 0;
        for_each_weight(*model_, [&](const std::string& name, const Weight& w) {
            crc = crc32c(std::as_bytes(std::span(name)), crc);
            for (const index_t extent : w.shape()) crc = crc32c(std::as_bytes(std::span(&extent, 1)), crc);
            if (w.shape().rank() == 1) crc = crc32c(std::as_bytes(w.tensor().span()), crc);
        });
        return std::to_string(crc);
    }
    static constexpr std::string_view file_format = "tercet session 1";

    Tensor<float> logits_after(const Tensor<std::int32_t>& ids, bool last_only, index_t total = 0) {
        if (model_) return (*model_)(ids, {.cache = &cache_, .total = total, .last_only = last_only});
        return seq2seq_->decode(ids, encoded_, {.cache = &cache_, .cross = &cross_, .last_only = last_only});
    }

    std::optional<CausalModel> model_;
    std::optional<Seq2SeqModel> seq2seq_;
    Tensor<float> encoded_{};  // (1, S, C), then a row for each beam
    CrossCache cross_{};
    KvCache cache_;
    std::vector<std::int32_t> tokens_{};
};

inline void Session::save(const std::string& path) const {
    require(model_.has_value(), ErrorCode::unsupported, "session: that of an encoder-decoder is not saved");
    const auto held = tokens();
    require(held.size() == static_cast<std::size_t>(size()), ErrorCode::unsupported, "session: of ", size(), " tokens ", held.size(),
            " came through feed(); one of several rows is not saved");
    std::vector<Tensor<float>> kept;
    std::vector<StoredTensor> tensors{{"tokens", StorageType::i32, {size()}, std::as_bytes(held)}};
    for (index_t i = 0; i < cache_.layers() && size() > 0; ++i) {
        const auto layer = cache_.held(i);
        for (const auto& [name, x] : {std::pair{".key", layer.key}, std::pair{".value", layer.value}}) {
            kept.push_back(x);
            tensors.push_back({std::to_string(i) + name, StorageType::f32, x.shape(), std::as_bytes(kept.back().span())});
        }
    }
    const std::string type(name_of(cache_.type()));
    write_safetensors(path, tensors, {{"format", std::string(file_format)}, {"model", fingerprint()}, {"cache", type}}, {.checksum = true});
}

inline void Session::load(const std::string& path) {
    require(model_.has_value(), ErrorCode::unsupported, "session: that of an encoder-decoder is not saved");
    const auto file = Safetensors::open_checked(path);
    const auto said = [&](const char* key) {
        const auto at = file.metadata().find(key);
        return at == file.metadata().end() ? std::string() : at->second;
    };
    require(said("format") == file_format, ErrorCode::invalid_argument, path, ": is no session of this version (", file_format, "), but '",
            said("format"), "'");
    require(said("model") == fingerprint(), ErrorCode::invalid_argument, path, ": is a session of another model");
    require(said("cache") == name_of(cache_.type()), ErrorCode::invalid_argument, path, ": its cache holds ", said("cache"), ", this one ",
            name_of(cache_.type()));
    const auto tensor = [&](const std::string& name) {
        const auto* t = file.find(name);
        require(t != nullptr, ErrorCode::missing_tensor, path, ": tensor '", name, "' is not there");
        return t;
    };
    const auto* ids = tensor("tokens");
    require(ids->type == StorageType::i32 && ids->shape.rank() == 1, ErrorCode::shape_mismatch, path, ": tensor 'tokens' is no list of ids");
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(ids->shape[0]));
    if (!tokens.empty()) std::memcpy(tokens.data(), ids->bytes.data(), ids->bytes.size());
    KvCache cache(cache_.layers(), cache_.type());
    for (index_t i = 0; i < cache.layers() && !tokens.empty(); ++i) {
        const auto *key = tensor(std::to_string(i) + ".key"), *value = tensor(std::to_string(i) + ".value");
        for (const auto* t : {key, value})
            require(t->type == StorageType::f32 && t->shape.rank() == 4 && t->shape[0] == 1 && t->shape[2] == ids->shape[0] && t->shape == key->shape,
                    ErrorCode::shape_mismatch, path, ": tensor '", t->name, "' ", t->shape, " does not fit ", tokens.size(), " tokens");
        const auto k = detail::dense_from(*key), v = detail::dense_from(*value);
        if (cache.type() == DType::bf16) cache.append<bf16>(i, k, v);
        else cache.append(i, k, v);
    }
    cache_ = std::move(cache);
    tokens_ = std::move(tokens);
}

}  // namespace tercet::inline TERCET_ABI
