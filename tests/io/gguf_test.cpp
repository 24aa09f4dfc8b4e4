#include "tercet/io/gguf.hpp"

#include "support/byte_builder.hpp"
#include "support/catch.hpp"
#include "support/real_model.hpp"
#include "support/temp_dir.hpp"
#include "tercet/quant/convert.hpp"

#include <limits>
#include <string>

using namespace tercet;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

namespace {

std::string data_file(const std::string& name) {
    return std::string(TERCET_TEST_DATA) + "/io/" + name;
}

Gguf parse(std::string_view file) {
    const auto heap = on_heap(file);
    return Gguf::parse(heap.span(), "test.gguf");
}

Bytes start(u64 tensors, u64 entries, u32 version = 3) {
    return Bytes().text("GGUF").number<u32>(version).number(tensors).number(entries);
}
Bytes& entry(Bytes& out, std::string_view key, GgufType type) {
    return out.string(key).number(static_cast<u32>(type));
}
Bytes& array(Bytes& out, std::string_view key, GgufType type, u64 count) {
    return entry(out, key, GgufType::array).number(static_cast<u32>(type)).number(count);
}
Bytes& tensor(Bytes& out, std::string_view name, std::vector<u64> extents, u32 type, u64 offset) {
    out.string(name).number(static_cast<u32>(extents.size()));
    for (const auto extent : extents) out.number(extent);
    return out.number(type).number(offset);
}

// A file with one tensor, and `data` bytes after the padding.
Gguf one_tensor(std::vector<u64> extents, u32 type, u64 offset, std::size_t data) {
    Bytes file = start(1, 0);
    tensor(file, "w", std::move(extents), type, offset).pad_to(32).text(std::string(data, 'd'));
    return parse(file.str());
}

std::vector<float> floats(const StoredTensor& stored) {
    std::vector<float> values(static_cast<std::size_t>(element_count(stored.shape)));
    dequantize(stored.type, stored.bytes, values);
    return values;
}

}  // namespace

TEST_CASE("gguf: every kind of metadata value is read as the gguf package wrote it", "[io][golden]") {
    const auto file = Gguf::open(data_file("kv_types.gguf"));
    const Json expected = parse_json(read_text_file(data_file("kv_types.json")), "kv_types.json");
    CHECK(file.alignment() == 64);
    std::size_t seen = 0;
    for (const auto& [key, wanted] : expected.at("kv").items()) {
        INFO(key);
        const auto* value = file.find_value(key);
        REQUIRE(value != nullptr);
        ++seen;
        const std::string text = to_string(*value);
        if (wanted.at("value").is_number() && !wanted.at("value").is_integer()) {
            CHECK(file.number(key) == Approx(wanted.at("value").as_number()).epsilon(1e-7));
        } else {
            CHECK(to_string(parse_json(text, "value")) == to_string(wanted.at("value")));
        }
        const auto& type = wanted.at("types").elements().back().as_string();
        CHECK(value->is_array() == (wanted.at("types").size() > 1));
        if (wanted.at("types").size() < 3) CHECK((name_of(value->type()) == "string") == (type == "STRING"));
    }
    // The writer keeps its own entries too (version, counts) out of the metadata.
    CHECK(seen == expected.at("kv").size());

    for (const auto& wanted : expected.at("tensors").elements()) {
        const auto* stored = file.find(wanted.at("name").as_string());
        REQUIRE(stored != nullptr);
        Shape shape;
        for (const auto& extent : wanted.at("numpy_shape").elements()) shape.push_back(extent.as_int());
        CHECK(stored->shape == shape);
        CHECK(name_of(stored->type) == wanted.at("type").as_string());
        std::vector<float> values;
        for (const auto& number : wanted.at("values").elements()) values.push_back(static_cast<float>(number.as_number()));
        CHECK(floats(*stored) == values);
    }
    CHECK(file.tensors().size() == expected.at("tensors").size());
}

TEST_CASE("gguf: the accessors convert, and say what is there instead", "[io][golden]") {
    const auto file = Gguf::open(data_file("kv_types.gguf"), {.map = false});
    CHECK(file.string("general.architecture") == "tercet_test");
    CHECK(file.integer("test.u8") == 200);
    CHECK(file.integer("test.i8") == -100);
    CHECK(file.integer("test.u16") == 60000);
    CHECK(file.integer("test.i16") == -30000);
    CHECK(file.integer("test.u32") == 4000000000);
    CHECK(file.integer("test.i32") == -2000000000);
    CHECK(file.integer("test.i64") == -4611686018427387904);
    CHECK_ERROR(file.integer("test.u64"), ErrorCode::size_overflow);
    CHECK(file.number("test.u64") == 9223372036854775813.0);
    CHECK(file.number("test.f32") == 0.15625);
    CHECK(file.number("test.f64") == 0.1);
    CHECK(file.number("test.u8") == 200);
    CHECK(file.boolean("test.bool_t"));
    CHECK_FALSE(file.boolean("test.bool_f"));
    CHECK(file.integers("test.arr_i32") == std::vector<std::int64_t>{1, -2, 3});
    CHECK(file.numbers("test.arr_i32") == std::vector<double>{1, -2, 3});
    CHECK(file.numbers("test.arr_f32") == std::vector<double>{0.5, -1.25});
    CHECK(file.strings("test.arr_str") == std::vector<std::string>{"a", "", "\xe6\x97\xa5\xe6\x9c\xac", "x y"});
    CHECK(file.integers("test.arr_bool") == std::vector<std::int64_t>{1, 0, 1});
    const auto* nested = file.find_value("test.arr_nested");
    REQUIRE(nested != nullptr);
    CHECK(nested->type() == GgufType::array);
    CHECK(nested->size() == 2);
    CHECK(to_string(*nested) == "[[1, 2], [3]]");
    CHECK(to_string(*nested, 1) == "[[1, \"...\"], \"...\"]");
    CHECK(nested->description() == "an array of 2 array");

    CHECK(file.has("test.u8"));
    CHECK_FALSE(file.has("test"));
    CHECK(file.string_or("none", "x") == "x");
    CHECK(file.string_or("general.architecture", "x") == "tercet_test");
    CHECK(file.integer_or("none", 3) == 3);
    CHECK(file.integer_or("test.u8", 3) == 200);
    CHECK(file.number_or("none", 0.5) == 0.5);
    CHECK(file.number_or("test.f64", 0.5) == 0.1);
    CHECK(file.boolean_or("none", true));
    CHECK_FALSE(file.boolean_or("test.bool_f", true));
    CHECK(file.strings_or("none", {"a"}) == std::vector<std::string>{"a"});
    CHECK(file.integers_or("none", {1}) == std::vector<std::int64_t>{1});
    CHECK(file.numbers_or("none", {0.5}) == std::vector<double>{0.5});
    CHECK(file.strings_or("test.arr_str", {}).size() == 4);
    CHECK(file.integers_or("test.arr_i32", {}).size() == 3);
    CHECK(file.numbers_or("test.arr_f32", {}).size() == 2);

    CHECK_ERROR(file.string("none"), ErrorCode::missing_key);
    CHECK_ERROR(file.strings("none"), ErrorCode::missing_key);
    CHECK_ERROR(file.string("test.u8"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.integer("test.f32"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.integer("test.arr_i32"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.number("test.str"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.boolean("test.u8"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.strings("test.str"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.strings("test.arr_i32"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.integers("test.arr_f32"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.integers("test.arr_nested"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.numbers("test.arr_str"), ErrorCode::dtype_mismatch);
    CHECK_ERROR(file.integer_or("test.str", 3), ErrorCode::dtype_mismatch);
    try {
        file.integer("test.arr_i32");
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("kv_types.gguf: test.arr_i32: expected an integer, got an array of 3 i32") != std::string::npos);
    }
}

TEST_CASE("gguf: tensors of every stored type are found, aligned and named", "[io][golden]") {
    using enum StorageType;
    for (const auto type : {f32, f16, bf16, i32, q8_0, q4_0, q4_1, q4_k, iq4_xs}) {
        INFO(name_of(type));
        const auto file = Gguf::open(data_file("tensor_" + std::string(name_of(type)) + ".gguf"));
        const auto* w = file.find("w");
        REQUIRE(w != nullptr);
        CHECK(w->type == type);
        CHECK(w->shape.rank() == 2);
        CHECK(w->bytes.size() == bytes_of(type, element_count(w->shape)));
        const auto* after = file.find("after");
        REQUIRE(after != nullptr);
        CHECK(floats(*after) == std::vector<float>{0, 1, 2, 3, 4});
        CHECK(reinterpret_cast<std::uintptr_t>(after->bytes.data()) % file.alignment() == 0);
        if (type == iq4_xs) CHECK_ERROR(floats(*w), ErrorCode::unsupported);
        else CHECK(floats(*w).size() == static_cast<std::size_t>(element_count(w->shape)));
    }
}

TEST_CASE("gguf: a quantised tensor holds the values of the same bytes in safetensors", "[io][golden]") {
    const auto file = Gguf::open(data_file("tensor_F32.gguf"));
    CHECK(file.find("w")->shape == Shape{3, 5});
    const auto blocks = Gguf::open(data_file("tensor_Q8_0.gguf"));
    CHECK(blocks.find("w")->shape == Shape{2, 512});
}

TEST_CASE("gguf: versions 2 and 3 are read, others and big-endian files named", "[io]") {
    for (const u32 version : {2u, 3u}) CHECK(parse(start(0, 0, version).str()).version() == version);
    for (const u32 version : {0u, 1u, 4u, 0x03000000u}) CHECK_ERROR(parse(start(0, 0, version).str()), ErrorCode::unsupported);
    CHECK_ERROR(parse(""), ErrorCode::bad_magic);
    CHECK_ERROR(parse("GGU"), ErrorCode::bad_magic);
    CHECK_ERROR(parse("GGML............"), ErrorCode::bad_magic);
    CHECK_ERROR(parse("GGUF"), ErrorCode::bad_header);
    CHECK_ERROR(Gguf::open("no/such/file.gguf"), ErrorCode::io);
    try {
        parse(start(0, 0, 0x03000000u).str());
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("big-endian") != std::string::npos);
    }
}

TEST_CASE("gguf: counts and lengths beyond the file are refused before anything is allocated", "[io]") {
    const u64 huge = std::numeric_limits<u64>::max();
    CHECK_ERROR(parse(start(huge, 0).str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(start(0, huge).str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(start(1, 0).str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(start(0, 1).number(huge).text("key and value").str()), ErrorCode::bad_header);
    for (const auto type : {GgufType::u8, GgufType::u64, GgufType::f64, GgufType::string, GgufType::array, GgufType::boolean}) {
        for (const u64 count : {huge, huge / 8 + 1, u64{1} << 61, u64{1} << 32, u64{100}}) {
            Bytes file = start(0, 1);
            array(file, "a", type, count).text("0123456789");
            CHECK_ERROR(parse(file.str()), ErrorCode::bad_header);
        }
    }
    Bytes file = start(0, 1);
    array(file, "a", GgufType::string, 1).number(huge).text("0123456789");
    CHECK_ERROR(parse(file.str()), ErrorCode::bad_header);
}

TEST_CASE("gguf: malformed metadata are refused", "[io]") {
    Bytes twice = start(0, 2);
    entry(twice, "k", GgufType::u8).number<std::uint8_t>(1);
    entry(twice, "k", GgufType::u8).number<std::uint8_t>(1);
    CHECK_ERROR(parse(twice.str()), ErrorCode::bad_header);

    Bytes unknown = start(0, 1);
    entry(unknown, "k", static_cast<GgufType>(13)).number<u64>(1);
    CHECK_ERROR(parse(unknown.str()), ErrorCode::bad_header);

    Bytes long_key = start(0, 1);
    entry(long_key, std::string(65536, 'k'), GgufType::u8).number<std::uint8_t>(1);
    CHECK_ERROR(parse(long_key.str()), ErrorCode::bad_header);

    const auto nested = [](int levels) {
        Bytes file = start(0, 1);
        entry(file, "k", GgufType::array);
        for (int i = 1; i < levels; ++i) file.number(static_cast<u32>(GgufType::array)).number<u64>(1);
        file.number(static_cast<u32>(GgufType::i32)).number<u64>(1).number<std::int32_t>(7);
        return parse(file.str());
    };
    CHECK(nested(8).metadata().size() == 1);
    CHECK_ERROR(nested(9), ErrorCode::bad_header);
    CHECK_ERROR(nested(100'000), ErrorCode::bad_header);

    Bytes empty = start(0, 1);
    array(empty, "k", GgufType::f32, 0);
    const auto heap = on_heap(empty.str());
    const auto file = Gguf::parse(heap.span(), "test.gguf");
    CHECK(file.strings("k").empty());  // an empty array is one of anything
    CHECK(file.integers("k").empty());
}

TEST_CASE("gguf: the alignment is taken from the metadata, and must be a power of two", "[io]") {
    const auto with = [](u32 alignment, u64 offset) {
        Bytes file = start(1, 1);
        entry(file, "general.alignment", GgufType::u32).number(alignment);
        tensor(file, "w", {1}, 0, offset);
        if (alignment != 0) file.pad_to(alignment);
        return parse(file.text(std::string(offset + 4, 'd')).str());
    };
    CHECK(with(1, 0).alignment() == 1);
    CHECK(with(8, 8).alignment() == 8);
    CHECK(with(256, 256).alignment() == 256);
    CHECK_ERROR(with(0, 0), ErrorCode::bad_header);
    CHECK_ERROR(with(24, 0), ErrorCode::bad_header);
    CHECK_ERROR(with(64, 32), ErrorCode::bad_offset);
    Bytes text = start(0, 1);
    entry(text, "general.alignment", GgufType::string).string("32");
    CHECK_ERROR(parse(text.str()), ErrorCode::dtype_mismatch);
    Bytes huge = start(1, 1);
    entry(huge, "general.alignment", GgufType::u32).number<u32>(1u << 31);
    tensor(huge, "w", {1}, 0, 0).text("0123");
    CHECK_ERROR(parse(huge.str()), ErrorCode::bad_offset);
}

TEST_CASE("gguf: tensors outside the file, or on top of each other, are refused", "[io]") {
    CHECK(one_tensor({2, 3}, 0, 0, 24).tensors()[0].shape == Shape{3, 2});
    CHECK(one_tensor({}, 0, 0, 4).tensors()[0].shape == Shape{});
    CHECK(one_tensor({0, 3}, 0, 0, 0).tensors()[0].bytes.empty());
    CHECK_ERROR(one_tensor({2, 3}, 0, 0, 23), ErrorCode::bad_offset);
    CHECK_ERROR(one_tensor({2, 3}, 0, 32, 24), ErrorCode::bad_offset);
    CHECK_ERROR(one_tensor({2, 3}, 0, 16, 100), ErrorCode::bad_offset);
    CHECK_ERROR(one_tensor({2, 3}, 0, std::numeric_limits<u64>::max() - 31, 100), ErrorCode::bad_offset);
    CHECK_ERROR(one_tensor({1, 1, 1, 1, 1, 1, 1, 1, 1}, 0, 0, 4), ErrorCode::unsupported);
    CHECK_ERROR(one_tensor({2}, 4, 0, 100), ErrorCode::unsupported);
    CHECK_ERROR(one_tensor({2}, 1000, 0, 100), ErrorCode::unsupported);
    CHECK_ERROR(one_tensor({33}, 2, 0, 100), ErrorCode::bad_header);     // no whole block of Q4_0
    CHECK_ERROR(one_tensor({16, 2}, 2, 0, 100), ErrorCode::bad_header);  // as many elements as a block, but in two rows
    CHECK_ERROR(one_tensor({u64{1} << 32, u64{1} << 32}, 0, 0, 100), ErrorCode::size_overflow);
    CHECK_ERROR(one_tensor({std::numeric_limits<u64>::max()}, 0, 0, 100), ErrorCode::size_overflow);
    CHECK_ERROR(one_tensor({u64{1} << 62}, 0, 0, 100), ErrorCode::size_overflow);

    const auto two = [](std::string_view second, u64 offset) {
        Bytes file = start(2, 0);
        tensor(file, "a", {16}, 0, 0);
        tensor(file, second, {16}, 0, offset).pad_to(32).text(std::string(256, 'd'));
        return parse(file.str());
    };
    CHECK(two("b", 64).tensors().size() == 2);
    CHECK(two("b", 128).tensors().size() == 2);
    CHECK_ERROR(two("b", 32), ErrorCode::bad_offset);
    CHECK_ERROR(two("b", 0), ErrorCode::bad_offset);
    CHECK_ERROR(two("a", 64), ErrorCode::bad_header);
}

TEST_CASE("gguf: every prefix of a file is refused, and a changed byte of its header is read or refused", "[io][golden]") {
    for (const std::string name : {"kv_types.gguf", "tensor_F32.gguf", "tensor_Q4_1.gguf"}) {
        const std::string file = read_text_file(data_file(name));
        const auto whole = Gguf::parse(std::as_bytes(std::span(file)), name);
        std::size_t end = 0, header = file.size();
        for (const auto& stored : whole.tensors()) {
            const auto begin = static_cast<std::size_t>(reinterpret_cast<const char*>(stored.bytes.data()) - file.data());
            end = std::max(end, begin + stored.bytes.size());
            header = std::min(header, begin);
        }
        for (std::size_t size = 0; size < end; ++size) {
            bool refused = false;
            try {
                parse(std::string_view(file).substr(0, size));
            } catch (const Error&) {
                refused = true;
            }
            if (!refused) FAIL_CHECK(name << " of " << size << " bytes was taken");
        }
        std::size_t read = 0;
        for (std::size_t i = 0; i < header; ++i) {
            for (int bit = 0; bit < 8; ++bit) {
                std::string changed = file;
                changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
                const auto heap = on_heap(changed);
                try {
                    const auto result = Gguf::parse(heap.span(), name);
                    for (const auto& [key, value] : result.metadata()) read += to_string(value).size() + key.size();
                    for (const auto& stored : result.tensors())
                        if (block_size(stored.type) == 1 || is_supported_block(stored.type)) read += floats(stored).size();
                } catch (const Error&) {}
            }
        }
        CHECK(read > 0);
    }
}

TEST_CASE("gguf: a vocabulary of 150,000 tokens is read", "[io]") {
    Bytes file = start(0, 2);
    array(file, "tokens", GgufType::string, 150'000);
    for (int i = 0; i < 150'000; ++i) file.string("token number " + std::to_string(i));
    array(file, "scores", GgufType::f32, 150'000);
    for (int i = 0; i < 150'000; ++i) file.number(static_cast<float>(-i));
    TempDir dir;
    const auto gguf = Gguf::open(dir.write("vocab.gguf", file.str()));
    const auto tokens = gguf.strings("tokens");
    REQUIRE(tokens.size() == 150'000);
    CHECK(tokens[149'999] == "token number 149999");
    CHECK(gguf.numbers("scores").back() == -149'999);
    CHECK(gguf.owner() != nullptr);
    CHECK(gguf.source() == dir / "vocab.gguf");
}

TEST_CASE("is_gguf_file: looks at the first bytes, not at the name", "[io]") {
    TempDir dir;
    CHECK(is_gguf_file(dir.write("a.bin", start(0, 0).str())));
    CHECK_FALSE(is_gguf_file(dir.write("b.gguf", "GGU")));
    CHECK_FALSE(is_gguf_file(dir.write("empty.gguf", "")));
    CHECK_FALSE(is_gguf_file(dir / "missing.gguf"));
    CHECK_FALSE(is_gguf_file(dir.path()));
}

TEST_CASE("gguf: the language model's file is read", "[io][real]") {
    const auto path = real_model("smollm2");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh smollm2 has not been run");
    const auto file = Gguf::open(path);
    CHECK(file.string("general.architecture") == "llama");
    CHECK(file.strings("tokenizer.ggml.tokens").size() == 49152);
    REQUIRE(file.find("token_embd.weight") != nullptr);
    CHECK(file.find("token_embd.weight")->shape == Shape{49152, 576});
}
