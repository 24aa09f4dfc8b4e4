// Eigen: tensors as Eigen matrices and the other way round, for what is not a transformer's work (SVD, QR, eigenvalues).
//
//   auto singular = Eigen::JacobiSVD<Eigen::MatrixXf>(as_eigen(weight)).singularValues();     // no copy on the way in
//   Tensor<float> s = from_eigen(singular);
//
// A map is a view: it is valid as long as the tensor's elements are. The only header that includes Eigen; include <Eigen/Dense> for the
// decompositions.
#pragma once

#include "tercet/tensor/tensor.hpp"

#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#else
#include <eigen3/Eigen/Core>
#endif

namespace tercet::inline TERCET_ABI {

/// Element types that Eigen computes with.
template <class T>
concept EigenElement = Element<T> && std::is_arithmetic_v<T>;

template <EigenElement T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <EigenElement T>
using EigenMap = Eigen::Map<EigenMatrix<T>, Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
template <EigenElement T>
using ConstEigenMap = Eigen::Map<const EigenMatrix<T>, Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;

namespace detail {

// Rows, columns and their strides; a vector is one column.
struct EigenView {
    index_t rows = 0, columns = 1, row_stride = 1, column_stride = 1;

    EigenView(const Shape& shape, const Shape& strides, std::string_view what) {
        require(shape.rank() == 1 || shape.rank() == 2, ErrorCode::shape_mismatch, what, ": a matrix or a vector is needed, not ", shape);
        rows = shape[0];
        row_stride = strides[0];
        if (shape.rank() == 2) {
            columns = shape[1];
            column_stride = strides[1];
        }
        require(row_stride >= 0 && column_stride >= 0, ErrorCode::invalid_argument, what, ": Eigen cannot walk backwards, strides ", strides,
                "; call contiguous() first");
    }
};

}  // namespace detail

/// A tensor (rows, columns) or (n), which is one column, as an Eigen matrix to read from, without a copy. Throws shape_mismatch for
/// other ranks, invalid_argument for negative strides.
template <EigenElement T>
ConstEigenMap<T> as_eigen(const Tensor<T>& x) {
    const detail::EigenView v(x.shape(), x.strides(), "as_eigen");
    return {x.data(), v.rows, v.columns, {v.row_stride, v.column_stride}};
}

/// The same to write to, as mutable_data() of the tensor. Throws autograd for a tensor that needs gradients; invalid_argument for a
/// stretched one, several of whose elements are the same.
template <EigenElement T>
EigenMap<T> as_mutable_eigen(Tensor<T>& x) {
    const detail::EigenView v(x.shape(), x.strides(), "as_mutable_eigen");
    require((v.row_stride > 0 || v.rows <= 1) && (v.column_stride > 0 || v.columns <= 1), ErrorCode::invalid_argument,
            "as_mutable_eigen: the tensor ", x.shape(), " is stretched; clone() it first");
    return {x.mutable_data(), v.rows, v.columns, {v.row_stride, v.column_stride}};
}

/// The values of an Eigen matrix, vector or expression, copied: (rows, columns), or (n) for what is a vector by its type.
template <class Derived>
requires EigenElement<typename Derived::Scalar> Tensor<typename Derived::Scalar> from_eigen(const Eigen::DenseBase<Derived>& matrix) {
    using T = typename Derived::Scalar;
    constexpr bool vector = Derived::IsVectorAtCompileTime;
    auto x = Tensor<T>::empty(vector ? Shape{matrix.size()} : Shape{matrix.rows(), matrix.cols()});
    Eigen::Map<EigenMatrix<T>>(x.mutable_data(), matrix.rows(), matrix.cols()) = matrix.derived();
    return x;
}

/// The memory of an Eigen matrix or vector, or of a block or map of one, as a tensor; it must outlive every tensor that shares it.
template <class Derived>
requires EigenElement<typename Derived::Scalar> &&
    ((Derived::Flags & Eigen::DirectAccessBit) != 0) Tensor<typename Derived::Scalar> borrow_eigen(Eigen::DenseBase<Derived>& matrix,
                                                                                                   std::shared_ptr<const void> owner = {}) {
    auto& m = matrix.derived();
    if constexpr (Derived::IsVectorAtCompileTime)
        return Tensor<typename Derived::Scalar>::borrow(m.data(), {m.size()}, Shape{m.innerStride()}, std::move(owner));
    else return Tensor<typename Derived::Scalar>::borrow(m.data(), {m.rows(), m.cols()}, Shape{m.rowStride(), m.colStride()}, std::move(owner));
}

/// The same for a matrix that is handed over and lives as long as the tensors that share it. No copy where it is dynamic in size.
template <class Derived>
requires EigenElement<typename Derived::Scalar> Tensor<typename Derived::Scalar> adopt_eigen(Eigen::PlainObjectBase<Derived>&& matrix) {
    auto owner = std::make_shared<Derived>(std::move(matrix.derived()));
    auto& kept = *owner;
    return borrow_eigen(kept, std::move(owner));
}

}  // namespace tercet::inline TERCET_ABI
