#include "text/golden.hpp"
#include "text/made.hpp"
#include "text/sentencepiece_model.hpp"

#include <random>

using namespace tercet;
using namespace tercet_test;

namespace {

using Ids = std::vector<TokenId>;

Tokenizer parse(std::string_view text) {
    return tokenizer_from_json(text, "test.json");
}

// A tokenizer of a and b, and one more entry.
std::string with(const std::string& entry) {
    return R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}, )" + entry + "}";
}
std::string model(const std::string& text) {
    return R"({"model": )" + text + "}";
}

// The message names what is not supported.
void check_named(const std::string& text, const std::string& name) {
    INFO(text);
    const auto error = error_of([&] { parse(text); });
    REQUIRE(error);
    CHECK(name_of(error->code()) == name_of(ErrorCode::unsupported));
    CHECK(std::string(error->what()).find(name) != std::string::npos);
}

}  // namespace

TEST_CASE("tokenizer_json: hand-made pipelines give the ids, offsets and text of the tokenizers package", "[text][golden]") {
    for (const auto& variant : made().at("pipelines").elements()) {
        const auto& name = variant.at("name").as_string();
        const auto tokenizer = tokenizer_from_json(variant.at("tokenizer"), name);
        for (const auto& c : variant.at("cases").elements()) {
            const auto& text = c.at("text").as_string();
            INFO(name << ": " << text);
            const auto encoding = tokenizer.encode(text);
            CHECK(encoding.ids == ids_of(c.at("ids")));
            CHECK(encoding.offsets == offsets_of(c.at("offsets")));
            CHECK(tokenizer.encode_ids(text) == encoding.ids);
            CHECK(tokenizer.decode(encoding.ids, false) == c.at("decoded").as_string());
            const auto pair = tokenizer.encode(text, {.pair = "abc ab"});
            CHECK(pair.type_ids == ids_of(c.at("pair_types")));
            CHECK(static_cast<std::int64_t>(pair.size()) == c.at("pair_size").as_int());
        }
    }
}

TEST_CASE("tokenizer_json: a converted SentencePiece model gives the tokenizers package's ids", "[text][golden]") {
    auto text = read_text_file(sentencepiece_data("sp_unigram.tokenizer.json"));
    const std::string mark = "\"MAP\"";  // its character map, which the model's file has
    text.replace(text.find(mark), mark.size(), "\"" + encode_base64(charsmap_of(read_text_file(sentencepiece_data("sp_unigram.model")))) + "\"");
    const auto tokenizer = tokenizer_from_json(text, "sp_unigram.tokenizer.json");
    const auto expected = json_file(sentencepiece_data("expected.json")).at("sp_unigram");
    const auto strings = json_file(tokenizer_data("tricky.txt.json"));
    std::size_t differ = 0;
    for (std::size_t i = 0; i < strings.size(); ++i) {
        INFO(strings.at(i).as_string().substr(0, 80));
        const auto* other = expected.at("json_differs").find(std::to_string(i));
        differ += other != nullptr;
        CHECK(tokenizer.encode_ids(strings.at(i).as_string()) == ids_of(other ? *other : expected.at("ids").at(i)));
    }
    CHECK(differ == 6);
}

TEST_CASE("tokenizer_json: parts that this version does not know are named", "[text]") {
    check_named(model(R"({"type": "Markov", "vocab": {"a": 0}})"), "Markov");
    check_named(with(R"("normalizer": {"type": "Rot13"})"), "Rot13");
    check_named(with(R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Rot13"}]})"), "Rot13");
    check_named(with(R"("pre_tokenizer": {"type": "Syllables"})"), "Syllables");
    check_named(with(R"("post_processor": {"type": "Shuffle"})"), "Shuffle");
    check_named(with(R"("decoder": {"type": "Sequence", "decoders": [{"type": "Shout"}]})"), "Shout");
    check_named(with(R"("normalizer": {"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""})"), "(a");
    check_named(with(R"("decoder": {"type": "Replace", "pattern": {"Regex": "[b"}, "content": ""})"), "[b");
}

TEST_CASE("tokenizer_json: what a unigram model lacks", "[text]") {
    const auto unigram = [](const std::string& vocab, const std::string& more = "") {
        return parse(model(R"({"type": "Unigram", "vocab": )" + vocab + more + "}"));
    };
    CHECK(unigram(R"([["a", -1], ["b", -2.5]])").encode_ids("ab") == Ids{0, 1});
    CHECK(parse(model(R"({"vocab": [["a", -1]]})")).model() == TokenModel::unigram);  // told by its vocabulary
    CHECK_ERROR(unigram(R"([["a", -1]])").encode_ids("z"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(unigram("[]"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(unigram(R"({"a": 0})"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(unigram(R"([["a", -1]])", R"(, "unk_id": 1)"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(unigram(R"([["a", -1]])", R"(, "unk_id": -2)"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(unigram(R"([["a", -1]])", R"(, "unk_id": 99999999999)"), ErrorCode::bad_tokenizer);
    for (const char* bad : {R"([["a"]])", R"([[]])", R"(["a"])", R"([["a", "b"]])", R"([[0, 1]])", R"([["a", null]])", R"([["a", NaN]])"}) {
        INFO(bad);
        CHECK(error_of([&] { unigram(bad); }));
    }
    CHECK_ERROR(parse(model(R"({"type": "BPE", "vocab": [["a", 0]], "merges": []})")), ErrorCode::bad_tokenizer);
}

TEST_CASE("tokenizer_json: options outside their range are refused", "[text]") {
    const auto bad = [](const std::string& text) {
        INFO(text);
        CHECK_ERROR(parse(text), ErrorCode::bad_tokenizer);
    };
    bad(model(R"({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "<unk>"})"));
    bad(model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 1.5})"));
    bad(model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": -0.1})"));
    bad(model(R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"})"));
    bad(model(R"({"type": "WordPiece", "vocab": {"[UNK]": 0}, "max_input_chars_per_word": -1})"));
    bad(with(R"("pre_tokenizer": {"type": "FixedLength", "length": 0})"));
    bad(with(R"("pre_tokenizer": {"type": "FixedLength", "length": -3})"));
    bad(with(R"("pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": ""})"));
    bad(with(R"("pre_tokenizer": {"type": "Metaspace", "replacement": ""})"));
    bad(with(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"})"));
    CHECK_ERROR(parse(with(R"("normalizer": {"type": "Precompiled", "precompiled_charsmap": "A!"})")), ErrorCode::bad_header);
    CHECK_ERROR(parse(with(R"("normalizer": {"type": "Precompiled"})")), ErrorCode::missing_key);
    bad(with(R"("post_processor": {"type": "BertProcessing", "cls": ["a", -1], "sep": ["b", 1]})"));
    bad(with(R"("added_tokens": [{"id": 9000000000, "content": "x"}])"));
    CHECK(parse(with(R"("pre_tokenizer": {"type": "FixedLength", "length": 9223372036854775807})")).encode_ids("ab") == Ids{2});
    CHECK(parse(with(R"("decoder": {"type": "Strip", "content": "a", "start": 9223372036854775807})")).decode({0, 1, 0}) == "b");
}

TEST_CASE("tokenizer_json: dropout in the file is the model's, and an option goes before it", "[text]") {
    const auto t = parse(model(R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], "dropout": 1.0})"));
    CHECK(t.encode_ids("abab") == Ids{0, 1, 0, 1});
    CHECK(t.encode("abab", {.dropout = 0.0}).ids == Ids{2, 2});
}

TEST_CASE("tokenizer_json: a file that was cut or damaged loads as another one, or is refused", "[text]") {
    std::mt19937 random(14);
    std::size_t loaded = 0, refused = 0;
    std::vector<std::string> files;
    for (const auto& variant : made().at("pipelines").elements()) {
        auto text = to_string(variant.at("tokenizer"));
        if (text.size() < 6000) files.push_back(std::move(text));
    }
    REQUIRE(files.size() > 10);
    for (int trial = 0; trial < 4000; ++trial) {
        auto text = files[static_cast<std::size_t>(trial) % files.size()];
        for (std::size_t n = 1 + random() % 2; n > 0; --n) {
            auto& byte = text[random() % text.size()];
            byte = "0123456789-\"[]{},:aeinult <>."[random() % 29];
        }
        if (trial % 10 == 0) text.resize(random() % text.size());
        const auto error = error_of([&] {
            const auto tokenizer = parse(text);
            ++loaded;
            const auto encoding = tokenizer.encode("abcab  ABC \u00e9\u65e5\u672c the cat<s> xyz\u200b", {.pair = "ab"});
            std::vector<TokenId> known;  // templates may name ids that the vocabulary lacks
            std::copy_if(encoding.ids.begin(), encoding.ids.end(), std::back_inserter(known), [&](TokenId id) { return tokenizer.has(id); });
            CHECK(utf8_first_error(tokenizer.decode(known, false)) == std::string::npos);
        });
        refused += error.has_value();
    }
    CHECK((loaded > 300 && refused > 300));
}
