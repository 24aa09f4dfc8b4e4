#include "tercet/text/char_level.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace tercet;

TEST_CASE("character vocabulary: reads the reference's file and gives its ids") {
    const std::string path = std::string(TERCET_TEST_DATA) + "/tokenizers/char_level.json";
    const auto vocabulary = CharVocabulary::load(path);
    const Json file = parse_json(read_text_file(path), path);
    CHECK(vocabulary.size() == static_cast<TokenId>(file.at("chars").size()));
    for (std::size_t i = 0; i < file.at("texts").size(); ++i) {
        const std::string& text = file.at("texts").at(i).as_string();
        std::vector<TokenId> want;
        for (const auto& id : file.at("ids").at(i).elements()) want.push_back(static_cast<TokenId>(id.as_int()));
        CHECK(vocabulary.encode(text) == want);
        CHECK(vocabulary.decode(want) == text);
    }
}

TEST_CASE("character vocabulary: ids are ranks of the distinct code points of a text") {
    const auto v = CharVocabulary::of_text(
        "ba\xf0\x9f\x98\x80"
        "a\xc3\xa9\n");  // b a 😀 a é \n
    CHECK(v.size() == 5);
    CHECK(v.encode("\n"
                   "ab\xc3\xa9\xf0\x9f\x98\x80") == std::vector<TokenId>{0, 1, 2, 3, 4});
    CHECK(v.decode(std::vector<TokenId>{4, 3, 0}) == "\xf0\x9f\x98\x80\xc3\xa9\n");
    CHECK(v.find(U'b') == 2);
    CHECK(v.find(U'c') == no_token);
    CHECK(v.encode("").empty());
}

TEST_CASE("character vocabulary: what is saved loads as the same, control characters and quotes included") {
    TempDir dir;
    std::string text("\0\x01\"\\\n\t/", 7);
    text += "\xe2\x80\xa8\xef\xbf\xbd";
    const auto v = CharVocabulary::of_text(text);
    v.save(dir / "vocabulary.json");
    CHECK(CharVocabulary::load(dir / "vocabulary.json") == v);
    CHECK(CharVocabulary::parse(v.to_json(), "text") == v);
    CHECK_FALSE(CharVocabulary::of_text("ab") == v);
    CHECK(dir.entries() == 1);
}

TEST_CASE("character vocabulary: the file's order is that of the ids, whatever it is") {
    const auto v = CharVocabulary::parse(R"({"chars": ["z", "a", "m"], "other": 1})", "text");
    CHECK(v.encode("amz") == std::vector<TokenId>{1, 2, 0});
    CHECK(v.to_json() == "{\"chars\": [\"z\", \"a\", \"m\"]}\n");
}

TEST_CASE("character vocabulary: bad text and bad files are refused with their code") {
    const auto v = CharVocabulary::of_text("abc");
    CHECK_ERROR(v.encode("abcd"), ErrorCode::index_out_of_range);
    CHECK_ERROR(v.encode("ab\xc3\xa9"), ErrorCode::index_out_of_range);
    CHECK_ERROR(v.encode("\xff"), ErrorCode::bad_text);
    CHECK_ERROR(v.decode(std::vector<TokenId>{3}), ErrorCode::index_out_of_range);
    CHECK_ERROR(v.decode(std::vector<TokenId>{-1}), ErrorCode::index_out_of_range);
    CHECK_ERROR(CharVocabulary::of_text(""), ErrorCode::bad_tokenizer);
    CHECK_ERROR(CharVocabulary::of_text("\xc0\x80"), ErrorCode::bad_text);
    CHECK_ERROR(CharVocabulary::load("no/such/file.json"), ErrorCode::io);
    CHECK_ERROR(CharVocabulary::parse("[", "text"), ErrorCode::bad_json);
    CHECK_ERROR(CharVocabulary::parse("{}", "text"), ErrorCode::missing_key);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": {}})", "text"), ErrorCode::bad_json);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": [1]})", "text"), ErrorCode::bad_json);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": []})", "text"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": [""]})", "text"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": ["ab"]})", "text"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(CharVocabulary::parse(R"({"chars": ["a", "b", "a"]})", "text"), ErrorCode::bad_tokenizer);
}
