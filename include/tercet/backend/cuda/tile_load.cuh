// A tile of a matrix product's operand on its way from memory to shared memory: each thread carries some numbers of it in registers, so that the next
// tile travels while this one is multiplied.
#pragma once

#include "tercet/core/config.hpp"

#include <cuda_runtime.h>

namespace tercet::inline TERCET_ABI::cuda::kernels {

/// A tile `side_extent` wide along M or N, and `depth_extent` deep along K. Neighbouring threads read along whichever of them lies together.
template <class T, int side_extent, int depth_extent, int threads>
struct TileLoad {
    static constexpr int count = side_extent * depth_extent / threads;
    T numbers[count];

    /// From element (first, begin) of an operand with strides `side` along M or N, of which there are `extent`, and `depth` along K, of which there
    /// are k; zeros beyond.
    __device__ void fetch(const T* data, index_t side, index_t depth, index_t first, index_t extent, index_t begin, index_t k) {
        const Places at(depth == 1);
        const index_t side_left = extent - first, depth_left = k - begin, step = at.side_step * side + at.depth_step * depth;
        const T* from = data + (first + at.side) * side + (begin + at.depth) * depth;
        for (int j = 0; j < count; ++j, from += step)
            numbers[j] = at.side + j * at.side_step < side_left && at.depth + j * at.depth_step < depth_left ? *from : T(0.f);
    }
    /// f(side, depth, number) for each, which was fetched with depth == 1 or not.
    template <class F>
    __device__ void each(bool along_depth, const F& f) const {
        const Places at(along_depth);
        for (int j = 0; j < count; ++j) f(at.side + j * at.side_step, at.depth + j * at.depth_step, numbers[j]);
    }

private:
    // Which numbers of the tile are this thread's.
    struct Places {
        int side, depth, side_step, depth_step;
        __device__ explicit Places(bool along_depth) {
            const int i = static_cast<int>(threadIdx.x);
            side = along_depth ? i / depth_extent : i % side_extent;
            depth = along_depth ? i % depth_extent : i / side_extent;
            side_step = along_depth ? threads / depth_extent : 0;
            depth_step = along_depth ? 0 : threads / side_extent;
        }
    };
};

}  // namespace tercet::inline TERCET_ABI::cuda::kernels
