// Muon (Jordan et al. 2024): the momentum of a matrix, made orthogonal, so that it moves the matrix in all its directions alike.
//
//   b = μb + (1 − μ)g          u = nesterov ? μb + (1 − μ)g : b          x ← (1 − ηλ)x − η · a · O(u)
//
// O(u) is near to UVᵀ of the singular value decomposition u = USVᵀ: the Newton-Schulz iteration from X = u / max(‖u‖, ε),
//
//   X ← c₁X + (c₂A + c₃A²)X,  A = XXᵀ          for a tall X by A = XᵀX from the right, which is the same on the smaller side
//
// moves all singular values towards 1, five times over. The factor a is √max(1, rows / columns), or with `match_adamw` 0.2 √max(rows, columns),
// at which a step is as large as AdamW's (Liu et al. 2025, section 2.2), so that one rate suits both.
//
// It is for matrices. What is none, or is excepted by its group (embeddings and output heads often are), follows AdamW at the same rate:
//
//   Optimizer(parameters, Muon{.rate = 0.02}, [](std::string_view name, const Shape& shape) {
//       const bool hidden = shape.rank() == 2 && name.find("wte") == name.npos;
//       return ParameterGroup{.rate = hidden ? 1 : 0.05, .weight_decay = hidden ? 1.0 : 0.0, .matrix = hidden};
//   });
#pragma once

#include "tercet/core/memory.hpp"
#include "tercet/train/rules/adam.hpp"

namespace tercet::inline TERCET_ABI {

struct Muon {
    double rate = 1e-3, momentum = 0.95, weight_decay = 0.1;
    bool nesterov = true, match_adamw = false;
    double c1 = 3.4445, c2 = -4.775, c3 = 2.0315, eps = 1e-7;
    int iterations = 5;
    double beta1 = 0.9, beta2 = 0.999, adam_eps = 1e-8;  // AdamW's

    static constexpr std::string_view name = "muon";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("momentum", self.momentum);
        f("weight_decay", self.weight_decay);
        f("nesterov", self.nesterov);
        f("match_adamw", self.match_adamw);
        f("c1", self.c1);
        f("c2", self.c2);
        f("c3", self.c3);
        f("eps", self.eps);
        f("iterations", self.iterations);
        f("beta1", self.beta1);
        f("beta2", self.beta2);
        f("adam_eps", self.adam_eps);
    }
    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"weight_decay", weight_decay}, {"eps", eps}, {"adam_eps", adam_eps}});
        detail::check_fraction(name, {{"momentum", momentum}, {"beta1", beta1}, {"beta2", beta2}});
        require(iterations >= 1 && iterations < 100, ErrorCode::invalid_argument, name, ": iterations ", iterations, " must be in [1, 100)");
        require(std::isfinite(c1 + c2 + c3), ErrorCode::invalid_argument, name, ": c1, c2 and c3 must be numbers, got ", c1, ", ", c2, ", ", c3);
    }
    std::vector<RuleState> state(const Shape& shape, bool matrix) const {
        if (is_matrix(shape, matrix)) return {{"momentum", shape}};
        return detail::adam_state(shape, false);
    }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        if (!is_matrix(s.shape, s.matrix)) return AdamW{.beta1 = beta1, .beta2 = beta2, .eps = adam_eps}.update(s);
        const index_t rows = s.shape[0], columns = s.shape[1];
        T* b = s.state[0];
        const Device::Room<T> u(s.n), other(s.n);
        Device::update(BlendUpdate<T>{b, s.gradient, T(momentum), T(1 - momentum)}, s.n);
        Device::copy(u.data(), {1}, nesterov ? s.gradient : b, {1}, {s.n});
        if (nesterov) Device::update(BlendUpdate<T>{u.data(), b, T(1 - momentum), T(momentum)}, s.n);
        const T* o = orthogonal(u.data(), other.data(), rows, columns);
        const double larger = static_cast<double>(std::max(rows, columns)), ratio = static_cast<double>(rows) / static_cast<double>(columns);
        const double factor = match_adamw ? 0.2 * std::sqrt(larger) : std::sqrt(std::max(1.0, ratio));
        Device::update(BlendUpdate<T>{s.x, o, T(1 - s.rate * s.weight_decay), T(-s.rate * factor)}, s.n);
    }

private:
    static bool is_matrix(const Shape& shape, bool matrix) { return matrix && shape.rank() == 2; }

    // O(x) for x (rows, columns); writes over x and y, and gives the one that holds the result.
    template <Real T>
    const T* orthogonal(T* x, T* y, index_t rows, index_t columns) const {
        using Left = MatrixView<T>;
        using Right = RightOperand<T>;
        const auto right = [](const T* data, index_t row_stride, index_t col_stride) {
            return Right{Right::Kind::strided, {data, row_stride, col_stride}};
        };
        const bool wide = rows <= columns;
        const index_t side = std::min(rows, columns), n = rows * columns;
        const Device::Room<T> a(side * side), b(side * side);  // A, then c₂A + c₃A²
        Device::binary(BinaryOp::mul, x, x, T(1 / std::max(std::sqrt(Device::power_sum(x, n, 2)), eps)), n);
        for (int i = 0; i < iterations; ++i) {
            if (wide) Device::gemm(a.data(), side, Left{x, columns, 1}, right(x, 1, columns), side, side, columns, false);
            else Device::gemm(a.data(), side, Left{x, 1, columns}, right(x, columns, 1), side, side, rows, false);
            Device::gemm(b.data(), side, Left{a.data(), side, 1}, right(a.data(), side, 1), side, side, side, false, {.scale = T(c3)});
            Device::add_scaled(b.data(), a.data(), T(c2), side * side);
            if (wide) Device::gemm(y, columns, Left{b.data(), side, 1}, right(x, columns, 1), rows, columns, side, false);
            else Device::gemm(y, columns, Left{x, columns, 1}, right(b.data(), side, 1), rows, columns, side, false);
            Device::add_scaled(y, x, T(c1), n);
            std::swap(x, y);
        }
        return x;
    }
};

}  // namespace tercet::inline TERCET_ABI
