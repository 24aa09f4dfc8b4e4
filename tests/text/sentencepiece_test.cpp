#include "text/made.hpp"
#include "text/sentencepiece_model.hpp"

#include "tercet/text/sentencepiece.hpp"

#include <chrono>
#include <random>

using namespace tercet;
using namespace tercet_test;

namespace {

using Ids = std::vector<TokenId>;

Ids ids(const Json& list) {
    Ids out;
    for (const auto& id : list.elements()) out.push_back(static_cast<TokenId>(id.as_int()));
    return out;
}

Tokenizer load(std::string_view bytes) {
    return tokenizer_from_sentencepiece(bytes, "test.model");
}

// Ids are SentencePiece's whether a text is cut alone, with its offsets, or behind others.
void check_model(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const Json& expected) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
        INFO(tokenizer.source() << ", string " << i << ": " << texts[i].substr(0, 80));
        const auto encoding = tokenizer.encode(texts[i], {.offsets = OffsetUnit::bytes});
        CHECK(encoding.ids == ids(expected.at("ids").at(i)));
        CHECK(tokenizer.encode_ids(texts[i]) == encoding.ids);
        CHECK(tokenizer.decode(encoding.ids) == expected.at("decoded").at(i).as_string());
        index_t before = 0;
        for (const auto& [begin, end] : encoding.offsets) {
            CHECK((begin <= end && before <= begin && end <= static_cast<index_t>(texts[i].size())));
            before = begin;
        }
    }
    const auto role = [&](const char* name) { return static_cast<TokenId>(expected.at(name).as_int()); };
    CHECK((tokenizer.special().unk == role("unk") && tokenizer.special().bos == role("bos")));
    CHECK((tokenizer.special().eos == role("eos") && tokenizer.special().pad == role("pad")));
}

std::string all_bytes() {
    std::string out;
    for (int b = 0; b < 256; ++b) {
        constexpr char hex[] = "0123456789ABCDEF";
        out += piece(std::string("<0x") + hex[b / 16] + hex[b % 16] + ">", 0, 6);
    }
    return out;
}

}  // namespace

TEST_CASE("sentencepiece: every kind of model gives sentencepiece's ids and text on every awkward string", "[text][golden]") {
    const auto strings = parse_json(read_text_file(std::string(TERCET_TEST_DATA) + "/tokenizers/tricky.txt.json"), "tricky");
    const auto texts = strings_of(strings);
    const auto expected = parse_json(read_text_file(sentencepiece_data("expected.json")), "expected");
    REQUIRE(expected.size() == 5);
    for (const auto& [name, e] : expected.items()) {
        const auto tokenizer = tokenizer_from_sentencepiece(golden_sentencepiece(name), name);
        CHECK(tokenizer.vocab_size() == e.at("vocab_size").as_int());
        check_model(tokenizer, texts, e);
    }
}

TEST_CASE("sentencepiece: hand-made models with ties, bytes, user-defined and unused pieces give sentencepiece's ids", "[text][golden]") {
    const auto& file = made().at("sentencepiece");
    const auto texts = strings_of(file.at("texts"));
    for (const auto& m : file.at("models").elements())
        check_model(tokenizer_from_sentencepiece(decode_base64(m.at("model").as_string(), "made"), m.at("name").as_string()), texts, m);
}

TEST_CASE("sentencepiece: a long text gives the ids of its parts, wherever it is cut at a border", "[text]") {
    const auto texts = strings_of(made().at("sentencepiece").at("texts"));
    for (const std::string name : {"sp_unigram", "sp_bpe_bytefallback"}) {
        const auto tokenizer = tokenizer_from_sentencepiece(golden_sentencepiece(name), name);
        std::string text;
        Ids expected;
        for (int i = 0; i < 400; ++i) {
            const std::string word = "word" + std::to_string(i % 37) + " the cat";
            text += (text.empty() ? "" : " ") + word;
            const auto one = tokenizer.encode_ids(word);
            expected.insert(expected.end(), one.begin(), one.end());
        }
        CHECK(tokenizer.encode_ids(text) == expected);
    }
}

TEST_CASE("sentencepiece: control pieces are never found in a text, and nothing is added around it", "[text]") {
    const auto t = load(small_model());
    CHECK(t.encode_ids("ab") == Ids{7});
    CHECK(t.encode_ids("<s>ab") == Ids{3, 0, 6});
    CHECK((t.is_special(0) && t.is_special(1) && !t.is_special(6) && t.special().bos == 1 && t.special().eos == 2 && t.special().unk == 0));
    CHECK(t.decode({1, 7, 0, 2}) == "ab \u2047 ");
    CHECK(t.decode({1, 7, 2}, false) == "<s> ab</s>");
    CHECK(t.model() == TokenModel::unigram);
}

TEST_CASE("sentencepiece: pieces that make no model are refused", "[text]") {
    const auto refused = [](const std::string& bytes) { CHECK_ERROR(load(bytes), ErrorCode::bad_tokenizer); };
    CHECK(load(small_model()).vocab_size() == 8);
    refused("");
    refused(trainer(unigram_model));
    refused(piece("a", 0));                                                        // no unknown piece
    refused(small_model() + piece("<unk2>", 0, 2));                                // two of them
    refused(small_model() + piece("a", -1));                                       // twice
    refused(small_model() + piece("", -1));                                        // empty
    refused(small_model() + piece("\xff", -1));                                    // no text
    refused(small_model() + piece(std::string_view("x\0y", 3), -1));               // a zero byte
    refused(small_model() + piece("x", std::numeric_limits<float>::quiet_NaN()));  // no score
    refused(small_model() + piece("x", std::numeric_limits<float>::infinity()));
    refused(small_model() + piece("x", 0, 0));  // no type
    refused(small_model() + piece("x", 0, 7));
    refused(small_model() + piece("x", 0, -1));
    refused(small_model() + piece("<0x0G>", 0, 6));
    refused(small_model() + piece("<0x00>", 0, 6));           // bytes without byte_fallback
    refused(small_model() + trainer(1, field(35, 1)));        // … and the other way round
    refused(small_model() + trainer(1, field(44, "\xff")));   // the unknown piece's surface is no text
    refused(small_model() + field(3, field(2, "abc")));       // no character map
    refused(small_model() + field(5, field(2, "abcdefgh")));  // … of the denormalizer
    refused(small_model() + all_bytes());
    CHECK(load(small_model() + all_bytes() + trainer(1, field(35, 1))).encode_ids("\u00e9") == Ids{3, 8 + 0xc3, 8 + 0xa9});
    CHECK_ERROR(load(small_model(5)), ErrorCode::unsupported);
    CHECK_ERROR(load(small_model(-1)), ErrorCode::unsupported);
    CHECK_ERROR(load("\x0a\x05"
                     "ab"),
                ErrorCode::bad_offset);
    CHECK_ERROR(load("{\"version\": 1}"), ErrorCode::bad_header);
    CHECK_ERROR(load(small_model() + field(1, "\x0a\x7f")), ErrorCode::bad_offset);
}

TEST_CASE("sentencepiece: fields of other numbers and types are passed over", "[text]") {
    const auto t = load(small_model() + field(99, "anything") + field(1, 5) + field(4, "self test") + field(3, field(1, "name")));
    CHECK(t.encode_ids("ab") == Ids{7});
    CHECK(load(small_model(word_model)).encode_ids("ab xx ab") == Ids{7, 0, 7});
    CHECK(load(small_model(char_model)).encode_ids("abx") == Ids{3, 4, 5, 0});
    CHECK(load(small_model(bpe_model)).encode_ids("ab") == Ids{7});
}

TEST_CASE("sentencepiece: every beginning of a model loads or is refused", "[text]") {
    std::size_t loaded = 0, refused = 0;
    for (const auto& m : made().at("sentencepiece").at("models").elements()) {
        const auto bytes = decode_base64(m.at("model").as_string(), "made");
        if (bytes.size() > 2500) continue;
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            std::size_t ids = 0;
            const auto error = error_of([&] { ids = load(std::string_view(bytes).substr(0, size)).encode_ids("ab <s> \u00e9\u65e5").size(); });
            CHECK((error || ids > 0));
            loaded += !error;
            refused += error.has_value();
        }
    }
    CHECK((loaded > 10 && refused > 1000));
}

TEST_CASE("sentencepiece: damaged models load as others, or are refused, and cut texts in any case", "[text]") {
    std::mt19937 random(13);
    const auto& models = made().at("sentencepiece").at("models").elements();
    const std::string text = "A\u00c5\ufb01\u2460\u00a0 abcab e\u0301 xyz<sep>\u3000\U0001f600 deab aaaaaaaa a b \u2581";
    std::size_t loaded = 0, refused = 0;
    for (int trial = 0; trial < 6000; ++trial) {
        auto bytes = decode_base64(models[static_cast<std::size_t>(trial) % models.size()].at("model").as_string(), "made");
        if (bytes.size() > 4000 && trial % 4) continue;
        for (std::size_t n = 1 + random() % 3; n > 0; --n) {
            auto& byte = bytes[random() % std::min<std::size_t>(bytes.size(), n % 2 ? bytes.size() : 600)];
            byte = static_cast<char>(random() % 2 ? byte ^ (1 << random() % 8) : static_cast<int>(random()));
        }
        const auto error = error_of([&] {
            const auto tokenizer = load(bytes);
            ++loaded;
            const auto encoding = tokenizer.encode(text);
            CHECK(tokenizer.encode_ids(text) == encoding.ids);
            for (const TokenId id : encoding.ids) CHECK(tokenizer.has(id));
            CHECK(utf8_first_error(tokenizer.decode(encoding.ids)) == std::string::npos);
        });
        refused += error.has_value();
    }
    CHECK((loaded > 300 && refused > 300));
}
