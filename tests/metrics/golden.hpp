// The reference values of metrics, and how near ours have to be.
#pragma once

#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

#include <cmath>

namespace tercet_test {

using namespace tercet;

inline Json metrics_golden(const std::string& name) {
    return read_json_file(std::string(TERCET_TEST_DATA) + "/metrics/" + name);
}
inline std::vector<double> numbers_of(const Json& list) {
    std::vector<double> numbers;
    for (const auto& value : list.elements()) numbers.push_back(value.as_number());
    return numbers;
}
inline std::vector<index_t> classes_of(const Json& list) {
    std::vector<index_t> classes;
    for (const auto& value : list.elements()) classes.push_back(static_cast<index_t>(value.as_int()));
    return classes;
}
inline std::vector<std::string> texts_of(const Json& list) {
    std::vector<std::string> texts;
    for (const auto& value : list.elements()) texts.push_back(value.as_string());
    return texts;
}
inline bool is_near(double value, const Json& want, double tolerance = 1e-9) {
    return std::abs(value - want.as_number()) <= tolerance * std::max(1.0, std::abs(want.as_number()));
}

}  // namespace tercet_test
