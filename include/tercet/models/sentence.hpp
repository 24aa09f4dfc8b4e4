// Sentence embeddings (Reimers & Gurevych 2019): an encoder's last hidden states, pooled over the tokens, led through layers where a model has any,
// and normalised.
#pragma once

#include "tercet/models/auto.hpp"
#include "tercet/nn/load.hpp"

namespace tercet::inline TERCET_ABI {

enum class Pooling { mean, cls, max, mean_sqrt_length };

/// The module Dense of the sentence-transformers library: f(W x + b) of a pooled embedding, (..., in) -> (..., out).
struct SentenceDense {
    Linear linear;
    std::optional<UnaryOp> activation{};

    Tensor<float> operator()(const Tensor<float>& x) const { return linear(x, {.activation = activation}); }

    template <class Self, class Visitor>
    static void visit(Self& self, Visitor&& v) {
        v("linear", self.linear);
    }
};

/// How a sentence-transformers directory says its embeddings are made.
struct SentenceConfig {
    Pooling pooling = Pooling::mean;
    std::vector<SentenceDense> dense{};  // after pooling, one after the other
    bool normalise = false;
    index_t max_length = 0;  // tokens; 0: as many as the model has positions

    /// What follows pooling, but for normalising: (B, C) -> (B, width).
    Tensor<float> after_pooling(Tensor<float> pooled) const {
        for (const auto& layer : dense) pooled = layer(pooled);
        return pooled;
    }
    /// How wide an embedding is, of hidden states so wide.
    index_t width(index_t hidden_size) const { return dense.empty() ? hidden_size : dense.back().linear.weight.out_features(); }
};

namespace detail {

// A Dense module's folder: config.json and model.safetensors.
inline SentenceDense sentence_dense(const ModelFiles& files, const std::string& folder) {
    const auto config = files.json(folder + "/config.json");
    const std::string source = files.path_of(folder + "/model.safetensors"), where = files.directory() + "/" + folder + "/config.json";
    require(config.has_value(), ErrorCode::io, where, ": no such file or directory");
    const auto extent = [&](const char* key) {
        const auto value = config->at(key).as_int();
        require(value > 0 && value <= (1 << 20), ErrorCode::invalid_argument, where, ": ", key, " = ", value, " is out of range");
        return static_cast<index_t>(value);
    };
    SentenceDense layer{Linear(extent("in_features"), extent("out_features"), config->get_or("bias", true))};
    const std::string activation = config->get_or("activation_function", "torch.nn.modules.activation.Tanh"),
                      name = activation.substr(activation.rfind('.') + 1);
    constexpr std::pair<std::string_view, UnaryOp> known[] = {
        {"Tanh", UnaryOp::tanh}, {"ReLU", UnaryOp::relu}, {"GELU", UnaryOp::gelu}, {"SiLU", UnaryOp::silu}};
    for (const auto& [text, op] : known)
        if (name == text) layer.activation = op;
    require(layer.activation.has_value() || name == "Identity", ErrorCode::unsupported, where, ": the activation ", excerpt(activation),
            " is not supported (Tanh, ReLU, GELU, SiLU, Identity)");
    const auto file = Safetensors::open(source);
    load_weights(layer, {source, file.tensors(), file.owner()});
    return layer;
}

}  // namespace detail

/// Reads modules.json, the pooling config, Dense modules and sentence_bert_config.json. Without modules.json: the mean, not normalised, as the
/// sentence-transformers library does. Throws unsupported for other modules, ways of pooling or an order of them, and what loading weights throws.
inline SentenceConfig sentence_config(const ModelFiles& files) {
    SentenceConfig c;
    const std::string& where = files.directory();
    if (const auto modules = files.modules()) {
        for (const auto& module : modules->elements()) {
            const std::string type = module.at("type").as_string();
            require(!c.normalise, ErrorCode::unsupported, where, "/modules.json: the module '", type, "' behind Normalize is not supported");
            if (type.ends_with("Normalize")) c.normalise = true;
            else if (type.ends_with("Dense")) c.dense.push_back(detail::sentence_dense(files, module.at("path").as_string()));
            else
                require(type.ends_with("Transformer") || type.ends_with("Pooling"), ErrorCode::unsupported, where, "/modules.json: the module '",
                        type, "' is not supported");
        }
    }
    if (const auto pooling = files.pooling()) {
        constexpr std::pair<const char*, Pooling> modes[] = {{"pooling_mode_mean_tokens", Pooling::mean},
                                                             {"pooling_mode_cls_token", Pooling::cls},
                                                             {"pooling_mode_max_tokens", Pooling::max},
                                                             {"pooling_mode_mean_sqrt_len_tokens", Pooling::mean_sqrt_length}};
        int chosen = 0;
        for (const auto& [key, mode] : modes)
            if (pooling->get_or(key, false)) {
                c.pooling = mode;
                ++chosen;
            }
        require(chosen == 1, ErrorCode::unsupported, where, ": the pooling config chooses ", chosen,
                " of the ways that are supported (mean, cls, max, mean_sqrt_len), not one");
    }
    if (const auto bert = files.sentence_bert_config()) {
        const auto length = bert->get_or("max_seq_length", std::int64_t{0});
        require(length >= 0, ErrorCode::invalid_argument, where, "/sentence_bert_config.json: max_seq_length ", length, " is negative");
        c.max_length = static_cast<index_t>(length);
    }
    return c;
}

namespace detail {

// One sequence's tokens, pooled into `to` (C), which is zeros.
class TokenPool {
public:
    TokenPool(float* to, index_t channels, Pooling pooling) : to_(to), channels_(channels), pooling_(pooling) {}

    void add(const float* token) {
        if (count_++ == 0) std::copy_n(token, channels_, to_);
        else if (pooling_ == Pooling::max)
            for (index_t i = 0; i < channels_; ++i) to_[i] = std::max(to_[i], token[i]);
        else if (pooling_ != Pooling::cls)
            for (index_t i = 0; i < channels_; ++i) to_[i] += token[i];
    }
    void finish() {
        const auto n = static_cast<float>(std::max<index_t>(count_, 1));
        if (pooling_ == Pooling::mean || pooling_ == Pooling::mean_sqrt_length)
            for (index_t i = 0; i < channels_; ++i) to_[i] /= pooling_ == Pooling::mean ? n : std::sqrt(n);
    }

private:
    float* to_;
    index_t channels_, count_ = 0;
    Pooling pooling_;
};

}  // namespace detail

/// Hidden states (B, T, C) with mask (B, T) -> (B, C). A row whose mask is empty gives zeros.
inline Tensor<float> pool(const Tensor<float>& hidden, const Tensor<std::uint8_t>& mask, Pooling pooling) {
    require(hidden.rank() == 3 && mask.shape() == Shape{hidden.size(0), hidden.size(1)}, ErrorCode::shape_mismatch, "pool: hidden states ",
            hidden.shape(), " and mask ", mask.shape());
    const index_t B = hidden.size(0), T = hidden.size(1), C = hidden.size(2);
    const auto x = hidden.detach().contiguous();
    auto y = Tensor<float>::zeros({B, C});
    for (index_t b = 0; b < B; ++b) {
        detail::TokenPool tokens(y.mutable_data() + b * C, C, pooling);
        for (index_t t = 0; t < T; ++t)
            if (mask(b, t) != 0) tokens.add(x.data() + (b * T + t) * C);
        tokens.finish();
    }
    return y;
}

/// Hidden states (1, N, C) of packed sequences of these lengths -> (sequences, C). Throws shape_mismatch.
inline Tensor<float> pool(const Tensor<float>& hidden, std::span<const index_t> lengths, Pooling pooling) {
    require(hidden.rank() == 3 && !lengths.empty(), ErrorCode::shape_mismatch, "pool: hidden states ", hidden.shape(), " of ", lengths.size(),
            " packed sequences");
    detail::longest_sequence("pool", lengths, hidden.size(0), hidden.size(1));
    const index_t C = hidden.size(2);
    const auto x = hidden.detach().contiguous();
    auto y = Tensor<float>::zeros({static_cast<index_t>(lengths.size()), C});
    const float* token = x.data();
    for (std::size_t b = 0; b < lengths.size(); ++b) {
        detail::TokenPool tokens(y.mutable_data() + static_cast<index_t>(b) * C, C, pooling);
        for (index_t t = 0; t < lengths[b]; ++t, token += C) tokens.add(token);
        tokens.finish();
    }
    return y;
}

/// Each row (…, C) divided by its length; rows shorter than 1e-12 by that.
inline Tensor<float> normalise_rows(const Tensor<float>& x) {
    auto y = x.detach().clone();
    const auto [rows, C] = rows_of(y.shape());
    float* out = y.mutable_data();
    for (index_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (index_t i = 0; i < C; ++i) sum += static_cast<double>(out[r * C + i]) * static_cast<double>(out[r * C + i]);
        const auto length = static_cast<float>(std::max(std::sqrt(sum), 1e-12));
        for (index_t i = 0; i < C; ++i) out[r * C + i] /= length;
    }
    return y;
}

/// The cosine of the angle between two embeddings of the same number of elements; 0 where one has no length.
inline float cosine(const Tensor<float>& a, const Tensor<float>& b) {
    require(a.numel() == b.numel(), ErrorCode::shape_mismatch, "cosine: ", a.shape(), " and ", b.shape(), " differ in size");
    const auto x = a.detach().contiguous(), y = b.detach().contiguous();
    double xy = 0, xx = 0, yy = 0;
    for (index_t i = 0; i < x.numel(); ++i) {
        const double u = x.data()[i], v = y.data()[i];
        xy += u * v;
        xx += u * u;
        yy += v * v;
    }
    return xx == 0 || yy == 0 ? 0.f : static_cast<float>(xy / std::sqrt(xx * yy));
}

}  // namespace tercet::inline TERCET_ABI
