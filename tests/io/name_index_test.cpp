#include "support/catch.hpp"

#include "tercet/io/name_index.hpp"

#include <chrono>
#include <random>
#include <string>

using namespace tercet;
using detail::NameIndex;

namespace {

using List = std::vector<std::string>;

const auto self = [](const std::string& s) -> std::string_view { return s; };

// Different names of 16 bytes whose hashes are one: the second half undoes what the first half did.
List colliding(std::size_t count) {
    List names;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t first = i * 0x9e3779b97f4a7c15u + 1;
        std::uint64_t hash = (16 * 0x9e3779b97f4a7c15u ^ first) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 32;
        const std::uint64_t second = hash ^ 0x0123456789abcdefu;
        std::string name(16, '\0');
        std::memcpy(name.data(), &first, 8);
        std::memcpy(name.data() + 8, &second, 8);
        names.push_back(std::move(name));
    }
    return names;
}

}  // namespace

TEST_CASE("name_index: every name is found at its place, and no other, in lists short and long", "[io]") {
    std::mt19937 random(2);
    for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 100u, 5000u}) {
        List names;
        for (std::size_t i = 0; i < size; ++i) names.push_back(std::string(random() % 20, 'x') + std::to_string(i));
        NameIndex index;
        CHECK(index.build(names, self).data() == nullptr);
        for (std::size_t i = 0; i < size; ++i) CHECK(index.find(names, names[i], self) == &names[i]);
        for (const char* absent : {"", "x", "x1x", "absent name of some length"}) CHECK(index.find(names, absent, self) == nullptr);
        const auto copy = index;
        const auto moved_names = names;
        if (size > 0) CHECK(copy.find(moved_names, names[size / 2], self) == &moved_names[size / 2]);
    }
}

TEST_CASE("name_index: a name that stands there twice is named, the empty one too", "[io]") {
    for (const std::size_t size : {3u, 8u, 9u, 1000u}) {
        List names;
        for (std::size_t i = 0; i < size; ++i) names.push_back("name " + std::to_string(i));
        names[size - 1] = names[1];
        CHECK(NameIndex().build(names, self) == "name 1");
        names[size - 1] = names[0] = "";
        const auto twice = NameIndex().build(names, self);
        CHECK((twice.data() != nullptr && twice.empty()));
    }
}

TEST_CASE("name_index: names made to collide are sorted, and neither building nor finding takes long", "[io]") {
    auto names = colliding(100000);
    const auto start = std::chrono::steady_clock::now();
    NameIndex index;
    CHECK(index.build(names, self).data() == nullptr);
    std::size_t found = 0;
    for (const auto& name : names) found += index.find(names, name, self) == &name;
    CHECK(found == names.size());
    CHECK(index.find(names, "absent", self) == nullptr);
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 5.0);  // probing takes 5·10⁹ steps
    names.back() = names.front();
    CHECK(NameIndex().build(names, self) == names.front());
    // Built anew for a list without collisions, the index is the usual one again.
    const List few = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    CHECK(index.build(few, self).data() == nullptr);
    CHECK(index.find(few, "c", self) == &few[2]);
}
