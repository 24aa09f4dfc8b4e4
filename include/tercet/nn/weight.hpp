// A weight of any stored type: one parameter of a module, as its file has it or as training needs it.
//
//   dense      a Tensor<float>, on the tape when it is trained
//   packed     f32 in panels for the matrix product; made once, from a dense weight that will not change any more
//   stored     a file's own bytes (f16, bf16, or blocks such as q8_0 and q4_k), multiplied without being unpacked as a whole
//   arranged   the values of a stored bf16 or q8_0 in the order in which products with narrow activations read them
//
// A module is built with the shapes it expects; loading fills them in. The type is looked at once a product, outside the hot loop.
// A weight of any of these types may carry a low-rank term beside it (nn/lora.hpp), which linear() adds.
#pragma once

#include "tercet/ops/dropout.hpp"
#include "tercet/ops/embedding.hpp"
#include "tercet/ops/matmul.hpp"
#include "tercet/ops/observer.hpp"
#include "tercet/ops/shape.hpp"
#include "tercet/quant/convert.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Which way a matrix is written: (out, in), as Linear has it, or (in, out), as GPT-2's Conv1D.
enum class WeightOrder { out_in, in_out };

/// Dropout of what goes into low-rank terms (Hu et al. 2021, appendix D).
struct LowRankDropout {
    double p = 0;
    Generator* training = nullptr;  // in training: it draws from this; without it there is none
};

/// What an adapter has learnt beside a weight W (out, in): W + s · B A (LoRA; Hu et al. 2021, section 4.1). With magnitudes m (DoRA; Liu et al. 2024,
/// eq. 5), each row of that has the length m says: m · (W + s · B A) / ‖W + s · B A‖.
/// Where several weights are one matrix for the adapter, as Phi-3's query, key and value, b and the magnitudes have the rows of all, `first` says
/// which are this weight's, and dropout is drawn for each weight by itself.
struct LowRank {
    Tensor<float> a;  // (r, in)
    Tensor<float> b;  // (out, r), or more rows
    float scaling = 1;
    Tensor<float> magnitude{};                  // a number for each row of b, or none
    Tensor<float> norms{};                      // (out): the rows' lengths, where nothing that they depend on changes; else computed each time
    index_t first = 0;                          // the row of b and of the magnitudes that is the weight's first
    std::shared_ptr<LowRankDropout> dropout{};  // in training
};

class Weight {
public:
    /// No weight: a layer without a bias has one.
    Weight() = default;
    /// A place for a weight of this shape, to be filled by loading or initialisation.
    explicit Weight(const Shape& shape, WeightOrder order = WeightOrder::out_in) : shape_(shape), order_(order), wanted_(true) {}

    bool wanted() const { return wanted_; }
    bool loaded() const { return is_dense() || is_stored() || is_arranged() || panels_.storage() != nullptr; }
    const Shape& shape() const { return shape_; }
    WeightOrder order() const { return order_; }
    bool is_dense() const { return dense_.storage() != nullptr; }
    /// The type the elements are held in.
    StorageType type() const { return is_stored() || is_arranged() ? type_ : StorageType::f32; }
    /// Bytes of the elements as they are held.
    index_t bytes() const {
        return is_stored() ? bytes_.numel() : is_arranged() ? arranged_.numel() : 4 * (is_dense() ? dense_.numel() : panels_.numel());
    }

    /// Takes this tensor as the weight. Throws shape_mismatch.
    void set(Tensor<float> dense) {
        require(dense.shape() == shape_, ErrorCode::shape_mismatch, "weight: expected shape ", shape_, ", got ", dense.shape());
        *this = emptied(shape_, order_);
        dense_ = std::move(dense);
    }
    /// Takes bytes of a stored type, (rows, columns) with whole blocks in a row, kept alive by `owner`. Throws unsupported for a type
    /// without kernels, and shape_mismatch.
    void set(StorageType type, const Shape& shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
        require(shape_.rank() == 2 && shape == Shape{out_features(), in_features()}, ErrorCode::shape_mismatch, "weight: expected shape ", shape_,
                ", got ", shape);
        require(can_multiply(type), ErrorCode::unsupported, "weight: no kernels for the type ", name_of(type));
        require(bytes.size() == bytes_of(type, shape[0] * shape[1]), ErrorCode::shape_mismatch, "weight: ", bytes.size(), " bytes for shape ", shape,
                " of ", name_of(type));
        *this = emptied(shape, WeightOrder::out_in);
        type_ = type;
        bytes_ = stored(bytes, std::move(owner));
    }
    static bool can_multiply(StorageType type) {
        return type == StorageType::f32 || type == StorageType::f16 || type == StorageType::bf16 || is_supported_block(type);
    }

    /// What activations are rounded to before they meet this weight; f32, which rounds nothing, unless set. See Activations. An arranged weight
    /// whose activations are not narrow any more is stored again.
    Activations activations() const { return activations_; }
    void set_activations(Activations type) {
        activations_ = type;
        if (is_arranged() && !narrows()) {
            const auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(type_, element_count(shape_)));
            Device::for_rows(out_features(), in_features(),
                             [&](index_t r) { Device::stored_row(bytes->data() + r * row_bytes(), type_, arranged_bytes(), r, in_features()); });
            bytes_ = stored(*bytes, bytes);
            arranged_ = Tensor<std::uint8_t>();
        }
    }

    /// The dense tensor, to be read, trained or written to. Throws invalid_argument for a packed or stored weight; without storage for none.
    const Tensor<float>& tensor() const {
        require(!wanted_ || is_dense(), ErrorCode::invalid_argument,
                "weight: ", loaded() ? "it is packed for inference; load the model as trainable" : "nothing has been loaded into it");
        return dense_;
    }
    Tensor<float>& tensor() { return const_cast<Tensor<float>&>(std::as_const(*this).tensor()); }

    /// Makes it a table, whose rows are looked up and which nothing is multiplied by: it stays in rows, and is not evened out.
    void keep_in_rows() { in_rows_ = true; }

    /// Puts a matrix into the order in which products read it, and lets the other copy go: a dense one into panels; a stored one whose activations
    /// are narrow as Device::arrange has it, where this type and machine gain by it. Others, vectors, and what is kept in rows stay as they are.
    void pack() {
        if (in_rows_) return;
        if (is_stored() && narrows() && Device::can_arrange(type_) && is_aligned()) {
            const index_t out = out_features(), in = in_features();
            auto arranged = Tensor<std::uint8_t>::empty({Device::arranged_bytes(type_, out, in)});
            Device::arrange(reinterpret_cast<std::byte*>(arranged.mutable_data()), type_, stored_row(0), out, in);
            arranged_ = std::move(arranged);
            bytes_ = {};
        }
        if (!Device::packs || !is_dense() || shape_.rank() != 2) return;
        const index_t out = out_features(), in = in_features();
        auto panels = Tensor<float>::empty({cpu::packed_words<float>(out, in)});
        Device::pack(panels.mutable_device_data(), transposed_view(dense_.device_data()), out, in);
        panels_ = std::move(panels);
        dense_ = Tensor<float>();
    }

    /// Holds a dense matrix as a stored type from now on, and lets the dense copy go. Vectors, and matrices whose rows are no whole blocks, are
    /// packed instead or stay as they are. Where activations are rounded to bytes, inputs with small weights are evened out: an activation that
    /// stands out would make its whole block coarse, and what a norm makes stand out the weights behind it make small. They are stored larger, and
    /// the activation that meets them is multiplied down first (after SmoothQuant, Xiao et al. 2023, eq. 3, which measures activations instead).
    /// Throws what quantize() throws.
    void store_as(StorageType type) {
        if (!is_dense() || shape_.rank() != 2 || in_features() % block_size(type) != 0) return pack();
        const auto dense = to_dense();
        auto rows = order_ == WeightOrder::out_in ? dense : dense.transpose().contiguous();
        const auto factors = !in_rows_ && activations_ == Activations::int8 && block_size(type) > 1 ? evening_factors(rows) : Tensor<float>();
        if (factors.storage() != nullptr) {
            const index_t in = in_features();
            float* values = rows.mutable_data();
            Device::for_rows(out_features(), in, [&](index_t r) {
                for (index_t i = 0; i < in; ++i) values[r * in + i] /= factors.data()[i];
            });
        }
        const auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(type, rows.numel()));
        quantize(type, rows.span(), *bytes);
        *this = emptied(rows.shape(), WeightOrder::out_in);  // a stored matrix is written by its outputs
        set(type, rows.shape(), *bytes, bytes);
        factors_ = factors;
    }

    /// The low-rank term that linear() adds, or null.
    const std::shared_ptr<const LowRank>& low_rank() const { return low_rank_; }
    /// Takes this term, or none (null), in place of the one before. Throws shape_mismatch, and invalid_argument for a weight that is no matrix.
    void set_low_rank(std::shared_ptr<const LowRank> term) {
        if (term != nullptr) {
            require(shape_.rank() == 2, ErrorCode::invalid_argument, "weight: a low-rank term for a weight of shape ", shape_,
                    ", which is no matrix");
            const Shape &a = term->a.shape(), &b = term->b.shape();
            require(
                a.rank() == 2 && b.rank() == 2 && a[0] == b[1] && a[1] == in_features() && term->first >= 0 && b[0] >= term->first + out_features(),
                ErrorCode::shape_mismatch, "weight: low-rank factors A ", a, " and B ", b, " do not fit a weight of ", in_features(), " inputs and ",
                out_features(), " outputs");
            const auto fits = [&](const Tensor<float>& rows, index_t count) { return rows.storage() == nullptr || rows.shape() == Shape{count}; };
            require(fits(term->magnitude, b[0]) && fits(term->norms, out_features()), ErrorCode::shape_mismatch, "weight: magnitudes ",
                    term->magnitude.shape(), " and norms ", term->norms.shape(), " for ", out_features(), " outputs");
        }
        low_rank_ = std::move(term);
    }

    index_t out_features() const { return shape_[order_ == WeightOrder::out_in ? 0 : 1]; }
    index_t in_features() const { return shape_[order_ == WeightOrder::out_in ? 1 : 0]; }

    /// A copy as a dense tensor, whatever the type; without the low-rank term.
    Tensor<float> to_dense() const {
        if (is_dense()) return dense_.detach().clone();
        require(loaded(), ErrorCode::invalid_argument, "weight: nothing has been loaded into it");
        auto rows = Tensor<float>::empty({out_features(), in_features()});
        float* to = rows.mutable_data();
        Device::for_rows(out_features(), in_features(), [&](index_t r) { copy_row(to + r * in_features(), r); });
        return order_ == WeightOrder::out_in ? rows : rows.transpose().contiguous();
    }
    /// Output row r, (in), in float.
    void copy_row(float* to, index_t r) const {
        const index_t in = in_features();
        if (is_stored()) {
            cpu::Backend::dequantize(to, stored_row(r), type_, 0, in);
            multiply_by_factors(to);
        } else if (is_arranged()) {
            const Scratch<std::byte> row(row_bytes());
            Device::stored_row(row.data(), type_, arranged_bytes(), r, in);
            cpu::Backend::dequantize(to, row.data(), type_, 0, in);
            multiply_by_factors(to);
        } else if (is_dense()) {
            const auto view = transposed_view(dense_.data());
            for (index_t i = 0; i < in; ++i) to[i] = view.data[i * view.row_stride + r * view.col_stride];
        } else {
            const float* panel = panels_.data() + r / cpu::panel_width * cpu::panel_width * in;
            for (index_t begin = 0, words; begin < in; begin += words, panel += words * cpu::panel_width) {
                words = std::min(cpu::panel_depth(in), in - begin);
                for (index_t i = 0; i < words; ++i) to[begin + i] = panel[cpu::panel_offset(i, r % cpu::panel_width, words)];
            }
        }
    }

    /// The right operand of x · Wᵀ: B (in, out).
    RightOperand<float> right_operand() const {
        using Right = RightOperand<float>;
        require(loaded(), ErrorCode::invalid_argument, "weight: nothing has been loaded into it");
        const float* factors = factors_.device_data();
        if (is_arranged())
            return {.kind = Right::Kind::arranged, .rows = arranged_bytes(), .type = type_, .activations = activations_, .factors = factors};
        if (is_stored())
            return {.kind = Right::Kind::stored,
                    .rows = reinterpret_cast<const std::byte*>(bytes_.device_data()),
                    .type = type_,
                    .row_bytes = row_bytes(),
                    .activations = activations_,
                    .factors = factors};
        if (is_dense()) return {.kind = Right::Kind::strided, .view = transposed_view(dense_.device_data()), .activations = activations_};
        return {.kind = Right::Kind::packed, .panels = panels_.device_data()};
    }

private:
    Weight emptied(const Shape& shape, WeightOrder order) const {
        Weight w(shape, order);
        w.activations_ = activations_;
        w.in_rows_ = in_rows_;
        return w;
    }
    // What activations are multiplied by so that no input's weights, rows (out, in), are much smaller than the others': how long a column is beside
    // the median one, within [1/4, 1]. None where that means nothing.
    static Tensor<float> evening_factors(const Tensor<float>& rows) {
        const index_t out = rows.size(0), in = rows.size(1);
        auto factors = Tensor<float>::zeros({in});
        float* f = factors.mutable_data();
        const float* values = rows.data();
        for (index_t r = 0; r < out; ++r, values += in)
            for (index_t i = 0; i < in; ++i) f[i] += values[i] * values[i];
        std::vector<float> squares(f, f + in);
        if (in == 0 || !std::all_of(squares.begin(), squares.end(), [](float s) { return std::isfinite(s); })) return {};
        const auto middle = squares.begin() + in / 2;
        std::nth_element(squares.begin(), middle, squares.end());
        const float median = *middle;
        if (median == 0) return {};
        for (index_t i = 0; i < in; ++i) f[i] = std::clamp(std::sqrt(f[i] / median), 0.25f, 1.f);
        return factors;
    }
    void multiply_by_factors(float* row) const {
        for (index_t i = 0; i < in_features() && factors_.storage() != nullptr; ++i) row[i] *= factors_.data()[i];
    }
    bool is_stored() const { return bytes_.storage() != nullptr; }
    bool is_arranged() const { return arranged_.storage() != nullptr; }
    bool narrows() const { return activations_ == Activations::int8 || (activations_ == Activations::bf16 && type_ == StorageType::bf16); }
    bool is_aligned() const { return type_ != StorageType::bf16 || reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(bf16) == 0; }
    // A file's bytes, kept alive by `owner`; nobody writes to them.
    static Tensor<std::uint8_t> stored(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
        auto* begin = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(bytes.data()));
        return Tensor<std::uint8_t>::borrow(begin, {static_cast<index_t>(bytes.size())}, {}, std::move(owner));
    }
    const std::byte* stored_row(index_t r) const { return reinterpret_cast<const std::byte*>(bytes_.data()) + r * row_bytes(); }
    const std::byte* arranged_bytes() const { return reinterpret_cast<const std::byte*>(arranged_.data()); }
    index_t row_bytes() const { return static_cast<index_t>(bytes_of(type_, in_features())); }
    // The dense matrix, whose elements are at `data`, as (in, out).
    MatrixView<float> transposed_view(const float* data) const {
        const bool out_first = order_ == WeightOrder::out_in;
        return {data, dense_.strides()[out_first ? 1 : 0], dense_.strides()[out_first ? 0 : 1]};
    }

    Shape shape_;
    WeightOrder order_ = WeightOrder::out_in;
    bool wanted_ = false, in_rows_ = false;
    Activations activations_ = Activations::f32;
    Tensor<float> dense_, panels_{};
    Tensor<std::uint8_t> arranged_{};
    StorageType type_ = StorageType::f32;
    Tensor<std::uint8_t> bytes_{};  // a file's, which may be mapped for reading only
    Tensor<float> factors_{};       // (in) what stored columns are too large by, and activations are multiplied by
    std::shared_ptr<const LowRank> low_rank_;
};

/// What follows a fully connected layer: y = f(x Wᵀ + b) + residual. Done while the product's result is in the cache, when nothing is recorded.
struct AfterLinear {
    std::optional<UnaryOp> activation{};
    const Tensor<float>* residual = nullptr;  // of y's shape, or null
};

namespace detail {

// linear() of a weight of any type, ready to be multiplied: y and what the product does besides. Nothing is recorded.
struct LinearProduct {
    Tensor<float> y;
    SharingProduct<float> product{};

    // x: contiguous, off the tape
    LinearProduct(const Tensor<float>& x, const Weight& weight, const Weight& bias, const AfterLinear& then) {
        const index_t in = weight.in_features(), out = weight.out_features();
        require(x.rank() >= 1 && x.size(-1) == in, ErrorCode::shape_mismatch, "linear: weight ", weight.shape(), " does not fit x ", x.shape());
        require(!bias.wanted() || bias.tensor().shape() == Shape{out}, ErrorCode::shape_mismatch, "linear: bias ", bias.shape(),
                " does not fit weight ", weight.shape());
        Shape shape = x.shape();
        shape[shape.rank() - 1] = out;
        y = Tensor<float>::empty(shape);
        product = {y.mutable_device_data(), out, weight.right_operand(), out, {.activation = then.activation}};
        if (bias.wanted()) {
            bias_ = bias.tensor().detach().contiguous();
            product.epilogue.bias = bias_.device_data();
        }
        if (then.residual != nullptr) {
            require(then.residual->shape() == shape, ErrorCode::shape_mismatch, "linear: residual ", then.residual->shape(), " for a result ", shape);
            residual_ = then.residual->detach().contiguous();
            product.epilogue.residual = residual_.device_data();
            product.epilogue.residual_stride = out;
        }
    }

private:
    Tensor<float> bias_{}, residual_{};
};

// The values of linear(), without the low-rank term.
inline Tensor<float> linear_values(const Tensor<float>& x, const Weight& weight, const Weight& bias, const AfterLinear& then = {}) {
    const auto xc = x.detach().contiguous();
    const LinearProduct linear(xc, weight, bias, then);
    const auto& p = linear.product;
    const index_t in = weight.in_features(), rows = xc.numel() / std::max<index_t>(in, 1);
    Device::gemm(p.c, p.ldc, {xc.device_data(), in, 1}, p.b, rows, p.n, in, false, p.epilogue);
    return linear.y;
}

// Whether linear() is its values: nothing is recorded, and there is no low-rank term.
inline bool is_plain(const Tensor<float>& x, const Weight& weight, const Weight& bias, const AfterLinear& then) {
    const auto none = Tensor<float>();
    return weight.low_rank() == nullptr && weight.loaded() &&
           !records(x, weight.is_dense() ? weight.tensor() : none, bias.tensor(), then.residual != nullptr ? *then.residual : none);
}

// linear() without the low-rank term and what follows but for the activation.
inline Tensor<float> linear_alone(const Tensor<float>& x, const Weight& weight, const Weight& bias, std::optional<UnaryOp> activation) {
    if (weight.is_dense())
        return linear(x, weight.tensor(), bias.tensor(),
                      {.activation = activation, .activations = weight.activations(), .in_out = weight.order() == WeightOrder::in_out});
    if (activation) return unary(*activation, linear_alone(x, weight, bias, {}));
    return record(
        linear_values(x, weight, bias),
        [weight](const Tensor<float>& dy, Gradient<float>& dx, Gradient<float>& db) {
            if (dx) {
                const auto w = weight.to_dense(), rows = weight.order() == WeightOrder::out_in ? w : w.transpose();  // (out, in)
                const index_t out = rows.size(0), in = rows.size(1);
                const auto dyc = dy.contiguous();
                const bool accumulate = !dx.fresh();
                product<float>(dx.device_data_to_write(), {dyc.device_data(), out, 1}, {rows.device_data(), rows.strides()[0], rows.strides()[1]},
                               dyc.numel() / out, in, out, accumulate, weight.activations());
            }
            if (db) db.add(sum_to(dy, db.shape()));
        },
        x, bias.tensor());
}

// The rows of a term's B, or of its magnitudes, that are this weight's.
inline Tensor<float> own_rows(const Tensor<float>& rows, const LowRank& term, const Weight& weight) {
    const index_t out = weight.out_features();
    return rows.size(0) == out ? rows : slice(rows, 0, term.first, term.first + out);
}

// The rows' lengths ‖W + s · B A‖, (out): a constant where gradients are concerned (Liu et al. 2024, section 4.3).
inline Tensor<float> adapted_norms(const Weight& weight, const LowRank& term) {
    const NoGrad guard;
    const index_t out = weight.out_features(), in = weight.in_features();
    const auto change = matmul(own_rows(term.b, term, weight), term.a) * term.scaling;  // (out, in)
    auto norms = Tensor<float>::empty({out});
    float* to = norms.mutable_data();
    Device::for_rows(out, in, [&](index_t r) {
        const Scratch<float> row(in);
        weight.copy_row(row.data(), r);
        double sum = 0;
        for (index_t i = 0; i < in; ++i) {
            const double w = static_cast<double>(row.data()[i]) + static_cast<double>(change.data()[r * in + i]);
            sum += w * w;
        }
        to[r] = static_cast<float>(std::sqrt(sum));
    });
    return norms;
}

// x (W + …)ᵀ + b, with the low-rank term. Dropout is of what goes into the term; with DoRA's magnitudes y = W x + b + (m/n − 1) W x' + m/n · s B A
// x', x' = dropout(x), n the norms, as PEFT has it.
inline Tensor<float> linear_adapted(const Tensor<float>& x, const Weight& weight, const Weight& bias) {
    const auto& term = *weight.low_rank();
    const bool drops = term.dropout != nullptr && term.dropout->p > 0 && term.dropout->training != nullptr;
    const auto in = drops ? dropout(x, term.dropout->p, *term.dropout->training) : x;
    const auto change = linear(linear(in, term.a) * term.scaling, own_rows(term.b, term, weight));
    if (term.magnitude.storage() == nullptr) return linear_alone(x, weight, bias, {}) + change;
    const auto scale = own_rows(term.magnitude, term, weight) / (term.norms.storage() != nullptr ? term.norms : adapted_norms(weight, term));
    if (drops) return linear_alone(x, weight, bias, {}) + linear_alone(in, weight, {}, {}) * (scale - 1.f) + change * scale;
    const auto y = (linear_alone(x, weight, {}, {}) + change) * scale;
    return bias.wanted() ? y + bias.tensor() : y;
}

}  // namespace detail

/// f(x (..., in) · Wᵀ + b) + residual -> (..., out), for a weight of any type; b may be none. Packed and stored weights pass gradients on to x.
inline Tensor<float> linear(const Tensor<float>& x, const Weight& weight, const Weight& bias = {}, const AfterLinear& then = {}) {
    if (detail::is_plain(x, weight, bias, then)) return detail::observed_layer(&weight, x, detail::linear_values(x, weight, bias, then));
    const bool plain = weight.low_rank() == nullptr;
    auto y = plain ? detail::linear_alone(x, weight, bias, then.activation) : detail::linear_adapted(x, weight, bias);
    if (!plain && then.activation) y = detail::unary(*then.activation, y);
    return detail::observed_layer(&weight, x, then.residual != nullptr ? y + *then.residual : y);
}

/// One layer of several that are given the same x.
struct SharingLinear {
    const Weight& weight;
    const Weight& bias;
    AfterLinear then{};
};

/// linear(x, …) of each. Few rows, as a step of decoding has, meet all weights in one go.
template <std::size_t N>
std::array<Tensor<float>, N> linear_each(const Tensor<float>& x, const SharingLinear (&layers)[N]) {
    std::array<Tensor<float>, N> ys;
    const auto each = [&](const auto& f) {
        for (std::size_t i = 0; i < N; ++i) f(i, layers[i]);
    };
    bool plain = true;
    each([&](std::size_t, const SharingLinear& l) { plain = plain && detail::is_plain(x, l.weight, l.bias, l.then); });
    if (!plain) {
        each([&](std::size_t i, const SharingLinear& l) { ys[i] = linear(x, l.weight, l.bias, l.then); });
        return ys;
    }
    const auto xc = x.detach().contiguous();
    std::array<std::optional<detail::LinearProduct>, N> linears;
    std::array<SharingProduct<float>, N> products;
    each([&](std::size_t i, const SharingLinear& l) {
        products[i] = linears[i].emplace(xc, l.weight, l.bias, l.then).product;
        ys[i] = linears[i]->y;
    });
    const index_t in = layers[0].weight.in_features();
    Device::gemm_each(std::span<const SharingProduct<float>>(products), {xc.device_data(), in, 1}, xc.numel() / std::max<index_t>(in, 1), in);
    each([&](std::size_t i, const SharingLinear& l) { ys[i] = detail::observed_layer(&l.weight, x, std::move(ys[i])); });
    return ys;
}

/// Rows of the weight by ids (...) -> (..., in). See ops/embedding.hpp.
template <Element I>
Tensor<float> embedding(const Weight& table, const Tensor<I>& ids, index_t padding = -1) {
    if (table.is_dense()) return detail::observed_layer(&table, {}, embedding(table.tensor(), ids, padding));
    const auto id = ids.contiguous();
    const index_t C = table.in_features(), V = table.out_features();
    Shape shape = ids.shape();
    shape.push_back(C);
    auto y = Tensor<float>::empty(shape);
    float* to = y.mutable_data();
    for (index_t i = 0; i < id.numel(); ++i) {
        const auto row = static_cast<index_t>(id.data()[i]);
        require(row >= 0 && row < V, ErrorCode::index_out_of_range, "embedding: id ", row, " at position ", i, " is outside the table's ", V,
                " rows");
    }
    Device::for_rows(id.numel(), C, [&](index_t i) { table.copy_row(to + i * C, static_cast<index_t>(id.data()[i])); });
    return detail::observed_layer(&table, {}, y);
}

}  // namespace tercet::inline TERCET_ABI
