#include "support/catch.hpp"
#include "support/huge_allocations.hpp"

#include "tercet/tensor/storage.hpp"

#include <limits>

using namespace tercet;

TEST_CASE("storage is aligned, counted, and refuses what cannot be", "[tensor]") {
    const auto storage = Storage<float>::allocate(5);
    CHECK(reinterpret_cast<std::uintptr_t>(storage->data()) % storage_alignment == 0);
    CHECK(storage->count() == 5);
    CHECK(Storage<float>::allocate(0)->data() != nullptr);
    CHECK_ERROR(Storage<double>::allocate(std::numeric_limits<index_t>::max()), ErrorCode::size_overflow);
    CHECK_ERROR(Storage<double>::allocate(index_t{1} << 57), ErrorCode::out_of_memory);
}

TEST_CASE("storage counts its writes", "[tensor]") {
    const auto storage = Storage<int>::allocate(1);
    const auto before = storage->version();
    storage->touch();
    storage->touch();
    CHECK(storage->version() == before + 2);
}

TEST_CASE("storage keeps its owner alive, and never frees the caller's memory", "[tensor]") {
    auto owner = std::make_shared<int>(3);
    const std::weak_ptr<int> watch = owner;
    auto storage = Storage<int>::of(owner.get(), 1, owner);
    owner.reset();
    CHECK(*storage->data() == 3);
    CHECK_FALSE(watch.expired());
    storage.reset();
    CHECK(watch.expired());

    int own = 4;
    Storage<int>::of(&own, 1, nullptr).reset();
    CHECK(own == 4);
}
