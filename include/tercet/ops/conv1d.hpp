// Convolution over one dimension, as in audio and token mixers: a window of K taps slides along L, for each group of channels a matrix product.
//
//   y[b, o, t] = bias[o] + Σ_{c, k} w[o, c, k] · x[b, c, t · stride + k · dilation − padding]          (x is zero outside [0, L))
//
// The windows are laid out as columns (C · K, L'), so the product is one matmul a group (Chellapilla et al. 2006), and the gradients follow:
// dw = dy · columnsᵀ, dcolumns = wᵀ · dy, and each tap of dcolumns is added back to where it was taken from.
#pragma once

#include "tercet/ops/matmul.hpp"
#include "tercet/ops/shape.hpp"

namespace tercet::inline TERCET_ABI {

struct Conv1dOptions {
    index_t stride = 1, padding = 0, dilation = 1, groups = 1;  // padding: zeros at each end
};

/// x (B, C, L), weight (O, C / groups, K), bias (O) or none -> (B, O, L'), L' = (L + 2 · padding − dilation · (K − 1) − 1) / stride + 1.
/// Throws shape_mismatch, also where the window is longer than the padded x, and invalid_argument for options out of range.
template <Real T>
Tensor<T> conv1d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {}, const Conv1dOptions& options = {}) {
    const auto [stride, padding, dilation, groups] = options;
    require(stride >= 1 && padding >= 0 && dilation >= 1 && groups >= 1, ErrorCode::invalid_argument, "conv1d: stride ", stride, ", padding ",
            padding, ", dilation ", dilation, ", groups ", groups);
    require(x.rank() == 3 && weight.rank() == 3 && x.size(1) == weight.size(1) * groups && weight.size(0) % groups == 0 && weight.size(2) >= 1,
            ErrorCode::shape_mismatch, "conv1d: weight ", weight.shape(), " in ", groups, " groups does not fit x ", x.shape());
    const index_t B = x.size(0), C = x.size(1), O = weight.size(0), K = weight.size(2);
    require(bias.storage() == nullptr || bias.shape() == Shape{O}, ErrorCode::shape_mismatch, "conv1d: bias ", bias.shape(), " does not fit weight ",
            weight.shape());
    const auto padded = padding == 0 ? x : pad(x, -1, padding, padding);
    const index_t reach = checked_add(checked_mul(dilation, K - 1, "conv1d"), index_t{1}, "conv1d"), room = padded.size(-1) - reach;
    require(room >= 0, ErrorCode::shape_mismatch, "conv1d: a window of ", reach, " does not fit into x ", x.shape(), " with padding ", padding);
    const index_t length = room / stride + 1;

    std::vector<Tensor<T>> taps;  // K of (B, C, L')
    for (index_t k = 0; k < K; ++k) taps.push_back(slice(padded, -1, Range{k * dilation, k * dilation + room + 1, stride}));
    const auto columns = reshape(stack(taps, 2), {B, groups, C / groups * K, length});
    const auto y = reshape(matmul(reshape(weight, {groups, O / groups, C / groups * K}), columns), {B, O, length});
    return bias.storage() == nullptr ? y : y + unsqueeze(bias, -1);
}

}  // namespace tercet::inline TERCET_ABI
