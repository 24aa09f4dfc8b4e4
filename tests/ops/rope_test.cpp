#include "op_test.hpp"

#include "tercet/ops/compare.hpp"
#include "tercet/ops/rope.hpp"

TEST_CASE("rope: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("rope");
    for_each_isa([&] {
        for (const auto& c : golden_cases("rope")) {
            const auto positions = c.tensor<std::int64_t>("in.positions");
            const double theta = c.parameters.at("theta").as_number();
            const auto pairs = c.parameters.at("layout").as_string() == "interleaved" ? RopePairs::neighbours : RopePairs::halves;
            const auto f = [&](const auto& in) {
                using T = typename std::remove_cvref_t<decltype(in[0])>::value_type;
                const auto x = transpose(in[0], 1, 2);  // (B, T, H, D)
                const auto turned = static_cast<index_t>(c.parameters.get_or("rotary_dim", x.size(-1)));
                const RopeAngles<T> angles(rope_frequencies(turned, theta), static_cast<index_t>(positions(0)), positions.size(0));
                const auto part = slice(x, -1, 0, turned), rest = slice(x, -1, turned, x.size(-1));
                return transpose(concatenate({rope(part, angles, pairs), rest}, -1), 1, 2);
            };
            check_golden(c, {"x"}, f, report);
        }
    });
}

TEST_CASE("rope: gradients equal finite differences, also strided, one position, one head, empty", "[ops]") {
    for_each_isa([] {
        for (const Shape& shape : {Shape{2, 3, 2, 6}, Shape{1, 1, 2}, Shape{4, 1, 8}, Shape{0, 2, 2, 4}, Shape{2, 0, 1, 4}}) {
            const RopeAngles<double> angles(rope_frequencies(shape.back(), 100), 3, shape[shape.rank() - 3]);
            for (const auto pairs : {RopePairs::halves, RopePairs::neighbours})
                CHECK(gradcheck([&](Inputs& v) { return rope(v[0], angles, pairs); }, {numbers(shape, 1)}) <= 1e-6);
        }
        const RopeAngles<double> angles(rope_frequencies(4, 100), 0, 3);
        CHECK(gradcheck([&](Inputs& v) { return rope(transpose(v[0], 0, 1), angles); }, {numbers({2, 3, 4}, 1)}) <= 1e-6);
    });
}

TEST_CASE("rope: scores depend on the distance alone, and position 0 turns nothing", "[ops]") {
    const auto q = numbers({1, 1, 8}, 1), k = numbers({1, 1, 8}, 2);
    const auto table = rope_frequencies(8, 10000);
    const auto at = [&](const D& x, index_t position) { return rope(x, RopeAngles<double>(table, position, 1)); };
    const auto score = [&](index_t i, index_t j) {
        const auto a = at(q, i), b = at(k, j);
        double s = 0;
        for (index_t d = 0; d < 8; ++d) s += a(0, 0, d) * b(0, 0, d);
        return s;
    };
    CHECK(score(5, 2) == Approx(score(105, 102)).epsilon(1e-12));
    CHECK(at(q, 0).to_vector() == q.to_vector());
    CHECK(table.frequencies[0] == 1);
    CHECK(table.frequencies[2] == Approx(0.01).epsilon(1e-14));
}

TEST_CASE("rope: neighbours are turned as halves of permuted channels are", "[ops]") {
    for_each_isa([] {
        for (const index_t half : {1, 2, 5, 8, 20, 33}) {
            const RopeAngles<double> angles(rope_frequencies(2 * half, 100), 3, 4);
            const auto x = numbers({4, 3, 2 * half}, 1);
            const auto split = transpose(reshape(x, {4, 3, half, 2})).contiguous().reshape(x.shape());  // (x0, x2, …, x1, x3, …)
            const auto turned = rope(split, angles).reshape({4, 3, 2, half}).transpose().contiguous().reshape(x.shape());
            CHECK(allclose(rope(x, angles, RopePairs::neighbours), turned, 1e-14, 1e-14));
        }
    });
}

TEST_CASE("rope: shapes and options that do not fit are refused by name", "[ops]") {
    const RopeAngles<double> angles(rope_frequencies(4, 100), 0, 3);
    CHECK_ERROR(rope(D::zeros({2, 4}), angles), ErrorCode::shape_mismatch);
    CHECK_ERROR(rope(D::zeros({2, 2, 4}), angles), ErrorCode::shape_mismatch);
    CHECK_ERROR(rope(D::zeros({3, 2, 6}), angles), ErrorCode::shape_mismatch);
    CHECK_ERROR(rope(D::zeros({3, 2, 5}), angles), ErrorCode::shape_mismatch);
    CHECK_ERROR(rope_frequencies(5, 100), ErrorCode::invalid_argument);
    CHECK_ERROR(rope_frequencies(0, 100), ErrorCode::invalid_argument);
    CHECK_ERROR(rope_frequencies(4, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(rope_frequencies(4, std::nan("")), ErrorCode::invalid_argument);
}
