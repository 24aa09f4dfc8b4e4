// What is trained: tensors by name, and the groups they fall into.
#pragma once

#include "tercet/nn/module.hpp"

#include <functional>

namespace tercet::inline TERCET_ABI {

/// A tensor and its name: a handle, so it shares its elements and its gradient with the model's own.
template <Real T>
struct NamedTensor {
    std::string name;
    Tensor<T> tensor;
};

/// The weights of a module that are on the tape, in the order of its visit(). Take them after loading or initialising: a weight that is
/// set anew later is another tensor.
template <class Module>
std::vector<NamedTensor<float>> parameters_of(Module& module) {
    std::vector<NamedTensor<float>> found;
    for_each_weight(module, [&](const std::string& name, Weight& w) {
        if (w.is_dense() && w.tensor().needs_grad()) found.push_back({name, w.tensor()});
    });
    return found;
}

/// How one tensor differs from the others.
struct ParameterGroup {
    double rate = 1, weight_decay = 1;  // factors on the rule's rate and weight decay; a rate of 0 leaves the tensor alone
    bool matrix = true;                 // false: element by element also under a rule for matrices (Muon, Adafactor), as embeddings are best
};

/// Puts a tensor into its group, by name and shape.
using Grouping = std::function<ParameterGroup(std::string_view name, const Shape& shape)>;

/// Weight decay on matrices only, as in GPT training: biases and the weights of norms are left free.
inline ParameterGroup decay_matrices_only(std::string_view, const Shape& shape) {
    return {.weight_decay = shape.rank() >= 2 ? 1.0 : 0.0};
}

}  // namespace tercet::inline TERCET_ABI
