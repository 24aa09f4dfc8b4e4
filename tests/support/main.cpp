// The main function of every test program, compiled once.
//
// When TERCET_ISA names an instruction set that this machine lacks, the program says so and exits with 77, which ctest counts as skipped.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <cstdlib>
#include <string>

namespace {

constexpr int exit_skipped = 77;

bool machine_has(std::string_view isa) {
#if defined(__x86_64__)
    if (isa == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (isa == "avx512") return avx512;
    if (isa == "avx512_vnni") return avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
#else
    if (isa.substr(0, 3) == "avx") return false;
#endif
    return true;  // the baseline; a name that is unknown is for the library to refuse
}

}  // namespace

int main(int argc, char** argv) {
    const char* isa = std::getenv("TERCET_ISA");
    if (isa != nullptr && !machine_has(isa)) {
        std::cout << "SKIPPED: " << argv[0] << ": this machine has no " << isa << std::endl;
        return exit_skipped;
    }
    return Catch::Session().run(argc, argv);
}
