#include "support/catch.hpp"

#include "tercet/io/base64.hpp"

using namespace tercet;

TEST_CASE("base64: the examples of RFC 4648, section 10, both ways, with padding and without", "[io]") {
    const std::pair<std::string_view, std::string_view> examples[] = {
        {"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}};
    for (auto [text, bytes] : examples) {
        CHECK(encode_base64(bytes) == text);
        CHECK(decode_base64(text, "test") == bytes);
        while (text.ends_with('=')) text.remove_suffix(1);
        CHECK(decode_base64(text, "test") == bytes);
    }
    CHECK(decode_base64("/+8A", "test") == std::string("\xff\xef\x00", 3));
}

TEST_CASE("base64: all bytes come back", "[io]") {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes.push_back(static_cast<char>(i * 37));
        CHECK(decode_base64(encode_base64(bytes), "test") == bytes);
    }
}

TEST_CASE("base64: other characters and impossible lengths are refused", "[io]") {
    for (const char* bad : {"Zg= =", "Zm 9", "Zm9v\n", "Zm-_", "=Zg=", "Zm=v", "Z", "Zm9vY", "Zm\xc3\xa9", "Zm9v!"})
        CHECK_ERROR(decode_base64(bad, "test"), ErrorCode::bad_header);
    CHECK_ERROR(decode_base64(std::string_view("Zm\0v", 4), "test"), ErrorCode::bad_header);
}
