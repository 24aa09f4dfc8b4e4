// The CUDA backend, as the host's compiler sees it: declarations only. One source file defines them by including backend/cuda/kernels.inc, which
// needs nvcc, or the emulated GPU of the tests.
//
// It offers what cpu::Backend does, under the same names; pointers are to the device's memory. Work is given to one stream, in whose order it is
// done, so nothing has to be waited for but what the host is to read. Numbers that carry gradients are computed with on the device. Integers and
// truth values stay with the host; the device gets copies where a kernel reads them.
#pragma once

#include "tercet/backend/cpu/backend.hpp"

#include <mutex>

namespace tercet::inline TERCET_ABI::cuda {

/// Bytes of the device's memory, in the order of the backend's stream.
class DeviceBytes {
public:
    DeviceBytes() = default;
    /// Throws out_of_memory, and device where there is none that can be used.
    explicit DeviceBytes(std::size_t bytes);
    DeviceBytes(DeviceBytes&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    DeviceBytes& operator=(DeviceBytes&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    ~DeviceBytes();

    void* data() const { return data_; }

private:
    void* data_ = nullptr;
};

struct Backend {
    template <class T>
    static constexpr bool computes = Real<T>;
    template <class T>
    static constexpr bool holds = Real<T> || std::is_same_v<T, bf16> || std::is_same_v<T, f16>;
    static constexpr bool packs = false;

    /// A storage's elements on the device, and which side is up to date. Several threads may read at once.
    class Mirror {
    public:
        template <class T>
        T* device(T* host, std::size_t bytes, bool write) {
            return static_cast<T*>(device_bytes(host, bytes, write));
        }
        void host(void* host, std::size_t bytes, bool write) {
            if (newest_.load(std::memory_order_acquire) == Side::device) bring_to_host(host, bytes);
            if (write) newest_.store(Side::host, std::memory_order_release);
        }

    private:
        enum class Side { neither, host, device, both };
        void* device_bytes(const void* host, std::size_t bytes, bool write);
        void bring_to_host(void* host, std::size_t bytes);

        DeviceBytes memory_;
        std::atomic<Side> newest_{Side::neither};
    };
    template <class T>
    class Room {
    public:
        explicit Room(index_t n) : memory_(checked_mul(static_cast<std::size_t>(n), sizeof(T), "working memory")) {}
        T* data() const { return static_cast<T*>(memory_.data()); }

    private:
        DeviceBytes memory_;
    };

    /// n elements from the device to the host, and back.
    template <class T>
    static void read(T* host, const T* x, index_t n) {
        copy_to_host(host, x, static_cast<std::size_t>(n) * sizeof(T));
    }
    template <class T>
    static void write(T* x, const T* host, index_t n) {
        copy_to_device(x, host, static_cast<std::size_t>(n) * sizeof(T));
    }
    /// Waits until all work is done. Throws device where some of it failed.
    static void wait();
    /// The stream that all work is given to, a cudaStream_t; for libraries that are to go on in its order.
    static void* stream();

    template <class T>
    static void unary(UnaryOp op, T* y, const T* x, index_t n);
    template <class T>
    static void unary_backward(UnaryOp op, T* dx, const T* dy, const T* x, const T* y, index_t n, bool add);
    template <class T>
    static void binary(BinaryOp op, T* y, const T* a, const T* b, const Shape& shape, const Shape& a_strides, const Shape& b_strides);
    template <class T>
    static void binary(BinaryOp op, T* y, const T* x, T b, index_t n);
    template <class T>
    static void fill(T* y, const Shape& y_strides, T value, const Shape& shape);
    template <class To, class From>
    static void copy(To* y, const Shape& y_strides, const From* x, const Shape& x_strides, const Shape& shape);
    template <class T>
    static void add(T* y, const Shape& y_strides, const T* x, const Shape& x_strides, const Shape& shape);
    template <class T>
    static void add_scaled(T* y, const T* x, T alpha, index_t n);
    template <class T>
    static double power_sum(const T* x, index_t n, double p);

    template <class T>
    static void softmax(T* y, const T* x, index_t rows, index_t n);
    template <class T>
    static void softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n);
    template <class T>
    static void log_softmax(T* y, const T* x, index_t rows, index_t n);
    template <class T>
    static void log_softmax_backward(T* dx, const T* dy, const T* y, index_t rows, index_t n);
    template <class T>
    static void exp_sum(T* shift, T* total, const T* x, index_t rows, index_t n);
    template <class T>
    static void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, T eps, index_t rows, index_t n);
    template <class T>
    static void layer_norm_backward(T* dx, T* dweight, T* dbias, const T* dy, const T* x, const T* weight, const T* mean, const T* rstd, index_t rows,
                                    index_t n);
    template <class T>
    static void rms_norm(T* y, T* rstd, const T* x, const T* weight, T eps, index_t rows, index_t n);
    template <class T>
    static void rms_norm_backward(T* dx, T* dweight, const T* dy, const T* x, const T* weight, const T* rstd, index_t rows, index_t n);
    template <class T>
    static void add_column_sums(T* sums, const T* x, index_t rows, index_t n);

    template <class T>
    static void row_losses(double* losses, const T* x, const T* shift, const T* total, const TargetsView<T>& t, index_t rows);
    template <class T>
    static void row_gradients(T* dx, const T* x, const T* shift, const T* total, const TargetsView<T>& t, const LossShare<T>& share, index_t rows,
                              bool add);
    template <class T, class I>
    static void gather_rows(T* y, const T* x, const I* ids, index_t outer, index_t n, index_t m, index_t inner);
    template <class T, class I>
    static void add_rows(T* dx, const T* dy, const I* ids, index_t outer, index_t n, index_t m, index_t inner, index_t skipped = -1);

    /// The right operand is strided or stored; others are made for the CPU.
    template <class T>
    static void gemm(T* c, index_t ldc, const MatrixView<T>& a, const RightOperand<T>& b, index_t m, index_t n, index_t k, bool accumulate,
                     const Epilogue<T>& epilogue = {});
    template <class T>
    static void gemm_each(std::span<const SharingProduct<T>> products, const MatrixView<T>& a, index_t m, index_t k) {
        for (const auto& p : products) gemm(p.c, p.ldc, a, p.b, m, p.n, k, false, p.epilogue);
    }
    template <class T>
    using Product = cpu::Backend::Product<T>;
    template <class T, class F>
    static void gemm_batch(index_t count, const F& product, index_t ldc, index_t m, index_t n, index_t k, bool accumulate) {
        for (index_t i = 0; i < count; ++i) {
            const Product<T> p = product(i);
            gemm(p.c, ldc, p.a, p.b, m, n, k, accumulate);
        }
    }

    template <class T, class S>
    static void attention(const HeadsView<T>& out, T* log_sums, const HeadsView<const T>& q, const HeadsView<const S>& k, const HeadsView<const S>& v,
                          const AttentionShape<T>& s);
    template <class T>
    static void attention_backward(const HeadsView<T>& dq, const HeadsView<T>& dk, const HeadsView<T>& dv, const HeadsView<const T>& dout,
                                   const HeadsView<const T>& out, const T* log_sums, const HeadsView<const T>& q, const HeadsView<const T>& k,
                                   const HeadsView<const T>& v, const AttentionShape<T>& s);
    template <class T>
    static void rotate(T* y, const T* x, const T* cosine, const T* sine, T sign, index_t rows, index_t half, index_t share, index_t positions,
                       bool neighbours = false);
    template <class T>
    static void dropout(T* y, const T* x, T p, T scale, std::uint64_t seed, std::uint64_t position, index_t n, bool add);

    template <template <class> class Update, class T>
    static void update(const Update<T>& u, index_t n);
    template <class T>
    static void add_squares(T* row_sums, T* column_sums, const T* x, index_t rows, index_t n);
    template <class T>
    static double factored_squares(const FactoredUpdate<T>& u, index_t rows, index_t n);
    template <class T>
    static void factored_step(const FactoredUpdate<T>& u, index_t rows, index_t n);

    // What the host does by itself, on its own memory.
    template <class To, class From>
    static To convert(From x) {
        return cpu::Backend::convert<To>(x);
    }
    template <class F>
    static void for_rows(index_t rows, index_t n, const F& body) {
        cpu::Backend::for_rows(rows, n, body);
    }
    template <class T, class F>
    static void write_rows(index_t rows, index_t n, const F& body) {
        cpu::Backend::write_rows<T>(rows, n, body);
    }

    // Weights in an order of their own are for the CPU.
    template <class T>
    static void pack(PackedWord<T>*, const MatrixView<T>&, index_t, index_t) {}
    static bool can_arrange(StorageType) { return false; }
    static index_t arranged_bytes(StorageType, index_t, index_t) { return 0; }
    static void arrange(std::byte*, StorageType, const std::byte*, index_t, index_t) {}
    static void stored_row(std::byte*, StorageType, const std::byte*, index_t, index_t) {}

private:
    static void copy_to_host(void* host, const void* device, std::size_t bytes);
    static void copy_to_device(void* device, const void* host, std::size_t bytes);
};

}  // namespace tercet::inline TERCET_ABI::cuda
