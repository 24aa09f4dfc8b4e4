#include "tercet/train/clip.hpp"
#include "support/isa.hpp"
#include "support/training.hpp"
#include "tercet/io/hub.hpp"

using namespace tercet;
using namespace training;

namespace {

template <class T>
void check_cases(const std::string& suffix, double tolerance) {
    const auto file = Safetensors::open(folder + "clip.safetensors");
    const Json cases = read_json_file(folder + "runs.json").at("clip").at("cases");
    for (const auto& [number, c] : cases.items()) {
        INFO("case " << number);
        std::vector<NamedTensor<T>> parameters;
        for (const std::string name : {"w", "b", "t"}) parameters.push_back(with_gradient(name, read<float>(file, "grad." + name).template to<T>()));
        const double most = c.at("max").as_number();
        if (c.at("kind").as_string() == "norm") {
            const Json& type = c.at("norm_type");
            const double p = type.is_string() ? std::numeric_limits<double>::infinity() : type.as_number();
            const double want = static_cast<double>(read<T>(file, number + ".total_norm." + suffix)(0));
            CHECK(gradient_norm(parameters, p) == Approx(want).epsilon(tolerance));
            CHECK(clip_gradient_norm(parameters, most, p) == Approx(want).epsilon(tolerance));
        } else {
            clip_gradient_values(parameters, most);
        }
        double worst = 0;
        for (const auto& [name, x] : parameters) {
            const auto got = x.grad().to_vector(), want = read<T>(file, number + ".clipped." + name + "." + suffix).to_vector();
            for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, static_cast<double>(std::abs(got[i] - want[i])));
        }
        CHECK(worst <= tolerance);
    }
}

}  // namespace

TEST_CASE("clip: norms of order 1, 2 and infinity, and values, equal PyTorch's") {
    check_cases<float>("f32", 1e-5);
    check_cases<double>("f64", 1e-11);
}

TEST_CASE("clip: a large gradient's norm does not depend on the number of threads") {
    Generator generator(3);
    const auto parameters = std::vector{with_gradient("x", Tensor<float>::randn({100001}, generator))};
    for (const double p : {1.0, 2.0, 3.0, std::numeric_limits<double>::infinity()}) {
        std::vector<double> norms;
        for_each_thread_count([&] { norms.push_back(gradient_norm(parameters, p)); });
        for (const double norm : norms) CHECK(norm == norms[0]);
        if (p == 2) CHECK(norms[0] == Approx(std::sqrt(100001.0)).epsilon(0.02));
    }
}

TEST_CASE("clip: tensors without a gradient count as zeros, NaN is seen, and limits must be positive") {
    auto x = Tensor<float>::ones({3});
    x.requires_grad();
    std::vector<NamedTensor<float>> parameters{{"x", x}};
    CHECK(gradient_norm(parameters) == 0);
    CHECK(clip_gradient_norm(parameters, 1) == 0);
    clip_gradient_values(parameters, 1);
    const auto bad = std::vector{with_gradient("y", Tensor<float>::copy({1, std::numeric_limits<float>::quiet_NaN(), 2}, {3}))};
    CHECK(std::isnan(gradient_norm(bad)));
    CHECK(std::isnan(gradient_norm(bad, 1)));
    CHECK(std::isnan(gradient_norm(bad, std::numeric_limits<double>::infinity())));
    CHECK(gradient_norm(std::vector{with_gradient("z", Tensor<float>::copy({3, 4}, {2}))}, 3) == Approx(std::cbrt(91.0)));
    CHECK_ERROR(gradient_norm(parameters, 0.5), ErrorCode::invalid_argument);
    CHECK_ERROR(clip_gradient_norm(parameters, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(clip_gradient_values(parameters, -1), ErrorCode::invalid_argument);
}
