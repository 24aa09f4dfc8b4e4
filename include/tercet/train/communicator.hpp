// Training one model in several processes (Li et al. 2020, "PyTorch Distributed", section 3): each process has all of the model and its own batches;
// after backward the gradients are averaged over the processes, so that all make the same step and stay the same.
//
//   MpiProcess mpi;                                     // starts MPI
//   MpiCommunicator processes;                          // train/mpi.hpp on CPUs; on GPUs NcclCommunicator, train/nccl.hpp
//   share_parameters(optimizer.parameters(), processes);  // all begin as the first one does
//   train(optimizer, state, …, {.processes = &processes});  // each with a source of its own share of the data
#pragma once

#include "tercet/train/parameters.hpp"

namespace tercet::inline TERCET_ABI {

/// The processes that train together. Every one of them has to make the same calls in the same order. Pointers are to where Device works.
class Communicator {
public:
    Communicator() = default;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;
    virtual ~Communicator() = default;

    /// This process's number, from 0, and how many there are.
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// x (n) = the sum of all processes' x. Throws device where a process or the network fails.
    virtual void sum(float* x, index_t n) = 0;
    virtual void sum(double* x, index_t n) = 0;
    /// x (n) = the first process's.
    virtual void broadcast(float* x, index_t n) = 0;
    virtual void broadcast(double* x, index_t n) = 0;
};

/// The mean of a number over the processes, the same in each; NaN where one has NaN.
inline double mean_over(Communicator& processes, double x) {
    auto one = Tensor<double>::scalar(x / processes.size());
    processes.sum(one.mutable_device_data(), 1);
    return one.item();
}

/// Every process's tensors become the first one's.
template <Real T>
void share_parameters(const std::vector<NamedTensor<T>>& parameters, Communicator& processes) {
    const NoGrad guard;
    for (const auto& [name, tensor] : parameters) {
        auto x = tensor.detach().contiguous();
        processes.broadcast(x.mutable_device_data(), x.numel());
        Tensor<T> to = tensor.detach();
        if (!to.is_contiguous()) to.copy_from(x);
    }
}

/// Each gradient becomes the mean of all processes'; a process that has none for a tensor counts as zeros, unless nobody has one. Small gradients
/// travel together: a message costs as much as some thousand numbers.
template <Real T>
void average_gradients(const std::vector<NamedTensor<T>>& parameters, Communicator& processes) {
    constexpr index_t most_together = 1 << 20;
    const NoGrad guard;
    const auto count = static_cast<index_t>(parameters.size());
    auto holders = Tensor<T>::zeros({count});
    for (index_t i = 0; i < count; ++i) holders.at(i) = parameters[static_cast<std::size_t>(i)].tensor.grad().storage() != nullptr ? T(1) : T(0);
    processes.sum(holders.mutable_device_data(), count);

    std::vector<Tensor<T>> gradients;  // (n) each
    for (index_t i = 0; i < count; ++i) {
        if (holders(i) == 0) continue;
        const auto& tensor = parameters[static_cast<std::size_t>(i)].tensor;
        Gradient<T>(static_cast<GradientNode<T>&>(*tensor.node())).device_data();  // zeros where there was none
        gradients.push_back(tensor.grad().reshape({tensor.numel()}));
    }
    for (std::size_t first = 0, end; first < gradients.size(); first = end) {
        index_t total = 0;
        for (end = first; end < gradients.size() && (end == first || total + gradients[end].numel() <= most_together); ++end)
            total += gradients[end].numel();
        auto all = Tensor<T>::empty({total});
        const auto part = [&, at = index_t{0}](const Tensor<T>& gradient) mutable {
            at += gradient.numel();
            return all.slice(0, at - gradient.numel(), at);
        };
        auto to = part;
        for (std::size_t i = first; i < end; ++i) to(gradients[i]).copy_from(gradients[i]);
        processes.sum(all.mutable_device_data(), total);
        Device::binary(BinaryOp::mul, all.mutable_device_data(), all.device_data(), T(1) / static_cast<T>(processes.size()), total);
        auto from = part;
        for (std::size_t i = first; i < end; ++i) gradients[i].copy_from(from(gradients[i]));
    }
}

}  // namespace tercet::inline TERCET_ABI
