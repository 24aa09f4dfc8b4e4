// Trains through NCCL as the only process of its group, and compares with training alone. Exits with 77 where there is no GPU.
#include "tercet/train/nccl.hpp"

#include "train/share.hpp"

#include <iostream>

using namespace tercet;

int main() {
    try {
        Device::wait();  // opens the device
    } catch (const Error& error) {
        std::cout << "SKIPPED: train.nccl: " << error.what() << '\n';
        return 77;
    }
    NcclCommunicator processes(new_nccl_group(), 0, 1);
    if (mean_over(processes, 3) == 3 && tercet_test::is_near(tercet_test::train_share(&processes), tercet_test::train_share(nullptr))) return 0;
    std::cout << "training through NCCL does not step as training alone\n";
    return 1;
}
