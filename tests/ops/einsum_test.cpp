#include "op_test.hpp"

#include "tercet/ops/compare.hpp"
#include "tercet/ops/einsum.hpp"

TEST_CASE("einsum: values and gradients equal PyTorch's", "[ops][golden]") {
    GoldenReport report("einsum");
    for_each_isa([&] {
        for (const auto& c : golden_cases("einsum")) {
            const auto equation = c.parameters.at("equation").as_string();
            std::vector<std::string> names;
            for (const char* name : {"a", "b", "c", "d"})
                if (c.has<float>(std::string("in.") + name)) names.emplace_back(name);
            check_golden(
                c, names,
                [&](const auto& in) {
                    REQUIRE((in.size() >= 1 && in.size() <= 4));
                    return in.size() == 1   ? einsum(equation, in[0])
                           : in.size() == 2 ? einsum(equation, in[0], in[1])
                           : in.size() == 3 ? einsum(equation, in[0], in[1], in[2])
                                            : einsum(equation, in[0], in[1], in[2], in[3]);
                },
                report);
        }
    });
}

namespace {

// The definition: a loop over all values of all letters.
D by_definition(const std::vector<std::string>& names, const std::string& output, const std::vector<D>& xs) {
    std::string letters = output;
    for (const auto& n : names)
        for (const char c : n)
            if (letters.find(c) == letters.npos) letters.push_back(c);
    Shape extents = Shape::filled(static_cast<index_t>(letters.size()), 1), shape;
    for (std::size_t i = 0; i < xs.size(); ++i)
        for (std::size_t d = 0; d < names[i].size(); ++d) {
            auto& extent = extents[static_cast<index_t>(letters.find(names[i][d]))];
            if (xs[i].size(static_cast<index_t>(d)) != 1) extent = xs[i].size(static_cast<index_t>(d));
        }
    for (std::size_t d = 0; d < output.size(); ++d) shape.push_back(extents[static_cast<index_t>(d)]);
    auto y = D::zeros(shape);
    double* out = y.mutable_data();
    const index_t outputs = y.numel(), all = element_count(extents);
    for (index_t flat = 0; flat < all; ++flat) {
        Shape at = extents;
        for (index_t d = extents.rank(), rest = flat; d-- > 0; rest /= extents[d]) at[d] = rest % extents[d];
        double product = 1;
        for (std::size_t i = 0; i < xs.size(); ++i) {
            index_t where = 0;
            for (std::size_t d = 0; d < names[i].size(); ++d) {
                const auto dim = static_cast<index_t>(d);
                if (xs[i].size(dim) != 1) where += at[static_cast<index_t>(letters.find(names[i][d]))] * xs[i].strides()[dim];
            }
            product *= xs[i].data()[where];
        }
        out[flat / (all / outputs)] += product;
    }
    return y;
}

}  // namespace

TEST_CASE("einsum equals its definition: repeated letters, extents of one, letters of one operand alone, several operands", "[ops]") {
    const auto check = [](const std::vector<std::string>& names, const std::string& output, const std::vector<Shape>& shapes) {
        std::string equation;
        std::vector<D> xs;
        for (std::size_t i = 0; i < names.size(); ++i) {
            equation += (i == 0 ? "" : ", ") + names[i];
            xs.push_back(numbers(shapes[i], i + 1));
        }
        equation += " -> " + output;
        INFO(equation);
        const auto f = [&](Inputs& v) {
            return v.size() == 1   ? einsum(equation, v[0])
                   : v.size() == 2 ? einsum(equation, v[0], v[1])
                   : v.size() == 3 ? einsum(equation, v[0], v[1], v[2])
                                   : einsum(equation, v[0], v[1], v[2], v[3]);
        };
        CHECK(allclose(f(xs), by_definition(names, output, xs), 1e-12, 1e-12));
        CHECK(gradcheck(f, xs) <= 1e-6);
    };
    check({"iij"}, "ji", {{3, 3, 2}});
    check({"iiij"}, "ij", {{3, 3, 3, 2}});
    check({"ijij"}, "", {{2, 3, 2, 3}});
    check({"ijij"}, "ji", {{2, 3, 2, 3}});
    check({"ij", "jk"}, "ki", {{2, 1}, {3, 4}});
    check({"ij", "ij"}, "ij", {{2, 3}, {1, 3}});
    check({"ij", "ij"}, "j", {{1, 3}, {2, 1}});
    check({"ij", "kj"}, "i", {{2, 3}, {4, 3}});
    check({"ij", "kl"}, "li", {{2, 3}, {4, 2}});
    check({"bij", "bjk", "bk"}, "ib", {{2, 3, 4}, {2, 4, 5}, {2, 5}});
    check({"a", "b", "c", "d"}, "dbca", {{2}, {3}, {2}, {3}});
    check({"ij", "jk", "kl", "li"}, "", {{2, 3}, {3, 2}, {2, 4}, {4, 2}});
    check({"", "i"}, "i", {{}, {3}});
    check({"", ""}, "", {{}, {}});
    check({"aa", "ab"}, "b", {{3, 3}, {3, 2}});
}

TEST_CASE("einsum: three dots stand for dimensions that broadcast, and the result's order is alphabetical unless named", "[ops]") {
    const auto a = numbers({2, 1, 3, 4}, 1), b = numbers({5, 4, 6}, 2);
    const auto y = einsum("...ij,...jk->...ik", a, b);
    CHECK(allclose(y, matmul(a, b), 1e-13, 1e-13));
    CHECK(equal(einsum("...ij,...jk", a, b), y));
    CHECK(equal(einsum("...ij -> ...ji", a), a.transpose()));
    CHECK(equal(einsum("i...->...i", a), a.permute({1, 2, 3, 0})));
    CHECK(allclose(einsum("...->", a), sum(a)));
    CHECK(einsum("...", D::scalar(3)).item() == 3);
    CHECK(equal(einsum("ba", numbers({2, 3}, 1)), numbers({2, 3}, 1).transpose()));
    CHECK(einsum("Zz", numbers({2, 3}, 1)).shape() == Shape{2, 3});
    CHECK(gradcheck([](Inputs& v) { return einsum("...i,i...->...", v[0], v[1]); }, {numbers({2, 3, 4}, 1), numbers({4, 3}, 2)}) <= 1e-6);
}

TEST_CASE("einsum: empty and strided operands", "[ops]") {
    CHECK(einsum("ij,jk->ik", D::zeros({2, 0}), D::zeros({0, 3})).to_vector() == std::vector<double>(6, 0));
    CHECK(einsum("ij,jk->ik", D::zeros({0, 2}), D::zeros({2, 3})).shape() == Shape{0, 3});
    CHECK(einsum("ii->i", D::zeros({0, 0})).shape() == Shape{0});
    CHECK(gradcheck([](Inputs& v) { return einsum("bhid,bhjd->bhij", transpose(v[0], 1, 2), transpose(v[1])); },
                    {numbers({2, 3, 2, 4}, 1), numbers({2, 2, 4, 3}, 2)}) <= 1e-6);
}

TEST_CASE("einsum: an equation that does not fit is refused, and named", "[ops]") {
    const auto x = D::zeros({2, 3}), y = D::zeros({3, 4});
    for (const char* equation : {"ij", "ij,jk,kl->il", "ij,j->i", "i.j,jk->ik", "i1,jk->ik", "ij,jk->im", "ij,jk->ii", "ij,ik->jk", "ij,jk->i->k",
                                 "...ijk,jk", "", "->", "ij,jk->ik,"})
        CHECK_ERROR(einsum(equation, x, y), ErrorCode::invalid_argument);
    CHECK_ERROR(einsum("ii->i", x), ErrorCode::invalid_argument);
    try {
        einsum("ij,ik->jk", x, y);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()) == "einsum: \"ij,ik->jk\": 'i' is both 2 and 3");
    }
}
