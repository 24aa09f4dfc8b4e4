// cuBLASLt for the emulated GPU.
#include "machine.hpp"

#include <cublasLt.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

struct EmulatedCublas {
    int alive = 1;
};
struct EmulatedProduct {
    cublasComputeType_t compute{};
    cudaDataType_t scale{};
    cublasOperation_t turn_a = CUBLAS_OP_N, turn_b = CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
    const void* bias = nullptr;
};
struct EmulatedLayout {
    cudaDataType_t type{};
    std::uint64_t rows = 0, columns = 0;
    std::int64_t leading = 0;

    std::size_t size() const { return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2; }
    std::size_t bytes() const { return ((columns - 1) * static_cast<std::uint64_t>(leading) + rows) * size(); }
    // The bytes of element (row, column).
    std::size_t at(std::uint64_t row, std::uint64_t column) const { return (row + column * static_cast<std::uint64_t>(leading)) * size(); }
};
struct EmulatedPreference {
    std::uint64_t work = 0;
    std::uint32_t alignment[4] = {256, 256, 256, 256};  // as the real one has it until it is told
};

namespace {

double number(const void* memory, std::size_t at, cudaDataType_t type) {
    const char* p = static_cast<const char*>(memory) + at;
    if (type == CUDA_R_64F) {
        double x;
        return std::memcpy(&x, p, sizeof x), x;
    }
    std::uint32_t bits = 0;
    if (type == CUDA_R_16BF) std::memcpy(reinterpret_cast<char*>(&bits) + 2, p, 2);
    else std::memcpy(&bits, p, 4);
    float x;
    return std::memcpy(&x, &bits, sizeof x), static_cast<double>(x);
}
// To the nearest bfloat16, ties to even.
double rounded(double x) {
    const auto single = static_cast<float>(x);
    std::uint32_t bits;
    std::memcpy(&bits, &single, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    float y;
    return std::memcpy(&y, &bits, sizeof y), static_cast<double>(y);
}

// All that a choice depends on, in one number.
std::uint64_t fingerprint(const EmulatedProduct& product, const EmulatedLayout* const (&layouts)[4]) {
    std::uint64_t hash = 14695981039346656037u;
    const auto mix = [&](std::uint64_t x) { hash = (hash ^ x) * 1099511628211u; };
    for (const int x : {static_cast<int>(product.compute), static_cast<int>(product.scale), static_cast<int>(product.turn_a),
                        static_cast<int>(product.turn_b), static_cast<int>(product.epilogue)})
        mix(static_cast<std::uint64_t>(x));
    for (const auto* layout : layouts) {
        mix(static_cast<std::uint64_t>(layout->type));
        mix(layout->rows);
        mix(layout->columns);
        mix(static_cast<std::uint64_t>(layout->leading));
    }
    return hash;
}

template <class V>
cublasStatus_t take(V& to, const void* value, std::size_t bytes) {
    if (bytes != sizeof(V)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

const char* cublasLtGetStatusName(cublasStatus_t status) {
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
    return "?";
}
const char* cublasLtGetStatusString(cublasStatus_t status) {
    return cublasLtGetStatusName(status);
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
    *handle = new EmulatedCublas;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* product, cublasComputeType_t compute, cudaDataType_t scale) {
    *product = new EmulatedProduct{compute, scale};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product) {
    delete product;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return take(product->turn_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return take(product->turn_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return take(product->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return take(product->bias, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t leading) {
    *layout = new EmulatedLayout{type, rows, columns, leading};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
    *preference = new EmulatedPreference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return take(preference->work, value, bytes);
    return take(preference->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
    *found = 0;
    const auto turned = [](const EmulatedLayout& x, cublasOperation_t turn) {
        return turn == CUBLAS_OP_T ? std::pair(x.columns, x.rows) : std::pair(x.rows, x.columns);
    };
    const auto [rows, depth] = turned(*a, product->turn_a);
    const auto [other_depth, columns] = turned(*b, product->turn_b);
    for (const auto* x : {a, b, c, d})
        if (x->rows == 0 || x->columns == 0 || x->leading < static_cast<std::int64_t>(x->rows)) return CUBLAS_STATUS_INVALID_VALUE;
    const bool types = a->type == b->type && c->type == d->type && d->type == product->scale &&
                       (product->compute == CUBLAS_COMPUTE_64F) == (a->type == CUDA_R_64F) && (a->type == d->type || a->type == CUDA_R_16BF);
    if (depth != other_depth || d->rows != rows || d->columns != columns || c->rows != rows || c->columns != columns || !types || most < 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    results[0] = {};
    results[0].algo.data[0] = fingerprint(*product, {a, b, c, d});
    for (int i = 0; i < 4; ++i) results[0].algo.data[1 + i] = preference->alignment[i];
    results[0].algo.data[5] = results[0].workspaceSize = preference->work;
    *found = 1;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void* work,
                              std::size_t work_bytes, cudaStream_t stream) {
    if (handle == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (algo == nullptr || algo->data[0] != fingerprint(*product, {a_layout, b_layout, c_layout, d_layout}) || algo->data[5] > work_bytes)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (c == d && c_layout != d_layout) return CUBLAS_STATUS_INVALID_VALUE;
    if (reinterpret_cast<std::uintptr_t>(product->bias) % 16 != 0) return CUBLAS_STATUS_INVALID_VALUE;
    const void* const pointers[] = {a, b, c, d};
    for (int i = 0; i < 4; ++i)
        if (reinterpret_cast<std::uintptr_t>(pointers[i]) % algo->data[1 + i] != 0) return CUBLAS_STATUS_INVALID_VALUE;
    // All but the memory is read when the call is made.
    const auto p = *product;
    const auto x = *a_layout, y = *b_layout, added = *c_layout, out = *d_layout;
    const double factor = number(alpha, 0, p.scale), kept = number(beta, 0, p.scale);
    const auto multiply = [=]() -> cudaError_t {
        const bool bias = (p.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
        const bool reachable = cuda_emulator::is_device_memory(a, x.bytes()) && cuda_emulator::is_device_memory(b, y.bytes()) &&
                               (kept == 0 || cuda_emulator::is_device_memory(c, added.bytes())) && cuda_emulator::is_device_memory(d, out.bytes()) &&
                               cuda_emulator::is_device_memory(work, work_bytes) &&
                               (!bias || cuda_emulator::is_device_memory(p.bias, out.rows * out.size()));
        if (!reachable) return cuda_emulator::said(cudaErrorIllegalAddress);
        const auto element = [&](const void* memory, const EmulatedLayout& layout, cublasOperation_t turn, std::uint64_t i, std::uint64_t j) {
            const double value = number(memory, turn == CUBLAS_OP_T ? layout.at(j, i) : layout.at(i, j), layout.type);
            return p.compute == CUBLAS_COMPUTE_32F_FAST_16BF ? rounded(value) : value;
        };
        const std::uint64_t depth = p.turn_a == CUBLAS_OP_T ? x.rows : x.columns;
        for (std::uint64_t j = 0; j < out.columns; ++j)
            for (std::uint64_t i = 0; i < out.rows; ++i) {
                double sum = 0;
                for (std::uint64_t k = 0; k < depth; ++k) sum += element(a, x, p.turn_a, i, k) * element(b, y, p.turn_b, k, j);
                sum *= factor;
                if (kept != 0) sum += kept * number(c, added.at(i, j), added.type);
                if (bias) sum += number(p.bias, i * out.size(), out.type);
                if ((p.epilogue & CUBLASLT_EPILOGUE_RELU) != 0) sum = std::max(sum, 0.0);
                if ((p.epilogue & CUBLASLT_EPILOGUE_GELU) != 0)
                    sum = 0.5 * sum * (1 + std::tanh(0.7978845608028654 * (sum + 0.044715 * sum * sum * sum)));
                const auto single = static_cast<float>(sum);
                if (out.type == CUDA_R_64F) std::memcpy(static_cast<char*>(d) + out.at(i, j), &sum, sizeof sum);
                else std::memcpy(static_cast<char*>(d) + out.at(i, j), &single, sizeof single);
            }
        return cudaSuccess;
    };
    return cuda_emulator::give(stream, multiply) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
