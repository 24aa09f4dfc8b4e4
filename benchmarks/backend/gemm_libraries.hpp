// Other libraries' matrix products, as many of OpenBLAS, oneDNN and Eigen as were found when the benchmarks were configured.
#pragma once

#include <span>

namespace tercet_bench {

struct GemmLibrary {
    const char* name;
    void (*set_threads)(int count);
    /// C (m, n) = A (m, k) · B (k, n), all row-major.
    void (*gemm)(float* c, const float* a, const float* b, int m, int n, int k);
};

std::span<const GemmLibrary> gemm_libraries();

}  // namespace tercet_bench
