// Golden cases of whole models: a folder with config.json, model.safetensors and expected.safetensors, as tests/data/models has them.
#pragma once

#include "support/catch.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/nn/load.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>

namespace golden {

using namespace tercet;

/// The folder of a case: one of tests/data/models, or the path itself where it is absolute.
inline std::string model_folder(const std::string& name) {
    return name.starts_with("/") ? name : std::string(TERCET_TEST_DATA) + "/models/" + name;
}

/// These cases, and those of such kinds (of meta.json) in the folder that TERCET_MODEL_CASES names, where it is set.
inline std::vector<std::string> cases(std::vector<std::string> names, std::initializer_list<std::string_view> kinds) {
    const char* folder = std::getenv("TERCET_MODEL_CASES");
    if (folder == nullptr) return names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string path = std::filesystem::absolute(entry.path()).string();
        const std::string kind = read_json_file(path + "/meta.json").at("kind").as_string();
        if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) names.push_back(path);
    }
    return names;
}

class Expected {
public:
    explicit Expected(const std::string& path) : file_(Safetensors::open(path)) {}

    bool has(const std::string& name) const { return file_.find(name) != nullptr; }
    const std::vector<StoredTensor>& tensors() const { return file_.tensors(); }
    Tensor<float> real(const std::string& name) const { return detail::dense_from(stored(name)); }
    /// The tensor of a weight; or its rows of the matrix in which Phi-3 has several side by side.
    Tensor<float> weight(const std::string& prefix, const std::string& name, index_t rows) const {
        if (has(prefix + name)) return real(prefix + name);
        constexpr std::tuple<std::string_view, std::string_view, int> parts[] = {{"q_proj.weight", "qkv_proj.weight", 0},
                                                                                 {"k_proj.weight", "qkv_proj.weight", 2},
                                                                                 {"v_proj.weight", "qkv_proj.weight", 1},
                                                                                 {"gate_proj.weight", "gate_up_proj.weight", 0},
                                                                                 {"up_proj.weight", "gate_up_proj.weight", 1}};
        for (const auto& [part, whole, from_end] : parts)
            if (name.ends_with("." + std::string(part))) {
                const auto all = real(prefix + name.substr(0, name.size() - part.size()) + std::string(whole));
                const index_t begin = from_end == 0 ? 0 : all.size(0) - from_end * rows;
                return all.slice(0, begin, begin + rows).contiguous();
            }
        return real(prefix + name);
    }
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
        const double d = deviation(w.tensor().grad(), expected.weight("grad.", name, w.shape()[0]), 1e-4);
        CHECK(d <= 1e-5);
        worst = std::max(worst, d);
        compared += static_cast<std::size_t>(element_count(w.shape()));
    });
    std::size_t given = 0;
    for (const auto& t : expected.tensors())
        if (t.name.starts_with("grad.")) given += static_cast<std::size_t>(element_count(t.shape));
    CHECK(compared == given);
    WARN("gradients: " << compared << " numbers, worst deviation beyond 1e-4 relative " << worst);
}

}  // namespace golden
