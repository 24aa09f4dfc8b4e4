// Matrix products.
//
//   Y = A B        dA = dY Bᵀ        dB = Aᵀ dY
//
// Leading dimensions are a batch and broadcast. Transposed and other strided views go straight into the product: nothing is copied.
#pragma once

#include "tercet/ops/elementwise.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// C (…, m, n) = A (…, m, k) · B (…, k, n), batches broadcast, any strides; C contiguous.
template <Real T>
Tensor<T> matmul_values(const Tensor<T>& a, const Tensor<T>& b) {
    const index_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
    require(b.size(-2) == k, ErrorCode::shape_mismatch, "matmul: inner dimensions differ, ", a.shape(), " x ", b.shape());
    const auto leading = [](const Shape& s) { return Shape(std::span<const index_t>(s.begin(), static_cast<std::size_t>(s.rank() - 2))); };
    const Shape a_batch = leading(a.shape()), b_batch = leading(b.shape());
    require(broadcast_shapes(a_batch, b_batch, "matmul: batch").rank() <= max_rank - 2, ErrorCode::invalid_argument, "matmul: too many dimensions");
    Shape shape = broadcast_shapes(a_batch, b_batch, "matmul: batch");
    const Shape batch = shape;
    shape.push_back(m);
    shape.push_back(n);
    auto y = Tensor<T>::empty(shape);
    const Shape a_steps = broadcast_strides(a_batch, leading(a.strides()), batch, "matmul"),
                b_steps = broadcast_strides(b_batch, leading(b.strides()), batch, "matmul");
    const auto offset = [&](index_t i, const Shape& steps) {
        index_t where = 0;
        for (index_t d = batch.rank(); d-- > 0; i /= batch[d]) where += i % batch[d] * steps[d];
        return where;
    };
    T* out = y.mutable_device_data();
    const T *left = a.device_data(), *right = b.device_data();
    const index_t ra = a.strides()[a.rank() - 2], ca = a.strides()[a.rank() - 1], rb = b.strides()[b.rank() - 2], cb = b.strides()[b.rank() - 1];
    const auto product = [&](index_t i) {
        using Right = RightOperand<T>;
        return Device::Product<T>{
            out + i * m * n, {left + offset(i, a_steps), ra, ca}, Right{Right::Kind::strided, {right + offset(i, b_steps), rb, cb}}};
    };
    Device::template gemm_batch<T>(element_count(batch), product, n, m, n, k, false);
    return y;
}

}  // namespace detail

/// A (…, m, k) · B (…, k, n) -> (…, m, n). A vector on the left or right is a row or a column whose dimension falls away, as in NumPy.
/// Throws shape_mismatch when the inner dimensions differ or the batches do not broadcast.
template <Real T>
Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b) {
    require(a.rank() >= 1 && b.rank() >= 1, ErrorCode::shape_mismatch, "matmul: a scalar has no matrix product, ", a.shape(), " x ", b.shape());
    auto left = a.rank() == 1 ? a.detach().unsqueeze(0) : a.detach();
    const auto right = b.rank() == 1 ? b.detach().unsqueeze(1) : b.detach();
    Shape shape = left.shape();
    shape[shape.rank() - 1] = right.size(-1);
    // A batch against one matrix is one tall product: all its rows together, and in backward one dB with nothing to be summed.
    const bool tall = left.rank() > 2 && right.rank() == 2 && left.is_contiguous() && left.numel() > 0;
    if (tall) left = left.reshape({-1, left.size(-1)});
    auto y = detail::matmul_values(left, right);
    const Shape full = y.shape();
    if (tall) y = y.reshape(shape);
    if (b.rank() == 1) y = y.squeeze(-1);
    if (a.rank() == 1) y = y.squeeze(b.rank() == 1 ? -1 : -2);
    return record(
        y,
        [left = save(left), right = save(right), full](const Tensor<T>& dy, Gradient<T>& da, Gradient<T>& db) {
            const auto d = dy.reshape(full);
            if (da) da.add(sum_to(detail::matmul_values(d, right->transpose()), left->shape()).reshape(da.shape()));
            if (db) db.add(sum_to(detail::matmul_values(left->transpose(), d), right->shape()).reshape(db.shape()));
        },
        a, b);
}

/// Other element types, by way of double: exact for integers as long as the sums stay below 2^53.
template <Element T>
requires(!Real<T>) Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b) {
    return matmul(a.template to<double>(), b.template to<double>()).template to<T>();
}

/// What follows x · W in a fully connected layer, and how exactly it is computed.
struct LinearOptions {
    std::optional<UnaryOp> activation{};
    Activations activations = Activations::f32;  // bf16: all operands of the products are rounded to it, forward and backward, and summed in float
    bool in_out = false;                         // the weight is written (in, out) rather than (out, in)
};

namespace detail {

// C (m, n) = [C +] A (m, k) · B (k, n), all of its memory.
template <Real T>
void product(T* c, const MatrixView<T>& a, const MatrixView<T>& b, index_t m, index_t n, index_t k, bool accumulate, Activations activations,
             const Epilogue<T>& epilogue = {}) {
    using Right = RightOperand<T>;
    Device::gemm(c, n, a, Right{.kind = Right::Kind::strided, .view = b, .activations = activations}, m, n, k, accumulate, epilogue);
}

}  // namespace detail

/// f(x (…, in) · W + b) with a bias b (out), or none, and an activation f, or none: a fully connected layer. -> (…, out)
/// Throws shape_mismatch.
///
///   z = x W + b,  y = f(z)        dz = dy · f'(z)        dx = dz Wᵀ        dW = xᵀ dz        db = Σ dz
template <Real T>
Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias = {}, const LinearOptions& options = {}) {
    require(weight.rank() == 2 && x.rank() >= 1 && x.size(-1) == weight.size(options.in_out ? 0 : 1), ErrorCode::shape_mismatch, "linear: weight ",
            weight.shape(), " does not fit x ", x.shape());
    const auto xc = x.detach().contiguous(), w = options.in_out ? weight.detach() : weight.detach().transpose();  // (in, out)
    const index_t in = w.size(0), out = w.size(1);
    const bool with_bias = bias.storage() != nullptr;
    require(!with_bias || bias.shape() == Shape{out}, ErrorCode::shape_mismatch, "linear: bias ", bias.shape(), " does not fit weight ",
            weight.shape());
    Shape shape = x.shape();
    shape[shape.rank() - 1] = 1;
    const index_t rows = element_count(shape);
    shape[shape.rank() - 1] = out;
    const auto added = with_bias ? bias.detach().contiguous() : Tensor<T>();
    const bool recorded = records(x, weight, bias);
    const auto activation = options.activation;
    Epilogue<T> epilogue;
    if (with_bias) epilogue.bias = added.device_data();
    if (!recorded) epilogue.activation = activation;
    const auto view = [](const Tensor<T>& m) { return MatrixView<T>{m.device_data(), m.strides()[0], m.strides()[1]}; };
    auto z = Tensor<T>::empty(shape);
    detail::product<T>(z.mutable_device_data(), {xc.device_data(), in, 1}, view(w), rows, out, in, false, options.activations, epilogue);
    auto y = z;
    if (recorded && activation) {  // both are kept
        y = Tensor<T>::empty(shape);
        Device::unary(*activation, y.mutable_device_data(), z.device_data(), z.numel());
    }
    return record(
        y,
        [xs = save(xc), ws = save(w), zs = save(z), ys = save(y), rows, in, out, options, view](const Tensor<T>& dy, Gradient<T>& dx, Gradient<T>& dw,
                                                                                                Gradient<T>& db) {
            auto dz = dy;
            if (options.activation) {
                dz = Tensor<T>::empty(dy.shape());
                Device::unary_backward(*options.activation, dz.mutable_device_data(), dy.device_data(), zs->device_data(), ys->device_data(),
                                       dy.numel(), false);
            }
            const MatrixView<T> by_rows{dz.device_data(), out, 1}, by_columns{dz.device_data(), 1, out};
            const auto multiply = [&](Gradient<T>& to, index_t m, index_t n, index_t k, const MatrixView<T>& a, const MatrixView<T>& b) {
                const bool accumulate = !to.fresh();
                detail::product<T>(to.device_data_to_write(), a, b, m, n, k, accumulate, options.activations);
            };
            if (dx) multiply(dx, rows, in, out, by_rows, view(ws->transpose()));
            if (dw && options.in_out) multiply(dw, in, out, rows, {xs->device_data(), 1, in}, by_rows);
            else if (dw) multiply(dw, out, in, rows, by_columns, {xs->device_data(), in, 1});
            if (db) Device::add_column_sums(db.device_data(), dz.device_data(), rows, out);
        },
        x, weight, bias);
}

}  // namespace tercet::inline TERCET_ABI
