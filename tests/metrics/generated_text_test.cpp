// BLEU, chrF, TER and ROUGE against sacreBLEU's and rouge_score's values.
#include "tercet/metrics/bleu.hpp"
#include "tercet/metrics/chrf.hpp"
#include "tercet/metrics/rouge.hpp"
#include "tercet/metrics/ter.hpp"

#include "metrics/golden.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr double tolerance = 1e-6;

bool is_bleu(const BleuScore& score, const Json& want) {
    bool right = is_near(score.score, want.at("score"), tolerance) && is_near(score.brevity_penalty, want.at("bp"), tolerance) &&
                 score.words == want.at("sys_len").as_int() && score.reference_words == want.at("ref_len").as_int();
    for (std::size_t n = 0; n < score.precisions.size(); ++n)
        right = right && is_near(score.precisions[n], want.at("precisions").at(n), tolerance) && is_near(score.matches[n], want.at("counts").at(n)) &&
                is_near(score.runs[n], want.at("totals").at(n));
    return right && score.precisions.size() == want.at("precisions").size();
}
bool is_rouge(const RougeScore& score, const Json& want) {
    return is_near(score.precision, want.at("precision"), tolerance) && is_near(score.recall, want.at("recall"), tolerance) &&
           is_near(score.f1, want.at("f"), tolerance);
}

// All translations against one or two references each.
template <class Metric>
Metric over_all(const Json& golden, Metric metric, bool two = false) {
    const auto translations = texts_of(golden.at("hyp")), first = texts_of(golden.at("ref")), second = texts_of(golden.at("ref2"));
    for (std::size_t i = 0; i < translations.size(); ++i) {
        std::vector<std::string> references{first[i]};
        if (two) references.push_back(second[i]);
        metric.add(translations[i], references);
    }
    return metric;
}

}  // namespace

TEST_CASE("generated text: BLEU of a corpus equals the reference's, with each option") {
    const Json golden = metrics_golden("text.json");
    const auto& want = golden.at("corpus");
    const auto score = [&](const BleuOptions& options, bool two = false) { return over_all(golden, Bleu(options), two).score(); };
    CHECK(is_bleu(score({}), want.at("bleu_13a_exp")));
    CHECK(is_bleu(score({}, true), want.at("bleu_two_refs")));
    CHECK(is_bleu(score({.lowercase = true}), want.at("bleu_lowercase")));
    CHECK(is_bleu(score({.words = BleuWords::at_space}), want.at("bleu_tok_none")));
    CHECK(is_bleu(score({.smoothing = BleuSmoothing::none}), want.at("bleu_smooth_none")));
    CHECK(is_bleu(score({.smoothing = BleuSmoothing::add, .smoothing_value = 1}), want.at("bleu_add_k")));
    CHECK(is_bleu(score({.smoothing = BleuSmoothing::floor, .smoothing_value = 0.1}), want.at("bleu_floor")));
    CHECK(is_bleu(score({.longest_run = 2}), want.at("bleu_max2")));
}

TEST_CASE("generated text: chrF and TER of a corpus equal the reference's, with each option") {
    const Json golden = metrics_golden("text.json");
    const auto& want = golden.at("corpus");
    const auto chrf = [&](const ChrfOptions& options, bool two = false) { return over_all(golden, Chrf(options), two).score(); };
    CHECK(is_near(chrf({}), want.at("chrf"), tolerance));
    CHECK(is_near(chrf({}, true), want.at("chrf_two_refs"), tolerance));
    CHECK(is_near(chrf({.words = 2}), want.at("chrf_pp"), tolerance));
    CHECK(is_near(chrf({.lowercase = true, .white_space = true}), want.at("chrf_lower_ws"), tolerance));
    CHECK(is_near(over_all(golden, TranslationEditRate()).score(), want.at("ter"), tolerance));
    CHECK(is_near(over_all(golden, TranslationEditRate(true)).score(), want.at("ter_case_sensitive"), tolerance));
}

TEST_CASE("generated text: each sentence's BLEU, chrF, TER and ROUGE equal the reference's") {
    const Json golden = metrics_golden("text.json");
    const auto translations = texts_of(golden.at("hyp")), first = texts_of(golden.at("ref")), second = texts_of(golden.at("ref2"));
    for (std::size_t i = 0; i < translations.size(); ++i) {
        const auto &text = translations[i], &truth = first[i];
        INFO(text << " | " << truth);
        const auto& want = golden.at("sentence").at(i);
        const std::vector<std::string> one{truth}, two{truth, second[i]};
        CHECK(detail::tokenized_13a(text) == want.at("tokenized_13a").as_string());
        CHECK(is_bleu(sentence_bleu(text, one), want.at("bleu_effective_order")));
        CHECK(is_bleu(sentence_bleu(text, two), want.at("bleu_two_refs")));
        Bleu bleu;
        bleu.add(text, truth);
        CHECK(is_bleu(bleu.score(), want.at("bleu_noeff_exp")));
        Chrf chrf;
        chrf.add(text, truth);
        CHECK(is_near(chrf.score(), want.at("chrf"), tolerance));
        TranslationEditRate ter;
        ter.add(text, truth);
        CHECK(is_near(ter.score(), want.at("ter"), tolerance));
        const auto& rouge = want.at("rouge");
        CHECK(is_rouge(rouge_n(text, truth, 1), rouge.at("rouge1")));
        CHECK(is_rouge(rouge_n(text, truth, 2), rouge.at("rouge2")));
        CHECK(is_rouge(rouge_l(text, truth), rouge.at("rougeL")));
        CHECK(is_rouge(rouge_l_sum(text, truth), rouge.at("rougeLsum")));
    }
    for (const auto& c : golden.at("rougeLsum_multi").elements())
        CHECK(is_rouge(rouge_l_sum(c.at("hyp").as_string(), c.at("ref").as_string()), c.at("rougeLsum")));
}

TEST_CASE("generated text: a run of words that stands elsewhere is one edit; long and empty texts end") {
    const auto rate = [](std::string_view translation, std::string_view reference) {
        TranslationEditRate ter;
        ter.add(translation, reference);
        return ter.score();
    };
    CHECK(rate("c d a b", "a b c d") == 25);
    CHECK(rate("", "") == 0);
    CHECK(rate("word", "") == 100);
    std::string same, other;
    for (int i = 0; i < 400; ++i) {
        same += "the ";
        other += i % 2 == 0 ? "the " : "a ";
    }
    CHECK(rate(same, other) == Approx(50));
    CHECK(Bleu().score().score == 0);
    CHECK(Chrf().score() == 0);
    CHECK(TranslationEditRate().score() == 0);
}

TEST_CASE("generated text: what does not fit is refused") {
    const std::vector<std::string> none;
    CHECK_ERROR(Bleu().add("a", none), ErrorCode::invalid_argument);
    CHECK_ERROR(Chrf().add("a", none), ErrorCode::invalid_argument);
    CHECK_ERROR(TranslationEditRate().add("a", none), ErrorCode::invalid_argument);
    CHECK_ERROR(Bleu({.longest_run = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(rouge_n("a", "b", 0), ErrorCode::invalid_argument);
    CHECK_ERROR(rouge_l("\xff", "b"), ErrorCode::bad_text);
    CHECK_ERROR(Bleu().add("\xff", "b"), ErrorCode::bad_text);
}
