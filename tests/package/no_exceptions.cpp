// A program without exceptions and RTTI: an error reaches its handler, with code and message, and nothing after the error runs.
#include <tercet/tercet.hpp>

#include <cstdio>
#include <cstdlib>

#ifndef TERCET_NO_EXCEPTIONS
#error "-fno-exceptions should have set TERCET_NO_EXCEPTIONS"
#endif

int main() {
    using namespace tercet;
    const auto product = matmul(Tensor<float>::ones({2, 3}), Tensor<float>::ones({3, 2}));
    if (product.data()[0] != 3.f) return 1;

    set_error_handler([](const Error& error) {
        std::printf("%s\n", error.what());
        std::fflush(stdout);
        std::_Exit(error.code() == ErrorCode::shape_mismatch ? 0 : 2);
    });
    matmul(Tensor<float>::ones({2, 3}), Tensor<float>::ones({4, 5}));
    return 3;
}
