#include "support/catch.hpp"

#include "tercet/text/words.hpp"

using namespace tercet;

namespace {

using Views = std::vector<std::string_view>;

}  // namespace

TEST_CASE("words: runs of letters, marks, numbers and underscores, with apostrophes inside", "[text]") {
    CHECK(words_of("Don't stop, l\u2019eau: 3rd snake_case!") == Views{"Don't", "stop", "l\u2019eau", "3rd", "snake_case"});
    CHECK(words_of("'quoted' dogs' ''a''b'c") == Views{"quoted", "dogs", "a", "b'c"});
    CHECK(words_of("rock'n'roll well-known e.g.") == Views{"rock'n'roll", "well", "known", "e", "g"});
    CHECK(words_of("e\u0301te\u0301 \u4f60\u597d\u3002\u0928\u092e\u0938\u094d\u0924\u0947") ==
          Views{"e\u0301te\u0301", "\u4f60\u597d", "\u0928\u092e\u0938\u094d\u0924\u0947"});
    CHECK(words_of("").empty());
    CHECK(words_of(" \t--\u2026").empty());
    CHECK_ERROR(words_of("a\xff"), ErrorCode::bad_text);
}

TEST_CASE("words: sentences end at marks before white space, at full-width marks and at blank lines", "[text]") {
    CHECK(sentences_of(" One. Two?!  \"Three.\" (Four!)\nfive") == Views{"One.", "Two?!", "\"Three.\"", "(Four!)", "five"});
    CHECK(sentences_of("It costs 3.5 at example.com now. Yes") == Views{"It costs 3.5 at example.com now.", "Yes"});
    CHECK(sentences_of("a title\n\nand text\r\nof two lines\r\n\r\nend") == Views{"a title", "and text\r\nof two lines", "end"});
    CHECK(sentences_of("\u4f60\u597d\u3002\u518d\u89c1\uff01ok") == Views{"\u4f60\u597d\u3002", "\u518d\u89c1\uff01", "ok"});
    CHECK(sentences_of("").empty());
    CHECK(sentences_of(" \n\n ").empty());
    CHECK_ERROR(sentences_of("\xc3"), ErrorCode::bad_text);
}

TEST_CASE("words: the pieces put together are the text", "[text]") {
    const std::string texts[] = {"", "a", " a", "a ", "Don't. \u00bbJa!\u00ab\n\n\n x\u2019 \u2019y'z'", ".. . ...\r\n\r\n", "\u3002\u3002 \u3002a"};
    for (const auto& text : texts) {
        std::string words, sentences, chunks;
        detail::text::cut_words(text, [&](std::string_view piece, bool) { words += piece; });
        detail::text::cut_sentences(text, [&](std::string_view piece, bool sentence) {
            CHECK_FALSE(piece.empty());
            CHECK(sentence != is_space(utf8_decode(piece, 0).point));
            sentences += piece;
        });
        CHECK(words == text);
        CHECK(sentences == text);
    }
}

TEST_CASE("words: folding lowers case and straightens apostrophes", "[text]") {
    CHECK(fold_word("DON\u2019T") == "don't");
    CHECK(fold_word("\u00c9T\u00c9\u0130") == "\u00e9t\u00e9i\u0307");
}

TEST_CASE("words: a word that is left out takes one side's spaces with it", "[text]") {
    const auto without = [](std::string_view text, const Views& dropped) {
        detail::text::WordRemover out;
        detail::text::cut_words(text, [&](std::string_view piece, bool word) {
            if (word && std::find(dropped.begin(), dropped.end(), piece) != dropped.end()) out.drop();
            else out.keep(piece);
        });
        return out.finish();
    };
    CHECK(without("a b c", {"b"}) == "a c");
    CHECK(without("a b c", {"a", "b"}) == "c");
    CHECK(without("a b c", {"b", "c"}) == "a");
    CHECK(without("a b c", {"a", "b", "c"}).empty());
    CHECK(without("a (b) c, d", {"b", "c"}) == "a (), d");
    CHECK(without("one\ntwo three\n", {"two"}) == "one\nthree\n");
}
