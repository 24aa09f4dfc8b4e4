#include "tercet/core/parallel.hpp"
#include "text/golden.hpp"
#include "text/sentencepiece_model.hpp"

#include <cmath>
#include <thread>

using namespace tercet;
using namespace tercet_test;

namespace {

std::string tiny_json(std::string_view stages = "") {
    return R"({"added_tokens": [{"id": 4, "content": "<s>", "special": true}], "normalizer": {"type": "Lowercase"},
               "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "!": 3}, "merges": ["a b"]})" +
           std::string(stages) + "}";
}

}  // namespace

TEST_CASE("tokenizer: ids, offsets and decoded text of every awkward string equal Hugging Face's", "[text][golden]") {
    const auto strings = json_file(tokenizer_data("tricky.txt.json"));
    for (const std::string name : {"minilm", "gpt2", "smollm2"}) {
        const auto tokenizer = load_tokenizer(tokenizer_data(name + "/tokenizer.json"));
        const auto expected = json_file(tokenizer_data(name + "/expected.json"));
        REQUIRE(expected.at("ids").size() == strings.size());
        for (std::size_t i = 0; i < strings.size(); ++i) {
            const auto& text = strings.at(i).as_string();
            INFO(name << ", string " << i << ": " << text.substr(0, 80));
            const auto encoding = tokenizer.encode(text);
            CHECK(encoding.ids == ids_of(expected.at("ids").at(i)));
            CHECK(encoding.offsets == offsets_of(expected.at("offsets").at(i)));
            CHECK(tokenizer.encode_ids(text) == encoding.ids);
            const bool bert = name == "minilm";
            CHECK(tokenizer.decode(encoding.ids, bert) == expected.at("decoded").at(i).as_string());
            if (const auto* with_special = expected.find("decoded_with_special"))
                CHECK(tokenizer.decode(encoding.ids, false) == with_special->at(i).as_string());
            if (const auto* plain = expected.find("ids_no_special")) CHECK(tokenizer.encode_ids(text, false) == ids_of(plain->at(i)));
            if (const auto* as_text = expected.find("ids_special_as_text")) CHECK(tokenizer.encode_ids(text, false, true) == ids_of(as_text->at(i)));
        }
    }
}

TEST_CASE("tokenizer: every stage that tokenizer.json may name works as in the reference library, byte by byte", "[text][golden]") {
    const auto file = json_file(tokenizer_data("stages.json"));
    REQUIRE(file.size() > 50);
    for (const auto& variant : file.elements()) {
        const auto& name = variant.at("name").as_string();
        const auto tokenizer = tokenizer_from_json(variant.at("tokenizer"), name);
        for (const auto& c : variant.at("cases").elements()) {
            const auto& text = c.at("text").as_string();
            INFO(name << ": " << text);
            const auto encoding = tokenizer.encode(text);
            CHECK(encoding.ids == ids_of(c.at("ids")));
            CHECK(encoding.offsets == offsets_of(c.at("offsets")));
            CHECK(tokenizer.decode(encoding.ids, false) == c.at("decoded").as_string());
            const auto pair = tokenizer.encode(text, {.pair = "hello w\u00f6rld"});
            CHECK(pair.type_ids == ids_of(c.at("pair_types")));
            CHECK(static_cast<std::int64_t>(pair.size()) == c.at("pair_size").as_int());
        }
    }
}

TEST_CASE("tokenizer: truncation of pairs, padding and windows equal Hugging Face's", "[text][golden]") {
    const auto tokenizer = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    const auto file = json_file(tokenizer_data("minilm/pairs.json"));
    for (const auto& c : file.at("truncation").elements()) {
        EncodeOptions options;
        if (!c.at("b").is_null()) options.pair = c.at("b").as_string();
        options.max_length = static_cast<index_t>(c.at("max_length").as_int());
        const auto& strategy = c.at("strategy").as_string();
        options.truncation = strategy == "only_first"    ? Truncation::only_first
                             : strategy == "only_second" ? Truncation::only_second
                                                         : Truncation::longest_first;
        const auto& a = c.at("a").as_string();
        INFO(a << " / " << strategy << " / " << options.max_length);
        if (c.find("error")) {
            CHECK_ERROR(tokenizer.encode(a, options), ErrorCode::invalid_argument);
            continue;
        }
        const auto encoding = tokenizer.encode(a, options);
        CHECK(encoding.ids == ids_of(c.at("ids")));
        CHECK(encoding.type_ids == ids_of(c.at("token_type_ids")));
        CHECK(encoding.offsets == offsets_of(c.at("offsets")));
    }
    for (const auto& c : file.at("padding").elements()) {
        const auto& how = c.at("padding");
        PadOptions options;
        options.length = static_cast<index_t>(how.get_or("length", 0));
        options.multiple_of = static_cast<index_t>(how.get_or("pad_to_multiple_of", 0));
        options.left = how.get_or("direction", "right") == "left";
        options.id = static_cast<TokenId>(how.get_or("pad_id", 0));
        options.type_id = static_cast<TokenId>(how.get_or("pad_type_id", 0));
        std::vector<Encoding> batch;
        for (const auto& text : c.at("batch").elements())
            batch.push_back(tokenizer.encode(text.as_string(), {.max_length = static_cast<index_t>(c.at("max_length").as_int())}));
        pad(batch, options);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            INFO("padding, row " << i);
            CHECK(batch[i].ids == ids_of(c.at("ids").at(i)));
            CHECK(batch[i].type_ids == ids_of(c.at("token_type_ids").at(i)));
            CHECK(std::vector<TokenId>(batch[i].attention_mask.begin(), batch[i].attention_mask.end()) == ids_of(c.at("attention_mask").at(i)));
        }
    }
    for (const auto& c : file.at("overflow").elements()) {
        EncodeOptions options;
        options.max_length = static_cast<index_t>(c.at("max_length").as_int());
        options.stride = static_cast<index_t>(c.at("stride").as_int());
        const auto windows = tokenizer.encode_windows(c.at("a").as_string(), options);
        REQUIRE(windows.size() == c.at("overflowing").size() + 1);
        CHECK(windows[0].ids == ids_of(c.at("ids")));
        for (std::size_t i = 1; i < windows.size(); ++i) CHECK(windows[i].ids == ids_of(c.at("overflowing").at(i - 1)));
    }
}

TEST_CASE("tokenizer: windows over one text of a pair, a stride without progress, and both texts too long", "[text]") {
    const auto tokenizer = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    const auto windows =
        tokenizer.encode_windows("who?", {.pair = "a b c d e f g", .max_length = 9, .truncation = Truncation::only_second, .stride = 1});
    REQUIRE(windows.size() == 2);
    CHECK(windows[1].ids == tokenizer.encode("who?", {.pair = "d e f g"}).ids);
    CHECK_ERROR((tokenizer.encode_windows("a b c d e f", {.max_length = 4, .stride = 2})), ErrorCode::invalid_argument);
    CHECK_ERROR((tokenizer.encode_windows("a b c d e f", {.pair = "a b c d e f", .max_length = 7})), ErrorCode::unsupported);
    CHECK(tokenizer.encode_windows("short", {}).size() == 1);
}

TEST_CASE("tokenizer: limits, the left side, and no room for what is added", "[text]") {
    const auto tokenizer = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    CHECK(tokenizer.encode("a b c d", {.max_length = 4}).ids == tokenizer.encode("a b").ids);
    CHECK(tokenizer.encode("a b c d", {.max_length = 4, .truncate_left = true}).ids == tokenizer.encode("c d").ids);
    CHECK(tokenizer.encode("a b c d", {.max_length = 2}).ids == tokenizer.encode("").ids);
    CHECK_ERROR((tokenizer.encode("a", {.max_length = 1})), ErrorCode::invalid_argument);
    CHECK_ERROR((tokenizer.encode("a", {.max_length = -5})), ErrorCode::invalid_argument);
}

TEST_CASE("tokenizer: the vocabulary and its special tokens", "[text]") {
    const auto bert = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    CHECK(bert.vocab_size() == 30522);
    CHECK(bert.model() == TokenModel::wordpiece);
    CHECK((bert.id_of("hello") == 7592 && bert.id_of("[CLS]") == 101 && bert.id_of("no such token") == no_token));
    CHECK(bert.token(7592) == "hello");
    CHECK((bert.is_special(101) && !bert.is_special(7592) && !bert.is_special(-1)));
    CHECK((bert.special().cls == 101 && bert.special().sep == 102 && bert.special().pad == 0 && bert.special().unk == 100 &&
           bert.special().mask == 103));
    CHECK(bert.recommended_length() == 128);
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    CHECK((gpt2.special().bos == 50256 && gpt2.special().eos == 50256 && gpt2.special().unk == no_token));
    CHECK((gpt2.decodes_bytes() && !bert.decodes_bytes()));
    CHECK((gpt2.source().ends_with("tokenizer.json") && gpt2.chat_template().empty()));
    for (const TokenId bad : {-1, 50257, 0x7fffffff}) {
        CHECK_FALSE(gpt2.has(bad));
        CHECK_ERROR(gpt2.token(bad), ErrorCode::index_out_of_range);
        CHECK_ERROR(gpt2.decode({1, bad}), ErrorCode::index_out_of_range);
    }
    CHECK(gpt2.decode({}) == "");
    CHECK(gpt2.decode({50256, 15496}) == "Hello");
    CHECK(gpt2.decode({50256, 15496}, false) == "<|endoftext|>Hello");
}

TEST_CASE("tokenizer: text that is not UTF-8 is refused, and so is a pair's second text", "[text]") {
    const auto tokenizer = tokenizer_from_json(tiny_json(), "tiny");
    CHECK_ERROR(tokenizer.encode("a\xff"), ErrorCode::bad_text);
    CHECK_ERROR(tokenizer.encode_ids("\xc3"), ErrorCode::bad_text);
    CHECK_ERROR((tokenizer.encode("a", {.pair = "\xed\xa0\x80"})), ErrorCode::bad_text);
    CHECK(tokenizer.encode("AB <s> b!").ids == std::vector<TokenId>{2, 4, 1, 3});
    CHECK(tokenizer.encode("AB").special_tokens_mask == std::vector<std::uint8_t>{0});
}

TEST_CASE("tokenizer: threads may share one", "[text]") {
    const auto tokenizer = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const auto expected = tokenizer.encode_ids("The quick brown fox jumps over the lazy dog. 12345");
    std::vector<int> equal(4);
    std::vector<std::thread> threads;
    for (int& result : equal)
        threads.emplace_back([&] {
            result = 1;
            for (int i = 0; i < 50; ++i) result = result && tokenizer.encode_ids("The quick brown fox jumps over the lazy dog. 12345") == expected;
        });
    for (auto& thread : threads) thread.join();
    CHECK(equal == std::vector<int>{1, 1, 1, 1});
}

TEST_CASE("tokenizer: a batch has the ids of its texts one by one, on any number of threads", "[text]") {
    const auto strings = json_file(tokenizer_data("tricky.txt.json"));
    std::vector<std::string_view> texts;
    for (const auto& text : strings.elements()) texts.push_back(text.as_string());
    const auto again = texts;
    texts.insert(texts.end(), again.rbegin(), again.rend());  // words come again, in another order
    const int before = threads();
    for (const std::string& path : {tokenizer_data("minilm/tokenizer.json"), tokenizer_data("gpt2/tokenizer.json"),
                                    sentencepiece_data("sp_unigram.model"), sentencepiece_data("sp_bpe_bytefallback.model")}) {
        const auto tokenizer = load_tokenizer(path);
        std::vector<std::vector<TokenId>> expected, plain;
        for (const auto text : texts) {
            expected.push_back(tokenizer.encode_ids(text));
            plain.push_back(tokenizer.encode_ids(text, false, true));
        }
        for (int count = 1; count <= 4; ++count) {
            INFO(path << ", " << count << " threads");
            set_threads(count);
            CHECK(tokenizer.encode_batch(texts) == expected);
            CHECK(tokenizer.encode_batch(texts, false, true) == plain);
        }
        CHECK(tokenizer.encode_batch({}).empty());
        const std::string_view bad[] = {"a", "\xff", "b"};
        CHECK_ERROR(tokenizer.encode_batch(bad), ErrorCode::bad_text);
    }
    set_threads(before);
}

TEST_CASE("tokenizer: offsets in bytes are those in code points, counted in bytes", "[text]") {
    const auto strings = json_file(tokenizer_data("tricky.txt.json"));
    for (const std::string& path :
         {tokenizer_data("minilm/tokenizer.json"), tokenizer_data("gpt2/tokenizer.json"), sentencepiece_data("sp_unigram.model")}) {
        const auto tokenizer = load_tokenizer(path);
        for (const auto& string : strings.elements()) {
            const auto& text = string.as_string();
            std::vector<index_t> byte_of;  // of each code point
            for (std::size_t at = 0; at < text.size(); at += utf8_decode_valid(text, at).size) byte_of.push_back(static_cast<index_t>(at));
            byte_of.push_back(static_cast<index_t>(text.size()));
            auto expected = tokenizer.encode(text).offsets;
            for (auto& [begin, end] : expected) {
                begin = byte_of.at(static_cast<std::size_t>(begin));
                end = byte_of.at(static_cast<std::size_t>(end));
            }
            INFO(path << ": " << text.substr(0, 80));
            CHECK(tokenizer.encode(text, {.offsets = OffsetUnit::bytes}).offsets == expected);
        }
    }
}

TEST_CASE("tokenizer: dropout gives other ids of the same text, the same for the same seed", "[text]") {
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const std::string text = "The quick brown fox jumps over the lazy dog, and \u00e9t\u00e9.";
    const auto ids = [&](double dropout, std::uint64_t seed) { return gpt2.encode(text, {.dropout = dropout, .seed = seed}).ids; };
    CHECK(ids(0, 1) == gpt2.encode_ids(text));
    CHECK(ids(1, 1).size() == text.size());  // a byte a token
    CHECK((ids(0.3, 1) == ids(0.3, 1) && ids(0.3, 1) != ids(0.3, 2)));
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CHECK(gpt2.decode(ids(0.4, seed)) == text);
        CHECK(ids(0.4, seed).size() > gpt2.encode_ids(text).size());
    }
    for (const double bad : {-0.1, 1.1, std::nan("")}) CHECK_ERROR(gpt2.encode(text, {.dropout = bad}), ErrorCode::invalid_argument);
    const auto bert = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    CHECK(bert.encode(text, {.dropout = 0.5}).ids == bert.encode_ids(text));  // nothing merges there
}
