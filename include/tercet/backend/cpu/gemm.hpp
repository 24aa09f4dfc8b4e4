// The matrix product above its kernels: how C = A · B is cut into tasks, and who packs what.
//
// C is cut into blocks of rows × columns by the shape alone. Where there are columns enough for all threads, a task computes the blocks below
// one another and packs their B while it multiplies the first of them; else a B that several tasks need is packed once, before them, in the
// same parallel loop, as is A. Few rows take B as it lies in memory, few columns A. What is packed is some 400 words deep, so that it stays in the
// cache. An element of C is summed in the same order wherever the cuts fall, so its bits hang on the instruction set and nothing else.
#pragma once

#include "tercet/backend/cpu/dispatch.hpp"
#include "tercet/core/memory.hpp"
#include "tercet/core/parallel.hpp"

#include <optional>

namespace tercet::inline TERCET_ABI::cpu {

/// What happens to C once it is summed: C = f(scale · A B + bias) + residual, each part optional.
template <class T>
struct Epilogue {
    const T* bias = nullptr;  // (n)
    std::optional<UnaryOp> activation{};
    const T* residual = nullptr;  // (m, n)
    index_t residual_stride = 0;
    T scale = 1;
};

namespace detail {

constexpr index_t round_up(index_t x, index_t unit) {
    return (x + unit - 1) / unit * unit;
}
constexpr index_t cuts(index_t x, index_t piece) {
    return (x + piece - 1) / piece;
}

/// The most that is packed at a time of either operand, in words: 32 MB of floats.
inline constexpr index_t packed_limit = index_t{1} << 23;
/// Panels that are packed in one task: what they read of a row of B lies together.
inline constexpr index_t panels_together = 8;

/// How C is cut: into blocks of rows × columns, of which a task computes `down`, one below the other, that share what it packs of B.
struct BlockShape {
    index_t rows, columns, down = 1;
    constexpr index_t task_rows() const { return rows * down; }
};

/// Rows and columns of a block that is small enough for the second-level cache.
constexpr BlockShape largest_block(index_t m, index_t n, index_t tile_rows) {
    const index_t most = 448 / tile_rows * tile_rows;
    return {round_up(cuts(m, cuts(m, most)), tile_rows), std::min<index_t>(round_up(n, panel_width), 8 * panel_width)};
}

/// Such blocks, smaller where it takes that to make 16 or more tasks of much work; few rows take as long as B takes to come, and are spread
/// evenly. Where there are enough columns for so many tasks, each goes down up to some 2,000 rows, as many as are packed at a time.
constexpr BlockShape block_shape(index_t m, index_t n, index_t words, index_t tile_rows) {
    BlockShape s = largest_block(m, n, tile_rows);
    const index_t work = m * n * words, wanted = work <= (index_t{1} << 15) ? 1 : m <= tile_rows ? 32 : work <= (index_t{1} << 25) ? 8 : 16;
    if (cuts(n, panel_width) >= wanted)
        s.down = std::clamp<index_t>(std::min(cuts(cuts(m, s.rows), cuts(m, 2048)), packed_limit / (s.rows * words)), 1, cuts(m, s.rows));
    while (cuts(m, s.task_rows()) * cuts(n, s.columns) < wanted) {
        if (s.columns > panel_width) s.columns = round_up(s.columns / 2, panel_width);
        else if (s.rows > 2 * tile_rows) s.rows = round_up(s.rows / 2, tile_rows);
        else break;
    }
    return s;
}

/// The epilogue on a block of C that is still in the cache; the bias too, unless the sums started from it.
template <class T>
void finish(T* c, index_t ldc, const Epilogue<T>& epilogue, index_t row, index_t rows, index_t column, index_t columns, bool bias_is_in = true) {
    if constexpr (Real<T>) {
        const auto& f = kernels<T>();
        const auto add = f.binary[static_cast<int>(BinaryOp::add)], mul = f.binary[static_cast<int>(BinaryOp::mul)];
        for (index_t i = row; i < row + rows; ++i) {
            T* to = c + i * ldc + column;
            if (epilogue.scale != 1) mul(to, to, &epilogue.scale, columns, 1, 0, false);
            if (epilogue.bias != nullptr && (!bias_is_in || epilogue.scale != 1)) add(to, to, epilogue.bias + column, columns, 1, 1, false);
            if (epilogue.activation) f.unary[static_cast<int>(*epilogue.activation)](to, to, columns, false);
            if (epilogue.residual != nullptr) add(to, to, epilogue.residual + i * epilogue.residual_stride + column, columns, 1, 1, false);
        }
    }
}

template <class T>
MatrixView<T> from(const MatrixView<T>& v, index_t row, index_t column) {
    return {v.data + row * v.row_stride + column * v.col_stride, v.row_stride, v.col_stride};
}

/// One product of packed words: `kernels` and the operands behind two packing functions,
///   pack_a(to, step, row, rows, begin, k)    rows of A, elements [begin, begin + k): in groups, or with a step one below the other
///   pack_b(to, column, columns, begin, k)    a panel of B; not called when B is packed already
template <class Kernels, class Sum, class PackA, class PackB>
struct BlockedProduct {
    using Word = typename Kernels::Word;

    const Kernels& kernels;
    Sum* c;
    index_t ldc, m, n, k, per_word;  // k in elements
    const Word* panels;              // B packed as a whole, or null
    const PackA& pack_a;
    const PackB& pack_b;
    Epilogue<Sum> epilogue;
    bool accumulate;
    MatrixView<Word> b_rows{};  // B where it lies in memory by rows and its elements are words, or null: tiles take it from there and pack it
    MatrixView<Word> a_rows{};  // A where a tile takes it from its rows in memory, or null
    bool packs_rows = false;    // pack_a leaves A in rows

    index_t words() const { return cuts(k, per_word); }
    index_t full_depth() const { return panel_depth(words()); }
    index_t depths() const { return cuts(words(), full_depth()); }
    index_t words_of(index_t depth) const { return std::min(full_depth(), words() - depth * full_depth()); }
    index_t elements_of(index_t depth) const { return std::min(full_depth() * per_word, k - depth * full_depth() * per_word); }
    /// Words of a packed panel, and where a depth begins in it.
    index_t panel_words() const { return (words() + depths() * kernels.header) * panel_width; }
    index_t depth_offset(index_t depth) const { return depth * (full_depth() + kernels.header) * panel_width; }
    /// From one packed row to the next, of so many words, where they are no groups: not by a multiple of 2,048 bytes.
    index_t row_step(index_t row_words) const { return !packs_rows ? 0 : row_words % 512 == 0 ? row_words + 16 : row_words; }
    /// Words of `rows` packed rows. The last group may be filled up by three; a tile may read beyond the last row.
    index_t packed_rows(index_t rows, index_t row_words) const {
        return packs_rows ? (rows + kernels.tile_rows) * row_step(row_words) : group_words(rows, row_words);
    }
    static index_t group_words(index_t rows, index_t row_words) { return (rows + 3) * row_words; }
    /// Where the packed rows from row on stand among blocks of `height` rows, and in a block those of a depth.
    index_t block_offset(index_t row, index_t height) const {
        return packs_rows ? row * row_step(words()) : row / height * group_words(height, words());
    }
    index_t rows_offset(index_t rows, index_t depth, index_t step) const {
        return step > 0 ? depth * full_depth() : group_words(rows, depth * full_depth());
    }

    /// The whole product in this thread.
    void serial() const {
        const BlockShape block = largest_block(m, n, kernels.tile_rows);
        const index_t columns = m > block.rows ? block.columns : n;  // what one block packs of B, the others find in the cache
        for (index_t j = 0; j < n; j += columns)
            blocks(0, m, block.rows, j, std::min(columns, n - j), nullptr, panels == nullptr ? nullptr : panels + j / panel_width * panel_words());
    }

    /// The whole product on all threads. One loop, unless what is packed for everybody would be too large.
    void parallel() const {
        const BlockShape shape = block_shape(m, n, words(), kernels.tile_rows);
        const bool share_a = n > shape.columns && a_rows.data == nullptr, share_b = panels == nullptr && shape.down == 1 && m > shape.rows;
        const auto piece = [&](index_t extent, index_t unit) { return round_up(cuts(extent, cuts(extent * words(), packed_limit)), unit); };
        const index_t chunk_m = share_a ? piece(m, shape.task_rows()) : m, chunk_n = share_b ? piece(n, shape.columns) : n;
        for (index_t j = 0; j < n; j += chunk_n)
            for (index_t i = 0; i < m; i += chunk_m) chunk(i, std::min(chunk_m, m - i), j, std::min(chunk_n, n - j), shape, share_a, share_b);
    }

private:
    // Rows of A in one depth: packed, or `step` apart in memory.
    struct LeftRows {
        index_t row, rows;
        const Word* words;
        index_t step;
    };

    // Rows and columns of C that share one parallel loop: first what is packed for everybody, then the tasks.
    void chunk(index_t row, index_t rows, index_t column, index_t columns, const BlockShape& shape, bool share_a, bool share_b) const {
        const index_t height = shape.rows, blocks_down = cuts(rows, height), panel_count = cuts(columns, panel_width), step = row_step(words());
        const Scratch<Word> a(share_a ? block_offset(blocks_down * height, height) + packed_rows(0, words()) : 0);
        const Scratch<Word> b(share_b ? panel_count * panel_words() : 0);
        const index_t a_tasks = share_a ? blocks_down * depths() : 0, b_tasks = share_b ? cuts(panel_count, panels_together) * depths() : 0;
        const auto pack = [&](index_t task) {
            if (task < a_tasks) {
                const index_t i = task % blocks_down * height, depth = task / blocks_down, here = std::min(height, rows - i);
                pack_a(a.data() + block_offset(i, height) + rows_offset(here, depth, step), step, row + i, here, depth * full_depth() * per_word,
                       elements_of(depth));
            } else {
                const index_t depth = (task - a_tasks) % depths(), first = (task - a_tasks) / depths() * panels_together;
                for (index_t j = first; j < std::min(first + panels_together, panel_count); ++j)
                    pack_b(b.data() + j * panel_words() + depth_offset(depth), column + j * panel_width,
                           std::min(panel_width, columns - j * panel_width), depth * full_depth() * per_word, elements_of(depth));
            }
        };
        const index_t down = cuts(rows, shape.task_rows());
        const auto multiply = [&](index_t task) {
            const index_t i = task % down * shape.task_rows(), j = task / down * shape.columns;
            blocks(row + i, std::min(shape.task_rows(), rows - i), height, column + j, std::min(shape.columns, columns - j),
                   share_a ? a.data() + block_offset(i, height) : nullptr,
                   panels != nullptr ? panels + (column + j) / panel_width * panel_words()
                   : share_b         ? b.data() + j / panel_width * panel_words()
                                     : nullptr);
        };
        parallel_phases(a_tasks + b_tasks, pack, down * cuts(columns, shape.columns), multiply);
    }

    // Blocks of C, `height` rows each, one below the other. A's packed rows and B's packed panels are null where they are to be packed here.
    void blocks(index_t row, index_t rows, index_t height, index_t column, index_t columns, const Word* packed_a, const Word* packed_b) const {
        if (packed_b != nullptr && rows <= kernels.tile_rows) return one_tile(row, rows, column, columns, packed_a, packed_b);
        const bool in_memory = packed_a == nullptr && a_rows.data != nullptr && rows >= kernels.tile_rows;
        const index_t depth_words = std::min(words(), full_depth()), panel = (depth_words + kernels.header) * panel_width;
        const index_t step = row_step(packed_a != nullptr ? words() : depth_words);
        const Scratch<Word> a(packed_a == nullptr ? packed_rows(in_memory ? kernels.tile_rows : std::min(height, rows), depth_words) : 0);
        const Scratch<Word> b(packed_b != nullptr ? 0 : rows > height ? cuts(columns, panel_width) * panel : panel);
        for (index_t depth = 0; depth < depths(); ++depth) {
            for (index_t i = 0; i < rows; i += height) {
                const index_t here = std::min(height, rows - i), begin = depth * full_depth() * per_word;
                LeftRows left{row + i, here, a.data(), step};
                if (packed_a != nullptr) left.words = packed_a + block_offset(i, height) + rows_offset(here, depth, step);
                else if (in_memory && here >= kernels.tile_rows) left = {row + i, here, from(a_rows, row + i, begin).data, a_rows.row_stride};
                else pack_a(a.data(), step, row + i, here, begin, elements_of(depth));
                if (packed_b != nullptr) multiply(left, depth, column, columns, packed_b + depth_offset(depth), panel_words());
                else if (i == 0) multiply_and_pack(left, depth, column, columns, b.data(), rows > height ? panel : 0);
                else multiply(left, depth, column, columns, b.data(), panel);
                if (depth + 1 == depths()) finish(c, ldc, epilogue, row + i, here, column, columns);
            }
        }
    }

    // Rows for one tile: each panel is read from end to end.
    void one_tile(index_t row, index_t rows, index_t column, index_t columns, const Word* packed_a, const Word* packed_b) const {
        const Scratch<Word> a(packed_a == nullptr ? group_words(rows, words()) : 0);
        const index_t step = packed_a != nullptr ? row_step(words()) : 0;
        for (index_t depth = 0; depth < depths() && packed_a == nullptr; ++depth)
            pack_a(a.data() + rows_offset(rows, depth, 0), 0, row, rows, depth * full_depth() * per_word, elements_of(depth));
        const Word* left = packed_a != nullptr ? packed_a : a.data();
        for (index_t j = 0; j < columns; j += panel_width)
            for (index_t depth = 0; depth < depths(); ++depth)
                multiply({row, rows, left + rows_offset(rows, depth, step), step}, depth, column + j, std::min(panel_width, columns - j),
                         packed_b + j / panel_width * panel_words() + depth_offset(depth), panel_words());
        finish(c, ldc, epilogue, row, rows, column, columns);
    }

    // Rows of A by columns of B that are to be packed: into panels `step` apart, or all into the first where they are not needed again.
    void multiply_and_pack(const LeftRows& left, index_t depth, index_t column, index_t columns, Word* panel, index_t step) const {
        const index_t begin = depth * full_depth() * per_word;
        for (index_t j = 0; j < columns; j += panel_width, panel += step) {
            const index_t width = std::min(panel_width, columns - j);
            RawPanel<Word> raw{};
            if (b_rows.data != nullptr && width == panel_width) {
                raw = {from(b_rows, begin, column + j).data, b_rows.row_stride, step > 0 || left.rows > kernels.tile_rows ? panel : nullptr};
                if (j + panel_width < columns) raw.next = raw.from + panel_width;
                else if (depth + 1 < depths()) raw.next = from(b_rows, begin + full_depth(), column).data;
            } else {
                pack_b(panel, column + j, width, begin, elements_of(depth));
            }
            multiply(left, depth, column + j, width, panel, 0, raw);
        }
    }

    void multiply(const LeftRows& left, index_t depth, index_t column, index_t columns, const Word* panel, index_t panel_step,
                  const RawPanel<Word>& raw = {}) const {
        kernels.block({c + left.row * ldc + column, ldc, left.words, left.step, panel, panel_step,
                       depth == 0 && epilogue.bias != nullptr && epilogue.scale == 1 ? epilogue.bias + column : nullptr, left.rows, columns,
                       words_of(depth), accumulate || depth > 0, raw});
    }
};

/// Does what there is to do for a product without rows, columns or depth.
template <class Sum>
bool is_empty(Sum* c, index_t ldc, index_t m, index_t n, index_t k, bool accumulate, const Epilogue<Sum>& epilogue) {
    if (m != 0 && n != 0 && k != 0) return false;
    for (index_t i = 0; i < m && !accumulate; ++i) std::fill_n(c + i * ldc, n, Sum(0));
    finish(c, ldc, epilogue, 0, m, 0, n, false);
    return true;
}

/// A view of bfloat16 as the kernels take it: its bits.
inline MatrixView<std::uint16_t> bits(const MatrixView<bf16>& v) {
    return {v.data == nullptr ? nullptr : &v.data->bits, v.row_stride, v.col_stride};
}

/// Calls f with the blocked product C (m, n) = [C +] A (m, k) · B (k, n), B in memory by its strides or packed; pack_a as above.
template <class Element, class Sum, class PackA, class F>
void with_product(const GemmKernels<Element, Sum>& kernels, Sum* c, index_t ldc, const PackA& pack_a, const MatrixView<Element>& b,
                  const PackedWord<Element>* panels, index_t m, index_t n, index_t k, const Epilogue<Sum>& epilogue, bool accumulate, const F& f) {
    const auto pack_b = [&](PackedWord<Element>* to, index_t column, index_t columns, index_t begin, index_t count) {
        kernels.pack_panel(to, from(b, begin, column), columns, count);
    };
    constexpr index_t per_word = sizeof(PackedWord<Element>) / sizeof(Element);
    BlockedProduct<GemmKernels<Element, Sum>, Sum, PackA, decltype(pack_b)> product{kernels,  c,      ldc,    m,      n,        k,
                                                                                    per_word, panels, pack_a, pack_b, epilogue, accumulate};
    if constexpr (per_word == 1)
        if (b.col_stride == 1) product.b_rows = b;
    f(product);
}

/// Whether tiles take A (m, k) from rows. Turning it into groups pays where it meets many columns, and one tile reads it once a panel.
inline bool stays_in_rows(index_t col_stride, index_t m, index_t n, index_t tile_rows) {
    return col_stride == 1 && m > tile_rows && n <= 1024;
}

/// The same for operands of floats or doubles, B as it is stored.
template <Real T, class F>
void with_product(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, const Epilogue<T>& epilogue,
                  bool accumulate, const F& f) {
    const auto& kernels = cpu::kernels<T>().gemm;
    const auto pack_a = [&](T* to, index_t, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_rows(to, from(a, row, begin), rows, count);
    };
    const auto with_rows = [&](auto product) {
        // Rows a multiple of 2,048 bytes apart would push each other out of the first-level cache.
        if (stays_in_rows(a.col_stride, m, n, kernels.tile_rows) && a.row_stride > 0 && a.row_stride * static_cast<index_t>(sizeof(T)) % 2048 != 0)
            product.a_rows = a;
        f(product);
    };
    if constexpr (std::is_same_v<T, float>) {
        if (b.kind == RightOperand<T>::Kind::stored) {
            const auto unpack = [&](T* to, index_t column, index_t columns, index_t begin, index_t count) {
                const index_t block = block_size(b.type), skip = begin % block, whole = round_up(skip + count, block);  // a depth may end in one
                const Scratch<T> rows(panel_width * whole);
                kernel_set().stored.unpack_panel(to, rows.data(), b, column, columns, begin - skip, whole, skip, count);
            };
            return with_rows(BlockedProduct<GemmKernels<T, T>, T, decltype(pack_a), decltype(unpack)>{kernels, c, ldc, m, n, k, 1, nullptr, pack_a,
                                                                                                      unpack, epilogue, accumulate});
        }
    }
    with_product(kernels, c, ldc, pack_a, b.view, b.kind == RightOperand<T>::Kind::packed ? b.panels : nullptr, m, n, k, epilogue, accumulate,
                 with_rows);
}

/// Columns [column, column + n) of one to four rows of A against a B whose columns lie contiguous in memory: dot products, each column read
/// once and nothing packed.
template <Real T>
void dot_columns(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t column, index_t m, index_t n, index_t k,
                 bool accumulate) {
    const auto dot = cpu::kernels<T>().dot;
    const auto stored_dots = kernel_set().stored.dots;
    for (index_t j = column; j < column + n; ++j) {
        T values[4]{};
        if (b.kind == RightOperand<T>::Kind::strided)
            for (index_t i = 0; i < m; ++i) values[i] = dot(b.view.data + j * b.view.col_stride, a.data + i * a.row_stride, k);
        else if constexpr (std::is_same_v<T, float>) stored_dots(values, b.rows + j * b.row_bytes, b.type, a.data, a.row_stride, m, k);
        for (index_t i = 0; i < m; ++i) {
            T& to = c[i * ldc + j];
            to = accumulate ? to + values[i] : values[i];
        }
    }
}
template <Real T>
bool takes_dots(const MatrixView<T>& a, const RightOperand<T>& b, index_t m) {
    using Kind = typename RightOperand<T>::Kind;
    return m <= 4 && a.col_stride == 1 && (b.kind == Kind::stored || (b.kind == Kind::strided && b.view.row_stride == 1));
}

/// One row of A against a B whose rows lie contiguous in memory: runs of rows of B, each summed into a row of its own, which are added up
/// in their order.
template <Real T>
void sum_rows(T* c, const MatrixView<T>& a, const MatrixView<T>& b, index_t n, index_t k, const Epilogue<T>& epilogue, bool accumulate) {
    constexpr index_t most_columns = 4096, run = 65536;  // a run of columns stays in the first-level cache; a task is worth its hand-over
    const index_t across = cuts(n, most_columns), width = round_up(cuts(n, across), 16);
    const index_t down = std::clamp<index_t>(n * k / run / across, 1, std::max<index_t>(1, 32 / across)), height = round_up(cuts(k, down), 8);
    const index_t runs = cuts(k, height);
    const Scratch<T> sums(runs * n);
    const auto& f = cpu::kernels<T>();
    parallel_for(runs * across, [&](index_t task) {
        const index_t p = task % runs * height, j = task / runs * width;
        if (j >= n) return;
        f.add_rows(sums.data() + task % runs * n + j, a.data + p * a.col_stride, a.col_stride, b.data + p * b.row_stride + j, b.row_stride,
                   std::min(height, k - p), std::min(width, n - j));
    });
    if (!accumulate) std::fill_n(c, n, T(0));
    for (index_t r = 0; r < runs; ++r) f.add_scaled(c, sums.data() + r * n, T(1), n);
    finish(c, n, epilogue, 0, 1, 0, n, false);
}

}  // namespace detail

/// C (m, n) with row stride ldc = [C +] A (m, k) · B (k, n), in the thread it is called in.
template <Real T>
void gemm_serial(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
                 const Epilogue<T>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    if (detail::takes_dots(a, b, m)) {
        detail::dot_columns(c, ldc, a, b, 0, m, n, k, accumulate);
        return detail::finish(c, ldc, epilogue, 0, m, 0, n, false);
    }
    detail::with_product(c, ldc, a, b, m, n, k, epilogue, accumulate, [](const auto& product) { product.serial(); });
}

/// The same on all threads.
template <Real T>
void gemm(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
          const Epilogue<T>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    using Kind = typename RightOperand<T>::Kind;
    if (m * n * k <= 32768) return gemm_serial(c, ldc, a, b, m, n, k, accumulate, epilogue);
    if (detail::takes_dots(a, b, m)) {
        return parallel_ranges(n, std::max<index_t>(8, 32768 / k), [&](index_t j, index_t end) {
            detail::dot_columns(c, ldc, a, b, j, m, end - j, k, accumulate);
            detail::finish(c, ldc, epilogue, 0, m, j, end - j, false);
        });
    }
    if (m == 1 && b.kind == Kind::strided && b.view.col_stride == 1) return detail::sum_rows(c, a, b.view, n, k, epilogue, accumulate);
    detail::with_product(c, ldc, a, b, m, n, k, epilogue, accumulate, [](const auto& product) { product.parallel(); });
}

/// `count` products of the same extents; product(i) gives the operands of the i-th: c, a, b. Small ones share a task.
template <Real T, class F>
void gemm_batch(index_t count, const F& product, index_t ldc, index_t m, index_t n, index_t k, bool accumulate) {
    const index_t work = std::max<index_t>(1, m * n * k);
    if (count > 1 && (count >= 16 || work <= (index_t{1} << 20)) && k > 0) {
        parallel_ranges(count, std::max<index_t>(1, 32768 / work), [&](index_t first, index_t last) {
            for (index_t i = first; i < last; ++i) {
                const auto p = product(i);
                gemm_serial<T>(p.c, ldc, p.a, p.b, m, n, k, accumulate);
            }
        });
    } else {
        for (index_t i = 0; i < count; ++i) {
            const auto p = product(i);
            gemm<T>(p.c, ldc, p.a, p.b, m, n, k, accumulate);
        }
    }
}

/// C (m, n) in float = [C +] A (m, k) · B (k, n) of bfloat16, each product exact and summed in float. A may be float: it is rounded while it
/// is packed.
template <class A>
requires std::is_same_v<A, bf16> || std::is_same_v<A, float>
void gemm(float* c, index_t ldc, const MatrixView<A>& a, const RightOperand<bf16>& b, index_t m, index_t n, index_t k, bool accumulate,
          const Epilogue<float>& epilogue = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    const auto& kernels = kernel_set().narrow;
    const auto pack_a = [&](std::int32_t* to, index_t step, index_t row, index_t rows, index_t begin, index_t count) {
        if constexpr (std::is_same_v<A, float>) kernels.pack_float_rows(to, step, detail::from(a, row, begin), rows, count);
        else kernels.bfloats.pack_rows(to, detail::bits(detail::from(a, row, begin)), rows, count);
    };
    const auto run = [&](auto product) {
        if constexpr (std::is_same_v<A, float>) product.packs_rows = detail::stays_in_rows(a.col_stride, m, n, kernels.bfloats.tile_rows);
        product.parallel();
    };
    detail::with_product(kernels.bfloats, c, ldc, pack_a, detail::bits(b.view), b.panels, m, n, k, epilogue, accumulate, run);
}

namespace detail {

/// C (m, n) = [C +] A (m, k) · B (k, n) of floats that are rounded to bfloat16 while they are packed; pack_b as BlockedProduct has it.
template <class PackB>
void product_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const PackB& pack_b, index_t m, index_t n, index_t k, bool accumulate,
                        const Epilogue<float>& epilogue) {
    if (is_empty(c, ldc, m, n, k, accumulate, epilogue)) return;
    const auto& kernels = kernel_set().narrow;
    const auto pack_a = [&](std::int32_t* to, index_t step, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_float_rows(to, step, from(a, row, begin), rows, count);
    };
    using Kernels = GemmKernels<std::uint16_t, float>;
    BlockedProduct<Kernels, float, decltype(pack_a), PackB> product{kernels.bfloats, c,      ldc,    m,        n,         k, 2,
                                                                    nullptr,         pack_a, pack_b, epilogue, accumulate};
    product.packs_rows = stays_in_rows(a.col_stride, m, n, kernels.bfloats.tile_rows);
    product.parallel();
}

}  // namespace detail

/// C (m, n) = [C +] A (m, k) · B (k, n) of floats that are rounded to bfloat16 while they are packed.
inline void gemm_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const MatrixView<float>& b, index_t m, index_t n, index_t k,
                            bool accumulate, const Epilogue<float>& epilogue = {}) {
    const auto pack = kernel_set().narrow.pack_float_panel;
    const auto pack_b = [&](std::int32_t* to, index_t column, index_t columns, index_t begin, index_t count) {
        pack(to, detail::from(b, begin, column), columns, count);
    };
    detail::product_of_bfloats(c, ldc, a, pack_b, m, n, k, accumulate, epilogue);
}

/// The same with a B of stored weights.
inline void gemm_of_bfloats(float* c, index_t ldc, const MatrixView<float>& a, const RightOperand<float>& b, index_t m, index_t n, index_t k,
                            bool accumulate, const Epilogue<float>& epilogue = {}) {
    const auto pack = kernel_set().narrow.pack_float_panel;
    const auto dequantize = kernel_set().stored.dequantize;
    const auto pack_b = [&](std::int32_t* to, index_t column, index_t columns, index_t begin, index_t count) {
        const index_t block = block_size(b.type), skip = begin % block, whole = detail::round_up(skip + count, block);  // a depth may end in one
        const Scratch<float> rows(columns * whole);
        for (index_t j = 0; j < columns; ++j) dequantize(rows.data() + j * whole, b.rows + (column + j) * b.row_bytes, b.type, begin - skip, whole);
        pack(to, {rows.data() + skip, 1, whole}, columns, count);
    };
    detail::product_of_bfloats(c, ldc, a, pack_b, m, n, k, accumulate, epilogue);
}

/// Stored bfloat16 weights as the right operand of such a product, where their activations may be rounded to it too; else nothing.
inline std::optional<RightOperand<bf16>> as_bfloats(const RightOperand<float>& b, index_t k) {
    const bool aligned = reinterpret_cast<std::uintptr_t>(b.rows) % alignof(bf16) == 0;
    if (b.kind != RightOperand<float>::Kind::stored || b.type != StorageType::bf16 || b.activations == Activations::f32 || !aligned) return {};
    if (!kernel_set().narrow.multiplies_bfloats) return {};
    return RightOperand<bf16>{RightOperand<bf16>::Kind::strided, {reinterpret_cast<const bf16*>(b.rows), 1, k}};
}

/// C (m, n) in 32-bit integers = [C +] A (m, k) · B (k, n) of bytes, exact as long as the sums fit.
inline void gemm(std::int32_t* c, index_t ldc, const MatrixView<std::int8_t>& a, const RightOperand<std::int8_t>& b, index_t m, index_t n, index_t k,
                 bool accumulate, const Epilogue<std::int32_t>& = {}) {
    if (detail::is_empty(c, ldc, m, n, k, accumulate, Epilogue<std::int32_t>{})) return;
    const auto& kernels = kernel_set().narrow.bytes;
    const auto pack_a = [&](std::int32_t* to, index_t, index_t row, index_t rows, index_t begin, index_t count) {
        kernels.pack_rows(to, detail::from(a, row, begin), rows, count);
    };
    detail::with_product(kernels, c, ldc, pack_a, b.view, b.panels, m, n, k, Epilogue<std::int32_t>{}, accumulate,
                         [](const auto& product) { product.parallel(); });
}

namespace detail {

/// The kernels for operands of this element, and how those see a bfloat16.
template <class Element>
const auto& gemm_kernels() {
    if constexpr (std::is_same_v<Element, bf16>) return kernel_set().narrow.bfloats;
    else if constexpr (std::is_same_v<Element, std::int8_t>) return kernel_set().narrow.bytes;
    else return kernels<Element>().gemm;
}
template <class Element>
auto kernel_view(const MatrixView<Element>& v) {
    if constexpr (std::is_same_v<Element, bf16>) return bits(v);
    else return v;
}
template <class Element>
index_t panel_words(index_t k) {
    const index_t words = cuts(k, static_cast<index_t>(sizeof(PackedWord<Element>) / sizeof(Element)));
    return (words + cuts(words, panel_depth(words)) * gemm_kernels<Element>().header) * panel_width;
}

}  // namespace detail

/// Words of a B (k, n) packed into panels of 32 columns.
template <class Element>
index_t packed_words(index_t n, index_t k) {
    return detail::cuts(n, panel_width) * detail::panel_words<Element>(k);
}

/// Packs B (k, n) as a whole into packed_words(n, k) words.
template <class Element>
void pack(PackedWord<Element>* panels, const MatrixView<Element>& b, index_t n, index_t k) {
    const auto& kernels = detail::gemm_kernels<Element>();
    const auto view = detail::kernel_view(b);
    constexpr index_t per_word = sizeof(PackedWord<Element>) / sizeof(Element);
    const index_t depth = panel_depth(detail::cuts(k, per_word));
    parallel_for(detail::cuts(n, panel_width), [&](index_t p) {
        PackedWord<Element>* to = panels + p * detail::panel_words<Element>(k);
        for (index_t begin = 0; begin < k; begin += depth * per_word) {
            kernels.pack_panel(to, detail::from(view, begin, p * panel_width), std::min(panel_width, n - p * panel_width),
                               std::min(depth * per_word, k - begin));
            to += (depth + kernels.header) * panel_width;
        }
    });
}

}  // namespace tercet::inline TERCET_ABI::cpu
