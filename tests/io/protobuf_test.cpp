#include "support/catch.hpp"

#include "tercet/io/protobuf.hpp"

#include <random>
#include <vector>

using namespace tercet;
using namespace std::string_view_literals;

namespace {

std::vector<ProtobufField> fields_of(std::string_view message) {
    std::vector<ProtobufField> fields;
    ProtobufReader reader(message, "test");
    for (ProtobufField field; reader.next(field);) fields.push_back(field);
    return fields;
}

}  // namespace

// The first two are the examples of protobuf.dev's page on the encoding.
TEST_CASE("protobuf: each wire type gives its value", "[io]") {
    CHECK(fields_of("").empty());
    const auto number = fields_of("\x08\x96\x01"sv);
    REQUIRE(number.size() == 1);
    CHECK((number[0].number == 1 && number[0].type == 0 && number[0].value == 150 && !number[0].is_bytes()));
    const auto both = fields_of("\x12\x07testing\x18\x01"sv);
    REQUIRE(both.size() == 2);
    CHECK((both[0].number == 2 && both[0].is_bytes() && both[0].bytes == "testing"));
    CHECK((both[1].number == 3 && both[1].as_bool()));
    CHECK(fields_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv)[0].as_int32() == -1);
    const auto fixed = fields_of("\x15\x00\x00\x80\xbf\x19\x01\x02\x03\x04\x05\x06\x07\x08"sv);
    REQUIRE(fixed.size() == 2);
    CHECK((fixed[0].type == 5 && fixed[0].as_float() == -1.f));
    CHECK((fixed[1].type == 1 && fixed[1].value == 0x0807060504030201u));
    CHECK(fields_of("\x12\x00"sv)[0].bytes.empty());
    CHECK(fields_of("\xf8\xff\xff\xff\x0f\x07"sv)[0].number == 0x1fffffffu);
}

TEST_CASE("protobuf: what is cut short, no field, or of another wire type is refused", "[io]") {
    for (const auto cut : {"\x08"sv, "\x08\x96"sv, "\x12\x07test"sv, "\x15\x00\x00"sv, "\x19\x01"sv, "\x80"sv, "\x12"sv})
        CHECK_ERROR(fields_of(cut), ErrorCode::bad_offset);
    CHECK_ERROR(fields_of("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"sv), ErrorCode::bad_offset);     // a length of 2⁶⁴ − 1
    CHECK_ERROR(fields_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv), ErrorCode::bad_header);  // eleven bytes
    CHECK_ERROR(fields_of("\x00\x01"sv), ErrorCode::bad_header);                                          // field 0
    CHECK_ERROR(fields_of("\xff\xff\xff\xff\xff\x01\x01"sv), ErrorCode::bad_header);                      // field 2³² and more
    for (const auto group : {"\x0b"sv, "\x0c"sv, "\x0e"sv, "\x0f"sv}) CHECK_ERROR(fields_of(group), ErrorCode::bad_header);
}

TEST_CASE("protobuf: of any bytes, fields lie one behind the other inside the message, or an error comes", "[io]") {
    std::mt19937 random(1);
    std::size_t read = 0;
    for (int trial = 0; trial < 20000; ++trial) {
        std::string message(random() % 24, '\0');
        for (char& c : message) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 32);
        const auto error = error_of([&] {
            const char* at = message.data();
            for (const auto& field : fields_of(message)) {
                ++read;
                if (!field.is_bytes() || field.bytes.empty()) continue;
                CHECK((field.bytes.data() > at && field.bytes.data() + field.bytes.size() <= message.data() + message.size()));
                at = field.bytes.data() + field.bytes.size() - 1;
            }
        });
        if (error) CHECK((error->code() == ErrorCode::bad_offset || error->code() == ErrorCode::bad_header));
    }
    CHECK(read > 300);
}
