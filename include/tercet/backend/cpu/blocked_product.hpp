// How C = A · B is cut into blocks and tasks, and who packs what, for one kind of operands.
//
// C is cut into blocks of rows × columns by the shape alone. Where there are columns enough for all threads, a task computes the blocks below
// one another and packs their B while it multiplies the first of them; else a B that several tasks need is packed once, before them, in the
// same parallel loop, as is A. Few rows take B as it lies in memory, and few rows or few columns A. What is packed is some 400 words deep, so that it
// stays in the cache. An element of C is summed in the same order wherever the cuts fall, so its bits hang on the instruction set and nothing else.
#pragma once

#include "tercet/backend/cpu/dispatch.hpp"
#include "tercet/core/memory.hpp"
#include "tercet/core/parallel.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI::cpu {

namespace detail {

constexpr index_t round_up(index_t x, index_t unit) {
    return (x + unit - 1) / unit * unit;
}
constexpr index_t cuts(index_t x, index_t piece) {
    return (x + piece - 1) / piece;
}

/// The most that is packed at a time of either operand, in words: 32 MB of floats.
inline constexpr index_t packed_limit = index_t{1} << 23;
/// Words of A that are packed in one task, about.
inline constexpr index_t packed_in_task = 8192;
/// Panels that are packed in one task: what they read of a row of B lies together.
inline constexpr index_t panels_together = 8;

/// Words from one row to the next, of so many words, that keep rows in places of their own in the cache: not a multiple of 2,048 bytes.
constexpr index_t apart(index_t row_words) {
    return row_words % 512 == 0 ? row_words + 16 : row_words;
}

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
    index_t full_depth = panel_depth(cuts(k, per_word));  // words of every depth but the last

    index_t words() const { return cuts(k, per_word); }
    index_t depths() const { return cuts(words(), full_depth); }
    index_t words_of(index_t depth) const { return std::min(full_depth, words() - depth * full_depth); }
    index_t elements_of(index_t depth) const { return std::min(full_depth * per_word, k - depth * full_depth * per_word); }
    /// Words of a packed panel, and where a depth begins in it.
    index_t panel_words() const { return (words() + depths() * kernels.header) * panel_width; }
    index_t depth_offset(index_t depth) const { return depth * (full_depth + kernels.header) * panel_width; }
    /// From one packed row to the next, of so many words, where they are no groups.
    index_t row_step(index_t row_words) const { return packs_rows ? apart(row_words) : 0; }
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
        return step > 0 ? depth * full_depth : group_words(rows, depth * full_depth);
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

    /// Some columns of the whole product where a tile has all rows, in this thread: from a whole panel on, of a B that is packed.
    void strip(index_t column, index_t columns) const { one_tile(0, m, column, columns, nullptr, panels + column / panel_width * panel_words()); }

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
        // Rows of a block are packed in pieces of whole groups; the last piece has what is left, so that no other ends in a lower group.
        const index_t piece = std::max(cuts(packed_in_task, full_depth * kernels.tile_rows), index_t{1}) * kernels.tile_rows;
        const auto pieces_of = [&](index_t block_rows) { return std::max<index_t>(1, block_rows / piece); };
        const index_t pieces = pieces_of(height);
        const index_t a_tasks = share_a ? blocks_down * pieces * depths() : 0, b_tasks = share_b ? cuts(panel_count, panels_together) * depths() : 0;
        const auto pack = [&](index_t task) {
            if (task < a_tasks) {
                const index_t i = task / pieces % blocks_down * height, depth = task / pieces / blocks_down, here = std::min(height, rows - i);
                const index_t own = task % pieces, first = own * piece, count = own + 1 < pieces_of(here) ? piece : here - first;
                if (own >= pieces_of(here)) return;
                pack_a(a.data() + block_offset(i, height) + rows_offset(here, depth, step) + first * (packs_rows ? step : words_of(depth)), step,
                       row + i + first, count, depth * full_depth * per_word, elements_of(depth));
            } else {
                const index_t depth = (task - a_tasks) % depths(), first = (task - a_tasks) / depths() * panels_together;
                for (index_t j = first; j < std::min(first + panels_together, panel_count); ++j)
                    pack_b(b.data() + j * panel_words() + depth_offset(depth), column + j * panel_width,
                           std::min(panel_width, columns - j * panel_width), depth * full_depth * per_word, elements_of(depth));
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
        const index_t depth_words = std::min(words(), full_depth), panel = (depth_words + kernels.header) * panel_width;
        const index_t step = row_step(packed_a != nullptr ? words() : depth_words);
        const Scratch<Word> a(packed_a == nullptr ? packed_rows(in_memory ? kernels.tile_rows : std::min(height, rows), depth_words) : 0);
        const Scratch<Word> b(packed_b != nullptr ? 0 : rows > height ? cuts(columns, panel_width) * panel : panel);
        for (index_t depth = 0; depth < depths(); ++depth) {
            for (index_t i = 0; i < rows; i += height) {
                const index_t here = std::min(height, rows - i), begin = depth * full_depth * per_word;
                LeftRows left{row + i, here, a.data(), step};
                if (packed_a != nullptr) left.words = packed_a + block_offset(i, height) + rows_offset(here, depth, step);
                else if (in_memory && here >= kernels.tile_rows)
                    left = {row + i, here, from(a_rows, row + i, depth * full_depth).data, a_rows.row_stride};
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
            pack_a(a.data() + rows_offset(rows, depth, 0), 0, row, rows, depth * full_depth * per_word, elements_of(depth));
        const Word* left = packed_a != nullptr ? packed_a : a.data();
        for (index_t j = 0; j < columns; j += panel_width)
            for (index_t depth = 0; depth < depths(); ++depth)
                multiply({row, rows, left + rows_offset(rows, depth, step), step}, depth, column + j, std::min(panel_width, columns - j),
                         packed_b + j / panel_width * panel_words() + depth_offset(depth), panel_words());
        finish(c, ldc, epilogue, row, rows, column, columns);
    }

    // Rows of A by columns of B that are to be packed: into panels `step` apart, or all into the first where they are not needed again.
    void multiply_and_pack(const LeftRows& left, index_t depth, index_t column, index_t columns, Word* panel, index_t step) const {
        const index_t begin = depth * full_depth * per_word;
        for (index_t j = 0; j < columns; j += panel_width, panel += step) {
            const index_t width = std::min(panel_width, columns - j);
            RawPanel<Word> raw{};
            if (b_rows.data != nullptr && width == panel_width) {
                const bool again = step > 0 || left.rows > std::max(kernels.tile_rows, rows_of_two_tiles);  // a tile or two take it from memory
                raw = {from(b_rows, begin, column + j).data, b_rows.row_stride, again ? panel : nullptr};
                if (j + panel_width < columns) raw.next = raw.from + panel_width;
                else if (depth + 1 < depths()) raw.next = from(b_rows, begin + full_depth, column).data;
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

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI::cpu
