// Trains together with the other processes that mpirun has started, and compares with training alone. Prints what is wrong; 0 where nothing is.
#include "tercet/train/mpi.hpp"

#include "train/share.hpp"

#include <iostream>

using namespace tercet;

int main() {
    const MpiProcess mpi;
    MpiCommunicator processes;
    int wrong = 0;
    const auto expect = [&](bool holds, const char* what) {
        if (holds) return;
        std::cout << "process " << processes.rank() << " of " << processes.size() << ": " << what << '\n';
        ++wrong;
    };
    expect(processes.size() > 1, "it is alone: start it with mpirun -n 2");
    expect(mean_over(processes, processes.rank()) == (processes.size() - 1) / 2.0, "the mean of the ranks is another");

    auto trained = tercet_test::train_share(&processes);
    expect(tercet_test::is_near(trained, tercet_test::train_share(nullptr)), "training together does not step as training alone");
    auto first = trained.numbers;
    auto on_device = Tensor<float>::copy(first, {static_cast<index_t>(first.size())});
    processes.broadcast(on_device.mutable_device_data(), on_device.numel());
    expect(on_device.to_vector() == trained.numbers, "its numbers are not the first process's");
    return static_cast<int>(mean_over(processes, wrong) > 0);
}
