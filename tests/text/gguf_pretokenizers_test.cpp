#include "support/catch.hpp"

#include "tercet/text/gguf_pretokenizers.hpp"

using namespace tercet;

namespace {

using Words = std::vector<std::string>;

Words cut(std::string_view name, std::string_view text) {
    PreTokenized p;
    p.text = text;
    p.words.push_back({0, static_cast<std::uint32_t>(text.size())});
    PreTokenizer(pretokenizer_for_gguf(name)->steps).apply(p, true);
    Words out;
    for (const auto& word : p.words) out.emplace_back(text.substr(word.begin, word.end - word.begin));
    return out;
}

}  // namespace

TEST_CASE("gguf_pretokenizers: the steps cut as the tokenizers package does with the same expressions in sequence", "[text][golden]") {
    const std::string_view text = "Hello  World's 1234567,89 \u4e2d\u6587\u304b\u306a 5 x_y!!\n\n  end \uc548\ub155 \u00c9coleX ";
    const std::vector<std::pair<std::string_view, Words>> expected = {
        {"falcon", {"Hello", " ", " World", "'",  "s",     " ",    "123",           "456",          "7", ",", "89", " \u4e2d\u6587\u304b\u306a", " 5",
                    " x",    "_", "y",      "!!", "\n\n ", " end", " \uc548\ub155", " \u00c9coleX", " "}},
        {"default",
         {"Hello", " ", " World", "'",  "s",     " ",    "123",           "456",          "7", ",", "89", " \u4e2d\u6587\u304b\u306a", " ", "5",
          " x",    "_", "y",      "!!", "\n\n ", " end", " \uc548\ub155", " \u00c9coleX", " "}},
        {"deepseek-llm",
         {"Hello", " ",  " World", "'", "s",    " ", "1234567",      ",",       "89",    " ", "\u4e2d\u6587\u304b\u306a", " ", "5", " x", "_", "y",
          "!!",    "\n", "\n",     " ", " end", " ", "\uc548\ub155", " \u00c9", "coleX", " "}},
        {"deepseek-coder",
         {"Hello",
          " ",
          " World",
          "'",
          "s",
          " ",
          "1",
          "2",
          "3",
          "4",
          "5",
          "6",
          "7",
          ",",
          "8",
          "9",
          " ",
          "\u4e2d\u6587\u304b\u306a",
          " ",
          "5",
          " x",
          "_",
          "y",
          "!!",
          "\n",
          "\n",
          " ",
          " end",
          " ",
          "\uc548\ub155",
          " \u00c9coleX",
          " "}},
        {"deepseek-v3",
         {"Hello", " ",  " World", "'s", " ",    "123",           "456",          "7", ",", "89", " ", "\u4e2d\u6587\u304b\u306a", " ", "5",
          " x",    "_y", "!!\n\n", " ",  " end", " \uc548\ub155", " \u00c9coleX", " "}},
        {"viking",
         {"Hello",
          " ",
          " World's",
          " ",
          "1",
          "2",
          "3",
          "4",
          "5",
          "6",
          "7",
          ",",
          "8",
          "9",
          " \u4e2d\u6587\u304b\u306a",
          " ",
          "5",
          " x_y",
          "!!\n\n ",
          " end",
          " \uc548\ub155",
          " \u00c9coleX",
          " "}},
        {"superbpe",
         {"Hello  World's ", "1", "234", "567", ",", "89", " \u4e2d\u6587\u304b\u306a ", "5", " x_y!!\n\n  end \uc548\ub155 \u00c9coleX "}},
        {"starcoder",
         {"Hello",
          " ",
          " World",
          "'s",
          " ",
          "1",
          "2",
          "3",
          "4",
          "5",
          "6",
          "7",
          ",",
          "8",
          "9",
          " \u4e2d\u6587\u304b\u306a",
          " ",
          "5",
          " x",
          "_",
          "y",
          "!!",
          "\n\n ",
          " end",
          " \uc548\ub155",
          " \u00c9coleX",
          " "}},
        {"llama-bpe", {"Hello", " ",  " World", "'s", " ",    "123",           "456",          "7", ",", "89", " \u4e2d\u6587\u304b\u306a", " ", "5",
                       " x",    "_y", "!!\n\n", " ",  " end", " \uc548\ub155", " \u00c9coleX", " "}},
        {"qwen2",
         {"Hello",
          " ",
          " World",
          "'s",
          " ",
          "1",
          "2",
          "3",
          "4",
          "5",
          "6",
          "7",
          ",",
          "8",
          "9",
          " \u4e2d\u6587\u304b\u306a",
          " ",
          "5",
          " x",
          "_y",
          "!!\n\n",
          " ",
          " end",
          " \uc548\ub155",
          " \u00c9coleX",
          " "}},
        {"gpt-4o", {"Hello", " ",  " World's", " ", "123",  "456",           "7",           ",", "89", " \u4e2d\u6587\u304b\u306a", " ", "5",
                    " x",    "_y", "!!\n\n",   " ", " end", " \uc548\ub155", " \u00c9cole", "X", " "}},
        {"tekken", {"Hello",       " ", " World", "'s", " ",      "1", "2",    "3",
                    "4",           "5", "6",      "7",  ",",      "8", "9",    " \u4e2d\u6587\u304b\u306a",
                    " ",           "5", " x",     "_y", "!!\n\n", " ", " end", " \uc548\ub155",
                    " \u00c9cole", "X", " "}},
        {"kimi-k2", {"Hello", " ",  " World's", " ", "123",  "456",           "7",           ",", "89", " ", "\u4e2d\u6587", "\u304b\u306a", " ", "5",
                     " x",    "_y", "!!\n\n",   " ", " end", " \uc548\ub155", " \u00c9cole", "X", " "}},
        {"jais-2", {"Hello", " ",  " World", "'s", " ",    "123",           "456",          "7", ",", "89", " \u4e2d\u6587\u304b\u306a", " ", "5",
                    " x",    "_y", "!!\n\n", " ",  " end", " \uc548\ub155", " \u00c9coleX", " "}},
    };
    for (const auto& [name, words] : expected) {
        INFO(name);
        CHECK(cut(name, text) == words);
    }
}

TEST_CASE("gguf_pretokenizers: every name has steps whose words cover the text, and its own defaults", "[text]") {
    const std::string_view text = "I'VE  got 1,234 \u4e2d\u6587 caf\u00e9s\u2026 \n\r\n IMGIMGAZ <sentinel:1>\t";
    std::size_t names = 0;
    for (const auto& row : detail::text::gguf_pre_names) {
        INFO(row.name);
        const auto found = pretokenizer_for_gguf(row.name);
        REQUIRE(found);
        CHECK_FALSE(found->steps.empty());
        std::string joined;
        for (const auto& word : cut(row.name, text)) joined += word;
        CHECK(joined == text);
        ++names;
    }
    CHECK(names > 80);

    const auto llama = *pretokenizer_for_gguf("llama-bpe"), tekken = *pretokenizer_for_gguf("tekken"), gemma = *pretokenizer_for_gguf("gemma4"),
               qwen = *pretokenizer_for_gguf("qwen2");
    CHECK((llama.ignore_merges && llama.add_bos && llama.clean_spaces && llama.byte_level));
    CHECK((tekken.ignore_merges && tekken.add_bos && !tekken.clean_spaces));
    CHECK((!qwen.ignore_merges && !qwen.add_bos && !qwen.clean_spaces));
    CHECK((!gemma.byte_level && gemma.escape_spaces && gemma.add_bos));
    CHECK_FALSE(pretokenizer_for_gguf("whitespace")->byte_level);
    CHECK_FALSE(pretokenizer_for_gguf("some-new-model"));
    CHECK_FALSE(pretokenizer_for_gguf(""));
}
