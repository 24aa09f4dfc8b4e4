#include "support/catch.hpp"

#include "tercet/text/wordpiece.hpp"

using namespace tercet;

namespace {

std::vector<TokenId> cut(const Vocabulary& v, const WordPieceOptions& options, std::string_view word) {
    std::vector<Token> tokens;
    WordPieceScratch scratch;
    WordPiece(options).encode(v, word, 0, static_cast<std::uint32_t>(word.size()), scratch, tokens);
    std::vector<TokenId> ids;
    std::uint32_t at = 0;
    for (const auto& t : tokens) {
        CHECK(t.begin == at);
        at = t.end;
        ids.push_back(t.id);
    }
    CHECK(at == word.size());
    return ids;
}

}  // namespace

TEST_CASE("wordpiece: the longest token first, then the longest continuation", "[text]") {
    const Vocabulary v({{"[UNK]", 0}, {"un", 1}, {"unaff", 2}, {"##able", 3}, {"##a", 4}, {"##ff", 5}, {"\u00e9", 6}, {"##\u00e9", 7}}, "test");
    WordPieceOptions options;
    options.unknown = 0;
    using Ids = std::vector<TokenId>;
    CHECK(cut(v, options, "unaffable") == Ids{2, 3});
    CHECK(cut(v, options, "unable") == Ids{1, 3});
    CHECK(cut(v, options, "unaff\u00e9") == Ids{2, 7});
    CHECK(cut(v, options, "unx") == Ids{0});
    CHECK(cut(v, options, "able") == Ids{0});
    options.max_word_chars = 3;
    CHECK(cut(v, options, "\u00e9\u00e9\u00e9") == Ids{6, 7, 7});
    CHECK(cut(v, options, "\u00e9\u00e9\u00e9\u00e9") == Ids{0});
}

TEST_CASE("wordpiece: beginnings may carry the mark instead", "[text]") {
    const Vocabulary v({{"[UNK]", 0}, {"\u2581un", 1}, {"able", 2}}, "test");
    WordPieceOptions options;
    options.unknown = 0;
    options.first_prefix = "\u2581";
    options.next_prefix = "";
    CHECK(cut(v, options, "unable") == std::vector<TokenId>{1, 2});
    CHECK(cut(v, options, "able") == std::vector<TokenId>{0});
}
