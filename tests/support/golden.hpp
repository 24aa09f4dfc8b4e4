// Golden cases of single operations: files of tests/data/ops, each with many cases in float and double.
//
//   for (const GoldenCase& c : golden_cases("rms_norm"))
//       check_golden(c, {"x", "w"}, [](const auto& in) { return rms_norm(in[0], in[1]); }, report);
//
// A file's keys are <case>/in.<name>.f32 and .f64 (integers: in.<name>), out.<…>, the cotangent g.<…> and the gradients grad.<name>.<…>
// of Σ out · g; its metadata holds each case's parameters as JSON. With TERCET_GOLDEN_REPORT set, the largest deviations are printed.
#pragma once

#include "support/catch.hpp"

#include "tercet/autograd/tape.hpp"
#include "tercet/io/json.hpp"
#include "tercet/io/safetensors.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

using namespace tercet;

template <class T>
inline const std::string suffix = std::is_same_v<T, float>    ? ".f32"
                                  : std::is_same_v<T, double> ? ".f64"
                                                              : "";

struct GoldenCase {
    std::string name;
    Json parameters;
    std::shared_ptr<const Safetensors> file;

    bool is(std::string_view other) const { return name == other; }
    bool starts_with(std::string_view start) const { return std::string_view(name).substr(0, start.size()) == start; }
    /// The stored tensor of that key ("in.x.f32"), or null.
    const StoredTensor* find(const std::string& key) const { return file->find(name + '/' + key); }
    template <class T>
    bool has(const std::string& key) const {
        return find(key + suffix<T>) != nullptr;
    }
    /// The tensor of that key ("in.x", "out", "grad.x") in the precision of T, or the integers of that key.
    template <class T>
    Tensor<T> tensor(const std::string& key) const {
        const StoredTensor* stored = find(key + suffix<T>);
        INFO(file->source() << ": " << name << '/' << key << suffix<T>);
        REQUIRE(stored != nullptr);
        REQUIRE(stored->type == storage_type_of(dtype_of<T>));
        auto t = Tensor<T>::empty(stored->shape);
        if (!stored->bytes.empty()) std::memcpy(t.mutable_data(), stored->bytes.data(), stored->bytes.size());
        return t;
    }
};

/// The cases of tests/data/ops/<op>.safetensors, by name.
inline std::vector<GoldenCase> golden_cases(const std::string& op) {
    const auto file = std::make_shared<const Safetensors>(Safetensors::open(std::string(TERCET_TEST_DATA) + "/ops/" + op + ".safetensors"));
    std::vector<GoldenCase> cases;
    for (const auto& [name, parameters] : file->metadata()) cases.push_back({name, parse_json(parameters, op + "/" + name), file});
    return cases;
}

/// |got − want| <= absolute + relative · |want|, or both NaN, or the same infinity.
struct Tolerance {
    double absolute, relative;
};
/// What the files' own description recommends, for outputs and for gradients.
template <class T>
constexpr Tolerance output_tolerance = std::is_same_v<T, float> ? Tolerance{1e-6, 1e-5} : Tolerance{1e-12, 1e-10};
template <class T>
constexpr Tolerance gradient_tolerance = std::is_same_v<T, float> ? Tolerance{5e-6, 1e-4} : Tolerance{1e-12, 1e-10};

/// The worst of many comparisons: the difference itself, and in units of its tolerance; and where.
struct Deviation {
    double absolute = 0, in_tolerances = 0;
    std::string place;
};

/// The worst deviation between two tensors, which must have one shape.
template <class T>
Deviation compare(const Tensor<T>& got, const Tensor<T>& want, Tolerance tolerance) {
    REQUIRE(got.shape() == want.shape());
    const auto a = got.to_vector(), b = want.to_vector();
    Deviation worst;
    for (std::size_t i = 0; i < b.size(); ++i) {
        const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        if (x == y || (std::isnan(x) && std::isnan(y))) continue;
        const double off = std::abs(x - y), units = off / (tolerance.absolute + tolerance.relative * std::abs(y));
        const bool finite = std::isfinite(off) && std::isfinite(units);
        worst.absolute = std::max(worst.absolute, finite ? off : HUGE_VAL);
        if (worst.in_tolerances >= (finite ? units : HUGE_VAL)) continue;
        worst.in_tolerances = finite ? units : HUGE_VAL;
        std::ostringstream place;
        Shape index = want.shape();
        auto rest = static_cast<index_t>(i);
        for (index_t d = index.rank(); d-- > 0; rest /= want.shape()[d]) index[d] = rest % want.shape()[d];
        place << "at " << index << ": got " << x << ", expected " << y;
        worst.place = place.str();
    }
    return worst;
}

/// Collects the largest deviations of one file, and prints them at its end where TERCET_GOLDEN_REPORT is set.
class GoldenReport {
public:
    explicit GoldenReport(std::string file) : file_(std::move(file)) {}
    GoldenReport(const GoldenReport&) = delete;
    GoldenReport& operator=(const GoldenReport&) = delete;
    ~GoldenReport() {
        if (std::getenv("TERCET_GOLDEN_REPORT") == nullptr) return;
        for (const char* kind : {"out.f32", "grad.f32", "out.f64", "grad.f64"})
            if (const auto found = worst_.find(kind); found != worst_.end())
                std::cout << "golden " << file_ << ' ' << kind << ": " << found->second.first << " (" << found->second.second << ")\n";
    }
    void add(const std::string& kind, double absolute, const std::string& case_name) {
        auto& entry = worst_[kind];
        if (entry.second.empty() || absolute > entry.first) entry = {absolute, case_name};
    }

private:
    std::string file_;
    std::map<std::string, std::pair<double, std::string>> worst_;
};

/// Fails, naming the place, where got differs from want by more than the tolerance.
template <class T>
Deviation check_close(const Tensor<T>& got, const Tensor<T>& want, Tolerance tolerance) {
    const Deviation off = compare(got, want, tolerance);
    INFO(off.place);
    CHECK(off.in_tolerances <= 1);
    return off;
}

/// The same numbers, with memory in the opposite order of dimensions.
template <class T>
Tensor<T> in_other_order(const Tensor<T>& x) {
    Shape order = x.shape();
    for (index_t d = 0; d < x.rank(); ++d) order[d] = x.rank() - 1 - d;
    return x.permute(order).contiguous().permute(order);
}

struct GoldenTolerances {
    Tolerance output, gradient;
};

/// Runs f on a case's inputs of the given names, as std::vector<Tensor<T>>, and compares its output and gradients; with inputs in
/// row-major order, and with inputs whose memory lies otherwise. Inputs without a gradient in the file get none.
template <Real T, class F>
void check_golden_as(const GoldenCase& c, const std::vector<std::string>& names, const F& f, GoldenReport& report,
                     GoldenTolerances tolerances = {output_tolerance<T>, gradient_tolerance<T>}) {
    const bool differentiable = c.has<T>("g");
    for (const bool other_order : {false, true}) {
        INFO("case " << c.name << suffix<T> << (other_order ? ", inputs in another memory order" : ""));
        std::vector<Tensor<T>> inputs;
        for (const auto& name : names) {
            auto x = c.tensor<T>("in." + name);
            if (other_order) x = in_other_order(x);
            if (c.has<T>("grad." + name)) x.requires_grad();
            inputs.push_back(x);
        }
        const Tensor<T> y = f(inputs);
        report.add("out" + suffix<T>, check_close(y, c.tensor<T>("out"), tolerances.output).absolute, c.name);
        if (!differentiable) continue;
        y.backward(c.tensor<T>("g"));
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!inputs[i].needs_grad()) continue;
            INFO("gradient of " << names[i]);
            const auto want = c.tensor<T>("grad." + names[i]);
            if (want.numel() == 0 && inputs[i].grad().numel() == 0) continue;
            report.add("grad" + suffix<T>, check_close(inputs[i].grad(), want, tolerances.gradient).absolute, c.name);
        }
    }
}

/// In float and in double.
template <class F>
void check_golden(const GoldenCase& c, const std::vector<std::string>& names, const F& f, GoldenReport& report) {
    check_golden_as<float>(c, names, f, report);
    check_golden_as<double>(c, names, f, report);
}

}  // namespace golden
