// The CPU backend: cuts each operation into tiles by its shape, and hands them to the kernels of this machine's instruction set.
//
// Pointers and extents in, nothing else. Real (float, double) runs in the kernel regions; the other element types in plain loops.
#pragma once

#include "tercet/backend/cpu/attention.hpp"
#include "tercet/backend/cpu/cross_entropy.hpp"
#include "tercet/backend/cpu/power_sum.hpp"
#include "tercet/backend/cpu/quant_gemm.hpp"
#include "tercet/backend/cpu/scalar.hpp"
#include "tercet/core/strided.hpp"

#include <numeric>

namespace tercet::inline TERCET_ABI::cpu {

struct Backend {
    /// Whether it computes with elements of a type, and whether it holds them, and can copy them into others that it holds: all of them.
    template <class T>
    static constexpr bool computes = true;
    template <class T>
    static constexpr bool holds = true;
    /// Whether products gain by weights that were packed before.
    static constexpr bool packs = true;

    /// What a storage keeps beside its elements in the host's memory: nothing, since that is where this backend works.
    struct Mirror {
        template <class T>
        T* device(T* host, std::size_t, bool) const {
            return host;
        }
        void host(const void*, std::size_t, bool) const {}
    };
    /// Working memory of an operation, where the backend works.
    template <class T>
    using Room = Scratch<T>;

    /// y = f(x), both of n.
    template <class T>
    static void unary(UnaryOp op, T* y, const T* x, index_t n) {
        [[maybe_unused]] const bool past_caches = passes_caches<T>(n);
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) {
            if constexpr (Real<T>) {
                kernels<T>().unary[static_cast<int>(op)](y + begin, x + begin, end - begin, past_caches);
                if (past_caches) kernel_set().stream.end();
            } else {
                for (index_t i = begin; i < end; ++i) y[i] = detail::scalar_unary(op, x[i]);
            }
        });
    }

    /// dx = [dx +] dy · f'(x), with y = f(x) at hand.
    template <Real T>
    static void unary_backward(UnaryOp op, T* dx, const T* dy, const T* x, const T* y, index_t n, bool add) {
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) {
            kernels<T>().unary_backward[static_cast<int>(op)](dx + begin, dy + begin, x + begin, y + begin, end - begin, add);
        });
    }

    /// y (shape, contiguous) = f(a, b), the operands by strides.
    template <class T>
    static void binary(BinaryOp op, T* y, const T* a, const T* b, const Shape& shape, const Shape& a_strides, const Shape& b_strides) {
        [[maybe_unused]] const bool past_caches = passes_caches<T>(element_count(shape));
        for_each_row<3>(shape, {contiguous_strides(shape), a_strides, b_strides}, [&](const auto& at, index_t n, const auto& step) {
            if constexpr (Real<T>) {
                const auto kernel = kernels<T>().binary[static_cast<int>(op)];
                const auto direct = [](index_t s) { return s == 0 || s == 1; };
                if (direct(step[1]) && direct(step[2])) {
                    kernel(y + at[0], a + at[1], b + at[2], n, step[1], step[2], past_caches);
                    return past_caches ? kernel_set().stream.end() : void();
                }
                constexpr index_t piece = 256;  // other strides: gathered first
                T left[piece], right[piece];
                for (index_t i = 0; i < n; i += piece) {
                    const index_t count = std::min(piece, n - i);
                    for (index_t j = 0; j < count; ++j) {
                        left[j] = a[at[1] + (i + j) * step[1]];
                        right[j] = b[at[2] + (i + j) * step[2]];
                    }
                    kernel(y + at[0] + i, left, right, count, 1, 1, false);
                }
            } else {
                for (index_t i = 0; i < n; ++i) y[at[0] + i] = detail::scalar_binary(op, a[at[1] + i * step[1]], b[at[2] + i * step[2]]);
            }
        });
    }

    /// y = f(x, b) with one number b, all of n.
    template <Real T>
    static void binary(BinaryOp op, T* y, const T* x, T b, index_t n) {
        binary(op, y, x, &b, {n}, {1}, {0});
    }

    /// y by its strides = one number.
    template <class T>
    static void fill(T* y, const Shape& y_strides, T value, const Shape& shape) {
        if (is_contiguous(shape, y_strides))
            parallel_ranges(element_count(shape), elementwise_grain, [&](index_t begin, index_t end) { std::fill(y + begin, y + end, value); });
        else copy(y, y_strides, &value, Shape::filled(shape.rank(), 0), shape);
    }

    /// y = x, each by its own strides, with conversion where the types differ.
    template <class To, class From>
    static void copy(To* y, const Shape& y_strides, const From* x, const Shape& x_strides, const Shape& shape) {
        [[maybe_unused]] const bool large = passes_caches<To>(element_count(shape));
        for_each_row<2>(shape, {y_strides, x_strides}, [&](const auto& at, index_t n, const auto& step) {
            To* to = y + at[0];
            const From* from = x + at[1];
            if constexpr (std::is_same_v<To, From>) {
                if (step[0] == 1 && step[1] == 1) {
                    if (!large || n < 4096) return std::copy_n(from, n, to), void();
                    kernel_set().stream.copy(to, from, n * static_cast<index_t>(sizeof(To)));
                    return kernel_set().stream.end();
                }
            }
            for (index_t i = 0; i < n; ++i) to[i * step[0]] = convert<To>(from[i * step[1]]);
        });
    }

    /// One element in another type; 16-bit floats by way of float, and NaN or out-of-range floats to the nearest integer there is.
    template <class To, class From>
    static To convert(From x) {
        if constexpr (std::is_same_v<To, From>) {
            return x;
        } else if constexpr (std::is_same_v<From, bf16> || std::is_same_v<From, f16>) {
            return convert<To>(static_cast<float>(x));
        } else if constexpr (std::is_same_v<To, bf16> || std::is_same_v<To, f16>) {
            return To(static_cast<float>(x));
        } else if constexpr (std::is_same_v<To, bool>) {
            return x != From{};
        } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
            constexpr From low = static_cast<From>(std::numeric_limits<To>::min()), high = static_cast<From>(std::numeric_limits<To>::max());
            return x != x ? To{} : x <= low ? std::numeric_limits<To>::min() : x >= high ? std::numeric_limits<To>::max() : static_cast<To>(x);
        } else {
            return static_cast<To>(x);
        }
    }

    /// y += x, each by its own strides; y does not overlap itself.
    template <Real T>
    static void add(T* y, const Shape& y_strides, const T* x, const Shape& x_strides, const Shape& shape) {
        for_each_row<2>(shape, {y_strides, x_strides}, [&](const auto& at, index_t n, const auto& step) {
            T* sums = y + at[0];
            const T* values = x + at[1];
            if (step[0] == 1 && step[1] == 1) return kernels<T>().add_scaled(sums, values, T(1), n);
            for (index_t i = 0; i < n; ++i) sums[i * step[0]] += values[i * step[1]];
        });
    }

    /// y += alpha · x, both of n.
    template <Real T>
    static void add_scaled(T* y, const T* x, T alpha, index_t n) {
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) { kernels<T>().add_scaled(y + begin, x + begin, alpha, end - begin); });
    }

    /// Σ |x|^p of n, or max |x| for p = ∞, summed in double.
    template <Real T>
    static double power_sum(const T* x, index_t n, double p) {
        return cpu::power_sum(x, n, p);
    }

    /// Waits for what was given to do: here a call returns when its work is done.
    static void wait() {}

    /// n elements from where the backend works to the host's memory, and back.
    template <class T>
    static void read(T* host, const T* x, index_t n) {
        std::copy_n(x, n, host);
    }
    template <class T>
    static void write(T* x, const T* host, index_t n) {
        std::copy_n(host, n, x);
    }

    /// y (outer, m, inner) = rows of x (outer, n, inner) by ids (m), which are in [0, n).
    template <class T, class I>
    static void gather_rows(T* y, const T* x, const I* ids, index_t outer, index_t n, index_t m, index_t inner) {
        parallel_ranges(outer * m, rows_of_a_task(inner), [&](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) std::copy_n(x + (i / m * n + static_cast<index_t>(ids[i % m])) * inner, inner, y + i * inner);
        });
    }
    /// Adds dy (outer, m, inner) to the rows of dx (outer, n, inner) that the ids name, in their order; nothing to the row `skipped`.
    template <Real T, class I>
    static void add_rows(T* dx, const T* dy, const I* ids, index_t outer, index_t n, index_t m, index_t inner, index_t skipped = -1) {
        for_each_picked(ids, m, outer, inner, [&](index_t o, index_t i, index_t to, index_t begin, index_t end) {
            if (to != skipped) kernels<T>().add_scaled(dx + (o * n + to) * inner + begin, dy + (o * m + i) * inner + begin, T(1), end - begin);
        });
    }

    /// body(row) for each of `rows` rows of `n` elements, many rows a task.
    template <class F>
    static void for_rows(index_t rows, index_t n, const F& body) {
        parallel_ranges(rows, rows_of_a_task(n), [&](index_t begin, index_t end) {
            for (index_t row = begin; row < end; ++row) body(row);
        });
    }

    /// body(first, count, past_caches) for runs of a result's rows (rows, n), a run a task.
    template <class T, class F>
    static void write_rows(index_t rows, index_t n, const F& body) {
        if (n == 0) return;
        const bool past_caches = passes_caches<T>(rows * n);
        parallel_ranges(rows, rows_of_a_task(n), [&](index_t begin, index_t end) {
            body(begin, end - begin, past_caches);
            if (past_caches) kernel_set().stream.end();
        });
    }

    template <Real T>
    static void softmax(T* y, const T* x, index_t rows, index_t n) {
        write_rows<T>(rows, n,
                      [&](index_t r, index_t count, bool past_caches) { kernels<T>().softmax(y + r * n, x + r * n, count, n, past_caches); });
    }
    template <Real T>
    static void softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n) {
        for_rows(rows, n, [&](index_t r) { kernels<T>().softmax_backward(dx + r * n, dy + r * n, y + r * n, n); });
    }
    template <Real T>
    static void log_softmax(T* y, const T* x, index_t rows, index_t n) {
        write_rows<T>(rows, n, [&](index_t first, index_t count, bool past_caches) {
            for (index_t r = first; r < first + count; ++r) kernels<T>().log_softmax(y + r * n, x + r * n, n, past_caches);
        });
    }
    template <Real T>
    static void log_softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n) {
        for_rows(rows, n, [&](index_t r) { kernels<T>().log_softmax_backward(dx + r * n, dy + r * n, y + r * n, n); });
    }
    /// log Σ e^x of each row in its two parts, shift = max x (0 where that is infinite) and total = Σ e^(x − shift): in their sum the smaller
    /// one loses its bits.
    template <Real T>
    static void exp_sum(T* shift, T* total, const T* x, index_t rows, index_t n) {
        for_rows(rows, n, [&](index_t r) { total[r] = kernels<T>().exp_sum(shift + r, x + r * n, n); });
    }
    /// losses (rows) of logits x (rows, V), log Σ e^x of each row in its two parts. See ops/cross_entropy.hpp.
    template <Real T>
    static void row_losses(double* losses, const T* x, const T* shift, const T* total, const TargetsView<T>& t, index_t rows) {
        parallel_ranges(rows, std::max<index_t>(1, t.spread != 0 ? elementwise_grain / std::max<index_t>(t.classes, 1) : 1024),
                        [&](index_t begin, index_t end) {
                            for (index_t r = begin; r < end; ++r) losses[r] = row_loss(t, r, x + r * t.classes, shift[r], total[r]);
                        });
    }
    /// dx (rows, V) = [dx +] the losses' gradients; dx may be x.
    template <Real T>
    static void row_gradients(T* dx, const T* x, const T* shift, const T* total, const TargetsView<T>& t, const LossShare<T>& share, index_t rows,
                              bool add) {
        const index_t V = t.classes;
        write_rows<T>(rows, V, [&](index_t first, index_t count, bool past_caches) {
            for (index_t r = first; r < first + count; ++r)
                row_gradient(t, dx + r * V, r, x + r * V, shift[r], total[r], share.each ? share.dy[r] : share.dy[0] / share.divisor, add,
                             past_caches && dx != x);  // in place: who asks for that goes on with them at once
        });
    }
    template <Real T>
    static void log_sum_exp(T* y, const T* x, index_t rows, index_t n) {
        for_rows(rows, n, [&](index_t r) { y[r] = kernels<T>().log_sum_exp(x + r * n, n); });
    }

    /// y, x (rows, n); mean, rstd (rows); weight, bias (n), bias may be null.
    template <Real T>
    static void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t rows, index_t n) {
        write_rows<T>(rows, n, [&](index_t r, index_t count, bool past_caches) {
            kernels<T>().layer_norm(y + r * n, mean + r, rstd + r, x + r * n, weight, bias, eps, count, n, past_caches);
        });
    }
    /// Adds to dx (rows, n), dweight and dbias (n), each of which may be null.
    template <Real T>
    static void layer_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, const T* mean, const T* rstd, index_t rows,
                                    index_t n) {
        sum_over_chunks<T>(rows, n, {dweight, dbias}, [&](index_t r, T* dw, T* db) {
            kernels<T>().layer_norm_backward(dx == nullptr ? nullptr : dx + r * n, dw, db, dy + r * n, x + r * n, weight, mean[r], rstd[r], n);
        });
    }
    template <Real T>
    static void rms_norm(T* y, T* rstd, const T* x, const T* weight, T eps, index_t rows, index_t n) {
        write_rows<T>(rows, n, [&](index_t r, index_t count, bool past_caches) {
            kernels<T>().rms_norm(y + r * n, rstd + r, x + r * n, weight, eps, count, n, past_caches);
        });
    }
    template <Real T>
    static void rms_norm_backward(T* dx, T* dweight, const T* dy, const T* x, const T* weight, const T* rstd, index_t rows, index_t n) {
        sum_over_chunks<T>(rows, n, {dweight, nullptr}, [&](index_t r, T* dw, T*) {
            kernels<T>().rms_norm_backward(dx == nullptr ? nullptr : dx + r * n, dw, dy + r * n, x + r * n, weight, rstd[r], n);
        });
    }

    /// sums (n) += the column sums of x (rows, n).
    template <Real T>
    static void add_column_sums(T* sums, const T* x, index_t rows, index_t n) {
        sum_over_chunks<T>(rows, n, {sums, nullptr}, [&](index_t r, T* partial, T*) { kernels<T>().add_scaled(partial, x + r * n, T(1), n); });
    }

    /// C (m, n) with row stride ldc = [C +] A (m, k) · B (k, n), then the epilogue. See backend/cpu/gemm.hpp for the kinds of operands.
    template <Real T>
    static void gemm(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
                     const Epilogue<T>& epilogue = {}) {
        if constexpr (std::is_same_v<T, float>) {
            if (b.kind == RightOperand<T>::Kind::strided && b.activations == Activations::bf16)
                return gemm_of_bfloats(c, ldc, a, b.view, m, n, k, accumulate, epilogue);
            if (wants_bytes(b)) return quant_gemm(c, ldc, a, b, m, n, k, accumulate, epilogue);
            if (b.factors != nullptr) {
                const Scratch<float> multiplied(m * k);
                for_rows(m, k, [&](index_t i) { detail::multiplied_row(multiplied.data() + i * k, a, i, b.factors, k); });
                auto plain = b;
                plain.factors = nullptr;
                return gemm(c, ldc, {multiplied.data(), k, 1}, plain, m, n, k, accumulate, epilogue);
            }
            if (b.kind == RightOperand<T>::Kind::arranged) return cpu::gemm(c, ldc, a, arranged_bfloats(b), m, n, k, accumulate, epilogue);
            if (b.kind == RightOperand<T>::Kind::stored && b.activations == Activations::bf16 && b.type != StorageType::bf16 && m > 16 &&
                kernel_set().narrow.multiplies_bfloats)
                return gemm_of_bfloats(c, ldc, a, b, m, n, k, accumulate, epilogue);
            if (const auto bfloats = as_bfloats(b, k); bfloats && m > 4) return cpu::gemm(c, ldc, a, *bfloats, m, n, k, accumulate, epilogue);
        }
        cpu::gemm(c, ldc, a, b, m, n, k, accumulate, epilogue);
    }
    /// Several products of the same A (m, k), each as gemm() makes it without accumulation: in one go where few rows make memory set the pace, and
    /// with an A that is rounded once for stored weights alike.
    template <Real T>
    static void gemm_each(std::span<const SharingProduct<T>> products, const MatrixView<T>& a, index_t m, index_t k) {
        const auto one = [&](const SharingProduct<T>& p) { gemm(p.c, p.ldc, a, p.b, m, p.n, k, false, p.epilogue); };
        if constexpr (std::is_same_v<T, float>) {
            const auto all = [&](const auto& what) { return std::all_of(products.begin(), products.end(), what); };
            const bool some = m > 0 && k > 0 && all([](const auto& p) { return p.n > 0; });
            if (some && products.size() <= most_sharing && all([&](const auto& p) { return takes_strips(a, p.b, m); }))
                return products_of_few_rows(products, a, m, k, false);
            if (some && all([&](const auto& p) { return !takes_strips(a, p.b, m); })) return products_of_many_rows(products, a, m, k, one);
        }
        std::for_each(products.begin(), products.end(), one);
    }
    /// The same as gemm() with a B of narrow numbers: bfloat16 summed in float (A bfloat16 or float), bytes summed in 32-bit integers.
    template <class Sum, class A, class B>
    requires(!Real<B>) static void gemm(Sum* c, index_t ldc, const MatrixView<A>& a, const RightOperand<B>& b, index_t m, index_t n, index_t k,
                                        bool accumulate, const Epilogue<Sum>& epilogue = {}) {
        cpu::gemm(c, ldc, a, b, m, n, k, accumulate, epilogue);
    }

    /// One product of a batch.
    template <class T>
    struct Product {
        T* c;
        MatrixView<T> a;
        RightOperand<T> b;
    };

    /// `count` products of the same extents; product(i) gives the operands of the i-th.
    template <Real T, class F>
    static void gemm_batch(index_t count, const F& product, index_t ldc, index_t m, index_t n, index_t k, bool accumulate) {
        cpu::gemm_batch<T>(count, product, ldc, m, n, k, accumulate);
    }

    /// Packs a strided B (k, n) into panels of 32 columns, cpu::packed_words(n, k) words.
    template <class T>
    static void pack(PackedWord<T>* panels, const MatrixView<T>& b, index_t n, index_t k) {
        cpu::pack(panels, b, n, k);
    }

    /// Weights (n, k) of a stored type in the order in which products with narrow activations read them. See cpu/arranged.hpp.
    static bool can_arrange(StorageType type) { return cpu::can_arrange(type); }
    static index_t arranged_bytes(StorageType type, index_t n, index_t k) { return cpu::arranged_bytes(type, n, k); }
    static void arrange(std::byte* to, StorageType type, const std::byte* rows, index_t n, index_t k) { cpu::arrange(to, type, rows, n, k); }
    /// One row of them as it was stored.
    static void stored_row(std::byte* to, StorageType type, const std::byte* arranged, index_t r, index_t k) {
        cpu::stored_row(to, type, arranged, r, k);
    }

    /// y (n) = elements [begin, begin + n) of a stored row, in float.
    static void dequantize(float* y, const std::byte* row, StorageType type, index_t begin, index_t n) {
        kernel_set().stored.dequantize(y, row, type, begin, n);
    }

    template <Real T, class S>
    static void attention(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
                          const AttentionShape<T>& s) {
        cpu::attention(out, log_sums, q, k, v, s);
    }
    template <Real T>
    static void attention_backward(const HeadsView<T>& dq, const HeadsView<T>& dk, const HeadsView<T>& dv, const HeadsView<const T>& dout,
                                   const HeadsView<const T>& out, const T* log_sums, const HeadsView<const T>& q, const HeadsView<const T>& k,
                                   const HeadsView<const T>& v, const AttentionShape<T>& s) {
        cpu::attention_backward(dq, dk, dv, dout, out, log_sums, q, k, v, s);
    }

    /// y, x (rows, 2 · half) each row turned by its angles: row r uses row r / share % positions of cosine and sine (positions, half). The pairs
    /// are (i, i + half), or neighbours (2i, 2i + 1).
    template <Real T>
    static void rotate(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t rows, index_t half, index_t share, index_t positions,
                       bool neighbours = false) {
        const auto kernel = neighbours ? kernels<T>().rotate_neighbours : kernels<T>().rotate;
        for_rows(rows, 2 * half, [&](index_t r) {
            const index_t p = r / share % positions;
            kernel(y + r * 2 * half, x + r * 2 * half, cosine + p * half, sine + p * half, sign, half);
        });
    }

    /// y = [y +] x, each element scaled by 1 / (1 − p), or zeroed where its number of the generator's stream from `position` on is below p.
    template <Real T>
    static void dropout(T* y, const T* x, T p, T scale, std::uint64_t seed, std::uint64_t position, index_t n, bool add) {
        static_assert(elementwise_grain % 4 == 0, "a block of the stream gives four numbers");
        const auto dropped = static_cast<std::int32_t>(std::ceil(p * T(1 << 24)));  // of the 2²⁴ numbers k / 2²⁴, those below p
        parallel_ranges(n, elementwise_grain, [&](index_t i, index_t end) {
            kernels<T>().dropout(y + i, x + i, seed, position + static_cast<std::uint64_t>(i / 4), dropped, scale, end - i, add);
        });
    }

    /// One step of a rule on n parameters: u is one of the structs of backend/updates.hpp.
    template <template <class> class Update, Real T>
    static void update(const Update<T>& u, index_t n) {
        parallel_ranges(n, elementwise_grain, [&](index_t begin, index_t end) { kernels<T>().update.run(u, begin, end); });
    }

    /// row_sums (rows) = Σ x² of each row, column_sums (n) += Σ x² of each column, x (rows, n).
    template <Real T>
    static void add_squares(T* row_sums, T* column_sums, const T* x, index_t rows, index_t n) {
        sum_over_chunks<T>(rows, n, {column_sums, nullptr},
                           [&](index_t r, T* partial, T*) { row_sums[r] = kernels<T>().add_squares(partial, x + r * n, n); });
    }
    /// Σ g² / max(row_i · column_j, least) over the matrix (rows, n): the square of its step's norm at a rate of 1.
    template <Real T>
    static double factored_squares(const FactoredUpdate<T>& u, index_t rows, index_t n) {
        const Scratch<double> sums(rows);
        for_rows(rows, n, [&](index_t r) { sums[r] = static_cast<double>(kernels<T>().factored_squares(row_of(u, r, n), n)); });
        return std::accumulate(sums.data(), sums.data() + rows, 0.0);
    }
    /// The step itself.
    template <Real T>
    static void factored_step(const FactoredUpdate<T>& u, index_t rows, index_t n) {
        for_rows(rows, n, [&](index_t r) { kernels<T>().factored_step(row_of(u, r, n), n); });
    }

private:
    // body(outer, i, id, inner begin, inner end) for runs of `inner` elements and each of m indices in order; parallel elsewhere.
    template <class I, class F>
    static void for_each_picked(const I* ids, index_t m, index_t outer, index_t inner, const F& body) {
        if (m == 0 || inner == 0) return;
        const index_t width = std::max<index_t>(64, std::min<index_t>(inner, elementwise_grain / m)), pieces = (inner + width - 1) / width;
        parallel_ranges(outer * pieces, std::max<index_t>(1, elementwise_grain / (width * m)), [&](index_t begin, index_t end) {
            for (index_t task = begin; task < end; ++task) {
                const index_t from = task % pieces * width, to = std::min(inner, from + width);
                for (index_t i = 0; i < m; ++i) body(task / pieces, i, static_cast<index_t>(ids[i]), from, to);
            }
        });
    }
    template <class T>
    static FactoredUpdate<T> row_of(FactoredUpdate<T> u, index_t r, index_t n) {
        u.x += r * n;
        u.gradient += r * n;
        u.row += r;
        return u;
    }

    static index_t rows_of_a_task(index_t n) { return std::max<index_t>(1, elementwise_grain / std::max<index_t>(n, 1)); }

    // Results of 32 MB and more fill a last-level cache: they are not in it any more when they are read, and are written past it.
    template <class T>
    static bool passes_caches(index_t n) {
        return n >= (index_t{32} << 20) / static_cast<index_t>(sizeof(T));
    }

    // Runs row(r, partial sums…) over all rows, in chunks of a size that depends on the rows alone; each chunk sums into its own buffers,
    // which are added to `sums` in the chunks' order. Null sums are passed on as null.
    template <class T, class F>
    static void sum_over_chunks(index_t rows, index_t n, std::array<T*, 2> sums, const F& row) {
        const index_t chunk = std::max<index_t>(64, (rows + 15) / 16), chunks = (rows + chunk - 1) / chunk;
        if (sums[0] == nullptr && sums[1] == nullptr)
            return for_rows(rows, n, [&](index_t r) { row(r, static_cast<T*>(nullptr), static_cast<T*>(nullptr)); });
        const Scratch<T> partial(2 * n * chunks);
        std::fill_n(partial.data(), 2 * n * chunks, T(0));
        parallel_for(chunks, [&](index_t i) {
            T *first = partial.data() + 2 * n * i, *second = first + n;
            for (index_t r = i * chunk; r < std::min(rows, (i + 1) * chunk); ++r) row(r, sums[0] ? first : nullptr, sums[1] ? second : nullptr);
        });
        for (index_t i = 0; i < chunks; ++i)
            for (std::size_t which = 0; which < 2; ++which)
                if (sums[which] != nullptr) kernels<T>().add_scaled(sums[which], partial.data() + (2 * i + static_cast<index_t>(which)) * n, T(1), n);
    }
};

}  // namespace tercet::inline TERCET_ABI::cpu
