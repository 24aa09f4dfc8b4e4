#include "tercet/explain/neurons.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("neurons: the strongest by absolute value, each at its place") {
    const auto x = Tensor<float>::copy(std::vector<float>{0.1f, -3, 2, 0.2f, 1, 2.5f}, {2, 3});
    const auto found = explain::strongest_neurons(x, 2);
    REQUIRE(found.size() == 2);
    CHECK((found[0].neuron == 1 && found[0].position == 0 && found[0].value == -3));
    CHECK((found[1].neuron == 2 && found[1].position == 1 && found[1].value == 2.5));
    CHECK(explain::strongest_neurons(x.reshape({1, 2, 3}), 10).size() == 3);
    CHECK(explain::strongest_neurons(Tensor<float>::zeros({0, 3}), 1).size() == 1);
    CHECK(explain::neuron_along_text(x, 2) == std::vector<double>{2, 2.5});
    CHECK(explain::neuron_along_text(x.transpose(), 1)[2] == 2.5);  // strided: a row of x along its columns
    CHECK_ERROR(explain::strongest_neurons(x, -1), ErrorCode::invalid_argument);
    CHECK_ERROR(explain::strongest_neurons(Tensor<float>::zeros({2, 2, 3}), 1), ErrorCode::shape_mismatch);
    CHECK_ERROR(explain::neuron_along_text(x, 3), ErrorCode::index_out_of_range);
}
