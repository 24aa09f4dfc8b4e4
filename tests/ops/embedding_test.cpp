#include "op_test.hpp"

#include "tercet/ops/embedding.hpp"

using Ids = Tensor<std::int64_t>;

TEST_CASE("embedding: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("embedding");
    for_each_isa([&] {
        for (const auto& c : golden_cases("embedding")) {
            const auto ids = c.tensor<std::int64_t>("in.ids");
            const auto padding = static_cast<index_t>(c.parameters.get_or("padding_idx", -1));
            check_golden(
                c, {"w"}, [&](const auto& in) { return embedding(in[0], ids, padding); }, report);
        }
    });
}

TEST_CASE("embedding: gradients equal finite differences, also of a strided table and strided ids", "[ops]") {
    const auto ids = Ids::copy({1, 0, 3, 1, 1, 2}, {2, 3});
    CHECK(gradcheck([&](Inputs& v) { return embedding(v[0], ids); }, {numbers({4, 3}, 1)}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& v) { return embedding(transpose(v[0]), ids.transpose()); }, {numbers({3, 4}, 1)}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& v) { return embedding(v[0], Ids::scalar(2)); }, {numbers({4, 3}, 1)}) <= 1e-6);
    CHECK(gradcheck([&](Inputs& v) { return embedding(v[0], Ids::zeros({0})); }, {numbers({4, 3}, 1)}) <= 1e-6);
    const auto table = numbers({4, 3}, 1);
    CHECK(embedding(table, ids.transpose())(2, 0, 1) == table(3, 1));
    CHECK(embedding(table, ids.to<std::uint8_t>()).to_vector() == embedding(table, ids).to_vector());
}

TEST_CASE("embedding: the gradient of rows met often has the same bits on any number of threads, and is the sum in the ids' order", "[ops]") {
    Generator generator(1);
    const index_t n = 3000, C = 131;
    const auto ids = Ids::randint(0, 7, {n}, generator);
    const auto dy = Tensor<float>::randn({n, C}, generator);
    auto expected = Tensor<float>::zeros({7, C});
    for (index_t i = 0; i < n; ++i)
        for (index_t c = 0; c < C; ++c) expected.at(ids(i), c) += dy(i, c);
    for_each_thread_count([&] {
        auto table = Tensor<float>::zeros({7, C}).requires_grad();
        embedding(table, ids).backward(dy);
        CHECK(table.grad().to_vector() == expected.to_vector());
    });
}

TEST_CASE("embedding: an id outside the table is refused by name, before anything is read", "[ops]") {
    const auto table = D::zeros({4, 3});
    CHECK_ERROR(embedding(table, Ids::full({1}, 4)), ErrorCode::index_out_of_range);
    CHECK_ERROR(embedding(table, Ids::full({1}, -1)), ErrorCode::index_out_of_range);
    CHECK_ERROR(embedding(table, Ids::full({1}, std::numeric_limits<std::int64_t>::max())), ErrorCode::index_out_of_range);
    CHECK_ERROR(embedding(D::zeros({0, 3}), Ids::zeros({1})), ErrorCode::index_out_of_range);
    CHECK_ERROR(embedding(D::zeros({4}), Ids::zeros({1})), ErrorCode::shape_mismatch);
    CHECK_ERROR(embedding(table, Ids::zeros({1, 1, 1, 1, 1, 1, 1, 1})), ErrorCode::invalid_argument);  // nine dimensions
    try {
        embedding(table, Ids::copy({0, 9}, {2}));
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()) == "embedding: index 9 at position 1 is outside [0, 4)");
    }
}

TEST_CASE("embedding: writing to the ids before backward is noticed", "[ops]") {
    auto table = D::zeros({4, 3}).requires_grad();
    auto ids = Ids::zeros({2});
    const auto y = embedding(table, ids);
    ids.fill(1);
    CHECK_ERROR(y.backward(D::ones({2, 3})), ErrorCode::autograd);
}
