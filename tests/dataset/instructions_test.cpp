#include "tercet/data/instructions.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

namespace {

// SmolLM2's tokenizer with its chat template beside it.
Tokenizer smollm2() {
    const TempDir dir;
    const std::string folder = std::string(TERCET_TEST_DATA) + "/tokenizers/smollm2/";
    dir.write("chat_template.jinja", read_json_file(folder + "chat.json").at("chat_template").as_string());
    dir.write("tokenizer.json", read_text_file(folder + "tokenizer.json"));
    return load_tokenizer(dir.path());
}
// The text of the tokens that are learnt.
std::string learnt_text(const Tokenizer& tokenizer, const LearntTokens& text) {
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text.learnt[i] != 0) ids.push_back(text.ids[i]);
    return tokenizer.decode(ids, false);
}

}  // namespace

TEST_CASE("instructions: a prompt is read and its answer learnt, with the token that ends it") {
    const auto tokenizer = smollm2();
    const auto text = prompt_and_answer(tokenizer, "One and one is", " two.", 2);
    CHECK(learnt_text(tokenizer, text) == " two.<|im_end|>");
    CHECK(tokenizer.decode(text.ids, false) == "One and one is two.<|im_end|>");
    CHECK(text.cut(3).size() == 3);
    CHECK(text.cut(99).ids == text.ids);
    CHECK(learnt_text(tokenizer, prompt_and_answer(tokenizer, "", "all of it")) == "all of it");
}

TEST_CASE("instructions: of a conversation the assistant's messages are learnt") {
    const auto tokenizer = smollm2();
    const std::vector<ChatMessage> messages{
        {"system", "Be brief."}, {"user", "Hi"}, {"assistant", "Hello."}, {"user", "Bye"}, {"assistant", "So long."}};
    const auto text = conversation_tokens(tokenizer, messages);
    CHECK(tokenizer.decode(text.ids, false) == render_chat(tokenizer, messages, false));
    CHECK(learnt_text(tokenizer, text) == "Hello.<|im_end|>\nSo long.<|im_end|>\n");
    const auto open = conversation_tokens(tokenizer, std::span(messages).first(4));
    CHECK(learnt_text(tokenizer, open) == "Hello.<|im_end|>\n");
    CHECK(tokenizer.decode(open.ids, false) == render_chat(tokenizer, std::span(messages).first(4), false));
}

TEST_CASE("pack_tokens: targets are the next tokens, of the same text, that are to be learnt") {
    std::vector<LearntTokens> texts(2);
    texts[0] = {{5, 6, 7}, {0, 1, 1}};
    texts[1] = {{8, 9}, {1, 0}};
    const auto packed = pack_tokens(texts, std::vector<index_t>{1, 0});
    CHECK(packed.ids.to_vector() == std::vector<std::int32_t>{8, 9, 5, 6, 7});
    CHECK(packed.targets.to_vector() == std::vector<std::int32_t>{-100, -100, 6, 7, -100});
    CHECK(packed.lengths == std::vector<index_t>{2, 3});
    CHECK(packed.scored == 2);
    CHECK_ERROR(pack_tokens(texts, std::vector<index_t>{2}), ErrorCode::index_out_of_range);
    CHECK_ERROR(pack_tokens(std::vector<LearntTokens>(1), std::vector<index_t>{0}), ErrorCode::invalid_argument);
}
