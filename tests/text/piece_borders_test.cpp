#include "support/catch.hpp"

#include "tercet/text/bpe.hpp"
#include "tercet/text/piece_borders.hpp"

#include <random>

using namespace tercet;

namespace {

std::vector<std::string> cut(const PieceBorders& borders, std::string_view text) {
    std::vector<std::string> out;
    std::size_t begin = 0;
    borders.each(text, 0, text.size(), [&](std::size_t at) {
        out.emplace_back(text.substr(begin, at - begin));
        begin = at;
    });
    out.emplace_back(text.substr(begin));
    return out;
}

using Words = std::vector<std::string>;
const auto all = [](TokenId) { return true; };

}  // namespace

TEST_CASE("piece_borders: in front of spaces and between letters and others, unless a token reaches across", "[text]") {
    const Vocabulary v({{"\u2581"
                         "a",
                         0},
                        {"b", 1},
                        {"c!", 2},
                        {"\u2581"
                         "b",
                         3}},
                       "test");
    const PieceBorders borders(v, all);
    CHECK(cut(borders,
              "\u2581"
              "ab\u2581"
              "b") == Words{"\u2581"
                            "ab",
                            "\u2581"
                            "b"});
    CHECK(cut(borders, "ab!c!") == Words{"ab", "!", "c!"});
    CHECK(cut(borders, "a1\u00e9\u65e5x") == Words{"a", "1", "\u00e9\u65e5", "x"});
    CHECK(cut(borders, "12") == Words{"12"});  // of one kind
    CHECK(cut(borders, "") == Words{""});
    CHECK(cut(borders, "\u2581\u2581") == Words{"\u2581", "\u2581"});
    // Tokens that reach nowhere do not count.
    CHECK(cut(PieceBorders(v, [](TokenId id) { return id != 2; }), "c!") == Words{"c", "!"});
    CHECK(cut(PieceBorders(Vocabulary({{"\u2581\u2581", 0}}, "test"), all), "a\u2581\u2581") == Words{"a", "\u2581\u2581"});
}

TEST_CASE("piece_borders: only the part that is asked for is cut", "[text]") {
    const PieceBorders borders(Vocabulary({{"a", 0}}, "test"), all);
    std::vector<std::size_t> places;
    borders.each("a!a!a", 1, 4, [&](std::size_t at) { places.push_back(at); });
    CHECK(places == std::vector<std::size_t>{2, 3});
    borders.each("a!a", 2, 2, [&](std::size_t) { FAIL_CHECK("a border in nothing"); });
}

TEST_CASE("piece_borders: what is cut there gives the tokens of the whole", "[text]") {
    std::mt19937 random(8);
    const std::string_view letters[] = {"a", "b", "!", "1", "\u2581", "\u00e9"};
    std::size_t borders_seen = 0;
    for (int trial = 0; trial < 200; ++trial) {
        std::vector<std::pair<std::string, TokenId>> tokens = {{"<unk>", 0}};
        for (const auto letter : letters) tokens.emplace_back(letter, static_cast<TokenId>(tokens.size()));
        std::vector<float> scores(7, -100);
        for (int i = 0; i < 6; ++i) {
            std::string token;
            for (std::size_t n = 2 + random() % 2; n > 0; --n) token += letters[random() % 6];
            if (Vocabulary(tokens, "test").find(token) != no_token) continue;
            tokens.emplace_back(token, static_cast<TokenId>(tokens.size()));
            scores.push_back(-static_cast<float>(random() % 10));
        }
        const Vocabulary v(tokens, "test");
        BpeOptions options;
        options.unknown = "<unk>";
        options.unknown_last = true;
        const auto bpe = Bpe::from_ranks(v, BpeRanks::by_score(scores), options, "test");
        const PieceBorders borders(v, all);
        std::string text;
        for (int i = 0; i < 30; ++i) text += letters[random() % 6];
        const auto ids_of = [&](const std::vector<std::string>& words) {
            std::vector<TokenId> ids;
            BpeScratch scratch;
            for (const auto& word : words) {
                std::vector<Token> out;
                bpe.encode(v, word, 0, static_cast<std::uint32_t>(word.size()), false, scratch, out);
                for (const auto& t : out) ids.push_back(t.id);
            }
            return ids;
        };
        const auto words = cut(borders, text);
        borders_seen += words.size() - 1;
        CHECK(ids_of(words) == ids_of({text}));
    }
    CHECK(borders_seen > 500);
}
