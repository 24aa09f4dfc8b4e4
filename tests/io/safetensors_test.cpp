#include "tercet/io/safetensors.hpp"

#include "support/byte_builder.hpp"
#include "support/catch.hpp"
#include "support/real_model.hpp"
#include "support/temp_dir.hpp"

#include <string>

using namespace tercet;

namespace {

std::string file_of(std::string_view header, std::size_t data_bytes) {
    return Bytes().number<std::uint64_t>(header.size()).text(header).text(std::string(data_bytes, 'd')).str();
}

Safetensors parse(std::string_view file) {
    const auto heap = on_heap(file);
    return Safetensors::parse(heap.span(), "test.safetensors");
}

// One F32 tensor of shape (2,) with the header's fields as given.
Safetensors parse_entry(std::string_view entry, std::size_t data_bytes = 8) {
    return parse(file_of("{\"w\":" + std::string(entry) + "}", data_bytes));
}

template <class T>
std::span<const std::byte> bytes_of_values(const std::vector<T>& values) {
    return std::as_bytes(std::span(values));
}

}  // namespace

TEST_CASE("safetensors: tensors, shapes and metadata are read, in the order of the bytes", "[io]") {
    const auto file = parse(file_of(R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]},"__metadata__":{"format":"pt"},)"
                                    R"("a":{"dtype":"BF16","shape":[2,1,4],"data_offsets":[0,16]},)"
                                    R"("none":{"dtype":"F32","shape":[0,5],"data_offsets":[16,16]},)"
                                    R"("scalar":{"dtype":"I64","shape":[],"data_offsets":[19,27],"extra":1}}   )",
                                    27));
    REQUIRE(file.tensors().size() == 4);
    CHECK(file.tensors()[0].name == "a");
    CHECK(file.tensors()[0].type == StorageType::bf16);
    CHECK(file.tensors()[0].shape == Shape{2, 1, 4});
    CHECK(file.tensors()[0].bytes.size() == 16);
    CHECK(file.tensors()[1].name == "none");
    CHECK(file.tensors()[2].name == "b");
    REQUIRE(file.find("scalar") != nullptr);
    CHECK(file.find("scalar")->shape == Shape{});
    CHECK(file.find("scalar")->bytes.size() == 8);
    CHECK(file.find("c") == nullptr);
    CHECK(file.metadata().at("format") == "pt");
    CHECK(file.source() == "test.safetensors");
    CHECK(file.owner() == nullptr);
    CHECK(parse(file_of("{}", 0)).tensors().empty());
}

TEST_CASE("safetensors: every element type of the format has its size", "[io]") {
    const std::pair<const char*, int> types[] = {{"BOOL", 4}, {"U8", 4},   {"I8", 4},   {"F8_E4M3", 4}, {"F8_E5M2", 4}, {"I16", 8},
                                                 {"U16", 8},  {"F16", 8},  {"BF16", 8}, {"I32", 16},    {"U32", 16},    {"F32", 16},
                                                 {"I64", 32}, {"U64", 32}, {"F64", 32}, {"C64", 32},    {"F4", 2},      {"F6_E2M3", 3}};
    for (const auto& [name, bytes] : types) {
        INFO(name);
        const std::string entry = std::string("{\"dtype\":\"") + name + "\",\"shape\":[2,2],\"data_offsets\":[0," + std::to_string(bytes) + "]}";
        const auto file = parse_entry(entry, static_cast<std::size_t>(bytes));
        CHECK(name_of(file.tensors().at(0).type) == name);
    }
    CHECK_ERROR(parse_entry(R"({"dtype":"Q4_0","shape":[2],"data_offsets":[0,8]})"), ErrorCode::unsupported);
    CHECK_ERROR(parse_entry(R"({"dtype":"F4","shape":[3],"data_offsets":[0,8]})"), ErrorCode::bad_header);
}

TEST_CASE("safetensors: what was written is read back, mapped and in memory", "[io]") {
    TempDir dir;
    const auto path = dir / "out.safetensors";
    const std::vector<float> weights{1, 2, 3, 4, 5, 6};
    const std::vector<std::uint8_t> mask{1, 0, 1};
    const std::vector<double> scale{0.5};
    const StoredTensor tensors[] = {{"mask", StorageType::u8, {3}, bytes_of_values(mask)},
                                    {"weights \"\xc3\xa9\"\n", StorageType::f32, {2, 3}, bytes_of_values(weights)},
                                    {"scale", StorageType::f64, {}, bytes_of_values(scale)},
                                    {"none", StorageType::f16, {0, 7}, {}}};
    write_safetensors(path, tensors, {{"format", "pt"}, {"quote\"", "line\n"}});
    CHECK(dir.entries() == 1);
    for (const bool map : {true, false}) {
        const auto file = Safetensors::open(path, {.map = map});
        REQUIRE(file.tensors().size() == 4);
        CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"quote\"", "line\n"}});
        for (const auto& tensor : tensors) {
            const auto* read = file.find(tensor.name);
            REQUIRE(read != nullptr);
            CHECK(read->type == tensor.type);
            CHECK(read->shape == tensor.shape);
            CHECK(std::equal(read->bytes.begin(), read->bytes.end(), tensor.bytes.begin(), tensor.bytes.end()));
            const auto width = block_bytes(read->type);
            CHECK(reinterpret_cast<std::uintptr_t>(read->bytes.data()) % width == 0);
        }
    }
    write_safetensors(path, {});
    CHECK(Safetensors::open(path).tensors().empty());
}

TEST_CASE("safetensors: the bytes outlive the reader as long as its owner is kept", "[io]") {
    TempDir dir;
    const std::vector<float> weights{1, 2};
    const StoredTensor tensor{"w", StorageType::f32, {2}, bytes_of_values(weights)};
    write_safetensors(dir / "w", std::span(&tensor, 1));
    std::shared_ptr<const void> owner;
    StoredTensor kept;
    {
        const auto file = Safetensors::open(dir / "w", {.map = false});
        owner = file.owner();
        const auto copy = file;  // an index by position, so that copies find too
        kept = *copy.find("w");
    }
    float first;
    std::memcpy(&first, kept.bytes.data() + 4, sizeof(first));
    CHECK(first == 2);
}

TEST_CASE("safetensors: tensors that cannot be written are refused, and the old file stays", "[io]") {
    TempDir dir;
    const auto path = dir.write("out", "old");
    const std::vector<float> values(32);
    const auto bytes = bytes_of_values(values);
    const auto write = [&](std::vector<StoredTensor> tensors) { write_safetensors(path, tensors); };
    CHECK_ERROR(write({{"a", StorageType::f32, {31}, bytes}}), ErrorCode::shape_mismatch);
    CHECK_ERROR((write({{"a", StorageType::f32, {32}, bytes}, {"a", StorageType::f32, {32}, bytes}})), ErrorCode::invalid_argument);
    CHECK_ERROR(write({{"__metadata__", StorageType::f32, {32}, bytes}}), ErrorCode::invalid_argument);
    CHECK_ERROR(write({{"\xff", StorageType::f32, {32}, bytes}}), ErrorCode::bad_text);
    CHECK_ERROR(write({{"a", StorageType::q4_0, {32}, bytes.first(18)}}), ErrorCode::unsupported);
    CHECK_ERROR(write_safetensors(dir / "missing/out", {}), ErrorCode::io);
    CHECK(read_text_file(path) == "old");
    CHECK(dir.entries() == 1);
}

TEST_CASE("safetensors: a wrong header length is refused", "[io]") {
    CHECK_ERROR(parse(""), ErrorCode::bad_header);
    CHECK_ERROR(parse("1234567"), ErrorCode::bad_header);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(0).str()), ErrorCode::bad_magic);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(3).text("{}").str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(~0ull).text("{}").str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(100'000'001).text("{}").str()), ErrorCode::bad_header);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(3).text(" {}").str()), ErrorCode::bad_magic);
    CHECK_ERROR(parse(Bytes().number<std::uint64_t>(3).text("[1]").str()), ErrorCode::bad_magic);
    CHECK_ERROR(parse(std::string(1000, 'x')), ErrorCode::bad_header);
}

TEST_CASE("safetensors: malformed entries are refused by name", "[io]") {
    CHECK(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})").tensors().size() == 1);
    CHECK_ERROR(parse_entry("3"), ErrorCode::bad_json);
    CHECK_ERROR(parse_entry("{}"), ErrorCode::missing_key);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2]})"), ErrorCode::missing_key);
    CHECK_ERROR(parse_entry(R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})"), ErrorCode::bad_json);
    CHECK_ERROR(parse_entry(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"), ErrorCode::unsupported);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), ErrorCode::bad_json);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]})"), ErrorCode::unsupported);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,-8]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), ErrorCode::bad_offset);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]})"), ErrorCode::bad_offset);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})"), ErrorCode::bad_header);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), ErrorCode::bad_offset);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"), ErrorCode::bad_offset);
    CHECK_ERROR(parse(file_of(R"({"__metadata__":{"a":1}})", 0)), ErrorCode::bad_json);
    CHECK_ERROR(parse(file_of(R"({"__metadata__":[]})", 0)), ErrorCode::bad_json);
    try {
        parse_entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "test.safetensors: tensor \"w\" (3,) of F32 needs 12 bytes, the header gives [0, 8) of 8");
    }
}

TEST_CASE("safetensors: sizes that overflow are refused", "[io]") {
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"), ErrorCode::size_overflow);
    CHECK_ERROR(parse_entry(R"({"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,8]})"), ErrorCode::size_overflow);
    CHECK_ERROR(parse_entry(R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0), ErrorCode::size_overflow);
}

TEST_CASE("safetensors: holes, overlaps and bytes that belong to no tensor are refused", "[io]") {
    const auto two = [](const char* a, const char* b, std::size_t bytes) {
        const std::string begin = R"({"dtype":"U8","shape":[4],"data_offsets":)";
        return parse(file_of("{\"a\":" + begin + a + "},\"b\":" + begin + b + "}}", bytes));
    };
    CHECK(two("[4,8]", "[0,4]", 8).tensors()[0].name == "b");
    CHECK_ERROR(two("[0,4]", "[2,6]", 6), ErrorCode::bad_offset);
    CHECK_ERROR(two("[0,4]", "[0,4]", 4), ErrorCode::bad_offset);
    CHECK_ERROR(two("[0,4]", "[5,9]", 9), ErrorCode::bad_offset);
    CHECK_ERROR(two("[0,4]", "[4,8]", 9), ErrorCode::bad_offset);
    CHECK_ERROR(two("[0,4]", "[4,8]", 7), ErrorCode::bad_offset);
    CHECK_ERROR(parse(file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}})", 0)), ErrorCode::bad_offset);
    const std::string_view twice = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})";
    CHECK_ERROR(parse(file_of(twice, 2)), ErrorCode::bad_json);
}

TEST_CASE("safetensors: every prefix of a file is refused, and a changed byte is read or refused", "[io]") {
    const std::string header = R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},"__metadata__":{"k":"v"},)"
                               R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}} )";
    const std::string file = file_of(header, 11);
    CHECK(parse(file).tensors().size() == 2);
    for (std::size_t size = 0; size < file.size(); ++size) {
        bool refused = false;
        try {
            parse(std::string_view(file).substr(0, size));
        } catch (const Error&) {
            refused = true;
        }
        CHECK(refused);
    }
    std::size_t read = 0;
    for (std::size_t i = 0; i < file.size() - 11; ++i) {
        for (int flip = 1; flip < 256; ++flip) {
            std::string changed = file;
            changed[i] = static_cast<char>(changed[i] ^ flip);
            try {
                read += parse(changed).tensors().size() <= 2;
            } catch (const Error&) {}
        }
    }
    CHECK(read > 0);  // another letter in a name harms nothing
}

TEST_CASE("safetensors: a file with a checksum is verified as a whole, and the checksum taken off", "[io]") {
    TempDir dir;
    const auto path = dir / "x.safetensors";
    const std::vector<float> values{1, 2, 3};
    const std::vector<StoredTensor> tensors{{"bytes", StorageType::u8, {3}, std::as_bytes(std::span("abc", 3))},
                                            {"none", StorageType::u8, {0}, {}},
                                            {"values", StorageType::f32, {3}, std::as_bytes(std::span(values))}};
    for (const bool durable : {false, true}) {
        write_safetensors(path, tensors, {{"key", "text"}}, {.durable = durable, .checksum = true});
        const auto checked = Safetensors::open_checked(path);
        CHECK(checked.tensors().size() == 3);
        CHECK(checked.find(Safetensors::checksum_name) == nullptr);
        CHECK(checked.find("values")->bytes.size() == 12);
        CHECK(checked.metadata().at("key") == "text");
        CHECK(Safetensors::open(path).tensors().back().name == Safetensors::checksum_name);
    }
    std::string bytes = read_text_file(path);
    bytes[bytes.size() / 2] ^= 1;
    CHECK_ERROR(Safetensors::open_checked(dir.write("damaged", bytes)), ErrorCode::damaged);
    CHECK_ERROR(Safetensors::open_checked(dir.write("empty", "")), ErrorCode::damaged);
    write_safetensors(dir / "without", tensors);
    CHECK_ERROR(Safetensors::open_checked(dir / "without"), ErrorCode::damaged);
    const std::vector<StoredTensor> reserved{{std::string(Safetensors::checksum_name), StorageType::u8, {0}, {}}};
    CHECK_ERROR(write_safetensors(path, reserved, {}, {.checksum = true}), ErrorCode::invalid_argument);
    write_safetensors(path, reserved);
    write_safetensors(path, {}, {}, {.checksum = true});
    CHECK(Safetensors::open_checked(path).tensors().empty());
}

TEST_CASE("safetensors: a missing file is refused by name", "[io]") {
    CHECK_ERROR(Safetensors::open("no/such/file.safetensors"), ErrorCode::io);
}

TEST_CASE("safetensors: the sentence encoder's weights are read", "[io][real]") {
    const auto path = real_model("minilm");
    if (path.empty()) SKIP_TEST("scripts/fetch_model.sh minilm has not been run");
    const auto file = Safetensors::open(path + "/model.safetensors");
    REQUIRE(file.find("embeddings.word_embeddings.weight") != nullptr);
    CHECK(file.find("embeddings.word_embeddings.weight")->shape == Shape{30522, 384});
}
