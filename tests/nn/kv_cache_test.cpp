#include "tercet/nn/kv_cache.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("kv cache: tokens come back in order however they were added, past several growths") {
    const auto keys = Tensor<float>::randn({2, 3, 300, 4}), values = Tensor<float>::randn({2, 3, 300, 4});
    KvCache cache(1);
    KvCache::View view;
    for (index_t begin = 0, step = 1; begin < 300; begin += step, step = step % 37 + 9)
        view =
            cache.append(0, keys.slice(2, begin, std::min<index_t>(300, begin + step)), values.slice(2, begin, std::min<index_t>(300, begin + step)));
    CHECK(cache.size() == 300);
    CHECK(view.key.to_vector() == keys.to_vector());
    CHECK(view.value.to_vector() == values.to_vector());
}

TEST_CASE("kv cache: cut back to its beginning it goes on from there") {
    const auto keys = Tensor<float>::randn({1, 1, 5, 2});
    KvCache cache(1);
    cache.append(0, keys, keys);
    cache.truncate(2);
    CHECK(cache.size() == 2);
    const auto view = cache.append(0, keys.slice(2, 4, 5), keys.slice(2, 4, 5));
    CHECK(view.key.slice(2, 0, 2).to_vector() == keys.slice(2, 0, 2).to_vector());
    CHECK(view.key.slice(2, 2, 3).to_vector() == keys.slice(2, 4, 5).to_vector());
    CHECK_ERROR(cache.truncate(9), ErrorCode::invalid_argument);
    CHECK_ERROR(cache.append(0, Tensor<float>::zeros({1, 2, 1, 2}), Tensor<float>::zeros({1, 2, 1, 2})), ErrorCode::shape_mismatch);
}

TEST_CASE("kv cache: rows of the batch are taken in any order") {
    const auto keys = Tensor<float>::randn({3, 2, 4, 2});
    KvCache cache(1);
    cache.append(0, keys, keys);
    const std::vector<index_t> rows{2, 0, 2};
    cache.reorder(rows);
    const auto next = Tensor<float>::randn({3, 2, 1, 2});
    const auto view = cache.append(0, next, next);
    for (index_t i = 0; i < 3; ++i) CHECK(view.key[i].slice(1, 0, 4).to_vector() == keys[rows[static_cast<std::size_t>(i)]].to_vector());
}

TEST_CASE("kv cache: in bf16 it holds the rounded values, through growth, reordering and cutting back") {
    const auto keys = Tensor<float>::randn({2, 2, 150, 3}), values = Tensor<float>::randn({2, 2, 150, 3});
    KvCache cache(1, DType::bf16);
    CHECK(cache.type() == DType::bf16);
    for (index_t i = 0; i < 149; ++i) cache.append<bf16>(0, keys.slice(2, i, i + 1), values.slice(2, i, i + 1));
    cache.truncate(140);
    cache.append<bf16>(0, keys.slice(2, 140, 149), values.slice(2, 140, 149));
    const std::vector<index_t> rows{1, 0};
    cache.reorder(rows);
    const auto view = cache.append<bf16>(0, keys.slice(2, 149, 150), values.slice(2, 149, 150));
    CHECK(cache.size() == 150);
    CHECK(view.key[0].slice(1, 0, 149).to<float>().to_vector() == keys[1].slice(1, 0, 149).to<bf16>().to<float>().to_vector());
    CHECK(view.value[1].slice(1, 0, 149).to<float>().to_vector() == values[0].slice(1, 0, 149).to<bf16>().to<float>().to_vector());
    CHECK(view.value[1].slice(1, 149, 150).to<float>().to_vector() == values[1].slice(1, 149, 150).to<bf16>().to<float>().to_vector());
    CHECK_ERROR(cache.append(0, keys, values), ErrorCode::dtype_mismatch);
    CHECK_ERROR(KvCache(1).append<bf16>(0, keys, values), ErrorCode::dtype_mismatch);
    CHECK_ERROR(KvCache(1, DType::i8), ErrorCode::dtype_mismatch);
}
