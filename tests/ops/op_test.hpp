// What the tests of differentiable ops begin with: golden cases, instruction sets, gradient checks, and fixed numbers in double.
#pragma once

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/isa.hpp"
#include "tercet/autograd/gradcheck.hpp"
#include "tercet/ops/shape.hpp"

using namespace tercet;
using namespace golden;
using D = Tensor<double>;
using Inputs = std::vector<D>;

/// Standard normal numbers, the same for a seed.
inline D numbers(const Shape& shape, std::uint64_t seed) {
    Generator generator(seed);
    return D::randn(shape, generator);
}
