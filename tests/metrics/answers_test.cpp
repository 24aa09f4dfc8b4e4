#include "tercet/metrics/answers.hpp"
#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

using namespace tercet;

TEST_CASE("answer metrics: normalisation, exact match and F1 equal the reference's") {
    const Json golden = read_json_file(std::string(TERCET_TEST_DATA) + "/metrics/answers.json");
    for (const auto& c : golden.at("pairs").elements()) {
        const auto &given = c.at("prediction").as_string(), &truth = c.at("truth").as_string();
        INFO(given);
        CHECK(normalized_answer(given) == c.at("normalised").as_string());
        CHECK(exact_match(given, truth) == c.at("em").as_number());
        CHECK(std::abs(token_f1(given, truth) - c.at("f1").as_number()) <= 1e-9);
    }
    for (const auto& c : golden.at("cases").elements()) {
        const auto& given = c.at("prediction").as_string();
        std::vector<std::string> truths;
        for (const auto& answer : c.at("answers").elements()) truths.push_back(answer.as_string());
        INFO(given);
        CHECK(best_of_truths(exact_match, given, truths) == c.at("em").as_number());
        CHECK(std::abs(best_of_truths(token_f1, given, truths) - c.at("f1").as_number()) <= 1e-9);
    }
}

TEST_CASE("answer metrics: articles are whole words, and nothing equals nothing") {
    CHECK(normalized_answer("The  Another-a (an) THE theory") == "anothera theory");
    CHECK(normalized_answer("\xE2\x80\x9C"
                            "a\xE2\x80\x9D b") == "\xE2\x80\x9C \xE2\x80\x9D b");  // curly quotes are no ASCII punctuation
    CHECK(token_f1("the", "a") == 1);
    CHECK(token_f1("x", "the") == 0);
    CHECK(best_of_truths(token_f1, "x", {}) == 0);
    CHECK_ERROR(answer_words("\xff"), ErrorCode::bad_text);
}
