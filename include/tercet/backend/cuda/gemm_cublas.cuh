// Dense products by NVIDIA's cuBLASLt (link it, and define TERCET_CUBLAS where kernels.inc is compiled): it chooses among kernels that were tuned for
// each device, and does bias, ReLU, GELU (by tanh) and a residual on the way.
//
// cuBLASLt thinks in columns, so C (M, N) by rows is Cᵀ (N, M) to it, and the product is Cᵀ = Bᵀ · Aᵀ. An operand whose numbers lie together along
// either side is taken as it is; what has neither side contiguous is for gemm.cuh. float goes through exact products, or, when both sides are to be
// rounded, through tensor cores in bfloat16; sums are in float.
#pragma once

#include "tercet/backend/cuda/gemm.cuh"
#include "tercet/backend/cuda/runtime.cuh"
#include "tercet/core/dtype.hpp"

#include <cublasLt.h>

#include <array>
#include <bit>
#include <map>
#include <optional>

namespace tercet::inline TERCET_ABI::cuda {

/// Throws device or out_of_memory, with the call's name and cuBLAS's word for what went wrong.
inline void check(cublasStatus_t status, std::string_view call) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    fail(status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::out_of_memory : ErrorCode::device, call, ": ", cublasLtGetStatusName(status), " (",
         cublasLtGetStatusString(status), ")");
}

namespace detail {

// A matrix as cuBLASLt takes it: by columns that lie `leading` apart, and to be turned or not.
struct ColumnMajor {
    bool turned;
    index_t rows, columns, leading;
};

// (rows, columns) whose element (i, j) stands at i · row_stride + j · col_stride; nothing where neither side lies together.
inline std::optional<ColumnMajor> column_major(index_t rows, index_t columns, index_t row_stride, index_t col_stride) {
    const auto fits = [](index_t along, index_t along_stride, index_t across, index_t across_stride) {
        return (along_stride == 1 || along == 1) && (across_stride >= along || across == 1);
    };
    if (fits(rows, row_stride, columns, col_stride)) return ColumnMajor{false, rows, columns, columns == 1 ? rows : col_stride};
    if (fits(columns, col_stride, rows, row_stride)) return ColumnMajor{true, columns, rows, rows == 1 ? columns : row_stride};
    return {};
}

template <class T>
inline constexpr cudaDataType_t cuda_type = std::is_same_v<T, double> ? CUDA_R_64F
                                            : std::is_same_v<T, bf16> ? CUDA_R_16BF
                                                                      : CUDA_R_32F;

// What each descriptor of cuBLASLt is made and let go of with.
template <class Handle, cublasStatus_t (*destroy)(Handle)>
struct Owned {
    Handle handle = nullptr;
    Owned() = default;
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() {
        if (handle != nullptr) destroy(handle);
    }
};

}  // namespace detail

/// cuBLASLt on one stream, with working memory of its own and what it has chosen for each kind of product so far.
class CublasLt {
public:
    static constexpr bool exists = true;
    /// Whether it applies `op` on the way. A residual it adds before that, so not with one.
    static bool can_follow(UnaryOp op, bool residual) { return !residual && (op == UnaryOp::relu || op == UnaryOp::gelu_tanh); }

    explicit CublasLt(const Stream& stream) : stream_(stream.get()), work_(work_bytes, stream) {
        check(cublasLtCreate(&library_.handle), "cublasLtCreate");
    }

    /// C (M, N) = [C +] A (M, K) · B (K, N), then as `after` says. False, with nothing done, where cuBLASLt cannot do it: operands without a
    /// contiguous side, what follows being none of its own. `rounded`: both sides to bfloat16, for float on a device that multiplies those.
    template <class T, class Operand>
    bool multiply(T* c, index_t ldc, const Matrix<Operand>& a, const Matrix<Operand>& b, bool rounded, index_t m, index_t n, index_t k,
                  bool accumulate, const After<T>& after) {
        const auto left = detail::column_major(n, k, b.col_stride, b.row_stride), right = detail::column_major(k, m, a.col_stride, a.row_stride);
        const auto epilogue = epilogue_of(after);
        const bool plain = after.bias == nullptr && after.residual == nullptr && after.activation == UnaryOp::count && after.scale == T(1);
        if (m == 0 || n == 0 || k == 0 || !left || !right || !epilogue || (accumulate && !plain)) return false;
        if (after.bias != nullptr && alignment(after.bias) < 16) return false;  // nothing tells cuBLASLt where the bias lies
        if (after.residual != nullptr && after.residual_stride < n) return false;
        const cublasComputeType_t compute = std::is_same_v<T, double>                   ? CUBLAS_COMPUTE_64F
                                            : rounded && std::is_same_v<Operand, float> ? CUBLAS_COMPUTE_32F_FAST_16BF
                                                                                        : CUBLAS_COMPUTE_32F;
        constexpr cudaDataType_t type = detail::cuda_type<T>;
        Product product;
        check(cublasLtMatmulDescCreate(&product.handle, compute, type), "cublasLtMatmulDescCreate");
        set(product, CUBLASLT_MATMUL_DESC_TRANSA, left->turned ? CUBLAS_OP_T : CUBLAS_OP_N);
        set(product, CUBLASLT_MATMUL_DESC_TRANSB, right->turned ? CUBLAS_OP_T : CUBLAS_OP_N);
        set(product, CUBLASLT_MATMUL_DESC_EPILOGUE, *epilogue);
        if (after.bias != nullptr) set(product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, after.bias);
        // What is added before it is written: C itself, or the residual.
        const T* added = after.residual != nullptr ? after.residual : c;
        const index_t added_stride = after.residual != nullptr ? after.residual_stride : ldc;
        const T alpha = after.scale, beta = accumulate || after.residual != nullptr ? T(1) : T(0);
        Layout left_layout, right_layout, added_layout, c_layout;
        create(left_layout, detail::cuda_type<Operand>, *left);
        create(right_layout, detail::cuda_type<Operand>, *right);
        create(added_layout, type, {false, n, m, added_stride});
        create(c_layout, type, {false, n, m, ldc});
        const Layout& from_layout = added == c ? c_layout : added_layout;
        const Key key{m,
                      n,
                      k,
                      left->leading,
                      right->leading,
                      added_stride,
                      ldc,
                      static_cast<index_t>(left->turned) * 2 + static_cast<index_t>(right->turned),
                      static_cast<index_t>(detail::cuda_type<Operand>),
                      static_cast<index_t>(compute),
                      static_cast<index_t>(*epilogue) * 2 + (beta != T(0)),
                      alignment(b.data),
                      alignment(a.data),
                      alignment(added),
                      alignment(c)};
        const std::lock_guard lock(mutex_);
        auto chosen = chosen_.find(key);
        if (chosen == chosen_.end()) chosen = chosen_.emplace(key, choose(product, left_layout, right_layout, from_layout, c_layout, key)).first;
        if (!chosen->second) return false;
        check(cublasLtMatmul(library_.handle, product.handle, &alpha, b.data, left_layout.handle, a.data, right_layout.handle, &beta, added,
                             from_layout.handle, c, c_layout.handle, &*chosen->second, work_.data(), work_.bytes(), stream_),
              "cublasLtMatmul");
        return true;
    }

private:
    using Product = detail::Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
    using Layout = detail::Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
    using Preference = detail::Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;
    using Key = std::array<index_t, 15>;  // all that a choice depends on; the last four are the alignments
    static constexpr std::size_t work_bytes = std::size_t{32} << 20;

    // Scale, then bias, then one activation; a residual only without one, for cuBLASLt adds it before.
    template <class T>
    static std::optional<cublasLtEpilogue_t> epilogue_of(const After<T>& after) {
        const bool bias = after.bias != nullptr;
        if (after.activation == UnaryOp::count) return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
        if (!can_follow(after.activation, after.residual != nullptr)) return {};
        if (after.activation == UnaryOp::relu) return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
        return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    }
    // Bytes that an address is a multiple of, 256 at most: what the vectors that a kernel loads depend on.
    static index_t alignment(const void* p) { return index_t{1} << std::min(8, std::countr_zero(reinterpret_cast<std::uintptr_t>(p))); }

    template <class V>
    static void set(Product& product, cublasLtMatmulDescAttributes_t attribute, const V& value) {
        check(cublasLtMatmulDescSetAttribute(product.handle, attribute, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
    }
    static void create(Layout& layout, cudaDataType_t type, const detail::ColumnMajor& x) {
        check(cublasLtMatrixLayoutCreate(&layout.handle, type, static_cast<std::uint64_t>(x.rows), static_cast<std::uint64_t>(x.columns), x.leading),
              "cublasLtMatrixLayoutCreate");
    }
    // What cuBLASLt holds to be fastest; nothing where it knows no way.
    std::optional<cublasLtMatmulAlgo_t> choose(const Product& product, const Layout& left, const Layout& right, const Layout& added, const Layout& c,
                                               const Key& key) const {
        Preference preference;
        check(cublasLtMatmulPreferenceCreate(&preference.handle), "cublasLtMatmulPreferenceCreate");
        const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
            check(cublasLtMatmulPreferenceSetAttribute(preference.handle, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute");
        };
        prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{work_bytes});
        constexpr std::array aligned{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                                     CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
        for (std::size_t i = 0; i < aligned.size(); ++i) prefer(aligned[i], static_cast<std::uint32_t>(key[key.size() - aligned.size() + i]));
        cublasLtMatmulHeuristicResult_t best{};
        int found = 0;
        const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(library_.handle, product.handle, left.handle, right.handle, added.handle,
                                                                     c.handle, preference.handle, 1, &best, &found);
        if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE || (status == CUBLAS_STATUS_SUCCESS && found == 0))
            return {};
        check(status, "cublasLtMatmulAlgoGetHeuristic");
        return best.algo;
    }

    cudaStream_t stream_;
    Memory work_;
    detail::Owned<cublasLtHandle_t, cublasLtDestroy> library_;
    std::mutex mutex_;
    std::map<Key, std::optional<cublasLtMatmulAlgo_t>> chosen_;
};

}  // namespace tercet::inline TERCET_ABI::cuda
