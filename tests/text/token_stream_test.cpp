#include "tercet/text/token_stream.hpp"

#include "text/golden.hpp"

using namespace tercet;
using namespace tercet_test;

TEST_CASE("token stream: a stream of tokens gives the text in whole characters", "[text]") {
    const auto strings = json_file(tokenizer_data("tricky.txt.json"));
    for (const std::string name : {"minilm", "gpt2", "smollm2"}) {
        const auto tokenizer = load_tokenizer(tokenizer_data(name + "/tokenizer.json"));
        for (const auto& string : strings.elements()) {
            const auto ids = tokenizer.encode_ids(string.as_string());
            TokenStream stream(tokenizer, false);
            std::string text;
            for (const TokenId id : ids) {
                const auto piece = stream.push(id);
                CHECK(utf8_first_error(piece) == std::string::npos);
                text += piece;
            }
            text += stream.finish();
            CHECK(text == tokenizer.decode(ids, false));
        }
    }
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const auto ids = gpt2.encode_ids("\U0001f600");
    REQUIRE(ids.size() > 1);
    TokenStream stream(gpt2);
    CHECK(stream.push(ids[0]) == "");
    CHECK(stream.finish() == "\ufffd");
    CHECK_ERROR(stream.push(99999999), ErrorCode::index_out_of_range);
}

TEST_CASE("token stream: whole graphemes are held until the next one begins", "[text]") {
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const std::string text = "e\u0301 \U0001f468\u200d\U0001f469\u200d\U0001f467!\r\n\U0001f1e9\U0001f1ea.";
    TokenStream stream(gpt2, true, true);
    std::string all;
    for (const TokenId id : gpt2.encode_ids(text)) {
        all += stream.push(id);
        std::size_t end = 0;  // what was shown so far ends where a grapheme of the text ends
        while (end < all.size()) end = grapheme_end(text, end);
        CHECK(end == all.size());
    }
    CHECK(all.size() < text.size());
    CHECK(all + stream.finish() == text);
}
