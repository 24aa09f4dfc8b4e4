// Similarity of vectors by their angle, and the losses that train embeddings by it.
//
//   normalize(x) = x / max(‖x‖, eps)          cosine_similarity(a, b) = normalize(a) · normalize(b)
//   info_nce:    logits_ij = scale · cosine_similarity(a_i, b_j),  loss = cross_entropy(logits, i): a_i belongs to b_i, all other b are negatives
//                (van den Oord et al. 2018, eq. 4; scale = 1/temperature, 20 in Gao et al. 2021)
#pragma once

#include "tercet/ops/cross_entropy.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/pointwise.hpp"

namespace tercet::inline TERCET_ABI {

/// x (..., C) with each row divided by its Euclidean norm, or by eps where the norm is smaller.
template <Real T>
Tensor<T> normalize(const Tensor<T>& x, double eps = 1e-12) {
    require(x.rank() >= 1, ErrorCode::shape_mismatch, "normalize: a scalar has no row");
    return x / clamp(norm(x, -1, true), static_cast<T>(eps), std::numeric_limits<T>::infinity());
}

/// The cosine of the angle between rows of a and b (..., C), which broadcast -> (...). Throws shape_mismatch.
template <Real T>
Tensor<T> cosine_similarity(const Tensor<T>& a, const Tensor<T>& b, double eps = 1e-8) {
    require(a.rank() >= 1 && b.rank() >= 1 && a.size(-1) == b.size(-1), ErrorCode::shape_mismatch, "cosine_similarity: rows of ", a.shape(), " and ",
            b.shape(), " differ");
    return sum(normalize(a, eps) * normalize(b, eps), -1);
}

/// For rows of a and b (N, C) that belong together (target 1) 1 − cosine, for those that do not (target −1) max(0, cosine − margin).
/// Throws shape_mismatch, and invalid_argument for another target.
template <Real T, Element I>
Tensor<T> cosine_embedding_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<I>& target, double margin = 0,
                                LossReduction reduction = LossReduction::mean) {
    require(a.rank() == 2 && a.shape() == b.shape() && target.shape() == Shape{a.size(0)}, ErrorCode::shape_mismatch,
            "cosine_embedding_loss: ", a.shape(), ", ", b.shape(), " and targets ", target.shape(), " do not fit");
    const auto together = eq(target, static_cast<I>(1));
    require(all(together | eq(target, static_cast<I>(-1))).item(), ErrorCode::invalid_argument,
            "cosine_embedding_loss: a target is neither 1 nor -1");
    const auto cosine = cosine_similarity(a, b);
    return detail::reduced_loss(where(together, T(1) - cosine, relu(cosine - static_cast<T>(margin))), reduction);
}

struct InfoNceOptions {
    double scale = 20;       // of the similarities: 1 / temperature
    bool symmetric = false;  // the mean of both directions: each a among the b, and each b among the a (Radford et al. 2021)
};

/// a (B, C), and b (B, C) or, with further negatives after the first B rows, (M, C) -> scalar in nats. Throws shape_mismatch.
template <Real T>
Tensor<T> info_nce(const Tensor<T>& a, const Tensor<T>& b, const InfoNceOptions& options = {}) {
    require(a.rank() == 2 && b.rank() == 2 && a.size(1) == b.size(1) && (options.symmetric ? b.size(0) == a.size(0) : b.size(0) >= a.size(0)),
            ErrorCode::shape_mismatch, "info_nce: ", a.shape(), " and ", b.shape(), " do not pair up", options.symmetric ? " both ways" : "");
    const auto logits = matmul(normalize(a), transpose(normalize(b))) * static_cast<T>(options.scale);  // (B, M)
    const auto own = Tensor<std::int64_t>::arange(0, static_cast<double>(a.size(0)));
    const auto loss = cross_entropy(logits, own);
    return options.symmetric ? (loss + cross_entropy(transpose(logits), own)) * T(0.5) : loss;
}

}  // namespace tercet::inline TERCET_ABI
