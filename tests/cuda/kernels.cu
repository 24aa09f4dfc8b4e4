// Every CUDA kernel there is, for nvcc: scripts/check_cuda.sh compiles this for each architecture. The tests run the same files on the emulated GPU.
#include "tercet/backend/cuda/attention_decode.cuh"
#include "tercet/backend/cuda/attention_tensor.cuh"
#include "tercet/backend/cuda/cross_entropy.cuh"
#include "tercet/backend/cuda/gemm_tensor.cuh"
#include "tercet/backend/cuda/lookup.cuh"
#include "tercet/backend/cuda/quant_dot.cuh"
#include "tercet/backend/cuda/random.cuh"
#include "tercet/backend/cuda/rotate.cuh"
#include "tercet/backend/cuda/rows.cuh"
#include "tercet/backend/cuda/runtime.cuh"
#include "tercet/backend/cuda/top.cuh"
#include "tercet/backend/cuda/update.cuh"

namespace tercet {
namespace {

template <class T>
void all() {
    T* p = nullptr;
    const T* x = nullptr;
    const cuda::Rows rows;
    rows.softmax(p, x, 1, 1);
    rows.log_softmax(p, x, 1, 1);
    rows.softmax_backward(p, x, x, 1, 1);
    rows.log_softmax_backward(p, x, x, 1, 1);
    rows.exp_sum(p, p, x, 1, 1);
    rows.layer_norm(p, p, p, x, x, x, T(1), 1, 1);
    rows.rms_norm(p, p, x, x, T(1), 1, 1);
    rows.layer_norm_backward(p, p, p, x, x, x, x, x, 1, 1, p);
    rows.rms_norm_backward(p, p, x, x, x, x, 1, 1, p);
    const cuda::Elementwise elements;
    elements.unary(UnaryOp::exp, p, x, 1);
    elements.unary_backward(UnaryOp::exp, p, x, x, x, 1, false);
    elements.binary(BinaryOp::add, p, x, x, {1}, {1}, {1});
    elements.add_scaled(p, x, T(1), 1);
    elements.copy(p, {1}, x, {1}, {1});
    cuda::gemm<T>(p, 1, {x, 1, 1}, {x, 1, 1}, 1, 1, 1, false);
    const std::int32_t* ids = nullptr;
    cuda::gather_rows(p, x, ids, 1, 1, 1, 1);
    cuda::scatter_rows(p, x, ids, 1, 1, 1, 1, -1);
    cuda::rotate(p, x, x, x, T(1), 1, 1, 1, 1);
    cuda::row_losses<T>(nullptr, x, x, x, {}, 1);
    cuda::row_gradients<T>(p, x, x, x, {}, {}, 1, false);
    cuda::dropout(p, x, T(0), T(1), 0, 0, 1, false, nullptr);
    cuda::update(SgdUpdate<T>{}, 1);
    cuda::update(AdamUpdate<T>{}, 1);
    cuda::update(AdamaxUpdate<T>{}, 1);
    cuda::update(RmsPropUpdate<T>{}, 1);
    cuda::update(AdagradUpdate<T>{}, 1);
    cuda::update(AdadeltaUpdate<T>{}, 1);
    cuda::update(LionUpdate<T>{}, 1);
    cuda::update(BlendUpdate<T>{}, 1);
    const HeadsView<T> to;
    const HeadsView<const T> from;
    cuda::attention<T, T>(to, p, from, from, from, {});
    cuda::attention_decode<T, T>(to, p, from, from, from, {});
    cuda::attention_backward<T>(to, to, to, from, from, x, from, from, from, {}, p);
}

template <class... Blocks>
void with_blocks() {
    cuda::round_rows<float>(nullptr, nullptr, nullptr, 1, 32);
    (cuda::stored_product<Blocks>(nullptr, 1, nullptr, {nullptr, nullptr}, 1, 1, Blocks::size), ...);
    (cuda::unpack<Blocks>(nullptr, nullptr, 1), ...);
}

}  // namespace

void every_kernel() {
    cuda::use_device(0);
    const cuda::Stream stream;
    const cuda::Memory memory(1, stream);
    cuda::Copies copies;
    copies.to_device(memory.data(), nullptr, 0, stream);
    copies.to_host(nullptr, memory.data(), 0, stream);
    cuda::argmax<std::int32_t>(nullptr, nullptr, 1, 1);
    cuda::top_k<std::int32_t>(nullptr, nullptr, nullptr, 1, 1, 1);
    cuda::attention<float, bf16>({}, nullptr, {}, {}, {}, {});
    cuda::attention_decode<float, bf16>({}, nullptr, {}, {}, {}, {});
    cuda::attention_tensor<float>({}, nullptr, {}, {}, {}, {});
    cuda::attention_tensor<bf16>({}, nullptr, {}, {}, {}, {});
    cuda::attention_backward_tensor({}, {}, {}, {}, {}, nullptr, {}, {}, {}, {}, nullptr);
    cuda::gemm_tensor<float, float>(nullptr, 1, {}, {}, 1, 1, 1, false);
    cuda::gemm_tensor<bf16, bf16>(nullptr, 1, {}, {}, 1, 1, 1, false);
    cuda::gemm_tensor<float, bf16>(nullptr, 1, {}, {}, 1, 1, 1, false);
    with_blocks<Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K>();
    all<float>();
    all<double>();
}

}  // namespace tercet
