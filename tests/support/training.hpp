// What tests of training share: leaves, their gradients, and the golden files of tests/data/optim.
#pragma once

#include "support/catch.hpp"
#include "tercet/io/safetensors.hpp"
#include "tercet/train/parameters.hpp"

#include <cmath>
#include <cstring>

namespace training {

using namespace tercet;

inline const std::string folder = std::string(TERCET_TEST_DATA) + "/optim/";

/// A tensor of a file, which holds it as T.
template <class T>
Tensor<T> read(const Safetensors& file, const std::string& name) {
    const StoredTensor* stored = file.find(name);
    INFO(file.source() << ": " << name);
    REQUIRE(stored != nullptr);
    REQUIRE(stored->type == storage_type_of(dtype_of<T>));
    auto t = Tensor<T>::empty(stored->shape);
    std::memcpy(t.mutable_data(), stored->bytes.data(), stored->bytes.size());
    return t;
}

/// Adds to a leaf's gradient.
template <class T>
void give_gradient(const Tensor<T>& leaf, const Tensor<T>& gradient) {
    (leaf * T(1)).backward(gradient);
}

/// A parameter of zeros with that gradient.
template <class T>
NamedTensor<T> with_gradient(const std::string& name, const Tensor<T>& gradient) {
    auto x = Tensor<T>::zeros(gradient.shape()).requires_grad();
    give_gradient(x, gradient);
    return {name, x};
}

inline Tensor<float> leaf(std::initializer_list<float> values, const Shape& shape) {
    return Tensor<float>::copy(values, shape).requires_grad();
}

/// The elements of all tensors, one after the other.
template <class T>
std::vector<T> values_of(const std::vector<NamedTensor<T>>& tensors) {
    std::vector<T> all;
    for (const auto& [name, tensor] : tensors) {
        const auto values = tensor.to_vector();
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

/// The largest |a − b| of two tensors of one shape; infinite where either is no number.
template <class T>
double largest_difference(const Tensor<T>& a, const Tensor<T>& b) {
    REQUIRE(a.shape() == b.shape());
    const auto x = a.to_vector(), y = b.to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
        worst = std::isnan(d) ? HUGE_VAL : std::max(worst, d);
    }
    return worst;
}

}  // namespace training
