// Training in several processes by MPI (MPI Forum, MPI 3.1, chapter 5): needs an implementation of it, such as Open MPI, and mpirun to start the
// processes.
#pragma once

#include "tercet/train/communicator.hpp"

#include <mpi.h>
#include <exception>

namespace tercet::inline TERCET_ABI {

/// Starts MPI for as long as it lives, unless somebody has started it before.
class MpiProcess {
public:
    MpiProcess() {
        int there = 0, provided = 0;
        MPI_Initialized(&there);
        if (there == 0) {
            require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) == MPI_SUCCESS, ErrorCode::device, "MPI_Init_thread failed");
            started_ = true;
        }
    }
    MpiProcess(const MpiProcess&) = delete;
    MpiProcess& operator=(const MpiProcess&) = delete;
    /// Not where an error is on its way up: the others would be waited for, and they wait for this process. mpirun ends them when it is gone.
    ~MpiProcess() {
        if (started_ && std::uncaught_exceptions() == 0) MPI_Finalize();
    }

private:
    bool started_ = false;
};

/// The processes of an MPI communicator, all of them unless another is given.
class MpiCommunicator final : public Communicator {
public:
    explicit MpiCommunicator(MPI_Comm communicator = MPI_COMM_WORLD) {
        check(MPI_Comm_dup(communicator, &communicator_), "MPI_Comm_dup");  // so that our messages meet nobody else's
        MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN);
        check(MPI_Comm_rank(communicator_, &rank_), "MPI_Comm_rank");
        check(MPI_Comm_size(communicator_, &size_), "MPI_Comm_size");
    }
    ~MpiCommunicator() override {
        int ended = 0;
        MPI_Finalized(&ended);
        if (ended == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&communicator_);
    }

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void sum(float* x, index_t n) override { sum_of(x, n, MPI_FLOAT); }
    void sum(double* x, index_t n) override { sum_of(x, n, MPI_DOUBLE); }
    void broadcast(float* x, index_t n) override { broadcast_of(x, n, MPI_FLOAT); }
    void broadcast(double* x, index_t n) override { broadcast_of(x, n, MPI_DOUBLE); }

private:
    static constexpr index_t most = index_t{1} << 30;  // numbers of one message: MPI counts in int

    static void check(int status, std::string_view call) {
        if (status == MPI_SUCCESS) return;
        char text[MPI_MAX_ERROR_STRING];
        int length = 0;
        MPI_Error_string(status, text, &length);
        fail(ErrorCode::device, call, ": ", std::string_view(text, static_cast<std::size_t>(length)));
    }
    // f(numbers in the host's memory, how many), and back to where they came from.
    template <class T, class F>
    static void in_pieces(T* x, index_t n, const F& f) {
        for (index_t begin = 0; begin < n; begin += most) {
            const index_t count = std::min(most, n - begin);
            if constexpr (std::is_same_v<Device, cpu::Backend>) {
                f(x + begin, static_cast<int>(count));
            } else {
                std::vector<T> host(static_cast<std::size_t>(count));
                Device::read(host.data(), x + begin, count);
                f(host.data(), static_cast<int>(count));
                Device::write(x + begin, host.data(), count);
            }
        }
    }
    // All have the same bits then (MPI 3.1, section 5.9.6), and the same each time (section 5.9.1, advice to implementors).
    template <class T>
    void sum_of(T* x, index_t n, MPI_Datatype type) {
        in_pieces(x, n, [&](T* host, int count) { check(MPI_Allreduce(MPI_IN_PLACE, host, count, type, MPI_SUM, communicator_), "MPI_Allreduce"); });
    }
    template <class T>
    void broadcast_of(T* x, index_t n, MPI_Datatype type) {
        in_pieces(x, n, [&](T* host, int count) { check(MPI_Bcast(host, count, type, 0, communicator_), "MPI_Bcast"); });
    }

    MPI_Comm communicator_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
};

}  // namespace tercet::inline TERCET_ABI
