#include "text/made.hpp"

#include "tercet/text/charsmap.hpp"

#include <random>

using namespace tercet;
using namespace tercet_test;

namespace {

std::string number(std::uint32_t value) {
    std::string out;
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8 * i))));
    return out;
}

}  // namespace

TEST_CASE("charsmap: every rule that SentencePiece compiled is found, the longest or the shortest first", "[text]") {
    const Charsmap map(made_charsmap(), "test");
    CHECK_FALSE(map.empty());
    CHECK(map.blob() == made_charsmap());
    for (const auto& [from, to] : made().at("charsmap").at("rules").items()) {
        INFO(from);
        for (const char* behind : {"", "q", "\u00e9"}) {
            const auto match = map.longest(from + behind, 0);
            CHECK(match.size == from.size());
            CHECK(match.replacement == to.as_string());
        }
    }
    CHECK((map.longest("xabcd", 1).size == 3 && map.longest("xabcd", 1).replacement == "  z"));
    CHECK((map.shortest("xabcd", 1).size == 2 && map.shortest("xabcd", 1).replacement == "x y"));
    for (const char* other : {"", "b", "a", "e", "\u0301", "\u65e5", "B"}) CHECK(map.longest(other, 0).size == 0);
    CHECK(map.longest("\u200b", 0).replacement.empty());
}

TEST_CASE("charsmap: which ASCII characters stay as they are", "[text]") {
    const Charsmap map(made_charsmap(), "test"), none;
    CHECK((!map.plain('A') && !map.plain('a') && map.plain('b') && map.plain('e') && map.plain(' ') && !map.plain('\xc3')));
    CHECK((none.empty() && none.plain('A') && !none.plain('\xc3')));
    CHECK(none.longest("abc", 0).size == 0);
    CHECK(Charsmap("", "test").empty());
}

TEST_CASE("charsmap: sizes that do not fit are refused", "[text]") {
    const auto blob = made_charsmap();
    for (const auto& bad :
         {std::string("abc"), number(0), number(8) + "1234", number(5) + "12345", number(0xffffffff) + "1234", number(0xfffffffc) + "1234"})
        CHECK_ERROR(Charsmap(bad, "test"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Charsmap(number(4) + "1234\xff", "test"), ErrorCode::bad_tokenizer);
    CHECK(Charsmap(number(4) + "1234", "test").longest("abc", 0).size == 0);
}

TEST_CASE("charsmap: no damage to the map leads out of it, or to text that is not UTF-8", "[text]") {
    const auto blob = made_charsmap();
    std::mt19937 random(4);
    const std::string text = "A\u00c5\ufb01\u2460\u00a0 abcab e\u0301 xyz\u3000\U0001f600";
    std::size_t loaded = 0, matched = 0;
    for (int trial = 0; trial < 3000; ++trial) {
        auto damaged = blob;
        for (int k = 0; k < 1 + trial % 8; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
        // Half of the time the damage is done to units that are in use.
        for (std::size_t at = 4 + 4 * (random() % 64); trial % 2 && at < damaged.size(); at += 4 * (1 + random() % 64)) {
            if (blob[at] != 0) damaged[at + random() % 4] ^= static_cast<char>(1 << random() % 8);
        }
        if (trial % 5 == 0) damaged.resize(random() % damaged.size());
        const auto error = error_of([&] {
            const Charsmap map(damaged, "test");
            ++loaded;
            for (std::size_t at = 0; at < text.size(); ++at) {
                for (const auto match : {map.longest(text, at), map.shortest(text, at)}) {
                    CHECK(at + match.size <= text.size());
                    CHECK(utf8_first_error(match.replacement) == std::string_view::npos);
                    matched += match.size > 0;
                }
            }
        });
        if (error) CHECK(error->code() == ErrorCode::bad_tokenizer);
    }
    CHECK((loaded > 500 && matched > 1000));
}
