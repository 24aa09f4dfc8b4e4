#include "tercet/explain/sections.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"
#include "tercet/text/load_tokenizer.hpp"

#include <numeric>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> tokens{"the", " cat", "\n"};

std::string name(std::int32_t id) {
    return tokens[static_cast<std::size_t>(id)];
}

}  // namespace

TEST_CASE("sections: spaces and ends of lines can be seen") {
    CHECK(explain::visible(" a\tb\n") == "␣a⇥b⏎");
    CHECK(explain::visible("") == "∅");
}

TEST_CASE("sections: the texts of tokens are the text, whatever is cut in two") {
    const auto gpt2 = load_tokenizer(std::string(TERCET_TEST_DATA) + "/tokenizers/gpt2/tokenizer.json");
    for (const std::string text : {"The cat sat.", "日本語 and 🙂!", "naïve", "\n\n x"}) {
        const auto ids = gpt2.encode_ids(text);
        const auto pieces = explain::token_texts(gpt2, ids);
        REQUIRE(pieces.size() == ids.size());
        CHECK(std::accumulate(pieces.begin(), pieces.end(), std::string()) == text);
    }
    const std::vector<std::int32_t> padded{464, 60000, 3797};  // one that GPT-2 does not have
    CHECK(explain::token_texts(gpt2, padded) == std::vector<std::string>{"The", "#60000", " cat"});
}

TEST_CASE("sections: attention maps keep their weights to 1/255") {
    const auto map = Tensor<float>::copy(std::vector<float>{1, 0, 0, 0.5f, 0.5f, 0, 0.2f, 0.2f, 0.6f}, {1, 3, 3});
    const auto html = explain::attention_section(tokens, tokens, std::vector<explain::AttentionMap>{{"layer", map}});
    check_nesting(html);
    const std::string bytes{'\xff', 0, 0, '\x80', '\x80', 0, 51, 51, '\x99'};
    CHECK_THAT(html, ContainsSubstring(encode_base64(bytes)) && ContainsSubstring("\"heads\":[1]") && ContainsSubstring("␣cat"));
    CHECK_ERROR(explain::attention_section(std::span(tokens).first(2), tokens, std::vector<explain::AttentionMap>{{"layer", map}}),
                ErrorCode::shape_mismatch);
    CHECK_FALSE(explain::attention_script().empty());
}

TEST_CASE("sections: attributions are warm for a result and cool against it") {
    explain::Attribution a;
    a.scores = Tensor<float>::copy(std::vector<float>{2, -1, 0}, {3});
    a.value = 3;
    a.baseline_value = 2;
    const auto html = explain::attribution_section("Why", tokens, a);
    check_nesting(html);
    CHECK_THAT(
        html, ContainsSubstring("warm\" style=\"--h:1.000\"") && ContainsSubstring("cool\" style=\"--h:0.500\"") && ContainsSubstring("is 3, and 2"));
    a.baseline_value = {};  // gradient × input has none
    CHECK(explain::attribution_section("Why", tokens, a).find("difference") == std::string::npos);
    a.scores = Tensor<float>::zeros({2});
    CHECK_ERROR(explain::attribution_section("Why", tokens, a), ErrorCode::shape_mismatch);
    a.scores = Tensor<float>::zeros({3});
    CHECK(explain::attribution_section("Why", tokens, a).find("nan") == std::string::npos);
}

TEST_CASE("sections: expectations, of a text and of layers") {
    const explain::Expectation e{{{1, 0.75}, {2, 0.25}}, 0.56};
    const std::vector<explain::TokenProbability> found{{1, 0.75, 0, e}, {2, 0.25, 1, e}};
    const auto html = explain::probability_section(tokens, found, name);
    check_nesting(html);
    CHECK_THAT(html, ContainsSubstring("Perplexity 2.31") && ContainsSubstring("␣cat 0.75, ⏎ 0.25"));  // exp((ln 4/3 + ln 4) / 2)
    check_nesting(explain::probability_section(std::span(tokens).first(1), {}, name));
    CHECK_ERROR(explain::probability_section(tokens, {}, name), ErrorCode::shape_mismatch);
    const std::vector<std::vector<explain::Expectation>> lens(2, std::vector<explain::Expectation>(3, e));
    const auto layers = explain::logit_lens_section(tokens, lens, name);
    check_nesting(layers);
    CHECK_THAT(layers, ContainsSubstring(">embeddings<") && ContainsSubstring(">layer 1<"));
    CHECK(count_of(layers, "--h:0.750") == 6);
    const std::vector<std::vector<explain::Expectation>> none(1, std::vector<explain::Expectation>(1));
    CHECK_ERROR(explain::logit_lens_section(tokens, none, name), ErrorCode::invalid_argument);
}

TEST_CASE("sections: neurons along the text, and a map of names") {
    const auto x = Tensor<float>::copy(std::vector<float>{1, 0, -4, 0, 2, 0}, {3, 2});
    const auto html = explain::neuron_section("Neurons", tokens, x, 2);
    check_nesting(html);
    CHECK_THAT(html, ContainsSubstring("Neuron 0, -4 at ␣cat") && ContainsSubstring("cool\" style=\"--h:1.000\"") &&
                         ContainsSubstring("warm\" style=\"--h:0.250\""));
    CHECK_ERROR(explain::neuron_section("Neurons", std::span(tokens).first(2), x, 2), ErrorCode::shape_mismatch);
    CHECK_ERROR(explain::neuron_section("Neurons", {}, Tensor<float>::zeros({0, 3}), 1), ErrorCode::shape_mismatch);
    const auto places = Tensor<float>::copy(std::vector<float>{0, 1, 1, 0, 2, 2}, {3, 2});
    const std::vector<double> shares{0.6, 0.3};
    const auto map = explain::map_section("Words", tokens, places, shares);
    check_nesting(map);
    CHECK(count_of(map, "<circle") == 3);
    CHECK_THAT(map, ContainsSubstring("60 % of the variance"));
    CHECK_ERROR(explain::map_section("Words", std::span(tokens).first(2), places, shares), ErrorCode::shape_mismatch);
}
