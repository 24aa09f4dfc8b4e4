// Shapes and strides: up to eight extents held inline, and the arithmetic on them.
//
// Strides count elements, not bytes. Two shapes broadcast as NumPy's do: aligned at the right, an extent of 1 stretches to any other.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <initializer_list>
#include <ostream>
#include <span>

namespace tercet::inline TERCET_ABI {

inline constexpr index_t max_rank = 8;

/// A short list of extents, strides or dimensions, held inline.
class Shape {
public:
    Shape() = default;
    Shape(std::initializer_list<index_t> values) : Shape(std::span<const index_t>(values.begin(), values.size())) {}
    explicit Shape(std::span<const index_t> values) : rank_(static_cast<index_t>(values.size())) {
        require(rank_ <= max_rank, ErrorCode::invalid_argument, "shape: ", rank_, " dimensions, at most ", max_rank, " are supported");
        std::copy(values.begin(), values.end(), values_);
    }
    /// `rank` entries, all equal to `value`.
    static Shape filled(index_t rank, index_t value) {
        require(rank >= 0 && rank <= max_rank, ErrorCode::invalid_argument, "shape: ", rank, " dimensions, at most ", max_rank, " are supported");
        Shape s;
        s.rank_ = rank;
        std::fill_n(s.values_, rank, value);
        return s;
    }

    index_t rank() const { return rank_; }
    bool empty() const { return rank_ == 0; }
    index_t operator[](index_t d) const { return values_[d]; }
    index_t& operator[](index_t d) { return values_[d]; }
    index_t back() const { return values_[rank_ - 1]; }

    const index_t* begin() const { return values_; }
    const index_t* end() const { return values_ + rank_; }
    index_t* begin() { return values_; }
    index_t* end() { return values_ + rank_; }

    void push_back(index_t value) { insert(rank_, value); }
    void insert(index_t at, index_t value) {
        require(rank_ < max_rank, ErrorCode::invalid_argument, "shape: more than ", max_rank, " dimensions");
        std::copy_backward(values_ + at, values_ + rank_, values_ + rank_ + 1);
        values_[at] = value;
        ++rank_;
    }
    void erase(index_t at) {
        std::copy(values_ + at + 1, values_ + rank_, values_ + at);
        --rank_;
    }

    friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

private:
    index_t rank_ = 0;
    index_t values_[max_rank] = {};
};

/// Prints as Python does: (2, 3), (4,), ().
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '(';
    for (index_t d = 0; d < shape.rank(); ++d) out << (d ? ", " : "") << shape[d];
    return out << (shape.rank() == 1 ? ",)" : ")");
}

/// The product of the extents; 1 for a scalar. Throws size_overflow, and invalid_argument for a negative extent.
inline index_t element_count(const Shape& shape) {
    index_t count = 1;
    bool empty = false;
    for (const index_t extent : shape) {
        require(extent >= 0, ErrorCode::invalid_argument, "shape ", shape, ": negative extent");
        if (extent == 0) empty = true;
        else count = checked_mul(count, extent, "shape");
    }
    return empty ? 0 : count;
}

/// A tensor as rows of its last dimension: all leading dimensions are one.
struct Rows {
    index_t count, length;
};
/// The rows of a shape of rank 1 or more; none where they have no length.
inline Rows rows_of(const Shape& shape) {
    const index_t length = shape.back();
    return {length == 0 ? 0 : element_count(shape) / length, length};
}

/// Strides of a contiguous row-major tensor of this shape.
inline Shape contiguous_strides(const Shape& shape) {
    Shape strides = shape;
    index_t step = 1;
    for (index_t d = shape.rank(); d-- > 0;) {
        strides[d] = step;
        step *= std::max<index_t>(shape[d], 1);
    }
    return strides;
}

/// Whether elements lie one after the other in row-major order; extents of 1 may have any stride, and an empty tensor always does.
inline bool is_contiguous(const Shape& shape, const Shape& strides) {
    if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return true;
    index_t step = 1;
    for (index_t d = shape.rank(); d-- > 0;) {
        if (shape[d] != 1 && strides[d] != step) return false;
        step *= shape[d];
    }
    return true;
}

/// Dimension d counted from the front, or from the back when negative. Throws index_out_of_range.
inline index_t wrap_dim(index_t d, index_t rank, std::string_view what) {
    require(d >= -rank && d < rank, ErrorCode::index_out_of_range, what, ": dimension ", d, " of a tensor with ", rank, " dimensions");
    return d < 0 ? d + rank : d;
}

/// The shape both broadcast to. Throws shape_mismatch with `what` in front.
inline Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view what) {
    Shape out = a.rank() >= b.rank() ? a : b;
    for (index_t d = 1; d <= std::min(a.rank(), b.rank()); ++d) {
        const index_t x = a[a.rank() - d], y = b[b.rank() - d];
        require(x == y || x == 1 || y == 1, ErrorCode::shape_mismatch, what, ": shapes do not broadcast, ", a, " and ", b);
        out[out.rank() - d] = x == 1 ? y : x;
    }
    return out;
}

/// Strides that walk a tensor of `shape` as if it had shape `target`: 0 along stretched dimensions. Throws shape_mismatch.
inline Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& target, std::string_view what) {
    require(shape.rank() <= target.rank(), ErrorCode::shape_mismatch, what, ": ", shape, " does not broadcast to ", target);
    Shape out = Shape::filled(target.rank(), 0);
    const index_t lead = target.rank() - shape.rank();
    for (index_t d = 0; d < shape.rank(); ++d) {
        require(shape[d] == target[lead + d] || shape[d] == 1, ErrorCode::shape_mismatch, what, ": ", shape, " does not broadcast to ", target);
        out[lead + d] = shape[d] == 1 ? 0 : strides[d];
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
