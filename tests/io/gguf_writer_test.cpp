#include "tercet/io/gguf_writer.hpp"

#include "support/catch.hpp"
#include "support/python.hpp"
#include "support/temp_dir.hpp"

#include <filesystem>

using namespace tercet;
using namespace tercet_test;

namespace {

std::span<const std::byte> bytes_of_text(const std::string& text) {
    return std::as_bytes(std::span(text));
}

// All metadata and tensors of a file, in their order.
GgufWriter copied(const Gguf& file) {
    GgufWriter out;
    for (const auto& [key, value] : file.metadata()) out.set(key, value);
    for (const auto& tensor : file.tensors()) out.add(tensor);
    return out;
}

void check_same(const Gguf& a, const Gguf& b) {
    CHECK(a.version() == 3);
    CHECK(a.alignment() == b.alignment());
    REQUIRE(a.metadata().size() == b.metadata().size());
    for (std::size_t i = 0; i < a.metadata().size(); ++i) {
        const auto& [key, value] = a.metadata()[i];
        const auto& [other_key, other] = b.metadata()[i];
        INFO(key);
        CHECK(key == other_key);
        CHECK(value.description() == other.description());
        CHECK(to_string(value) == to_string(other));
    }
    REQUIRE(a.tensors().size() == b.tensors().size());
    for (std::size_t i = 0; i < a.tensors().size(); ++i) {
        const auto &x = a.tensors()[i], &y = b.tensors()[i];
        INFO(x.name);
        CHECK(x.name == y.name);
        CHECK(x.type == y.type);
        CHECK(x.shape == y.shape);
        CHECK(std::equal(x.bytes.begin(), x.bytes.end(), y.bytes.begin(), y.bytes.end()));
    }
}

}  // namespace

TEST_CASE("gguf writer: files of the gguf package, read and written again, are the same to the byte", "[io][golden]") {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::string(TERCET_TEST_DATA) + "/io")) {
        if (entry.path().extension() != ".gguf") continue;
        INFO(entry.path().string());
        ++files;
        const auto original = Gguf::open(entry.path().string());
        const auto writer = copied(original);
        const auto bytes = writer.bytes();
        check_same(Gguf::parse(bytes, "copy"), original);
        const auto raw = open_file(entry.path().string());
        CHECK(std::equal(bytes.begin(), bytes.end(), raw.bytes().begin(), raw.bytes().end()));
        const TempDir dir;
        writer.save(dir / "copy.gguf");
        check_same(Gguf::open(dir / "copy.gguf"), original);
        CHECK(dir.entries() == 1);
    }
    CHECK(files >= 5);
}

TEST_CASE("gguf writer: every type of value comes back as what it was", "[io]") {
    GgufWriter file;
    file.set("u8", std::uint8_t{200});
    file.set("i8", std::int8_t{-100});
    file.set("u16", std::uint16_t{60000});
    file.set("i16", std::int16_t{-30000});
    file.set("u32", std::uint32_t{4000000000});
    file.set("i32", std::int32_t{-2000000000});
    file.set("u64", std::uint64_t{1} << 63);
    file.set("i64", INT64_MIN);
    file.set("long long", -1LL);
    file.set("f32", 0.15625f);
    file.set("f64", 0.1);
    file.set("true", true);
    file.set("text", "h\u00e9");
    file.set("string", std::string("with a \0 inside", 15));
    file.set("empty", "");
    file.set("strings", std::vector<std::string>{"a", "", "b c"});
    file.set("none", std::vector<std::string>{});
    file.set("booleans", std::vector<bool>{true, false});
    const std::int16_t shorts[] = {1, -2};
    file.set("shorts", std::span(shorts));
    file.set("nested", std::vector<std::vector<std::vector<double>>>{{{1, 2}, {}}, {}});
    const auto bytes = file.bytes();
    const auto read = Gguf::parse(bytes, "test");
    const auto check = [&](const char* key, const char* description, const char* text) {
        INFO(key);
        const auto* value = read.find_value(key);
        REQUIRE(value != nullptr);
        CHECK(value->description() == description);
        CHECK(to_string(*value) == text);
    };
    check("u8", "one u8", "200");
    check("i8", "one i8", "-100");
    check("u16", "one u16", "60000");
    check("i16", "one i16", "-30000");
    check("u32", "one u32", "4000000000");
    check("i32", "one i32", "-2000000000");
    check("u64", "one u64", "9223372036854775808");
    check("i64", "one i64", "-9223372036854775808");
    check("long long", "one i64", "-1");
    check("f32", "one f32", "0.15625");
    check("f64", "one f64", "0.1");
    check("true", "one boolean", "true");
    check("text", "one string", "\"h\u00e9\"");
    CHECK(read.string("string") == std::string("with a \0 inside", 15));
    check("empty", "one string", "\"\"");
    check("strings", "an array of 3 string", "[\"a\", \"\", \"b c\"]");
    check("none", "an array of 0 string", "[]");
    check("booleans", "an array of 2 boolean", "[true, false]");
    check("shorts", "an array of 2 i16", "[1, -2]");
    check("nested", "an array of 2 array", "[[[1, 2], []], []]");
    CHECK(read.metadata().size() == 20);
    CHECK(read.tensors().empty());
}

TEST_CASE("gguf writer: a key that is set again keeps its place", "[io]") {
    GgufWriter file;
    file.set("a", 1);
    file.set("b", 2);
    file.set("a", "three");
    const auto bytes = file.bytes();
    const auto read = Gguf::parse(bytes, "test");
    REQUIRE(read.metadata().size() == 2);
    CHECK(read.metadata()[0].first == "a");
    CHECK(read.string("a") == "three");
}

TEST_CASE("gguf writer: tensors are aligned as the metadata say, and kept or borrowed", "[io]") {
    const std::string five = "12345", block(34, 'q');
    for (const std::uint32_t alignment : {1u, 8u, 32u, 4096u}) {
        GgufWriter file;
        file.set("general.alignment", alignment);
        file.add({"five", StorageType::i8, {5}, bytes_of_text(five)});
        file.add({"nothing", StorageType::f32, {0, 3}, {}});
        const auto q = bytes_of_text(block);
        file.add("block", StorageType::q8_0, {1, 32}, {q.begin(), q.end()});
        file.add({"one", StorageType::i8, {}, bytes_of_text(five).first(1)});
        const GgufWriter copy = file;  // shares what the first one keeps
        file = GgufWriter();
        const auto bytes = copy.bytes();
        const auto read = Gguf::parse(bytes, "test");
        CHECK(read.alignment() == alignment);
        REQUIRE(read.tensors().size() == 4);
        CHECK(read.find("five")->shape == Shape{5});
        CHECK(read.find("nothing")->shape == Shape{0, 3});
        CHECK(read.find("block")->bytes.size() == 34);
        CHECK(std::equal(q.begin(), q.end(), read.find("block")->bytes.begin()));
        CHECK(read.find("one")->shape == Shape{});
        for (const auto& t : read.tensors())
            if (!t.bytes.empty()) CHECK((t.bytes.data() - bytes.data()) % alignment == 0);
        CHECK(bytes.size() % alignment == 0);
    }
}

TEST_CASE("gguf writer: what the format cannot hold is refused with its code", "[io]") {
    const std::string text(1024, 'x');
    const auto bytes = bytes_of_text(text);
    GgufWriter file;
    CHECK_ERROR((file.set("", 1), 0), ErrorCode::invalid_argument);
    CHECK_ERROR((file.set(std::string(65536, 'k'), 1), 0), ErrorCode::invalid_argument);
    CHECK_ERROR((file.set("general.alignment", 64), 0), ErrorCode::invalid_argument);  // an i32
    CHECK_ERROR((file.set("general.alignment", 24u), 0), ErrorCode::invalid_argument);
    CHECK_ERROR((file.add({"t", StorageType::u16, {2}, bytes.first(4)}), 0), ErrorCode::unsupported);
    CHECK_ERROR((file.add({"t", StorageType::i8, {1, 1, 1, 1, 2}, bytes.first(2)}), 0), ErrorCode::unsupported);
    CHECK_ERROR((file.add({"t", StorageType::i8, {3}, bytes.first(2)}), 0), ErrorCode::shape_mismatch);
    CHECK_ERROR((file.add({"t", StorageType::q8_0, {2, 16}, bytes.first(34)}), 0), ErrorCode::shape_mismatch);
    file.add({"t", StorageType::i8, {3}, bytes.first(3)});
    CHECK_ERROR((file.add({"t", StorageType::i8, {3}, bytes.first(3)}), 0), ErrorCode::invalid_argument);
    CHECK_ERROR((file.save("no/such/directory/x.gguf"), 0), ErrorCode::io);
}

TEST_CASE("gguf writer: the gguf package reads what was written", "[io]") {
    const auto python = python_with("gguf");
    if (!python) SKIP_TEST("no Python with the gguf package");
    const TempDir dir;
    GgufWriter file;
    file.set("general.architecture", "test");
    file.set("general.alignment", 64u);
    file.set("numbers", std::vector<std::int32_t>{1, -2, 3});
    file.set("words", std::vector<std::string>{"a", "\u4f60"});
    file.set("yes", true);
    const float values[] = {1, 2, 3, 4, 5, 6};
    file.add({"w", StorageType::f32, {2, 3}, std::as_bytes(std::span(values))});
    file.add("q", StorageType::q8_0, {4, 64}, std::vector<std::byte>(8 * 34));
    file.save(dir / "x.gguf");
    const Json got = run_python(*python,
                                "import sys, json, gguf\nr = gguf.GGUFReader(sys.argv[1])\n"
                                "print(json.dumps({'kv': {k: f.contents() for k, f in r.fields.items() if not k.startswith('GGUF.')},\n"
                                "  't': [[t.name, t.tensor_type.name, t.shape.tolist(), int(t.data_offset) % 64] for t in r.tensors],\n"
                                "  'w': r.tensors[0].data.tolist()}))\n",
                                {dir / "x.gguf"});
    CHECK(to_string(got.at("kv").at("numbers")) == "[1, -2, 3]");
    CHECK(to_string(got.at("kv").at("words")) == "[\"a\", \"\u4f60\"]");
    CHECK(got.at("kv").at("yes").as_bool());
    CHECK(to_string(got.at("t")) == R"([["w", "F32", [3, 2], 0], ["q", "Q8_0", [64, 4], 0]])");
    CHECK(to_string(got.at("w")) == "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]");
}
