// What each of the two translation units sees of the library.
#pragma once

#include <tercet/tercet.hpp>

#include <algorithm>

struct Seen {
    const void* kernels;  // the best kernel table of this machine
    const void* chosen;   // the table in use
    tercet::index_t (*function)(const tercet::Shape&);
    float results[64];  // softmax(a · b), from a generator with a fixed seed
};

// Each unit has its own copy of this function: what it calls is the library's.
static Seen look() {
    using namespace tercet;
    Seen seen{cpu::available_kernels().front(), &cpu::kernel_set(), &element_count, {}};
    Generator generator(7);
    const auto a = Tensor<float>::randn({8, 32}, generator), b = Tensor<float>::randn({32, 8}, generator);
    const auto y = softmax(matmul(a, b));
    std::copy_n(y.data(), 64, seen.results);
    return seen;
}

Seen look_from_first();
Seen look_from_second();
