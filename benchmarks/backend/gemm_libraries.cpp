// Compiled with -O3 -march=native and OpenMP, as users of Eigen would, and apart from tercet's headers.
#include "gemm_libraries.hpp"

#ifdef TERCET_BENCH_OPENBLAS
#include <cblas.h>
extern "C" void openblas_set_num_threads(int count);
#endif
#ifdef TERCET_BENCH_ONEDNN
#include <oneapi/dnnl/dnnl.h>

#include <omp.h>
#endif
#ifdef TERCET_BENCH_EIGEN
#include <Eigen/Core>
#endif

namespace tercet_bench {

std::span<const GemmLibrary> gemm_libraries() {
    static constexpr GemmLibrary libraries[] = {
#ifdef TERCET_BENCH_OPENBLAS
        {"openblas", [](int count) { openblas_set_num_threads(count); },
         [](float* c, const float* a, const float* b, int m, int n, int k) {
             cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, 0, c, n);
         }},
#endif
#ifdef TERCET_BENCH_ONEDNN
        {"onednn", [](int count) { omp_set_num_threads(count); },
         [](float* c, const float* a, const float* b, int m, int n, int k) { dnnl_sgemm('N', 'N', m, n, k, 1, a, k, b, n, 0, c, n); }},
#endif
#ifdef TERCET_BENCH_EIGEN
        {"eigen", [](int count) { Eigen::setNbThreads(count); },
         [](float* c, const float* a, const float* b, int m, int n, int k) {
             using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
             Eigen::Map<Matrix>(c, m, n).noalias() = Eigen::Map<const Matrix>(a, m, k) * Eigen::Map<const Matrix>(b, k, n);
         }},
#endif
        {nullptr, nullptr, nullptr}};
    return {libraries, std::size(libraries) - 1};
}

}  // namespace tercet_bench
