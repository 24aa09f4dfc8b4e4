// Cases of single operations from tests/data/ops: inputs, outputs and gradients in float and double.
//
//   for (const auto& c : op_cases("reductions"))
//       if (c.starts_with("sum")) check_op<T>(c, [&](const auto& in) { return sum(in("x"), axes); });
//
// Every case runs twice: with inputs in row-major order, and with inputs whose memory lies in another order.
#pragma once

#include "support/catch.hpp"
#include "tercet/io/safetensors.hpp"
#include "tercet/ops/reduce.hpp"

#include <cstring>

namespace op_test {

using namespace tercet;

struct OpCase {
    std::string name;
    Json parameters;
    std::shared_ptr<const Safetensors> file;

    bool starts_with(std::string_view prefix) const { return std::string_view(name).substr(0, prefix.size()) == prefix; }
    const StoredTensor* find(const std::string& key) const { return file->find(name + "/" + key); }

    /// A tensor of this case as T, whatever it is stored in; it must be there.
    template <class T>
    Tensor<T> tensor(const std::string& key) const {
        const StoredTensor* stored = find(key);
        require(stored != nullptr, ErrorCode::missing_tensor, "op case ", name, " has no ", key);
        switch (stored->type) {
        case StorageType::f32: return read<float>(*stored).template to<T>();
        case StorageType::f64: return read<double>(*stored).template to<T>();
        case StorageType::i64: return read<std::int64_t>(*stored).template to<T>();
        case StorageType::u8: return read<std::uint8_t>(*stored).template to<T>();
        default: fail(ErrorCode::dtype_mismatch, "op case ", name, ": ", key, " is of an unexpected type");
        }
    }
    std::vector<index_t> integers(const std::string& key) const {
        std::vector<index_t> values;
        const Json value = parameters.at(key);
        if (value.is_integer()) return {static_cast<index_t>(value.as_int())};
        for (const auto& element : value.elements()) values.push_back(static_cast<index_t>(element.as_int()));
        return values;
    }
    index_t integer(const std::string& key) const { return static_cast<index_t>(parameters.at(key).as_int()); }
    bool keepdim() const { return parameters.get_or("keepdim", false); }
    /// The case's axes: all where none are named.
    Axes axes() const { return parameters.find("dim") == nullptr ? Axes() : Axes(Shape(std::span<const index_t>(integers("dim")))); }

private:
    template <class T>
    static Tensor<T> read(const StoredTensor& stored) {
        auto t = Tensor<T>::empty(stored.shape);
        if (!stored.bytes.empty()) std::memcpy(t.mutable_data(), stored.bytes.data(), stored.bytes.size());
        return t;
    }
};

inline std::vector<OpCase> op_cases(const std::string& op) {
    const auto file = std::make_shared<const Safetensors>(Safetensors::open(std::string(TERCET_TEST_DATA) + "/ops/" + op + ".safetensors"));
    std::vector<OpCase> cases;
    for (const auto& [name, parameters] : file->metadata()) cases.push_back({name, parse_json(parameters, name), file});
    return cases;
}

template <class T>
constexpr const char* suffix = std::is_same_v<T, float> ? ".f32" : ".f64";

/// How far off, in units of the tolerance; infinity where one is NaN or infinite and the other is not.
template <class T>
double deviation(const Tensor<T>& got, const Tensor<T>& want, double absolute, double relative) {
    const auto a = got.to_vector(), b = want.to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
        if (std::isnan(x) && std::isnan(y)) continue;
        if (x == y) continue;
        const double off = std::abs(x - y) / (absolute + relative * std::abs(y));
        worst = std::max(worst, std::isfinite(off) ? off : std::numeric_limits<double>::infinity());
    }
    return worst;
}

/// The same numbers, with memory in the opposite order of dimensions.
template <class T>
Tensor<T> strided(const Tensor<T>& x) {
    Shape order = x.shape();
    for (index_t d = 0; d < x.rank(); ++d) order[d] = x.rank() - 1 - d;
    return x.permute(order).contiguous().permute(order);
}

inline std::vector<Tensor<float>> as_list(const Tensor<float>& y) { return {y}; }
inline std::vector<Tensor<double>> as_list(const Tensor<double>& y) { return {y}; }
template <class T>
std::vector<Tensor<T>> as_list(std::vector<Tensor<T>> ys) {
    return ys;
}

/// Runs f(in) of a case, in(name) being its inputs, and compares all outputs and gradients.
template <class T, class F>
void check_op(const OpCase& c, const F& f) {
    const bool single = std::is_same_v<T, float>;
    for (const bool other_order : {false, true}) {
        INFO("case " << c.name << suffix<T> << (other_order ? ", inputs in another memory order" : ""));
        std::map<std::string, Tensor<T>> inputs;
        const auto in = [&](const std::string& name) {
            if (const auto found = inputs.find(name); found != inputs.end()) return found->second;
            auto x = c.template tensor<T>("in." + name + suffix<T>);
            if (other_order) x = strided(x);
            return inputs.emplace(name, x.requires_grad()).first->second;
        };
        const auto outputs = as_list(f(in));
        Tensor<T> contracted;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const std::string number = c.find(std::string("out") + suffix<T>) != nullptr ? "" : "." + std::to_string(i);
            const auto want = c.template tensor<T>("out" + number + suffix<T>);
            REQUIRE(outputs[i].shape() == want.shape());
            CHECK(deviation(outputs[i].detach(), want, single ? 1e-6 : 1e-12, single ? 1e-5 : 1e-10) <= 1);
            if (c.find("g" + number + suffix<T>) == nullptr) continue;
            const auto part = sum(mul(outputs[i], c.template tensor<T>("g" + number + suffix<T>)));
            contracted = contracted.storage() == nullptr ? part : contracted + part;
        }
        if (contracted.storage() == nullptr) continue;
        contracted.backward();
        for (const auto& [name, x] : inputs) {
            const auto want = c.template tensor<T>("grad." + name + suffix<T>);
            INFO("gradient of " << name);
            if (want.numel() == 0 && x.grad().storage() == nullptr) continue;
            REQUIRE(x.grad().shape() == want.shape());
            CHECK(deviation(x.grad(), want, single ? 5e-6 : 1e-12, single ? 1e-4 : 1e-10) <= 1);
        }
    }
}

}  // namespace op_test
