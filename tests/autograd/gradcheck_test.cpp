#include "support/catch.hpp"

#include "tercet/autograd/gradcheck.hpp"
#include "tercet/ops/elementwise.hpp"

using namespace tercet;
using D = Tensor<double>;
using Inputs = std::vector<D>;

namespace {
D line() {
    return D::copy({0.3, -1.2, 2.5, 0.7}, {4});
}
}  // namespace

TEST_CASE("gradcheck accepts a right gradient", "[autograd]") {
    CHECK(gradcheck([](Inputs& v) { return square(v[0]) * v[0]; }, {line()}) < 1e-8);
    CHECK(gradcheck([](Inputs& v) { return v[0] / v[1]; }, {line(), D::scalar(3)}) < 1e-8);
    CHECK(gradcheck([](Inputs& v) { return v[0] * v[1]; }, {line(), line()}) < 1e-8);
}

TEST_CASE("gradcheck finds a wrong, a missing and a NaN gradient", "[autograd]") {
    const auto wrong = [](double factor) {
        return [factor](Inputs& v) {
            D y = square(v[0].detach());
            return record(
                y, [x = save(v[0]), factor](const D& dy, Gradient<double>& dx) { dx.add(dy * *x * factor); }, v[0]);
        };
    };
    CHECK(gradcheck(wrong(2), {line()}) < 1e-8);
    CHECK(gradcheck(wrong(2.001), {line()}) > 1e-4);
    CHECK(gradcheck(wrong(-2), {line()}) > 1);
    CHECK(gradcheck(wrong(0), {line()}) > 0.1);
    CHECK(gradcheck([](Inputs& v) { return v[0] * square(v[1].detach()); }, {line(), line()}) > 0.1);  // the second is cut off
    CHECK(gradcheck(wrong(std::numeric_limits<double>::quiet_NaN()), {line()}) == std::numeric_limits<double>::infinity());
}

TEST_CASE("gradcheck leaves its inputs as they were", "[autograd]") {
    const auto x = line();
    gradcheck([](Inputs& v) { return exp(v[0]); }, {x});
    CHECK(x.to_vector() == line().to_vector());
    CHECK_FALSE(x.needs_grad());
}

TEST_CASE("gradcheck of something empty finds nothing wrong", "[autograd]") {
    CHECK(gradcheck([](Inputs& v) { return exp(v[0]); }, {D::zeros({0, 3})}) == 0);
}
