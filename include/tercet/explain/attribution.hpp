// Which tokens of the input a result is owed to: how the result moves with each token's embedding.
//
//   gradient × input          a_t = x_t · ∂f/∂x_t                                              (Shrikumar et al. 2016)
//   integrated gradients      a_t = (x_t − x'_t) · ∫₀¹ ∂f/∂x_t (x' + α (x − x')) dα            (Sundararajan, Taly & Yan 2017, eq. 1)
//
// where f is one number of the model's output, x (T, C) the tokens' embeddings and x' a baseline, zeros unless given. Integrated gradients are
// complete (their Proposition 1): Σ_t a_t = f(x) − f(x'). The model may be one for inference, of packed or quantised weights: only the embeddings
// take part in differentiation.
#pragma once

#include "tercet/data/packing.hpp"
#include "tercet/models/causal.hpp"
#include "tercet/models/encoder.hpp"
#include "tercet/ops/reduce.hpp"

#include <optional>

namespace tercet::inline TERCET_ABI::explain {

/// What each token adds to a result.
struct Attribution {
    Tensor<float> scores{};                  // (B, T), or as the ids are
    double value = 0;                        // f(x)
    std::optional<double> baseline_value{};  // f(x'), of integrated gradients: what the scores add up to is value less this
};

struct IntegratedGradients {
    index_t steps = 32;        // points of the midpoint rule that the integral is summed by
    Tensor<float> baseline{};  // x', which broadcasts to the embeddings; zeros when not given
};

namespace detail {

// Sees a table's rows being looked up; puts a tensor in their place where there is one.
class EmbeddingWatch final : public Observer {
public:
    explicit EmbeddingWatch(const Weight& table) : table_(&table) {}

    Tensor<float> found{}, replacement{};

private:
    Tensor<float> layer(const void* weight, const Tensor<float>& input, const Tensor<float>& output) override {
        if (weight != table_ || input.storage() != nullptr) return output;
        found = output.detach();
        if (replacement.storage() == nullptr) return output;
        require(replacement.shape() == output.shape(), ErrorCode::shape_mismatch, "attribution: the embeddings were ", replacement.shape(),
                " and are ", output.shape(), " when f() is called again");
        return replacement;
    }

    const Weight* table_;
};

// The embeddings that f looks up.
template <class F>
Tensor<float> embeddings_of(const Weight& table, const F& f, double& value) {
    EmbeddingWatch watch(table);
    const NoGrad guard;
    value = static_cast<double>(f().item());
    require(watch.found.storage() != nullptr, ErrorCode::invalid_argument, "attribution: f() looks nothing up in the table");
    return watch.found;
}

// ∂f/∂x at embeddings x, and f(x).
template <class F>
Tensor<float> gradient_at(const Weight& table, const F& f, const Tensor<float>& x, double* value = nullptr) {
    EmbeddingWatch watch(table);
    watch.replacement = x.clone();
    watch.replacement.requires_grad();
    auto y = f();
    require(y.numel() == 1, ErrorCode::shape_mismatch, "attribution: f() must give one number, not ", y.shape());
    if (value != nullptr) *value = static_cast<double>(y.item());
    y.backward();
    return watch.replacement.grad();
}

}  // namespace detail

/// x_t · ∂f/∂x_t of each token. f() runs the model and gives one number on the tape; `table` is the one that it looks its tokens up in. Weights
/// that are on the tape themselves get gradients as well: zero_grad() before the next step of training. Throws shape_mismatch, invalid_argument where
/// nothing is looked up, and autograd under NoGrad.
template <class F>
Attribution gradient_times_input(const Weight& table, const F& f) {
    Attribution out;
    const auto x = detail::embeddings_of(table, f, out.value);
    const auto gradient = detail::gradient_at(table, f, x);
    const NoGrad guard;
    out.scores = sum(gradient * x, {-1});
    return out;
}

/// Integrated gradients of each token. Throws as gradient_times_input(), and invalid_argument for no steps.
template <class F>
Attribution integrated_gradients(const Weight& table, const F& f, const IntegratedGradients& how = {}) {
    require(how.steps >= 1, ErrorCode::invalid_argument, "integrated gradients: ", how.steps, " steps");
    Attribution out;
    const auto x = detail::embeddings_of(table, f, out.value);
    auto from = Tensor<float>::zeros(x.shape());
    if (how.baseline.storage() != nullptr) from = from + how.baseline.detach();
    const auto way = x - from;
    out.baseline_value = 0;
    detail::gradient_at(table, f, from, &*out.baseline_value);
    auto total = Tensor<float>::zeros(x.shape());
    for (index_t step = 0; step < how.steps; ++step) {
        const float alpha = (static_cast<float>(step) + 0.5f) / static_cast<float>(how.steps);
        const auto gradient = detail::gradient_at(table, f, from + way * alpha);
        const NoGrad guard;
        total = total + gradient;
    }
    const NoGrad guard;
    out.scores = sum(total * way, {-1}) * (1 / static_cast<float>(how.steps));
    return out;
}

/// The table that a model looks its tokens up in: the first weight that it names.
template <class Model>
const Weight& token_embeddings(const Model& model) {
    const Weight* first = nullptr;
    for_each_weight(model, [&](const std::string&, const Weight& w) { first = first == nullptr ? &w : first; });
    require(first != nullptr, ErrorCode::invalid_argument, "token_embeddings: the model has no weights");
    return *first;
}

/// The mean of a table's rows (C): an embedding that is of no token. From zeros, a model that norms its embeddings by their length goes all of its
/// way in the first step; from here it does not.
inline Tensor<float> mean_embedding(const Weight& table) {
    const index_t V = table.out_features(), C = table.in_features();
    std::vector<float> row(static_cast<std::size_t>(C)), mean;
    std::vector<double> sums(row.size());
    for (index_t v = 0; v < V; ++v) {
        table.copy_row(row.data(), v);
        for (std::size_t c = 0; c < row.size(); ++c) sums[c] += static_cast<double>(row[c]);
    }
    for (const double sum : sums) mean.push_back(static_cast<float>(sum / static_cast<double>(V)));
    return Tensor<float>::copy(mean, {C});
}

namespace detail {

// With the mean embedding as the baseline, where none is given.
inline IntegratedGradients from_the_mean(const Weight& table, IntegratedGradients how) {
    if (how.baseline.storage() == nullptr) how.baseline = mean_embedding(table);
    return how;
}

}  // namespace detail

/// What each token of a text (T) adds to a classifier's logit of a class, from the mean embedding unless another baseline is given. Throws
/// invalid_argument for a model that is no classifier of texts, index_out_of_range for a class that it does not have.
inline Attribution attribute_class(const EncoderModel& model, const Encoding& text, index_t which, const IntegratedGradients& how = {}) {
    require(model.task == EncoderTask::sequence_classification, ErrorCode::invalid_argument, "attribute_class: the model has no head for classes");
    require(which >= 0 && which < static_cast<index_t>(model.labels.size()), ErrorCode::index_out_of_range, "attribute_class: class ", which, " of ",
            model.labels.size());
    const index_t first[] = {0};
    const auto packed = pack_texts(std::span<const Encoding>(&text, 1), first);
    const auto& table = token_embeddings(model);
    auto out = integrated_gradients(
        table,
        [&] { return select(select(forward(model, packed.ids, {.type_ids = &packed.type_ids, .lengths = packed.lengths}).logits, 0, 0), 0, which); },
        detail::from_the_mean(table, how));
    out.scores = out.scores.reshape({-1});
    return out;
}

/// What each token of a text (T) adds to a language model's logit of `next` as the token after it, from the mean embedding likewise. Throws
/// invalid_argument for no tokens, index_out_of_range.
inline Attribution attribute_next_token(const CausalModel& model, std::span<const std::int32_t> ids, std::int32_t next,
                                        const IntegratedGradients& how = {}) {
    require(!ids.empty(), ErrorCode::invalid_argument, "attribute_next_token: there are no tokens");
    require(next >= 0 && next < model.vocab_size(), ErrorCode::index_out_of_range, "attribute_next_token: token ", next, " of ", model.vocab_size());
    const auto row = Tensor<std::int32_t>::copy(ids, {1, static_cast<index_t>(ids.size())});
    const auto& table = token_embeddings(model);
    auto out = integrated_gradients(
        table, [&] { return select(reshape(model(row, {.last_only = true}), {-1}), 0, next); }, detail::from_the_mean(table, how));
    out.scores = out.scores.reshape({-1});
    return out;
}

}  // namespace tercet::inline TERCET_ABI::explain
