// The main function of tests on the machine's GPU. Where there is none that can be used, the program says so and exits with 77, which ctest counts as
// skipped.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "tercet/backend/backend.hpp"

int main(int argc, char** argv) {
    try {
        tercet::Device::wait();  // opens it
    } catch (const tercet::Error& error) {
        std::cout << "SKIPPED: " << argv[0] << ": " << error.what() << std::endl;
        return 77;
    }
    return Catch::Session().run(argc, argv);
}
