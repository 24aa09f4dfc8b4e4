#include "support/catch.hpp"

#include "tercet/text/decoder.hpp"

using namespace tercet;

TEST_CASE("decoder: each kind of step", "[text]") {
    using enum DecoderKind;
    const auto decode = [](std::vector<DecoderStep> steps, std::vector<std::string> tokens) {
        return Decoder(std::move(steps)).decode(std::move(tokens));
    };
    CHECK(decode({}, {"a", "b"}) == "a b");
    CHECK(decode({{.kind = wordpiece, .pattern = "##"}}, {"un", "##able", ",", "do", "n't", "!"}) == "unable, don't!");
    CHECK(decode({{.kind = wordpiece, .pattern = "##", .cleanup = false}}, {"a", ".", "##b"}) == "a .b");
    CHECK(decode({{.kind = byte_level}}, {"a", "\u0120\u00c3", "\u00a9", "\u00c3"}) == "a \u00e9\ufffd");
    CHECK(decode({{.kind = byte_level}}, {"<\u2581>"}) == "<\u2581>");
    CHECK(decode({{.kind = byte_fallback}, {.kind = fuse}}, {"a", "<0xC3>", "<0xA9>", "b", "<0xC3>"}) == "a\u00e9b\ufffd");
    CHECK(decode({{.kind = replace, .pattern = "\u2581", .content = " "}, {.kind = fuse}, {.kind = strip, .pattern = " ", .start = 1}},
                 {"\u2581a", "\u2581b"}) == "a b");
    CHECK(decode({{.kind = metaspace, .pattern = "\u2581"}}, {"\u2581Hey", "\u2581you"}) == "Hey you");
    CHECK(decode({{.kind = metaspace, .pattern = "\u2581", .drop_first = false}}, {"\u2581Hey"}) == " Hey");
    CHECK(decode({{.kind = bpe, .pattern = "</w>"}}, {"a</w>", "b", "c</w>"}) == "a bc");
}

// Expected texts: the tokenizers package's.
TEST_CASE("decoder: what a speech model puts out, and replacement by an expression", "[text]") {
    using enum DecoderKind;
    const auto decode = [](std::vector<DecoderStep> steps, std::vector<std::string> tokens) {
        return Decoder(std::move(steps)).decode(std::move(tokens));
    };
    const DecoderStep speech{.kind = ctc, .pattern = "<pad>", .content = "|"};
    CHECK(decode({speech}, {"<pad>", "<pad>", "h", "e", "e", "l", "l", "<pad>", "l", "o", "o", "o", "<pad>"}) == "hello");
    CHECK(decode({speech}, {"h", "|", "|", "i", "<pad>", "|", "."}) == "h i .");
    CHECK(decode({{.kind = ctc, .pattern = "<pad>", .content = "|", .cleanup = false}}, {"h", "|", "|", "i"}) == "h|i");
    CHECK(decode({speech}, {}) == "");
    CHECK(decode({{.kind = replace, .content = "_", .regex = Pattern("l+")}}, {"hello", "all"}) == "he_oa_");
    CHECK(decode({{.kind = replace, .content = "", .regex = Pattern("^h")}}, {"hello", "oh"}) == "ellooh");
}
