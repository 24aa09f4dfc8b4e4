// The training part of the golden models: five steps of AdamW at 1e-3 with decay 0.1 on everything, on the case's own batch.
#pragma once

#include "support/model_golden.hpp"
#include "tercet/train/optimizer.hpp"
#include "tercet/train/rules/adam.hpp"

namespace golden {

/// `loss(expected)` is the module's loss on the case's inputs. Compares the five losses, and the parameters after them.
template <class Module, class Loss>
void check_adamw(const std::string& name, Module& module, Loss&& loss_of) {
    INFO(name);
    const Expected expected(model_folder(name) + "/expected.safetensors");
    const Json meta = read_json_file(model_folder(name) + "/meta.json");
    Optimizer optimizer(parameters_of(module), AdamW{.rate = 1e-3, .weight_decay = 0.1});
    const auto losses = expected.real("adamw.losses").to_vector();
    double loss_deviation = 0;
    for (const float want : losses) {
        const auto loss = loss_of(expected);
        loss_deviation = std::max(loss_deviation, std::abs(static_cast<double>(loss.item()) - static_cast<double>(want)));
        loss.backward();
        optimizer.step();
        optimizer.zero_grad();
    }
    CHECK(loss_deviation <= 2e-5);
    double worst = 0;
    for (const auto& [parameter, tensor] : optimizer.parameters()) {
        INFO(parameter);
        const Json* unstable = meta.find("adamw_param_unstable");
        const bool loose = unstable != nullptr && unstable->find("adamw.param." + parameter) != nullptr;
        const auto got = tensor.to_vector(), want = expected.weight("adamw.param.", parameter, tensor.size(0)).to_vector();
        REQUIRE(got.size() == want.size());
        int off = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
            if (d > 5e-5) ++off;
            CHECK(d <= (loose ? 5e-3 : 2e-3));
            if (!loose && d <= 5e-5) worst = std::max(worst, d);
        }
        if (!loose) CHECK(off <= 2);  // elements whose gradient is near zero
    }
    WARN(name << ": five AdamW steps, losses deviate by " << loss_deviation << ", stable parameters by " << worst);
}

}  // namespace golden
