// Axes: which dimensions a reduction runs over, and the walk over them.
//
// Each output is made from the elements that differ from one another in the reduced dimensions only. They are taken in row-major order,
// in chunks whose size depends on the shape alone, and the chunks are put together in order: the same bits on any number of threads.
#pragma once

#include "tercet/core/memory.hpp"
#include "tercet/core/strided.hpp"

#include <concepts>

namespace tercet::inline TERCET_ABI {

/// The dimensions of a reduction: all of them ({}), one (−1), or several ({0, 2}).
class Axes {
public:
    Axes() = default;
    template <std::integral I>
    requires(!std::same_as<I, bool>) Axes(I axis) : axes_{static_cast<index_t>(axis)}, all_(false) {}
    Axes(std::initializer_list<index_t> axes) : axes_(axes), all_(false) {}
    Axes(const Shape& axes) : axes_(axes), all_(false) {}

    /// One bit for each dimension that is reduced. Throws index_out_of_range, and invalid_argument for one named twice.
    unsigned mask(index_t rank, std::string_view what) const {
        if (all_) return (1u << rank) - 1;
        unsigned bits = 0;
        for (const index_t axis : axes_) {
            const index_t d = wrap_dim(axis, rank, what);
            require((bits >> d & 1) == 0, ErrorCode::invalid_argument, what, ": dimension ", d, " is named twice in ", axes_);
            bits |= 1u << d;
        }
        return bits;
    }

private:
    Shape axes_;
    bool all_ = true;
};

namespace detail {

// A reduction of a tensor of some shape and strides: outputs numbered in row-major order of the kept dimensions, and for each of them
// `each` elements, numbered in row-major order of the reduced ones.
struct Reduction {
    Reduction(const Shape& shape, const Shape& strides, const Axes& axes, std::string_view what) : full(shape), with_ones(shape) {
        const unsigned mask = axes.mask(shape.rank(), what);
        std::array<Shape, 1> kept_steps, reduced_steps;
        for (index_t d = 0; d < shape.rank(); ++d) {
            const bool reduce = (mask >> d & 1) != 0;
            (reduce ? reduced : kept).push_back(shape[d]);
            (reduce ? reduced_steps : kept_steps)[0].push_back(strides[d]);
            if (reduce) with_ones[d] = 1;
        }
        without = kept;
        outputs = element_count(kept);
        each = element_count(reduced);
        merge_dimensions(kept, kept_steps);
        merge_dimensions(reduced, reduced_steps);
        kept_strides = kept_steps[0];
        reduced_strides = reduced_steps[0];
    }

    const Shape& shape(bool keepdim) const { return keepdim ? with_ones : without; }
    index_t output_offset(index_t output) const { return offset(output, kept, kept_strides); }
    index_t element_offset(index_t element) const { return offset(element, reduced, reduced_strides); }

    Shape full, with_ones, without;                      // the whole shape; with 1 for each reduced dimension; without those
    Shape kept, kept_strides, reduced, reduced_strides;  // dimensions that lie in one piece are merged
    index_t outputs = 1, each = 1;

private:
    static index_t offset(index_t i, const Shape& shape, const Shape& strides) {
        index_t where = 0;
        for (index_t d = shape.rank(); d-- > 0; i /= shape[d]) where += i % shape[d] * strides[d];
        return where;
    }
};

// results[o] = start, then op(result, value, element number, o) over the elements of output o. An op that has its own loop for a run of
// elements offers op.run(result, x, n, step, first element number, o). op.join(result, later) puts two chunks together.
template <class Result, class T, class Op>
void reduce(const Reduction& r, const T* x, Result* results, const Result& start, const Op& op) {
    if (r.outputs == 0) return;
    if (r.each == 0) return std::fill_n(results, r.outputs, start), void();
    const index_t inner = r.reduced.back(), step = r.reduced_strides.back(), across = r.kept.back();
    const auto magnitude = [](index_t stride) { return stride < 0 ? -stride : stride; };
    const bool by_columns = across > 1 && magnitude(r.kept_strides.back()) < magnitude(step);  // neighbours in memory belong to different outputs
    const index_t width = by_columns ? std::min<index_t>(across, 256) : 1, blocks = (across + width - 1) / width;
    const index_t length = std::max<index_t>(elementwise_grain / width, 128), chunks = (r.each + length - 1) / length;
    const Scratch<Result> partial(chunks > 1 ? checked_mul(chunks, r.outputs, "reduce") : 1);
    Result* to = chunks > 1 ? partial.data() : results;

    const index_t tasks = r.outputs / across * blocks * chunks;
    const index_t together = chunks > 1 ? 1 : std::max<index_t>(1, elementwise_grain / (width * r.each));
    parallel_ranges(tasks, together, [&](index_t first_task, index_t last_task) {
        for (index_t task = first_task; task < last_task; ++task) {
            const index_t chunk = task % chunks, block = task / chunks % blocks, row = task / chunks / blocks;
            const index_t output = row * across + block * width, columns = std::min(width, across - block * width);
            const index_t end = std::min(r.each, (chunk + 1) * length);
            Result* result = to + chunk * r.outputs + output;
            std::fill_n(result, columns, start);
            const T* base = x + r.output_offset(output);
            for (index_t element = chunk * length; element < end;) {
                const index_t n = std::min(inner - element % inner, end - element);  // to the end of this run of the innermost dimension
                const T* from = base + r.element_offset(element);
                if (columns > 1) {
                    for (index_t i = 0; i < n; ++i)
                        for (index_t c = 0; c < columns; ++c) op(result[c], from[i * step + c * r.kept_strides.back()], element + i, output + c);
                } else if constexpr (requires { op.run(*result, from, n, step, element, output); }) {
                    op.run(*result, from, n, step, element, output);
                } else {
                    for (index_t i = 0; i < n; ++i) op(*result, from[i * step], element + i, output);
                }
                element += n;
            }
        }
    });
    if (chunks == 1) return;
    parallel_ranges(r.outputs, elementwise_grain, [&](index_t begin, index_t end) {
        for (index_t o = begin; o < end; ++o) {
            results[o] = to[o];
            for (index_t chunk = 1; chunk < chunks; ++chunk) op.join(results[o], to[chunk * r.outputs + o]);
        }
    });
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
