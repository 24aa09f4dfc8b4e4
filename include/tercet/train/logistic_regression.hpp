// Logistic regression on features that do not change, such as the embeddings of a frozen encoder: the cheapest classifier on top of one, and the
// measure of what its features tell (a linear probe; Alain & Bengio 2016).
//
//   p = softmax(W x + b)        minimise ½ ‖W‖² + C Σ −ln p(class)        (the bias free), which has one minimum;  a class may have a weight in Σ
//
// Two classes have one row of weights and p = σ(w x + b), several a row each: as scikit-learn has it. The minimum is found by L-BFGS, which is
// told the curvature where all classes are equally likely (Böhning 1992): a tenth of the steps that it takes without.
#pragma once

#include "tercet/core/parallel.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/shape.hpp"
#include "tercet/train/cholesky.hpp"
#include "tercet/train/lbfgs.hpp"

namespace tercet::inline TERCET_ABI {

struct LogisticRegressionOptions {
    double c = 1;                         // how much the examples count against the size of the weights
    std::vector<double> class_weights{};  // what those of each class count for; all alike unless given
    LbfgsOptions solver{.tolerance = 1e-4};
};

class LogisticRegression {
public:
    /// Fits features (n, d) to classes in [0, classes). Throws shape_mismatch, index_out_of_range for a class, invalid_argument for fewer than two
    /// classes, one without examples, C or a weight ≤ 0, and not_finite for features that are not.
    template <class Class>
    static LogisticRegression fit(const Tensor<float>& features, std::span<const Class> classes, index_t count,
                                  const LogisticRegressionOptions& options = {}) {
        require(features.rank() == 2 && features.size(0) == static_cast<index_t>(classes.size()) && !classes.empty(), ErrorCode::shape_mismatch,
                "logistic regression: features ", features.shape(), " for ", classes.size(), " classes");
        require(count >= 2 && options.c > 0, ErrorCode::invalid_argument, "logistic regression: ", count, " classes, C = ", options.c);
        check_classes(classes, count, options.class_weights);
        const auto x = features.detach().contiguous();
        const index_t n = x.size(0), d = x.size(1), rows = count == 2 ? 1 : count;
        // Examples go through in pieces of a fixed number, each with sums of its own: ∂/∂weights (rows, d), ∂/∂bias (rows), and the loss.
        constexpr index_t piece = 256;
        const index_t pieces = (n + piece - 1) / piece, width = rows * (d + 1) + 1;
        std::vector<double> sums;
        const auto objective = [&](std::span<const double> at, std::span<double> gradient) {
            sums.assign(static_cast<std::size_t>(pieces * width), 0);
            parallel_for(pieces, [&](index_t p) {
                double* own = sums.data() + p * width;
                std::vector<double> z(static_cast<std::size_t>(rows));  // logits, then ∂loss/∂logits
                for (index_t i = p * piece; i < std::min(n, (p + 1) * piece); ++i) {
                    const float* example = x.data() + i * d;
                    for (index_t r = 0; r < rows; ++r)
                        z[static_cast<std::size_t>(r)] = at[static_cast<std::size_t>(rows * d + r)] + dot(at.data() + r * d, example, d);
                    const auto truth = static_cast<index_t>(classes[static_cast<std::size_t>(i)]);
                    const double weight = options.class_weights.empty() ? 1 : options.class_weights[static_cast<std::size_t>(truth)];
                    own[width - 1] += weight * row_loss(z.data(), rows, truth);
                    for (index_t r = 0; r < rows; ++r) {
                        const double share = weight * z[static_cast<std::size_t>(r)];
                        for (index_t c = 0; c < d; ++c) own[r * d + c] += share * static_cast<double>(example[c]);
                        own[rows * d + r] += share;
                    }
                }
            });
            double squares = 0, nats = 0;
            for (index_t i = 0; i < rows * d; ++i) squares += at[static_cast<std::size_t>(i)] * at[static_cast<std::size_t>(i)];
            for (index_t i = 0; i < rows * (d + 1); ++i) gradient[static_cast<std::size_t>(i)] = i < rows * d ? at[static_cast<std::size_t>(i)] : 0;
            for (index_t p = 0; p < pieces; ++p) {
                const double* own = sums.data() + p * width;
                for (index_t i = 0; i < rows * (d + 1); ++i) gradient[static_cast<std::size_t>(i)] += options.c * own[i];
                nats += own[width - 1];
            }
            return squares / 2 + options.c * nats;
        };
        const double spread = static_cast<double>(count - 1) / static_cast<double>(count * count);  // p (1 − p) of equal probabilities
        const auto curvature = curvature_at_start(x, options.c * spread);
        std::vector<double> own(static_cast<std::size_t>(d + 1));  // of a row: its weights and its bias
        const auto guess = [&](std::span<double> v) {
            for (index_t r = 0; r < rows && curvature; ++r) {
                std::copy_n(v.begin() + r * d, d, own.begin());
                double& bias = v[static_cast<std::size_t>(rows * d + r)];
                own.back() = bias;
                curvature->solve(own);
                std::copy_n(own.begin(), d, v.begin() + r * d);
                bias = own.back();
            }
        };
        const auto found = minimize(objective, std::vector<double>(static_cast<std::size_t>(rows * (d + 1)), 0.0), options.solver, guess);
        LogisticRegression model;
        model.classes_ = count;
        model.weights_ = Tensor<double>::copy(std::span(found.x).first(static_cast<std::size_t>(rows * d)), {rows, d});
        model.bias_.assign(found.x.begin() + rows * d, found.x.end());
        model.steps_ = found.steps;
        model.converged_ = found.converged;
        return model;
    }

    index_t classes() const { return classes_; }
    /// (rows, d): one row for two classes. And a number a row.
    const Tensor<double>& weights() const { return weights_; }
    const std::vector<double>& bias() const { return bias_; }
    bool converged() const { return converged_; }
    index_t steps() const { return steps_; }

    /// Probabilities (n, classes) of features (n, d). Throws shape_mismatch.
    Tensor<double> probabilities(const Tensor<float>& features) const {
        require(features.rank() == 2 && features.size(1) == weights_.size(1), ErrorCode::shape_mismatch, "logistic regression: features ",
                features.shape(), " for ", weights_.size(1), " weights");
        const NoGrad guard;
        const index_t n = features.size(0), rows = weights_.size(0);
        const auto logits = logits_of(features.detach().to<double>(), weights_, bias_);
        auto p = Tensor<double>::empty({n, classes_});
        double* to = p.mutable_data();
        for (index_t i = 0; i < n; ++i, to += classes_) {
            const double* z = logits.data() + i * rows;
            if (rows == 1) {
                to[1] = 1 / (1 + std::exp(-z[0]));
                to[0] = 1 / (1 + std::exp(z[0]));
                continue;
            }
            const double most = *std::max_element(z, z + rows);
            double sum = 0;
            for (index_t c = 0; c < rows; ++c) sum += to[c] = std::exp(z[c] - most);
            for (index_t c = 0; c < rows; ++c) to[c] /= sum;
        }
        return p;
    }
    /// The likeliest class of each. Throws shape_mismatch.
    std::vector<index_t> predict(const Tensor<float>& features) const {
        const auto p = probabilities(features);
        std::vector<index_t> best;
        for (index_t i = 0; i < p.size(0); ++i) {
            const double* row = p.data() + i * classes_;
            best.push_back(std::max_element(row, row + classes_) - row);
        }
        return best;
    }

private:
    template <class Class>
    static void check_classes(std::span<const Class> classes, index_t count, std::span<const double> weights) {
        std::vector<index_t> of_each(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < classes.size(); ++i) {
            require(static_cast<index_t>(classes[i]) >= 0 && static_cast<index_t>(classes[i]) < count, ErrorCode::index_out_of_range,
                    "logistic regression: the class of example ", i, " is ", static_cast<index_t>(classes[i]), ", of ", count);
            ++of_each[static_cast<std::size_t>(classes[i])];
        }
        for (std::size_t c = 0; c < of_each.size(); ++c)
            require(of_each[c] > 0, ErrorCode::invalid_argument, "logistic regression: class ", c, " has no examples to learn from");
        require(weights.empty() || static_cast<index_t>(weights.size()) == count, ErrorCode::shape_mismatch, "logistic regression: ", weights.size(),
                " weights for ", count, " classes");
        for (const double w : weights) require(w > 0, ErrorCode::invalid_argument, "logistic regression: a class weight of ", w);
    }
    // I + share · X̃ᵀ X̃ for a row's weights and, without the I, its bias; X̃ has a column of ones behind the features. None where there are so many
    // features that the factors take longer than the steps they save, and where rounding makes it indefinite.
    static std::optional<Cholesky> curvature_at_start(const Tensor<float>& x, double share) {
        constexpr index_t most_features = 2048, piece = 4096;
        const NoGrad guard;
        const index_t n = x.size(0), d = x.size(1);
        if (d > most_features) return std::nullopt;
        auto sum = Tensor<double>::zeros({d + 1, d + 1});
        for (index_t begin = 0; begin < n; begin += piece) {  // so many at a time as doubles
            const index_t count = std::min(piece, n - begin);
            const auto part = concatenate({slice(x, 0, begin, begin + count).to<double>(), Tensor<double>::ones({count, 1})}, 1);
            sum = sum + matmul(transpose(part), part);
        }
        sum = sum * share;
        for (index_t i = 0; i < d; ++i) sum.at(i, i) += 1;
        return Cholesky::of(sum);
    }
    // (n, rows)
    static Tensor<double> logits_of(const Tensor<double>& x, const Tensor<double>& weights, std::span<const double> bias) {
        auto z = matmul(x, weights.transpose());
        double* to = z.mutable_data();
        for (index_t i = 0; i < z.size(0); ++i)
            for (const double b : bias) *to++ += b;
        return z;
    }
    // Eight sums side by side, which any compiler keeps in its vectors.
    static double dot(const double* w, const float* x, index_t n) {
        double sums[8] = {};
        index_t i = 0;
        for (; i + 8 <= n; i += 8)
            for (index_t k = 0; k < 8; ++k) sums[k] += w[i + k] * static_cast<double>(x[i + k]);
        for (index_t k = 0; i < n; ++i, ++k) sums[k] += w[i] * static_cast<double>(x[i]);
        return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    }
    // −ln p(class) of a row of logits, which become the gradient.
    static double row_loss(double* z, index_t rows, index_t truth) {
        if (rows == 1) {
            const double margin = truth == 1 ? z[0] : -z[0], lost = 1 / (1 + std::exp(margin));
            z[0] = truth == 1 ? -lost : lost;
            return margin > 0 ? std::log1p(std::exp(-margin)) : std::log1p(std::exp(margin)) - margin;
        }
        const double most = *std::max_element(z, z + rows), own = z[truth] - most;
        double sum = 0;
        for (index_t c = 0; c < rows; ++c) sum += z[c] = std::exp(z[c] - most);
        for (index_t c = 0; c < rows; ++c) z[c] = z[c] / sum - (c == truth ? 1 : 0);
        return std::log(sum) - own;
    }

    index_t classes_ = 0, steps_ = 0;
    bool converged_ = false;
    Tensor<double> weights_;
    std::vector<double> bias_;
};

}  // namespace tercet::inline TERCET_ABI
