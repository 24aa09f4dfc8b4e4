#include "support/catch.hpp"

#include "tercet/text/scanner.hpp"

#include <vector>

using namespace tercet;

namespace {

template <class Scan>
std::vector<std::string> words(std::string_view text, Scan scan) {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = scan(text, at);
        out.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return out;
}

std::vector<std::string> gpt2(std::string_view text) {
    return words(text, [](std::string_view t, std::size_t at) { return scan_gpt2(t, at); });
}

std::vector<std::string> cl100k(std::string_view text, std::size_t digits = 3) {
    return words(text, [&](std::string_view t, std::size_t at) { return scan_cl100k(t, at, digits); });
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("scanner: GPT-2's expression", "[text]") {
    CHECK(gpt2("Hello world's 123abc") == Words{"Hello", " world", "'s", " 123", "abc"});
    CHECK(gpt2("a   b") == Words{"a", "  ", " b"});
    CHECK(gpt2("a \n b  ") == Words{"a", " \n", " b", "  "});
    CHECK(gpt2("\n\nx") == Words{"\n", "\n", "x"});
    CHECK(gpt2("I'LL don''t 'tis") == Words{"I", "'", "LL", " don", "''", "t", " '", "tis"});
    CHECK(gpt2(" !? \u00e9\u00bd") == Words{" !?", " \u00e9", "\u00bd"});
    CHECK(gpt2("") == Words{});
    CHECK(gpt2(" ") == Words{" "});
    CHECK(gpt2("'") == Words{"'"});
}

TEST_CASE("scanner: the cl100k expression, with three digits a word and with one", "[text]") {
    CHECK(cl100k("Hello world 12345") == Words{"Hello", " world", " ", "123", "45"});
    CHECK(cl100k("12345", 1) == Words{"1", "2", "3", "4", "5"});
    CHECK(cl100k("I'LL they've $x\n\n  y") == Words{"I", "'LL", " they", "'ve", " $", "x", "\n\n", " ", " y"});
    CHECK(cl100k("it'\u017f") == Words{"it", "'\u017f"});
    CHECK(cl100k("a;\r\n b \n\n c") == Words{"a", ";\r\n", " b", " \n\n", " c"});
    CHECK(cl100k("\tx !y \n") == Words{"\tx", " !", "y", " \n"});
    CHECK(cl100k("x   ") == Words{"x", "   "});
    CHECK(cl100k("\u0301a") == Words{"\u0301a"});
}
