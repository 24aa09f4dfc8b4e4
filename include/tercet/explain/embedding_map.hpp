// Embeddings on a map: their places along the directions in which they differ most (principal components; Pearson 1901, Hotelling 1933).
//
//   X − mean = U S Vᵀ,   places = U S (first columns),   share of the variance along component k = s_k² / Σ s²
//
// Needs Eigen, which decomposes the covariance.
#pragma once

#include "tercet/tensor/eigen.hpp"

#if __has_include(<Eigen/Eigenvalues>)
#include <Eigen/Eigenvalues>
#else
#include <eigen3/Eigen/Eigenvalues>
#endif

#include <algorithm>
#include <limits>
#include <vector>

namespace tercet::inline TERCET_ABI::explain {

struct EmbeddingMap {
    Tensor<float> places;        // (n, dimensions)
    Tensor<float> directions;    // (dimensions, C), of length 1
    Tensor<float> mean;          // (C)
    std::vector<double> shares;  // of the variance, along each direction
};

/// The n rows of x (n, C) on a map of so many dimensions. A direction's sign is such that its largest component is positive. Throws shape_mismatch,
/// and invalid_argument for fewer than two rows or more dimensions than C.
inline EmbeddingMap embedding_map(const Tensor<float>& x, index_t dimensions = 2) {
    require(x.rank() == 2, ErrorCode::shape_mismatch, "embedding_map: rows of embeddings are needed, (n, C), not ", x.shape());
    const index_t n = x.size(0), C = x.size(1);
    require(n >= 2 && dimensions >= 1 && dimensions <= C, ErrorCode::invalid_argument, "embedding_map: ", dimensions, " dimensions of ", n,
            " embeddings of ", C);
    const EigenMatrix<double> rows = as_eigen(x.detach().contiguous()).cast<double>();
    const Eigen::RowVectorXd mean = rows.colwise().mean();
    const EigenMatrix<double> centred = rows.rowwise() - mean;
    const Eigen::MatrixXd covariance = centred.transpose() * centred / static_cast<double>(n);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved(covariance);  // the least first
    EmbeddingMap map;
    EigenMatrix<double> directions(dimensions, C);
    const double all = std::max(solved.eigenvalues().sum(), std::numeric_limits<double>::min());
    for (index_t d = 0; d < dimensions; ++d) {
        Eigen::VectorXd v = solved.eigenvectors().col(C - 1 - d);
        Eigen::Index largest = 0;
        v.cwiseAbs().maxCoeff(&largest);
        if (v[largest] < 0) v = -v;
        directions.row(d) = v.transpose();
        map.shares.push_back(std::max(solved.eigenvalues()[C - 1 - d], 0.0) / all);
    }
    map.places = from_eigen((centred * directions.transpose()).cast<float>().eval());
    map.directions = from_eigen(directions.cast<float>().eval());
    map.mean = from_eigen(mean.cast<float>().transpose().eval()).reshape({C});
    return map;
}

}  // namespace tercet::inline TERCET_ABI::explain
