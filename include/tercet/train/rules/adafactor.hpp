// Adafactor (Shazeer & Stern 2018, algorithms 4 and 5), as PyTorch's torch.optim.Adafactor has it: the mean square of a matrix's gradient is
// kept as one number for each row and one for each column, of which the matrix of rank one is nearest in the divergence of section 3.
//
//   r = r + (mean of g² over a row − r) · t^k          c the same over a column          k = −0.8, so both forget less and less
//   v = r cᵀ / max(mean r, ε₁)                         u = g / √max(v, ε₁²)
//   x ← (1 − ηλ)x − max(ε₂, rms x) · min(η, 1/√t) · u / max(1, rms u / d)
//
// A vector keeps v itself, as a matrix of one row whose factor r is 1. A tensor with more dimensions is a stack of matrices.
#pragma once

#include "tercet/core/memory.hpp"
#include "tercet/train/rules/rule.hpp"

#include <limits>

namespace tercet::inline TERCET_ABI {

struct Adafactor {
    double rate = 1e-2, beta2_decay = -0.8;  // k
    double eps1 = 0, eps2 = 1e-3;            // eps1 = 0: the type's machine epsilon
    double clip = 1, weight_decay = 0;       // d

    static constexpr std::string_view name = "adafactor";

    template <class Self, class F>
    static void options(Self& self, F&& f) {
        f("rate", self.rate);
        f("beta2_decay", self.beta2_decay);
        f("eps1", self.eps1);
        f("eps2", self.eps2);
        f("clip", self.clip);
        f("weight_decay", self.weight_decay);
    }
    void check() const {
        detail::check_not_negative(name, {{"rate", rate}, {"eps1", eps1}, {"eps2", eps2}, {"weight_decay", weight_decay}});
        require(beta2_decay <= 0 && std::isfinite(beta2_decay), ErrorCode::invalid_argument, name, ": beta2_decay ", beta2_decay,
                " must not be positive");
        require(clip >= 1, ErrorCode::invalid_argument, name, ": clip ", clip, " must be at least 1");
    }
    std::vector<RuleState> state(const Shape& shape, bool matrix) const {
        if (!matrix) return {{"variance", shape}};
        Shape row = shape, column = shape;
        row[shape.rank() - 1] = 1;
        column[shape.rank() - 2] = 1;
        return {{"row_var", row}, {"col_var", column}};
    }

    template <Real T>
    void update(const UpdateStep<T>& s) const {
        const index_t columns = s.matrix ? s.shape.back() : s.n, rows = s.matrix ? s.shape[s.shape.rank() - 2] : 1;
        const index_t matrices = s.n / (rows * columns);
        const auto t = static_cast<double>(s.number), count = static_cast<double>(s.n);
        const double taken = std::pow(t, beta2_decay), floor = eps1 > 0 ? eps1 : static_cast<double>(std::numeric_limits<T>::epsilon());
        const double size = std::max(eps2, std::sqrt(Device::power_sum(s.x, s.n, 2)) / std::sqrt(count)) * std::min(s.rate, 1 / std::sqrt(t));

        const Device::Room<T> factors(matrices * rows), sums(columns);
        const Scratch<T> shares(rows);  // the rows' factors, r / mean r
        const auto matrix_at = [&](index_t i) {
            const index_t at = i * rows * columns;
            return FactoredUpdate<T>{.x = s.x + at,
                                     .gradient = s.gradient + at,
                                     .row = factors.data() + i * rows,
                                     .column = s.state[s.matrix ? 1 : 0] + i * columns,
                                     .least = T(floor * floor),
                                     .shrink = T(1 - s.rate * s.weight_decay),
                                     .rate = T(0)};
        };
        double squares = 0;  // of u
        for (index_t i = 0; i < matrices; ++i) {
            T *factor = factors.data() + i * rows, *column = s.state[s.matrix ? 1 : 0] + i * columns;
            Device::fill(sums.data(), {1}, T(0), {columns});
            Device::add_squares(factor, sums.data(), s.gradient + i * rows * columns, rows, columns);
            Device::update(BlendUpdate<T>{column, sums.data(), T(1 - taken), T(taken / static_cast<double>(rows))}, columns);
            if (s.matrix) {
                T* row = s.state[0] + i * rows;
                Device::update(BlendUpdate<T>{row, factor, T(1 - taken), T(taken / static_cast<double>(columns))}, rows);
                Device::read(shares.data(), row, rows);
                const double mean = std::accumulate(shares.data(), shares.data() + rows, 0.0) / static_cast<double>(rows);
                for (index_t r = 0; r < rows; ++r) shares[r] = T(static_cast<double>(shares[r]) / std::max(mean, floor));
            } else {
                shares[0] = 1;
            }
            Device::write(factor, shares.data(), rows);
            squares += Device::factored_squares(matrix_at(i), rows, columns);
        }
        const double step = size / std::max(1.0, std::sqrt(squares / count) / clip);
        for (index_t i = 0; i < matrices; ++i) {
            auto u = matrix_at(i);
            u.rate = T(step);
            Device::factored_step(u, rows, columns);
        }
    }
};

}  // namespace tercet::inline TERCET_ABI
