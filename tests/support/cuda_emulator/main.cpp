// The main function of tests that run on the CUDA backend of an emulated GPU: faults of its kernels are failures of the program.
//
// TERCET_CUDA_ORDER=N draws the order of threads and warps from another seed.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "support/cuda_emulator/emulator.hpp"

#include <cstdlib>

int main(int argc, char** argv) {
    setenv("TERCET_ISA", "baseline", 0);  // tests for each instruction set of the host run once
    const char* order = std::getenv("TERCET_CUDA_ORDER");
    cuda_emulator::clear(order != nullptr ? std::strtoull(order, nullptr, 10) : 0);
    const int failed = Catch::Session().run(argc, argv);
    for (const auto& fault : cuda_emulator::faults()) std::cout << "FAULT: " << fault.text << '\n';
    return cuda_emulator::faults().empty() ? failed : failed + 1;
}
