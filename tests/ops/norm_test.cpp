#include "op_test.hpp"

#include "tercet/ops/elementwise.hpp"
#include "tercet/ops/norm.hpp"

TEST_CASE("layer_norm: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("layer_norm");
    for_each_isa([&] {
        for (const auto& c : golden_cases("layer_norm")) {
            const double eps = c.parameters.at("eps").as_number();
            const auto norm = [&](const auto& in) {
                using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                return layer_norm(in[0], in[1], in[2], static_cast<T>(eps));
            };
            if (c.is("no_affine")) {
                check_golden(
                    c, {"x"},
                    [&](const auto& in) {
                        using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                        const index_t n = in[0].size(-1);
                        return layer_norm(in[0], Tensor<T>::ones({n}), Tensor<T>::zeros({n}), static_cast<T>(eps));
                    },
                    report);
            } else if (c.is("two_axes")) {
                check_golden(
                    c, {"x", "w", "b"},
                    [&](const auto& in) {
                        using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                        return reshape(layer_norm(reshape(in[0], {2, 15}), reshape(in[1], {15}), reshape(in[2], {15}), static_cast<T>(eps)),
                                       {2, 3, 5});
                    },
                    report);
            } else if (c.is("big_offset")) {  // measured between float and double: 2e-5 and 8e-5
                check_golden_as<float>(c, {"x", "w", "b"}, norm, report, {{4e-5, 1e-5}, {1.6e-4, 1e-4}});
                check_golden_as<double>(c, {"x", "w", "b"}, norm, report, {{1e-11, 1e-10}, {1e-11, 1e-10}});
            } else if (c.is("len1")) {  // x − mean is exactly 0, the reference's float has 1e-5 of rounding there
                check_golden_as<float>(c, {"x", "w", "b"}, norm, report, {output_tolerance<float>, {2e-5, 1e-4}});
                check_golden_as<double>(c, {"x", "w", "b"}, norm, report);
            } else {
                check_golden(c, {"x", "w", "b"}, norm, report);
            }
        }
    });
}

TEST_CASE("rms_norm: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("rms_norm");
    for_each_isa([&] {
        for (const auto& c : golden_cases("rms_norm")) {
            const double eps = c.parameters.at("eps").as_number();
            const bool offset = c.parameters.at("weight_offset").as_int() == 1;
            check_golden(
                c, {"x", "w"},
                [&](const auto& in) {
                    using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                    return rms_norm(in[0], offset ? in[1] + T(1) : in[1], static_cast<T>(eps));
                },
                report);
        }
    });
}

TEST_CASE("norms: gradients equal finite differences, also on strided, one-row, one-channel and empty inputs", "[ops]") {
    for_each_isa([] {
        const Shape shapes[] = {{2, 3, 5}, {1, 7}, {9}, {70, 3}, {0, 4}, {3, 0}};
        for (const Shape& shape : shapes) {
            const index_t n = shape.back();
            INFO("rank " << shape.rank() << ", " << n << " channels");
            CHECK(gradcheck([](Inputs& v) { return layer_norm(v[0], v[1], v[2]); }, {numbers(shape, 1), numbers({n}, 2), numbers({n}, 3)}) <= 1e-6);
            CHECK(gradcheck([](Inputs& v) { return rms_norm(v[0], v[1]); }, {numbers(shape, 1), numbers({n}, 2)}) <= 1e-6);
        }
        CHECK(gradcheck([](Inputs& v) { return rms_norm(v[0], v[1]); }, {numbers({4, 1}, 1), numbers({1}, 2)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return layer_norm(v[0], v[1], v[2], 0.1); }, {numbers({4, 1}, 1), numbers({1}, 2), numbers({1}, 3)}) <= 1e-6);
        CHECK(gradcheck([](Inputs& v) { return layer_norm(transpose(v[0]), v[1], v[2]); }, {numbers({5, 3}, 1), numbers({5}, 2), numbers({5}, 3)}) <=
              1e-6);
        CHECK(gradcheck(
                  [](Inputs& v) {
                      return rms_norm(transpose(v[0]), slice(v[1], 0, Range{0, {}, 2}));
                  },
                  {numbers({5, 3}, 1), numbers({10}, 2)}) <= 1e-6);
    });
}

TEST_CASE("norms: only the gradients that are wanted are made", "[ops]") {
    auto x = numbers({3, 4}, 1), w = numbers({4}, 2).requires_grad(), b = numbers({4}, 3);
    layer_norm(x, w, b).backward(D::ones({3, 4}));
    CHECK(w.grad().shape() == Shape{4});
    auto v = numbers({4}, 2);
    x.requires_grad();
    rms_norm(x, v).backward(D::ones({3, 4}));
    CHECK(x.grad().shape() == Shape{3, 4});
    CHECK(v.grad().numel() == 0);
}

TEST_CASE("norms: a weight of another length is refused by name", "[ops]") {
    const auto x = D::zeros({2, 3}), w = D::zeros({3}), other = D::zeros({4});
    CHECK_ERROR(layer_norm(x, other, other), ErrorCode::shape_mismatch);
    CHECK_ERROR(layer_norm(x, w, other), ErrorCode::shape_mismatch);
    CHECK_ERROR(layer_norm(x, D::zeros({1, 3}), w), ErrorCode::shape_mismatch);
    CHECK_ERROR(layer_norm(D::zeros({}), w, w), ErrorCode::shape_mismatch);
    CHECK_ERROR(rms_norm(x, other), ErrorCode::shape_mismatch);
    CHECK_ERROR(rms_norm(D::zeros({}), w), ErrorCode::shape_mismatch);
}
