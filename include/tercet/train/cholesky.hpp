// A = L Lᵀ for a symmetric, positive definite A (Golub & Van Loan 2013, section 4.2.5), and x = A⁻¹ b by it: small systems, solved often.
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <cmath>
#include <optional>

namespace tercet::inline TERCET_ABI {

class Cholesky {
public:
    /// Of a (n, n), whose lower triangle is read; none where it is not positive definite to rounding, or not finite. Throws shape_mismatch.
    static std::optional<Cholesky> of(const Tensor<double>& a) {
        require(a.rank() == 2 && a.size(0) == a.size(1), ErrorCode::shape_mismatch, "Cholesky: ", a.shape(), " is not square");
        Cholesky result(a.detach().clone());
        double* l = result.lower_.mutable_data();
        const index_t n = result.size();
        for (index_t i = 0; i < n; ++i)
            for (index_t j = 0; j <= i; ++j) {
                const double left = l[i * n + j] - dot(l + i * n, l + j * n, j);
                if (i != j) l[i * n + j] = left / l[j * n + j];
                else if (left > 0 && std::isfinite(left)) l[i * n + i] = std::sqrt(left);
                else return std::nullopt;
            }
        return result;
    }

    index_t size() const { return lower_.size(0); }

    /// b (n) becomes A⁻¹ b: L y = b from the first row down, then Lᵀ x = y from the last one up. Throws shape_mismatch.
    void solve(std::span<double> b) const {
        const index_t n = size();
        require(static_cast<index_t>(b.size()) == n, ErrorCode::shape_mismatch, "Cholesky: ", b.size(), " numbers for a system of ", n);
        const double* l = lower_.data();
        double* x = b.data();
        for (index_t i = 0; i < n; ++i) x[i] = (x[i] - dot(l + i * n, x, i)) / l[i * n + i];
        for (index_t i = n; i-- > 0;) {
            x[i] /= l[i * n + i];
            for (index_t j = 0; j < i; ++j) x[j] -= l[i * n + j] * x[i];
        }
    }

private:
    explicit Cholesky(Tensor<double> lower) : lower_(std::move(lower)) {}

    // Four sums side by side: they need not wait for one another.
    static double dot(const double* a, const double* b, index_t n) {
        double sums[4] = {};
        index_t i = 0;
        for (; i + 4 <= n; i += 4)
            for (index_t k = 0; k < 4; ++k) sums[k] += a[i + k] * b[i + k];
        for (; i < n; ++i) sums[0] += a[i] * b[i];
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    Tensor<double> lower_;  // L; what is above the diagonal is not read
};

}  // namespace tercet::inline TERCET_ABI
