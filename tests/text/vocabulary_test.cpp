#include "support/catch.hpp"

#include "tercet/text/vocabulary.hpp"

using namespace tercet;

TEST_CASE("vocabulary: tokens and ids find each other, gaps included", "[text]") {
    const Vocabulary v({{"a", 0}, {"bc", 3}, {"", 1}}, "test");
    CHECK((v.size() == 4 && v.count() == 3));
    CHECK((v.find("a") == 0 && v.find("bc") == 3 && v.find("") == 1 && v.find("b") == no_token));
    CHECK((v.has(3) && !v.has(2) && !v.has(-1) && !v.has(4)));
    CHECK(v.token(3) == "bc");
    TextHash hash;
    hash.add("b");
    hash.add('c');
    CHECK(v.find(hash, "b", "c") == 3);
    CHECK(Vocabulary{}.find("a") == no_token);
}

TEST_CASE("vocabulary: of two equal tokens the last is found", "[text]") {
    const Vocabulary v({{"a", 0}, {"a", 1}}, "test");
    CHECK(v.find("a") == 1);
    CHECK(v.token(0) == "a");
}

TEST_CASE("vocabulary: impossible ids are refused", "[text]") {
    using Tokens = std::vector<std::pair<std::string, TokenId>>;
    CHECK_ERROR(Vocabulary(Tokens{{"a", -1}}, "test"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Vocabulary(Tokens{{"a", 0}, {"b", 0}}, "test"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(Vocabulary(Tokens{{"a", 0x7ffffff0}}, "test"), ErrorCode::bad_tokenizer);
}
