// Training in several processes, a GPU each, by NCCL (Hu et al. 2025, "Demystifying NCCL"): sums go from GPU to GPU, past the hosts' memory.
//
//   const auto id = rank == 0 ? new_nccl_group() : …;            // handed to the other processes by MPI, a file or a socket
//   NcclCommunicator processes(id, rank, count);
//
// It needs NCCL's header and library, and a program that links tercet::cuda.
#pragma once

#include "tercet/train/communicator.hpp"

#include <nccl.h>

namespace tercet::inline TERCET_ABI {

namespace detail {
inline void check(ncclResult_t status, std::string_view call) {
    require(status == ncclSuccess, ErrorCode::device, call, ": ", ncclGetErrorString(status));
}
}  // namespace detail

/// What the processes of a group have in common.
inline ncclUniqueId new_nccl_group() {
    ncclUniqueId id;
    detail::check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    return id;
}

/// Sums and copies in the order of the backend's stream: nothing is waited for but by who reads the result.
class NcclCommunicator final : public Communicator {
public:
    /// All `size` processes of the group must come here. Throws device.
    NcclCommunicator(const ncclUniqueId& id, int rank, int size) : rank_(rank), size_(size) {
        Device::wait();  // opens the device, where nobody has
        detail::check(ncclCommInitRank(&communicator_, size, id, rank), "ncclCommInitRank");
    }
    ~NcclCommunicator() override { ncclCommDestroy(communicator_); }

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void sum(float* x, index_t n) override { sum_of(x, n, ncclFloat); }
    void sum(double* x, index_t n) override { sum_of(x, n, ncclDouble); }
    void broadcast(float* x, index_t n) override { broadcast_of(x, n, ncclFloat); }
    void broadcast(double* x, index_t n) override { broadcast_of(x, n, ncclDouble); }

private:
    static cudaStream_t stream() { return static_cast<cudaStream_t>(Device::stream()); }
    void sum_of(void* x, index_t n, ncclDataType_t type) {
        detail::check(ncclAllReduce(x, x, static_cast<std::size_t>(n), type, ncclSum, communicator_, stream()), "ncclAllReduce");
    }
    void broadcast_of(void* x, index_t n, ncclDataType_t type) {
        detail::check(ncclBroadcast(x, x, static_cast<std::size_t>(n), type, 0, communicator_, stream()), "ncclBroadcast");
    }

    ncclComm_t communicator_ = nullptr;
    int rank_, size_;
};

}  // namespace tercet::inline TERCET_ABI
