// In place of include/tercet/backend/cuda/mma.cuh, which tells what this is: the same in plain C++, since no host compiler knows the instructions.
#pragma once

#include "tercet/core/dtype.hpp"

#include <cuda_runtime.h>

namespace tercet::inline TERCET_ABI::cuda {

inline constexpr int mma_rows = 16, mma_columns = 8, mma_depth = 16;
inline constexpr bool has_tensor_cores = true;

template <class T>
unsigned two_bfloats(T first, T second) {
    return bf16(first).bits | static_cast<unsigned>(bf16(second).bits) << 16;
}

template <class T>
void multiply_tile(T (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    const auto number = [](const cuda_emulator::LaneValues& values, int lane, int i) {
        std::uint16_t bits;
        std::memcpy(&bits, values.of[lane] + 2 * i, 2);
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    };
    float left[16][16], right[16][8];
    const auto& of_a = cuda_emulator::meet_warp(cuda_emulator::WarpStep::exchange, 0xffffffffu, a, sizeof(a));
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 8; ++i) left[lane / 4 + i / 2 % 2 * 8][lane % 4 * 2 + i / 4 * 8 + i % 2] = number(of_a, lane, i);
    const auto& of_b = cuda_emulator::meet_warp(cuda_emulator::WarpStep::exchange, 0xffffffffu, b, sizeof(b));
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 4; ++i) right[lane % 4 * 2 + i / 2 * 8 + i % 2][lane / 4] = number(of_b, lane, i);
    const int lane = static_cast<int>(cuda_emulator::lane_id());
    for (int i = 0; i < 4; ++i)
        for (int p = 0; p < 16; ++p) d[i] += left[lane / 4 + i / 2 * 8][p] * right[p][lane % 4 * 2 + i % 2];
}

}  // namespace tercet::inline TERCET_ABI::cuda
