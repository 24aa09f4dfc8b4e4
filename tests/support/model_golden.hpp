// Golden cases of whole models: a folder with config.json, model.safetensors and expected.safetensors, as tests/data/models has them.
#pragma once

#include "support/catch.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/nn/load.hpp"

#include <cmath>

namespace golden {

using namespace tercet;

inline std::string model_folder(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/models/" + name;
}

class Expected {
public:
    explicit Expected(const std::string& path) : file_(Safetensors::open(path)) {}

    bool has(const std::string& name) const { return file_.find(name) != nullptr; }
    const std::vector<StoredTensor>& tensors() const { return file_.tensors(); }
    Tensor<float> real(const std::string& name) const { return detail::dense_from(stored(name)); }
    Tensor<std::int32_t> ids(const std::string& name) const {
        const auto& t = stored(name);
        REQUIRE(t.type == StorageType::i64);
        auto out = Tensor<std::int32_t>::empty(t.shape);
        for (index_t i = 0; i < out.numel(); ++i)
            out.mutable_data()[i] = static_cast<std::int32_t>(detail::load_unaligned<std::int64_t>(t.bytes.data() + 8 * i));
        return out;
    }

private:
    const StoredTensor& stored(const std::string& name) const {
        const auto* t = file_.find(name);
        INFO("expected.safetensors: " << name);
        REQUIRE(t != nullptr);
        return *t;
    }
    Safetensors file_;
};

/// The largest |a − b| − relative · |b|; both must have one shape.
inline double deviation(const Tensor<float>& a, const Tensor<float>& b, double relative = 0) {
    REQUIRE(a.shape() == b.shape());
    const auto x = a.to_vector(), y = b.to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])) - relative * std::abs(static_cast<double>(y[i]));
        worst = std::isnan(d) ? HUGE_VAL : std::max(worst, d);
    }
    return worst;
}

/// Hidden states, named `prefix`0, 1, …, within 2e-5.
inline void check_hidden_states(const Expected& expected, const std::vector<Tensor<float>>& hidden, const std::string& prefix = "hidden_states.") {
    REQUIRE(!hidden.empty());
    for (std::size_t i = 0; i < hidden.size(); ++i) {
        INFO(prefix << i);
        CHECK(deviation(hidden[i], expected.real(prefix + std::to_string(i))) <= 2e-5);
    }
    CHECK_FALSE(expected.has(prefix + std::to_string(hidden.size())));
}

/// Every "grad.<name>" of the file against the module's gradients, within 1e-5 + 1e-4 relative; and the module has no other weights.
template <class Module>
void check_gradients(const Expected& expected, const Module& module) {
    std::size_t compared = 0;
    double worst = 0;
    for_each_weight(module, [&](const std::string& name, const Weight& w) {
        INFO("grad." << name);
        REQUIRE(w.tensor().grad().storage() != nullptr);
        const double d = deviation(w.tensor().grad(), expected.real("grad." + name), 1e-4);
        CHECK(d <= 1e-5);
        worst = std::max(worst, d);
        ++compared;
    });
    std::size_t given = 0;
    for (const auto& t : expected.tensors()) given += t.name.starts_with("grad.");
    CHECK(compared == given);
    WARN("gradients: " << compared << " tensors, worst deviation beyond 1e-4 relative " << worst);
}

}  // namespace golden
