// Where numbers stop being finite: the forward pass once more, with a look at each layer's output (ops/observer.hpp).
//
//   train(…, [&](const TokenBatch& b) { return first_non_finite_layer(model, [&] { model(b.inputs); }); });
#pragma once

#include "tercet/nn/module.hpp"
#include "tercet/ops/observer.hpp"
#include "tercet/train/statistics.hpp"

#include <string>
#include <unordered_map>

namespace tercet::inline TERCET_ABI {

/// The first layer whose output has a NaN or an infinity while `pass()` runs the model, by its weight's name without ".weight"; empty when all are
/// finite. Nothing of the pass is recorded.
template <class Model, class Pass>
std::string first_non_finite_layer(const Model& model, const Pass& pass) {
    struct Watch final : Observer {
        std::unordered_map<const void*, std::string> names;
        std::string found;

        Tensor<float> layer(const void* weight, const Tensor<float>&, const Tensor<float>& output) override {
            if (found.empty() && !detail::all_finite(output.contiguous())) {
                const auto known = names.find(weight);
                found = known == names.end() ? "a layer without a name" : known->second;
            }
            return output;
        }
    };
    const NoGrad guard;
    Watch watch;
    watch.names = layer_names(model);
    pass();
    return watch.found;
}

}  // namespace tercet::inline TERCET_ABI
