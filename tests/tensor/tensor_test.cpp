#include "support/catch.hpp"
#include "support/isa.hpp"

#include "tercet/autograd/tape.hpp"
#include "tercet/tensor/tensor.hpp"

#include <cmath>
#include <numeric>
#include <random>

using namespace tercet;

namespace {

// The reference for views: a shape and, for each row-major place, the number that should stand there.
struct Naive {
    Shape shape;
    std::vector<float> values;

    static Naive counting(const Shape& shape) {
        Naive n{shape, std::vector<float>(static_cast<std::size_t>(element_count(shape)))};
        std::iota(n.values.begin(), n.values.end(), 0.f);
        return n;
    }
    float at(const Shape& index) const {
        index_t place = 0;
        for (index_t d = 0; d < shape.rank(); ++d) place = place * shape[d] + index[d];
        return values.at(static_cast<std::size_t>(place));
    }
    // A view of that shape, whose element at an index is this one's at from(index).
    template <class F>
    Naive mapped(const Shape& to, const F& from) const {
        Naive out{to, {}};
        Shape index = Shape::filled(to.rank(), 0);
        for (index_t left = element_count(to); left > 0; --left) {
            out.values.push_back(at(from(index)));
            for (index_t d = to.rank(); d-- > 0;) {
                if (++index[d] < to[d]) break;
                index[d] = 0;
            }
        }
        return out;
    }
};

void check_same(const Tensor<float>& t, const Naive& n) {
    REQUIRE(t.shape() == n.shape);
    REQUIRE(t.to_vector() == n.values);
}

// Python's range of a slice, written as its documentation says.
std::vector<index_t> python_slice(index_t n, std::optional<index_t> begin, std::optional<index_t> end, index_t step) {
    const auto fix = [&](index_t i) { return i < 0 ? i + n : i; };
    index_t from = begin ? fix(*begin) : (step > 0 ? 0 : n - 1), to = end ? fix(*end) : (step > 0 ? n : -1);
    if (end && *end < -n) to = step > 0 ? 0 : -1;
    std::vector<index_t> out;
    if (step > 0) {
        for (index_t i = std::max<index_t>(from, 0); i < std::min(to, n); i += step) out.push_back(i);
    } else {
        for (index_t i = std::min(from, n - 1); i > std::max<index_t>(to, -1); i += step) out.push_back(i);
    }
    return out;
}

}  // namespace

TEST_CASE("factories give the shapes and numbers that their names say", "[tensor]") {
    CHECK(Tensor<float>().shape() == Shape{0});
    CHECK(Tensor<float>().numel() == 0);
    CHECK(Tensor<float>().to_vector().empty());
    CHECK(Tensor<float>::empty({2, 3}).strides() == Shape{3, 1});
    CHECK(Tensor<float>::zeros({2, 2}).to_vector() == std::vector<float>{0, 0, 0, 0});
    CHECK(Tensor<int>::ones({3}).to_vector() == std::vector<int>{1, 1, 1});
    CHECK(Tensor<bool>::full({2}, true).to_vector() == std::vector<bool>{true, true});
    CHECK(Tensor<double>::scalar(2.5).item() == 2.5);
    CHECK(Tensor<double>::scalar(2.5).rank() == 0);
    CHECK(Tensor<float>::eye(2).to_vector() == std::vector<float>{1, 0, 0, 1});
    CHECK(Tensor<std::int64_t>::arange(2, 9, 3).to_vector() == std::vector<std::int64_t>{2, 5, 8});
    CHECK(Tensor<int>::arange(3, 0, -1).to_vector() == std::vector<int>{3, 2, 1});
    CHECK(Tensor<int>::arange(3, 0).numel() == 0);
    CHECK(Tensor<int>::arange(0, -1e300).numel() == 0);
    CHECK(Tensor<double>::arange(0, 1, 0.25).to_vector() == std::vector<double>{0, 0.25, 0.5, 0.75});
    CHECK(Tensor<double>::linspace(0, 1, 5).to_vector() == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
    CHECK(Tensor<double>::linspace(3, 9, 1).to_vector() == std::vector<double>{3});
    CHECK(Tensor<double>::linspace(3, 9, 0).numel() == 0);
    for (index_t n = 2; n < 60; ++n) {
        const auto line = Tensor<double>::linspace(-0.3, 0.1, n);
        CHECK(line(0) == -0.3);
        CHECK(line(-1) == 0.1);
    }
    CHECK_ERROR(Tensor<float>::empty({-1}), ErrorCode::invalid_argument);
    CHECK_ERROR(Tensor<float>::empty({index_t{1} << 40, index_t{1} << 40}), ErrorCode::size_overflow);
    CHECK_ERROR(Tensor<float>::zeros({index_t{1} << 58}), ErrorCode::out_of_memory);
    CHECK_ERROR(Tensor<int>::arange(0, 1, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(Tensor<int>::arange(0, 1, std::nan("")), ErrorCode::invalid_argument);
    CHECK_ERROR(Tensor<int>::arange(0, 1e300), ErrorCode::size_overflow);
    CHECK_ERROR(Tensor<int>::arange(0, std::nan("")), ErrorCode::size_overflow);
    CHECK_ERROR(Tensor<int>::linspace(0, 1, -2), ErrorCode::invalid_argument);
    CHECK_ERROR(Tensor<int>::eye(-2), ErrorCode::invalid_argument);
}

TEST_CASE("random tensors come from their generator", "[tensor]") {
    Generator a(3), b(3);
    CHECK(Tensor<float>::randn({5, 5}, a).to_vector() == Tensor<float>::randn({25}, b).to_vector());
    CHECK(a.position() == b.position());
    const auto u = Tensor<double>::rand({100}, a);
    for (const double x : u.span()) CHECK((x >= 0 && x < 1));
    const auto i = Tensor<int>::randint(-3, 4, {500}, a);
    CHECK(*std::min_element(i.span().begin(), i.span().end()) == -3);
    CHECK(*std::max_element(i.span().begin(), i.span().end()) == 3);
    constexpr auto low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
    CHECK(Tensor<std::int64_t>::randint(low, high, {3}, a).numel() == 3);  // a range wider than its own type
    CHECK_ERROR(Tensor<int>::randint(3, 3, {1}), ErrorCode::invalid_argument);
    manual_seed(5);
    const auto first = Tensor<float>::randn({3}).to_vector();
    manual_seed(5);
    CHECK(Tensor<float>::randn({3}).to_vector() == first);
}

TEST_CASE("memory comes in by copy, borrow and adopt", "[tensor]") {
    std::vector<float> own{1, 2, 3, 4, 5, 6};
    auto copied = Tensor<float>::copy(own, {2, 3});
    auto borrowed = Tensor<float>::borrow(own.data(), {3, 2});
    auto strided = Tensor<float>::borrow(own.data(), {3, 2}, Shape{1, 3});
    own[1] = 20;
    CHECK(copied(0, 1) == 2);
    CHECK(borrowed(0, 1) == 20);
    CHECK(strided(1, 0) == 20);
    CHECK(strided.to_vector() == std::vector<float>{1, 4, 20, 5, 3, 6});
    borrowed.at(2, 1) = 60;
    CHECK(own[5] == 60);

    std::vector<double> given{1, 2, 3, 4};
    const double* data = given.data();
    const auto adopted = Tensor<double>::adopt(std::move(given), {2, 2});
    CHECK(adopted.data() == data);
    CHECK(adopted(1, 0) == 3);

    auto owner = std::make_shared<std::vector<int>>(std::vector<int>{7, 8});
    const std::weak_ptr<std::vector<int>> watch = owner;
    {
        const auto kept = Tensor<int>::borrow(owner->data(), {2}, {}, owner);
        owner.reset();
        CHECK(kept(1) == 8);
        CHECK_FALSE(watch.expired());
    }
    CHECK(watch.expired());

    CHECK(Tensor<int>::copy({1, 2, 3}, {3})(2) == 3);
    CHECK_ERROR(Tensor<float>::copy(own, {7}), ErrorCode::shape_mismatch);
    CHECK_ERROR((Tensor<int>::copy({1, 2}, {3})), ErrorCode::shape_mismatch);
    CHECK_ERROR(Tensor<float>::adopt(std::vector<float>(3), {2}), ErrorCode::shape_mismatch);
    CHECK_ERROR(Tensor<float>::borrow(own.data(), {2, 3}, Shape{1}), ErrorCode::shape_mismatch);
    CHECK_ERROR(Tensor<float>::borrow(nullptr, {2}), ErrorCode::invalid_argument);
    CHECK_ERROR((Tensor<float>::borrow(own.data(), {index_t{1} << 40, index_t{1} << 40})), ErrorCode::size_overflow);
    CHECK_NOTHROW(Tensor<float>::borrow(nullptr, {0, 2}));
}

TEST_CASE("copies of a handle share, clone does not", "[tensor]") {
    auto a = Tensor<int>::zeros({2});
    auto b = a;
    auto c = a.clone();
    b.at(0) = 5;
    CHECK(a(0) == 5);
    CHECK(c(0) == 0);
    a.fill(3);
    CHECK(b(1) == 3);
}

TEST_CASE("elements are read and written by index, and nothing outside is", "[tensor]") {
    auto t = Tensor<float>::arange(0, 6).reshape({2, 3});
    CHECK(t(1, 2) == 5);
    CHECK(t(-1, -3) == 3);
    t.at(-2, 1) = 10;
    CHECK(t(0, 1) == 10);
    CHECK(t[1](2) == 5);
    CHECK(t[-1].shape() == Shape{3});
    CHECK_ERROR(t(2, 0), ErrorCode::index_out_of_range);
    CHECK_ERROR(t(0, -4), ErrorCode::index_out_of_range);
    CHECK_ERROR(t(0), ErrorCode::index_out_of_range);
    CHECK_ERROR(t(0, 0, 0), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.at(0, 3), ErrorCode::index_out_of_range);
    CHECK_ERROR(t[2], ErrorCode::index_out_of_range);
    CHECK_ERROR(t.size(2), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.item(), ErrorCode::shape_mismatch);
    CHECK_ERROR(Tensor<float>()(0), ErrorCode::index_out_of_range);
    CHECK_ERROR(Tensor<float>::scalar(1)[0], ErrorCode::index_out_of_range);
    CHECK(t.size(-1) == 3);
    CHECK(t[0][0].item() == 0);
    CHECK(t.span().size() == 6);
    CHECK_ERROR(t.transpose().span(), ErrorCode::invalid_argument);
}

TEST_CASE("slices are Python's for every begin, end and step", "[tensor]") {
    std::vector<std::optional<index_t>> ends{std::nullopt};
    for (index_t i = -8; i <= 8; ++i) ends.emplace_back(i);
    for (const index_t n : {0, 1, 5, 6})
        for (const auto& begin : ends)
            for (const auto& end : ends)
                for (const index_t step : {1, 2, 3, 7, -1, -2, -3, -7}) {
                    const auto expected = python_slice(n, begin, end, step);
                    const auto got = Tensor<std::int64_t>::arange(0, static_cast<double>(n)).slice(0, Range{begin, end, step});
                    REQUIRE(got.numel() == static_cast<index_t>(expected.size()));
                    REQUIRE(got.to_vector() == std::vector<std::int64_t>(expected.begin(), expected.end()));
                }
}

TEST_CASE("slices survive absurd ranges", "[tensor]") {
    constexpr index_t low = std::numeric_limits<index_t>::min(), high = std::numeric_limits<index_t>::max();
    const auto t = Tensor<int>::arange(0, 10).reshape({2, 5});
    CHECK(t.slice(1, Range{low, high, 1}).shape() == Shape{2, 5});
    CHECK(t.slice(1, Range{low, high, high}).to_vector() == std::vector<int>{0, 5});
    CHECK(t.slice(1, Range{{}, {}, low}).to_vector() == std::vector<int>{4, 9});
    CHECK(t.slice(0, Range{{}, {}, high}).to_vector() == std::vector<int>{0, 1, 2, 3, 4});
    CHECK(t.slice(1, Range{high, low, -high}).to_vector() == std::vector<int>{4, 9});
    CHECK_ERROR(t.slice(1, Range{0, 1, 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(t.slice(2, Range{}), ErrorCode::index_out_of_range);
}

TEST_CASE("chains of views show what an independent computation of indices says", "[tensor]") {
    std::mt19937 random(11);
    const auto below = [&](index_t n) { return static_cast<index_t>(random() % static_cast<unsigned long>(n)); };
    int views = 0, copies = 0;
    for (int trial = 0; trial < 400; ++trial) {
        Shape shape;
        for (index_t d = below(5); d > 0; --d) shape.push_back(1 + below(4));
        Naive naive = Naive::counting(shape);
        const auto base = Tensor<float>::copy(naive.values, shape);
        Tensor<float> t = base;
        for (int depth = 0; depth < 5; ++depth) {
            const Shape before = t.shape();
            const index_t rank = before.rank();
            switch (below(7)) {
            case 0: {  // permute
                Shape order;
                for (index_t d = 0; d < rank; ++d) order.push_back(d);
                std::shuffle(order.begin(), order.end(), random);
                Shape to, back = order;
                for (index_t d = 0; d < rank; ++d) to.push_back(before[order[d]]);
                t = t.permute(order);
                naive = naive.mapped(to, [&](const Shape& index) {
                    for (index_t d = 0; d < rank; ++d) back[order[d]] = index[d];
                    return back;
                });
                break;
            }
            case 1: {  // slice
                if (rank == 0) break;
                const index_t d = below(rank), n = before[d];
                const auto pick = [&] { return below(3) == 0 ? std::optional<index_t>() : std::optional<index_t>(below(2 * n + 3) - n - 1); };
                const Range range{pick(), pick(), below(2) == 0 ? 1 + below(3) : -1 - below(3)};
                const auto kept = python_slice(n, range.begin, range.end, range.step);
                t = t.slice(d - (below(2) == 0 ? rank : 0), range);
                Shape to = before;
                to[d] = static_cast<index_t>(kept.size());
                naive = naive.mapped(to, [&](Shape index) {
                    index[d] = kept[static_cast<std::size_t>(index[d])];
                    return index;
                });
                break;
            }
            case 2: {  // select
                if (rank == 0) break;
                const index_t d = below(rank);
                if (before[d] == 0) break;
                const index_t at = below(before[d]);
                t = t.select(d, below(2) == 0 ? at : at - before[d]);
                Shape to = before;
                to.erase(d);
                naive = naive.mapped(to, [&](Shape index) {
                    index.insert(d, at);
                    return index;
                });
                break;
            }
            case 3: {  // unsqueeze, then stretch it
                if (rank == 5) break;
                const index_t d = below(rank + 1), n = 1 + below(3);
                Shape to = before;
                to.insert(d, n);
                t = t.unsqueeze(d).expand(to);
                naive = naive.mapped(to, [&](Shape index) {
                    index.erase(d);
                    return index;
                });
                break;
            }
            case 4: {  // squeeze
                const auto one = std::find(before.begin(), before.end(), 1);
                if (one == before.end()) break;
                const index_t d = one - before.begin();
                t = t.squeeze(d);
                naive.shape.erase(d);
                break;
            }
            default: {  // reshape: the same numbers in order, cut anew
                Shape to;
                index_t left = element_count(before);
                if (left == 0) break;
                while (left > 1 && to.rank() < 5) {
                    index_t factor = 1 + below(left);
                    while (left % factor != 0) --factor;
                    to.push_back(factor);
                    left /= factor;
                }
                if (left > 1) to.push_back(left);
                const auto reshaped = t.reshape(to);
                (reshaped.storage() == t.storage() ? views : copies) += 1;
                if (t.is_contiguous()) REQUIRE(reshaped.storage() == t.storage());
                t = reshaped;
                naive.shape = to;
            }
            }
            check_same(t, naive);
            check_same(t.clone(), naive);
            check_same(t.contiguous(), naive);
        }
    }
    CHECK(views > 50);
    CHECK(copies > 20);
}

TEST_CASE("reshape is a view wherever one exists", "[tensor]") {
    const auto t = Tensor<float>::arange(0, 24).reshape({2, 3, 4});
    const auto shares = [](const Tensor<float>& a, const Tensor<float>& b) { return a.storage() == b.storage(); };
    CHECK(shares(t, t.reshape({6, 4})));
    CHECK(shares(t, t.reshape({-1})));
    CHECK(t.reshape({4, -1}).shape() == Shape{4, 6});
    CHECK(shares(t, t.permute({1, 0, 2}).reshape({3, 2, 2, 2})));  // only the whole part is cut
    CHECK_FALSE(shares(t, t.permute({1, 0, 2}).reshape({6, 4})));
    CHECK(shares(t, t.slice(0, 1, 2).reshape({12})));
    CHECK(shares(t, t.slice(2, Range{0, 4, 2}).reshape({6, 2})));
    CHECK(shares(t, t.slice(2, Range{0, 4, 2}).reshape({12})));  // one step of 2 all the way
    CHECK_FALSE(shares(t, t.slice(2, 0, 3).reshape({18})));
    CHECK(shares(t, t.unsqueeze(1).expand({2, 5, 3, 4}).reshape({2, 5, 12})));
    CHECK(t.slice(1, 0, 0).reshape({0, 7}).shape() == Shape{0, 7});
    CHECK(Tensor<float>::scalar(3).reshape({1, 1}).shape() == Shape{1, 1});
    CHECK(Tensor<float>::ones({1, 1}).reshape({}).rank() == 0);
    CHECK_ERROR(t.reshape({5, 5}), ErrorCode::shape_mismatch);
    CHECK_ERROR(t.reshape({5, -1}), ErrorCode::shape_mismatch);
    CHECK_ERROR(t.reshape({-1, -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(t.reshape({-2, 12}), ErrorCode::invalid_argument);
    CHECK_ERROR(t.reshape({0, -1}), ErrorCode::shape_mismatch);
    CHECK_ERROR((t.reshape({index_t{1} << 40, index_t{1} << 40})), ErrorCode::size_overflow);
}

TEST_CASE("views refuse dimensions that are not there, by code", "[tensor]") {
    const auto t = Tensor<float>::zeros({2, 3});
    CHECK_ERROR(t.permute({0}), ErrorCode::shape_mismatch);
    CHECK_ERROR(t.permute({0, 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(t.permute({0, -2}), ErrorCode::invalid_argument);
    CHECK_ERROR(t.permute({0, 2}), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.transpose(0, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(Tensor<float>::zeros({2}).transpose(), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.select(0, 2), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.select(2, 0), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.squeeze(0), ErrorCode::shape_mismatch);
    CHECK_ERROR(t.unsqueeze(4), ErrorCode::index_out_of_range);
    CHECK_ERROR(t.expand({2, 4}), ErrorCode::shape_mismatch);
    CHECK_ERROR(t.expand({3}), ErrorCode::shape_mismatch);
    CHECK_ERROR((Tensor<float>::zeros({1}).expand({-5})), ErrorCode::invalid_argument);
    CHECK_ERROR((Tensor<float>::zeros({1}).expand({-1, 1})), ErrorCode::invalid_argument);
    CHECK_ERROR((Tensor<float>::zeros({1}).expand({index_t{1} << 40, index_t{1} << 40})), ErrorCode::size_overflow);
    CHECK_ERROR(Tensor<float>::zeros({1, 1, 1, 1, 1, 1, 1, 1}).unsqueeze(0), ErrorCode::invalid_argument);
    CHECK(t.unsqueeze(-1).shape() == Shape{2, 3, 1});
}

TEST_CASE("writing through a view reaches the elements it shows", "[tensor]") {
    auto t = Tensor<int>::zeros({3, 4});
    auto odd = t.slice(1, Range{1, {}, 2});
    odd.fill(1);
    t.transpose()[0].copy_from(Tensor<int>::copy({7, 8, 9}, {3}));
    CHECK(t.to_vector() == std::vector<int>{7, 1, 0, 1, 8, 1, 0, 1, 9, 1, 0, 1});
    auto flipped = t.slice(0, Range{{}, {}, -1});
    flipped.at(0, 0) = 99;
    CHECK(t(2, 0) == 99);
}

TEST_CASE("copy_from broadcasts, and may copy a tensor onto itself", "[tensor]") {
    auto t = Tensor<int>::arange(0, 6).reshape({2, 3});
    t.slice(0, 0, 1).copy_from(Tensor<int>::scalar(5));
    CHECK(t.to_vector() == std::vector<int>{5, 5, 5, 3, 4, 5});
    auto line = Tensor<int>::arange(0, 6);
    line.slice(0, 1, 6).copy_from(line.slice(0, 0, 5));  // overlapping
    CHECK(line.to_vector() == std::vector<int>{0, 0, 1, 2, 3, 4});
    line.copy_from(line.slice(0, Range{{}, {}, -1}));
    CHECK(line.to_vector() == std::vector<int>{4, 3, 2, 1, 0, 0});
    auto square = Tensor<int>::arange(0, 9).reshape({3, 3});
    square.copy_from(square.transpose());
    CHECK(square.to_vector() == std::vector<int>{0, 3, 6, 1, 4, 7, 2, 5, 8});
    CHECK_ERROR(t.copy_from(Tensor<int>::zeros({4})), ErrorCode::shape_mismatch);
    CHECK_ERROR(t[0].copy_from(Tensor<int>::zeros({2, 3})), ErrorCode::shape_mismatch);
    auto nothing = Tensor<int>();
    CHECK_NOTHROW(nothing.copy_from(Tensor<int>::zeros({1})));
}

TEMPLATE_TEST_CASE("every element type converts to every other", "[tensor]", float, double, bf16, f16, std::int8_t, std::uint8_t, std::int32_t,
                   std::int64_t, bool) {
    const auto convert = [](auto zero) {
        using From = decltype(zero);
        const auto x = Tensor<double>::copy({0, 1, 2, 100}, {2, 2}).template to<From>();
        const auto y = x.transpose().template to<TestType>();
        CHECK(y.is_contiguous());
        CHECK(y.shape() == Shape{2, 2});
        const auto back = y.template to<double>().to_vector();
        if (std::is_same_v<From, bool> || std::is_same_v<TestType, bool>) CHECK(back == std::vector<double>{0, 1, 1, 1});
        else CHECK(back == std::vector<double>{0, 2, 1, 100});
    };
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i8, DType::u8, DType::i32, DType::i64, DType::boolean})
        visit(dtype, convert);
}

TEST_CASE("conversion cuts fractions, rounds to halves, and clips what does not fit", "[tensor]") {
    const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
    const auto x = Tensor<double>::copy({1.9, -1.9, 300, -300, 1e30, -1e30, inf, -inf, nan}, {9});
    CHECK(x.to<std::int8_t>().to_vector() == std::vector<std::int8_t>{1, -1, 127, -128, 127, -128, 127, -128, 0});
    CHECK(x.to<std::uint8_t>().to_vector() == std::vector<std::uint8_t>{1, 0, 255, 0, 255, 0, 255, 0, 0});
    CHECK(x.to<std::int64_t>()(4) == std::numeric_limits<std::int64_t>::max());
    CHECK(x.to<std::int64_t>()(7) == std::numeric_limits<std::int64_t>::min());
    CHECK(x.to<std::int32_t>()(3) == -300);
    CHECK(x.to<bool>()(8));
    CHECK(static_cast<float>(x.to<f16>()(4)) == std::numeric_limits<float>::infinity());
    CHECK(x.to<float>()(0) == 1.9f);
    CHECK(static_cast<float>(Tensor<float>::scalar(1.00390625f).to<bf16>().item()) == 1.f);
    CHECK(Tensor<std::int64_t>::scalar(std::int64_t{1} << 40).to<double>().item() == 0x1p40);
}

TEST_CASE("large copies and fills are whole on any number of threads", "[tensor]") {
    for_each_thread_count([] {
        auto t = Tensor<float>::arange(0, 300000).reshape({500, 600});
        const auto turned = t.transpose().clone();
        CHECK(turned(599, 499) == 299999);
        CHECK(turned(1, 0) == 1);
        CHECK(turned.transpose().to_vector() == t.to_vector());
        t.fill(2);
        CHECK(std::all_of(t.span().begin(), t.span().end(), [](float v) { return v == 2; }));
    });
}

TEST_CASE("members that view or write refuse a tensor that needs gradients", "[tensor]") {
    auto x = Tensor<float>::ones({2, 3}).requires_grad();
    CHECK_ERROR(x.permute({1, 0}), ErrorCode::autograd);
    CHECK_ERROR(x.transpose(), ErrorCode::autograd);
    CHECK_ERROR(x.slice(0, 0, 1), ErrorCode::autograd);
    CHECK_ERROR(x.select(0, 0), ErrorCode::autograd);
    CHECK_ERROR(x[0], ErrorCode::autograd);
    CHECK_ERROR(x.expand({2, 3}), ErrorCode::autograd);
    CHECK_ERROR(x.unsqueeze(0), ErrorCode::autograd);
    CHECK_ERROR(x.squeeze(0), ErrorCode::autograd);
    CHECK_ERROR(x.reshape({6}), ErrorCode::autograd);
    CHECK_ERROR(x.contiguous(), ErrorCode::autograd);
    CHECK_ERROR(x.mutable_data(), ErrorCode::autograd);
    CHECK_ERROR(x.at(0, 0), ErrorCode::autograd);
    CHECK_ERROR(x.fill(1), ErrorCode::autograd);
    CHECK_ERROR(x.copy_from(Tensor<float>::scalar(1)), ErrorCode::autograd);
    CHECK(x(1, 2) == 1);
    CHECK(x.to_vector().size() == 6);
    CHECK_FALSE(x.detach().needs_grad());
    CHECK_FALSE(x.clone().needs_grad());
    CHECK(x.detach().storage() == x.storage());
    {
        const NoGrad guard;
        x.fill(4);
        CHECK(x.transpose()(2, 1) == 4);
    }
    try {
        x.slice(0, 0, 1);
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find("slice(x") != std::string_view::npos);
    }
}
