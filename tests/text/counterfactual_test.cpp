#include "tercet/text/counterfactual.hpp"
#include "support/catch.hpp"

using namespace tercet;

TEST_CASE("counterfactual: words are exchanged both ways, as they are written, and nothing else is") {
    const WordExchange exchange({{"he", "she"}, {"his", "her"}, {"him", "her"}, {"man", "woman"}, {"father", "mother"}});
    CHECK(exchange("He told a woman his name.").text == "She told a man her name.");
    CHECK(exchange("SHE SAW HER MOTHER").text == "HE SAW HIS FATHER");
    CHECK(exchange("his hat, for him").text == "her hat, for her");
    CHECK(exchange("The manual of the chess-man; mankind").text == "The manual of the chess-woman; mankind");
    CHECK(exchange("nobody").exchanged == 0);
    CHECK(exchange("he he  he").exchanged == 3);
    CHECK(exchange("").text.empty());
    CHECK(exchange("\xC3\x84rzte und Man").text == "\xC3\x84rzte und Woman");
    CHECK(exchange("I saw a man\xE2\x80\x94he ran.").text == "I saw a woman\xE2\x80\x94she ran.");
}

TEST_CASE("counterfactual: each text that names a group gets its counterpart") {
    const WordExchange exchange(std::vector<std::pair<std::string, std::string>>{{"he", "she"}});
    const auto all = with_counterfactuals({"he ran", "it ran", "She ran"}, exchange);
    CHECK(all.texts == std::vector<std::string>{"he ran", "it ran", "She ran", "she ran", "He ran"});
    CHECK(all.origin == std::vector<std::size_t>{0, 1, 2, 0, 2});
}

TEST_CASE("counterfactual: what does not fit is refused") {
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    CHECK_ERROR(WordExchange(Pairs{{"two words", "one"}}), ErrorCode::invalid_argument);
    CHECK_ERROR(WordExchange(Pairs{{"", "one"}}), ErrorCode::invalid_argument);
    CHECK_ERROR(WordExchange(Pairs{{"\xff", "one"}}), ErrorCode::bad_text);
    CHECK_ERROR(WordExchange(Pairs{})("\xff"), ErrorCode::bad_text);
}
