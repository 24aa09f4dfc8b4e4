#include "tercet/quant/block.hpp"

#include "support/catch.hpp"

#include <limits>
#include <set>
#include <string>

using namespace tercet;

namespace {

std::vector<StorageType> all_types() {
    std::vector<StorageType> types;
#define TERCET_TEST_ENTRY(entry, ...) types.push_back(StorageType::entry);
    TERCET_FOR_EACH_STORAGE_TYPE(TERCET_TEST_ENTRY)
#undef TERCET_TEST_ENTRY
    return types;
}

}  // namespace

TEST_CASE("stored types: names and ids are unique, and lead back to the type", "[quant]") {
    std::set<std::string_view> names;
    std::set<int> ids;
    for (const auto type : all_types()) {
        const auto& info = info_of(type);
        INFO(info.name);
        CHECK(names.insert(info.name).second);
        CHECK(storage_type_named(info.name) == type);
        if (info.ggml_id >= 0) {
            CHECK(ids.insert(info.ggml_id).second);
            CHECK(storage_type_of_ggml(static_cast<std::uint32_t>(info.ggml_id)) == type);
        }
        if (!info.safetensors_name.empty()) CHECK(storage_type_of_safetensors(info.safetensors_name) == type);
        CHECK(block_size(type) >= 1);
        CHECK(block_bytes(type) >= 1);
    }
    CHECK(storage_type_named("q4_1") == StorageType::q4_1);
    CHECK_FALSE(storage_type_named("q4"));
    CHECK_FALSE(storage_type_named(""));
    CHECK_FALSE(storage_type_of_ggml(4));  // Q4_2, removed from ggml long ago
    CHECK_FALSE(storage_type_of_ggml(4'000'000'000u));
    CHECK_FALSE(storage_type_of_safetensors("f32"));
    CHECK_FALSE(storage_type_of_safetensors(""));
}

TEST_CASE("stored types: sizes are those of ggml's blocks", "[quant]") {
    CHECK(bytes_of(StorageType::f32, 3) == 12);
    CHECK(bytes_of(StorageType::bf16, 3) == 6);
    CHECK(bytes_of(StorageType::boolean, 3) == 3);
    CHECK(bytes_of(StorageType::q8_0, 64) == 68);
    CHECK(bytes_of(StorageType::q4_0, 64) == 36);
    CHECK(bytes_of(StorageType::q4_1, 64) == 40);
    CHECK(bytes_of(StorageType::q4_k, 512) == 288);
    CHECK(bytes_of(StorageType::q6_k, 256) == 210);
    CHECK(bytes_of(StorageType::f6_e2m3, 8) == 6);
    CHECK(bytes_of(StorageType::q4_0, 0) == 0);
    CHECK(block_size(StorageType::q4_k) == 256);
    CHECK(block_bytes(StorageType::mxfp4) == 17);
    CHECK(name_of(StorageType::iq2_xxs) == "IQ2_XXS");
    std::ostringstream out;
    out << StorageType::q4_1;
    CHECK(out.str() == "Q4_1");
}

TEST_CASE("stored types: a row that is no multiple of the block, or does not fit, is refused", "[quant]") {
    CHECK_ERROR(bytes_of(StorageType::q4_0, 33), ErrorCode::shape_mismatch);
    CHECK_ERROR(bytes_of(StorageType::f32, -1), ErrorCode::invalid_argument);
    CHECK_ERROR(bytes_of(StorageType::f64, std::numeric_limits<index_t>::max()), ErrorCode::size_overflow);
    CHECK_ERROR(info_of(static_cast<StorageType>(200)), ErrorCode::invalid_argument);
    CHECK_ERROR(name_of(static_cast<StorageType>(200)), ErrorCode::invalid_argument);
}

TEST_CASE("stored types: every tensor type has one", "[quant]") {
    CHECK(storage_type_of(DType::f32) == StorageType::f32);
    CHECK(storage_type_of(DType::bf16) == StorageType::bf16);
    CHECK(storage_type_of(DType::boolean) == StorageType::boolean);
    CHECK_ERROR(storage_type_of(static_cast<DType>(99)), ErrorCode::dtype_mismatch);
}

TEST_CASE("visit_block: hands out the block's struct, and names a type that has none", "[quant]") {
    CHECK(visit_block(StorageType::q8_0, [](auto block) { return sizeof(block); }) == 34);
    CHECK(visit_block(StorageType::q4_0, [](auto block) { return sizeof(block); }) == 18);
    CHECK(visit_block(StorageType::q4_1, [](auto block) { return sizeof(block); }) == 20);
    const auto nothing = [](auto) {};
    for (const auto type : all_types()) {
        INFO(name_of(type));
        if (is_supported_block(type)) visit_block(type, [&](auto block) { CHECK(sizeof(block) == block_bytes(type)); });
        else CHECK_ERROR(visit_block(type, nothing), ErrorCode::unsupported);
    }
    CHECK_FALSE(is_supported_block(static_cast<StorageType>(200)));
    CHECK_ERROR(visit_block(static_cast<StorageType>(200), nothing), ErrorCode::invalid_argument);
    try {
        visit_block(StorageType::q8_k, nothing);
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("Q8_K") != std::string::npos);
    }
}
