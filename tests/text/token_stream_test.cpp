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
