#include "tercet/io/base64.hpp"

#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("base64: the RFC's examples, both ways", "[io]") {
    const std::pair<const char*, const char*> cases[] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : cases) {
        CHECK(encode_base64(bytes) == text);
        CHECK(decode_base64(text, "test") == bytes);
    }
}

TEST_CASE("base64: all bytes come back, and the padding may be left out", "[io]") {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes.push_back(static_cast<char>(i * 37));
        CHECK(decode_base64(encode_base64(bytes), "test") == bytes);
    }
    CHECK(encode_base64(std::string_view("\xfb\xff\xbf", 3)) == "+/+/");
    CHECK(decode_base64("Zg", "test") == "f");
}

TEST_CASE("base64: other characters and a length that no bytes have are refused", "[io]") {
    CHECK_ERROR(decode_base64("Zm9v!", "test"), ErrorCode::bad_header);
    CHECK_ERROR(decode_base64("Zm 9v", "test"), ErrorCode::bad_header);
    CHECK_ERROR(decode_base64("Zm9vY", "test"), ErrorCode::bad_header);
}
