#include "tercet/nn/weight.hpp"

#include "support/catch.hpp"
#include "tercet/ops/reduce.hpp"

#include <cmath>

using namespace tercet;

namespace {

double largest_difference(const Tensor<float>& a, const Tensor<float>& b) {
    REQUIRE(a.shape() == b.shape());
    const auto x = a.to_vector(), y = b.to_vector();
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    return worst;
}

Weight dense_weight(const Tensor<float>& value, WeightOrder order = WeightOrder::out_in) {
    Weight w(value.shape(), order);
    w.set(value);
    return w;
}

// A weight in a stored type, and the dense values that its bytes stand for.
std::pair<Weight, Tensor<float>> stored_weight(StorageType type, index_t out, index_t in) {
    const auto values = Tensor<float>::randn({out, in});
    auto bytes = std::make_shared<std::vector<std::byte>>(bytes_of(type, out * in));
    quantize(type, values.span(), *bytes);
    auto rounded = Tensor<float>::empty({out, in});
    dequantize(type, *bytes, {rounded.mutable_data(), static_cast<std::size_t>(out * in)});
    Weight w(Shape{out, in});
    w.set(type, {out, in}, *bytes, bytes);
    return {w, rounded};
}

}  // namespace

TEST_CASE("weight: packed and stored weights multiply like the dense values they stand for") {
    manual_seed(1);
    for (const index_t rows : {1, 3, 5, 40}) {
        for (const index_t out : {1, 31, 32, 33, 70}) {
            const index_t in = 64;
            const auto x = Tensor<float>::randn({rows, in}), bias = Tensor<float>::randn({out});
            const auto b = dense_weight(bias);
            const auto dense = dense_weight(Tensor<float>::randn({out, in}));
            auto packed = dense;
            packed.pack();
            CHECK(packed.is_dense() == !Device::packs);
            CHECK(largest_difference(linear(x, packed, b), linear(x, dense, b)) <= 1e-4);
            for (const auto type : {StorageType::f32, StorageType::f16, StorageType::bf16, StorageType::q8_0, StorageType::q4_0, StorageType::q4_1}) {
                INFO(name_of(type) << ", " << rows << " rows, " << out << " columns");
                const auto [stored, rounded] = stored_weight(type, out, in);
                CHECK(stored.type() == type);
                CHECK(largest_difference(linear(x, stored, b), linear(x, rounded, bias)) <= 1e-4);
                CHECK(largest_difference(stored.to_dense(), rounded) == 0);
            }
        }
    }
}

TEST_CASE("weight: (in, out) order multiplies without a transpose, packed or not") {
    const auto value = Tensor<float>::randn({10, 45}), x = Tensor<float>::randn({7, 10});
    auto w = dense_weight(value, WeightOrder::in_out);
    CHECK(w.out_features() == 45);
    const auto want = matmul(x, value);
    CHECK(largest_difference(linear(x, w), want) <= 1e-5);
    w.pack();
    CHECK(largest_difference(linear(x, w), want) <= 1e-5);
    CHECK(largest_difference(w.to_dense(), value) == 0);
}

TEST_CASE("weight: rows come out of every form alike") {
    const auto value = Tensor<float>::randn({40, 32});
    const auto ids = Tensor<std::int32_t>::copy({39, 0, 33, 33}, {2, 2});
    auto w = dense_weight(value);
    const auto want = embedding(w, ids);
    CHECK(want.shape() == Shape{2, 2, 32});
    w.pack();
    CHECK(largest_difference(embedding(w, ids), want) == 0);
    CHECK_ERROR(embedding(w, Tensor<std::int32_t>::full({1}, 40)), ErrorCode::index_out_of_range);
    const auto [stored, rounded] = stored_weight(StorageType::q4_1, 40, 32);
    CHECK(largest_difference(embedding(stored, ids), embedding(dense_weight(rounded), ids)) == 0);
}

TEST_CASE("weight: a dense matrix may be held as a stored type from now on; what has no whole blocks is packed") {
    manual_seed(4);
    const auto value = Tensor<float>::randn({20, 64}), x = Tensor<float>::randn({7, 64});
    for (const WeightOrder order : {WeightOrder::out_in, WeightOrder::in_out})
        for (const auto& [type, allowed] : {std::pair{StorageType::bf16, 0.06}, std::pair{StorageType::q8_0, 0.2}}) {
            auto w = dense_weight(order == WeightOrder::out_in ? value : value.transpose().contiguous(), order);
            w.store_as(type);
            CHECK(w.type() == type);
            CHECK(w.bytes() == static_cast<index_t>(bytes_of(type, 20 * 64)));
            const auto stored = linear(x, w);
            CHECK(largest_difference(stored, linear(x, value)) <= allowed);
            w.set_activations(Activations::int8);
            const auto narrow = linear(x, w);
            CHECK(largest_difference(narrow, linear(x, value)) <= 2 * allowed);
            if (Device::can_arrange(type)) CHECK(largest_difference(narrow, stored) > 0);  // the narrow product was taken

            const auto dense = w.to_dense();
            w.pack();  // arranged, where that is worth it
            CHECK(w.type() == type);
            CHECK(w.loaded());
            CHECK(largest_difference(linear(x, w), narrow) <= 1e-5);
            CHECK(largest_difference(w.to_dense(), dense) == 0);
            const auto ids = Tensor<std::int32_t>::copy({19, 0, 7}, {3});
            CHECK(largest_difference(embedding(w, ids), embedding(dense_weight(dense), ids)) == 0);
            w.set_activations(Activations::f32);  // stored again
            CHECK(w.bytes() == static_cast<index_t>(bytes_of(type, 20 * 64)));
            CHECK(largest_difference(linear(x, w), stored) == 0);
        }
    auto odd = dense_weight(Tensor<float>::randn({4, 33})), vector = dense_weight(Tensor<float>::randn({64}));
    odd.store_as(StorageType::q8_0);
    vector.store_as(StorageType::q8_0);
    CHECK(odd.type() == StorageType::f32);
    CHECK(odd.is_dense() == !Device::packs);
    CHECK(vector.is_dense());
}

TEST_CASE("weight: for activations of bytes, inputs whose weights are small are evened out: one that stands out costs its block less") {
    manual_seed(6);
    auto value = Tensor<float>::randn({20, 64}), x = Tensor<float>::randn({7, 64});
    for (index_t r = 0; r < 20; ++r) value.mutable_data()[r * 64 + 5] *= 0.125f;
    for (index_t r = 0; r < 7; ++r) x.mutable_data()[r * 64 + 5] = 40 + static_cast<float>(r);
    const auto want = linear(x, value);
    for (const StorageType type : {StorageType::q8_0, StorageType::q5_1}) {
        Weight even = dense_weight(value), plain = dense_weight(value);
        even.set_activations(Activations::int8);
        even.store_as(type);
        even.set_activations(Activations::f32);  // what is stored alone
        plain.store_as(type);
        const double stored = type == StorageType::q8_0 ? 0.3 : 4;
        CHECK(largest_difference(even.to_dense(), value) <= (type == StorageType::q8_0 ? 0.02 : 0.2));
        CHECK(largest_difference(linear(x, even), want) <= stored);
        CHECK(largest_difference(linear(x, even), linear(x, even.to_dense())) <= 1e-4);
        const auto dx = [&](const Weight& w) {
            auto in = x.clone().requires_grad();
            linear(in, w).backward(Tensor<float>::ones({7, 20}));
            return in.grad();
        };
        CHECK(largest_difference(dx(even), dx(dense_weight(even.to_dense()))) <= 1e-4);

        plain.set_activations(Activations::int8);
        even.set_activations(Activations::int8);
        const auto exact = linear(x, even.to_dense());
        const double off = largest_difference(linear(x, even), exact), off_plain = largest_difference(linear(x, plain), linear(x, plain.to_dense()));
        CHECK(off < off_plain / 2);
        const auto narrow = linear(x, even), dense = even.to_dense();
        even.pack();
        CHECK(largest_difference(linear(x, even), narrow) <= 1e-5);
        CHECK(largest_difference(even.to_dense(), dense) == 0);
        even.set_activations(Activations::f32);
        CHECK(largest_difference(even.to_dense(), dense) == 0);
        CHECK(largest_difference(linear(x, even), exact) <= 1e-4);
    }
}

TEST_CASE("weight: what follows the product in its pass equals the same ops one by one, recorded or not") {
    manual_seed(5);
    const auto x = Tensor<float>::randn({3, 5, 8}), residual = Tensor<float>::randn({3, 5, 6});
    const auto w = dense_weight(Tensor<float>::randn({6, 8})), b = dense_weight(Tensor<float>::randn({6}));
    const auto expected = gelu(linear(x, w.tensor(), b.tensor())) + residual;
    auto packed = w;
    packed.pack();
    for (const auto& weight : {w, packed}) {
        CHECK(largest_difference(linear(x, weight, b, {UnaryOp::gelu, &residual}), expected) <= 1e-5);
        auto recorded = x.clone().requires_grad();
        const auto y = linear(recorded, weight, b, {UnaryOp::gelu, &residual});
        CHECK(y.needs_grad());
        CHECK(largest_difference(y, expected) <= 1e-5);
    }
    const auto wrong = Tensor<float>::randn({5, 6});
    CHECK_ERROR(linear(x, w, b, {UnaryOp::gelu, &wrong}), ErrorCode::shape_mismatch);
}

TEST_CASE("weight: with bf16 activations a dense weight is rounded too, recorded or not, in either order") {
    manual_seed(6);
    const auto x = Tensor<float>::randn({3, 8}), b = Tensor<float>::randn({6});
    const auto rounded = [](const Tensor<float>& t) { return t.to<bf16>().to<float>(); };
    for (const auto order : {WeightOrder::out_in, WeightOrder::in_out}) {
        const auto dense = Tensor<float>::randn(order == WeightOrder::out_in ? Shape{6, 8} : Shape{8, 6});
        Weight w(dense.shape(), order);
        w.set(dense);
        w.set_activations(Activations::bf16);
        const auto expected = matmul(rounded(x), order == WeightOrder::out_in ? rounded(dense).transpose() : rounded(dense)) + b;
        CHECK(largest_difference(linear(x, w, dense_weight(b)), expected) <= 1e-5);
        auto recorded = x.clone().requires_grad();
        const auto y = linear(recorded, w, dense_weight(b));
        CHECK(y.detach().to_vector() == linear(x, w, dense_weight(b)).to_vector());
        y.backward(Tensor<float>::ones(y.shape()));
        CHECK(recorded.grad().to_vector() != std::vector<float>(24, 0.f));
        if (!Device::packs) continue;
        w.pack();  // panels are float's
        CHECK(largest_difference(linear(x, w, dense_weight(b)), linear(x, order == WeightOrder::out_in ? dense : dense.transpose(), b)) <= 1e-5);
    }
}

TEST_CASE("weight: a table that is looked up stays in rows, whatever is asked for, and gives the same rows") {
    manual_seed(9);
    const auto ids = Tensor<std::int32_t>::copy({3, 0, 3}, {3});
    for (const auto type : {StorageType::f32, StorageType::bf16, StorageType::q8_0}) {
        auto table = stored_weight(type, 20, 64).first;
        const auto rows = embedding(table, ids).to_vector(), dense = table.to_dense().to_vector();
        table.set_activations(Activations::int8);
        table.keep_in_rows();
        table.pack();
        CHECK(embedding(table, ids).to_vector() == rows);
        CHECK(table.right_operand().kind == RightOperand<float>::Kind::stored);
        CHECK(table.to_dense().to_vector() == dense);
    }
    auto value = Tensor<float>::randn({20, 64});
    for (index_t i = 0; i < 20; ++i) value.at(i, 5) = 0.001f;  // an input that would be evened out
    auto table = dense_weight(value), plain = dense_weight(value);
    table.keep_in_rows();
    table.set_activations(Activations::int8);
    table.pack();
    CHECK(table.is_dense());
    table.store_as(StorageType::q8_0);
    plain.store_as(StorageType::q8_0);
    CHECK(table.to_dense().to_vector() == plain.to_dense().to_vector());
}

TEST_CASE("weight: several layers on one x give what each gives alone, to the bit, for few rows and many") {
    manual_seed(7);
    const index_t in = GENERATE(256, 2304), outs[] = {70, 33, 128};  // 2304: several depths
    std::vector<Weight> forms;
    for (const auto type : {StorageType::f32, StorageType::bf16, StorageType::q8_0, StorageType::q4_0, StorageType::q4_k, StorageType::q6_k})
        for (const auto activations : {Activations::f32, Activations::bf16, Activations::int8}) {
            auto w = stored_weight(type, outs[forms.size() % 3], in).first;
            w.set_activations(activations);
            forms.push_back(w);
            w.pack();  // arranged, where this machine gains by it
            forms.push_back(w);
        }
    for (const auto activations : {Activations::f32, Activations::bf16}) {
        forms.push_back(dense_weight(Tensor<float>::randn({outs[forms.size() % 3], in})));
        forms.back().set_activations(activations);
    }
    forms.push_back(forms.back());
    forms.back().pack();
    auto evened = dense_weight(Tensor<float>::randn({40, in}) * Tensor<float>::rand({in}));
    evened.set_activations(Activations::int8);
    evened.store_as(StorageType::q8_0);
    forms.push_back(evened);
    const Weight none;
    for (const index_t rows : in == 256 ? std::vector<index_t>{0, 1, 3, 5, 13, 20} : std::vector<index_t>{16, 37})
        for (std::size_t i = 0; i < forms.size(); ++i) {
            const auto &a = forms[i], &b = forms[(i + 1) % forms.size()], &c = forms[(i + 7) % forms.size()];
            INFO(rows << " rows, " << name_of(a.type()) << " " << name_of(b.type()) << " " << name_of(c.type()));
            const auto x = Tensor<float>::randn({rows, in}), residual = Tensor<float>::randn({rows, b.out_features()});
            const auto bias = dense_weight(Tensor<float>::randn({a.out_features()}));
            const auto ys = linear_each(x, {{a, bias, {UnaryOp::silu}}, {b, none, {{}, &residual}}, {c, none}});
            CHECK(ys[0].to_vector() == linear(x, a, bias, {UnaryOp::silu}).to_vector());
            CHECK(ys[1].to_vector() == linear(x, b, none, {{}, &residual}).to_vector());
            CHECK(ys[2].to_vector() == linear(x, c).to_vector());
        }
}

TEST_CASE("weight: several layers on one x pass their gradients on, and low-rank terms are in them") {
    manual_seed(8);
    const auto dense = Tensor<float>::randn({12, 32}).requires_grad();
    const auto w = dense_weight(dense);
    auto adapted = stored_weight(StorageType::q8_0, 7, 32).first;
    const auto low_rank = std::make_shared<LowRank>(LowRank{Tensor<float>::randn({2, 32}), Tensor<float>::randn({7, 2})});
    adapted.set_low_rank(low_rank);
    const Weight none;
    auto x = Tensor<float>::randn({3, 32}).requires_grad();
    const auto sum_of = [](const Tensor<float>& a, const Tensor<float>& b) { return sum(square(a)) + sum(square(b)); };
    const auto alone = linear(x, w), other = linear(x, adapted);
    sum_of(alone, other).backward();
    const auto dx = x.grad().to_vector(), dw = dense.grad().to_vector();
    x.zero_grad();
    Tensor<float>(dense).zero_grad();
    const auto [y, z] = linear_each(x, {{w, none}, {adapted, none}});
    CHECK(z.to_vector() == linear(x, adapted).to_vector());
    sum_of(y, z).backward();
    CHECK(x.grad().to_vector() == dx);
    CHECK(dense.grad().to_vector() == dw);
    CHECK_ERROR(linear_each(Tensor<float>::zeros({1, 31}), {{w, none}, {adapted, none}}), ErrorCode::shape_mismatch);
}

TEST_CASE("weight: a stored weight passes gradients on to x and to the bias") {
    const auto [stored, rounded] = stored_weight(StorageType::q8_0, 12, 32);
    const auto bias = Tensor<float>::randn({12});
    auto x1 = Tensor<float>::randn({3, 32}).requires_grad(), x2 = x1.detach().clone().requires_grad();
    const auto b1 = bias.clone().requires_grad(), b2 = bias.clone().requires_grad();
    const auto dy = Tensor<float>::randn({3, 12});
    linear(x1, stored, dense_weight(b1)).backward(dy);
    linear(x2, rounded, b2).backward(dy);
    CHECK(largest_difference(x1.grad(), x2.grad()) <= 1e-5);
    CHECK(largest_difference(b1.grad(), b2.grad()) <= 1e-5);
}

TEST_CASE("weight: what does not fit is refused by name") {
    Weight w(Shape{4, 32});
    CHECK_ERROR(w.set(Tensor<float>::zeros({32, 4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(w.tensor(), ErrorCode::invalid_argument);
    CHECK_ERROR(w.to_dense(), ErrorCode::invalid_argument);
    CHECK_ERROR(linear(Tensor<float>::zeros({1, 32}), w), ErrorCode::invalid_argument);
    const std::vector<std::byte> bytes(4 * 34);
    CHECK_ERROR(w.set(StorageType::q8_0, {4, 64}, bytes, nullptr), ErrorCode::shape_mismatch);
    CHECK_ERROR(w.set(StorageType::q8_0, {4, 32}, std::span(bytes).first(10), nullptr), ErrorCode::shape_mismatch);
    CHECK_ERROR(w.set(StorageType::iq2_s, {4, 32}, bytes, nullptr), ErrorCode::unsupported);
    w.set(StorageType::q8_0, {4, 32}, bytes, nullptr);
    CHECK_ERROR(w.tensor(), ErrorCode::invalid_argument);
    CHECK_ERROR(linear(Tensor<float>::zeros({1, 31}), w), ErrorCode::shape_mismatch);
}
