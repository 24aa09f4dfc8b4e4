#include "tercet/text/learnt_tokens.hpp"

#include "support/catch.hpp"

using namespace tercet;
using detail::text::LearntTokens;

TEST_CASE("learnt tokens: special tokens have the first ids, the unknown one in front unless it is among them", "[text]") {
    const LearntTokens without({"<a>", "<b>"}, "", "here");
    CHECK(without.size() == 2);
    CHECK(without[1] == "<b>");
    LearntTokens in_front({"<a>", "<a>"}, "<unk>", "here");
    CHECK(in_front.size() == 2);
    CHECK(in_front[0] == "<unk>");
    CHECK(in_front.special() == std::vector<std::string>{"<unk>", "<a>"});  // each once
    CHECK(in_front.id_of("x") == 2);
    CHECK(in_front.id_of("<a>") == 1);
    CHECK(in_front.has("x"));
    CHECK_FALSE(in_front.has("y"));
    CHECK(in_front.vocabulary().find("x") == 2);
    CHECK(LearntTokens({"<a>", "<unk>"}, "<unk>", "here").size() == 2);
    CHECK_ERROR(LearntTokens({""}, "", "here"), ErrorCode::invalid_argument);
    CHECK_ERROR(LearntTokens({"\xff"}, "", "here"), ErrorCode::bad_text);
    CHECK_ERROR(LearntTokens({}, "\xff", "here"), ErrorCode::bad_text);
}
