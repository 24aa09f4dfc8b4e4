// An evaluation as one page: the numbers, where classes are mistaken for each other, what each threshold gives, how far probabilities can be
// believed, and the examples that are hardest. Of two models, side by side, and whether they differ by more than chance.
//
//   write_file_atomically("eval.html", evaluation_page(one, {.title = "Reviews"}));
#pragma once

#include "tercet/metrics/evaluation.hpp"
#include "tercet/report/line_chart.hpp"
#include "tercet/report/page.hpp"

namespace tercet::inline TERCET_ABI {

struct EvaluationPageOptions {
    std::string title = "Evaluation";
    index_t hardest = 20;  // examples that are shown of each model
    BootstrapOptions bootstrap{};
};

namespace detail {

// One line of a drawing of thresholds: what is told from what, and how it is called.
struct ThresholdLine {
    std::string name;
    std::vector<ThresholdPoint> curve;
    int colour;
};

// Of one model, a line for each class against the rest: of two classes the second alone, which says all, and of many the four with the most examples.
// Of two models a line each, which pools the classes where there are more than two (micro average).
inline std::vector<ThresholdLine> threshold_lines(std::span<const Evaluation> models) {
    std::vector<ThresholdLine> lines;
    const auto add = [&](std::string name, const std::vector<double>& scores, const std::vector<int>& members) {
        lines.push_back({std::move(name), threshold_curve<int>(scores, members), static_cast<int>(lines.size())});
    };
    for (const auto& e : models) {
        if (e.classes() == 2 || models.size() > 1) {
            std::vector<double> scores;
            std::vector<int> members;
            for (index_t c = e.classes() == 2 ? 1 : 0; c < e.classes(); ++c) {
                const auto more = e.scores(c);
                const auto of = e.members(c);
                scores.insert(scores.end(), more.begin(), more.end());
                members.insert(members.end(), of.begin(), of.end());
            }
            add(models.size() > 1 ? e.name : e.labels.back(), scores, members);
            continue;
        }
        std::vector<index_t> classes(e.labels.size());
        std::iota(classes.begin(), classes.end(), index_t{0});
        const auto size = [&](index_t c) { return std::count(e.truth.begin(), e.truth.end(), c); };
        std::stable_sort(classes.begin(), classes.end(), [&](index_t a, index_t b) { return size(a) > size(b); });
        classes.resize(std::min<std::size_t>(classes.size(), 4));
        for (const index_t c : classes) add(e.labels[static_cast<std::size_t>(c)], e.scores(c), e.members(c));
    }
    return lines;
}

// A drawing in which both axes go from 0 to 1.
inline LineChart in_unit_square(LineChart chart) {
    chart.width = 430, chart.height = 360;
    chart.x_range = chart.y_range = ChartPoint{0, 1};
    return chart;
}

// point(true positives, false positives, all positives, all negatives) of each threshold.
template <class Point>
std::string threshold_figure(std::span<const ThresholdLine> lines, LineChart chart, const std::string& id, bool diagonal, const Point& point) {
    chart = in_unit_square(std::move(chart));
    for (const auto& line : lines) {
        ChartSeries series{line.name, {}, line.colour};
        const auto& all = line.curve.back();
        for (const auto& at : line.curve)
            series.points.push_back(point(static_cast<double>(at.true_positives), static_cast<double>(at.false_positives),
                                          static_cast<double>(all.true_positives), static_cast<double>(all.false_positives)));
        chart.series.push_back(std::move(series));
    }
    if (diagonal) chart.series.push_back({"chance", {{0, 0}, {1, 1}}, 3, true});
    return html_figure(chart.title, to_svg(chart, id));
}

inline std::string reliability_figure(std::span<const Evaluation> models) {
    auto chart = in_unit_square({"Reliability", "how sure the model is", "how often it is right", {}});
    for (std::size_t m = 0; m < models.size(); ++m) {
        ChartSeries series{models[m].name, {}, static_cast<int>(m)};
        series.marks = true;
        const std::span<const std::int32_t> truth(models[m].truth);
        for (const auto& bin : reliability(models[m].all(), truth))
            if (bin.count > 0) {
                series.points.emplace_back(bin.confidence, bin.accuracy);
                chart.words += models[m].name + ", " + std::to_string(bin.count) + " examples: sure to " + three_digits(bin.confidence) +
                               ", right in " + three_digits(bin.accuracy) + ". ";
            }
        chart.series.push_back(std::move(series));
    }
    chart.series.push_back({"perfect", {{0, 0}, {1, 1}}, 3, true});
    return html_figure(chart.title, to_svg(chart, "reliability"), false, "On the diagonal, confidence is accuracy.");
}

inline std::string confusion_table(const Evaluation& e) {
    const auto matrix = confusion_matrix(e);
    std::vector<std::vector<HtmlCell>> rows;
    HtmlTableOptions options{"Rows are the true classes, columns what " + e.name + " takes them for.", {""}, true};
    for (index_t t = 0; t < e.classes(); ++t) {
        options.heads.push_back(e.labels[static_cast<std::size_t>(t)]);
        auto& row = rows.emplace_back(1, HtmlCell{e.labels[static_cast<std::size_t>(t)]});
        for (index_t p = 0; p < e.classes(); ++p) {
            const double share = ratio(static_cast<double>(matrix.at(t, p)), static_cast<double>(matrix.truths(t)), 0);
            row.push_back({std::to_string(matrix.at(t, p)), true, t == p ? -share : share, three_digits(share) + " of the class"});
        }
    }
    return html_table(rows, options);
}

inline std::string class_table(const Evaluation& e) {
    const auto matrix = confusion_matrix(e);
    std::vector<std::vector<HtmlCell>> rows;
    const auto add = [&](const std::string& name, const ClassScore& s) {
        rows.push_back({{name},
                        {three_digits(s.precision), true},
                        {three_digits(s.recall), true},
                        {three_digits(s.f1), true},
                        {std::to_string(s.support), true}});
    };
    for (index_t c = 0; c < e.classes(); ++c) add(e.labels[static_cast<std::size_t>(c)], score_of_class(matrix, c));
    add("macro average", average_score(matrix, Average::macro));
    add("weighted average", average_score(matrix, Average::weighted));
    return html_table(rows, {e.name, {"class", "precision", "recall", "F1", "examples"}});
}

inline std::string hardest_table(const Evaluation& e, index_t most) {
    std::vector<std::vector<HtmlCell>> rows;
    for (const index_t i : hardest_examples(e, most)) {
        const auto t = e.truth[static_cast<std::size_t>(i)];
        const index_t p = e.predicted(i);
        rows.push_back({{std::to_string(i + 1)},
                        {e.labels[static_cast<std::size_t>(t)]},
                        {three_digits(e.probability(i, t)), true},
                        {e.labels[static_cast<std::size_t>(p)]},
                        {e.examples.empty() ? "" : e.examples[static_cast<std::size_t>(i)]}});
    }
    return html_table(rows,
                      {"Where " + e.name + " gives the true class the least probability.", {"example", "is", "probability", "taken for", "text"}});
}

inline std::string summary_table(std::span<const Evaluation> models, std::span<const EvaluationSummary> summaries) {
    std::vector<std::vector<HtmlCell>> rows;
    const auto add = [&](const std::string& name, const auto& value) {
        auto& row = rows.emplace_back(1, HtmlCell{name});
        for (const auto& s : summaries) row.push_back({value(s), true});
    };
    const auto or_none = [](const std::optional<double>& value) { return value && !std::isnan(*value) ? three_digits(*value) : std::string("none"); };
    add("accuracy", [](const auto& s) { return three_digits(s.accuracy); });
    add("… between, in 95 of 100 draws",
        [](const auto& s) { return three_digits(s.accuracy_interval.low) + " and " + three_digits(s.accuracy_interval.high); });
    add("balanced accuracy", [](const auto& s) { return three_digits(s.balanced_accuracy); });
    add("macro F1", [](const auto& s) { return three_digits(s.macro.f1); });
    add("Matthews' correlation", [](const auto& s) { return three_digits(s.matthews_correlation); });
    add("Cohen's kappa", [&](const auto& s) { return or_none(s.kappa); });
    add("area under the ROC curve", [&](const auto& s) { return or_none(s.roc_auc); });
    add("average precision", [&](const auto& s) { return or_none(s.average_precision); });
    add("log loss", [](const auto& s) { return three_digits(s.log_loss); });
    add("Brier score", [](const auto& s) { return three_digits(s.brier); });
    add("calibration error", [](const auto& s) { return three_digits(s.calibration_error); });
    HtmlTableOptions options{"", {"measure"}};
    for (const auto& e : models) options.heads.push_back(e.name);
    return html_table(rows, options);
}

// Which examples one model has right and the other wrong, and whether chance would do the same.
inline std::string differences(const Evaluation& a, const Evaluation& b, index_t most) {
    const auto test = mcnemar(right_predictions(a), right_predictions(b));
    std::vector<std::vector<HtmlCell>> rows;
    for (index_t i = 0; i < a.count() && static_cast<index_t>(rows.size()) < most; ++i)
        if (a.right(i) != b.right(i))
            rows.push_back({{std::to_string(i + 1)},
                            {a.labels[static_cast<std::size_t>(a.truth[static_cast<std::size_t>(i)])]},
                            {a.right(i) ? a.name : b.name},
                            {a.examples.empty() ? "" : a.examples[static_cast<std::size_t>(i)]}});
    return "<p>" +
           escape_html(a.name + " alone has " + std::to_string(test.only_first) + " right, " + b.name + " alone " + std::to_string(test.only_second) +
                       ". Two models that are alike differ at least so much with probability " + three_digits(test.p) + " (McNemar's test).") +
           "</p>\n" + html_table(rows, {"Where they differ", {"example", "is", "right", "text"}});
}

}  // namespace detail

/// The page of one model, or of two on the same examples. Throws what check() throws, and invalid_argument for another number of models, or for two
/// that judge other examples or classes.
inline std::string evaluation_page(std::span<const Evaluation> models, const EvaluationPageOptions& options = {}) {
    require(models.size() == 1 || models.size() == 2, ErrorCode::invalid_argument, "evaluation page: of one model or of two, not of ", models.size());
    require(models.size() == 1 || (models[0].truth == models[1].truth && models[0].labels == models[1].labels), ErrorCode::invalid_argument,
            "evaluation page: ", models[0].name, " and ", models.back().name, " judge other examples or classes");
    std::vector<EvaluationSummary> summaries;
    for (const auto& e : models) summaries.push_back(summarise(e, options.bootstrap));
    const auto each = [&](const auto& part) {  // side by side where there are two
        std::string out;
        for (const auto& e : models) out += models.size() == 1 ? part(e) : "<div>\n" + part(e) + "</div>\n";
        return models.size() == 1 ? out : "<div class=\"charts\">\n" + out + "</div>\n";
    };
    std::string auc, precision;
    for (std::size_t m = 0; m < models.size(); ++m) {
        if (summaries[m].roc_auc) auc += models[m].name + ": mean area of the classes " + detail::three_digits(*summaries[m].roc_auc) + ". ";
        if (summaries[m].average_precision)
            precision += models[m].name + ": mean average precision of the classes " + detail::three_digits(*summaries[m].average_precision) + ". ";
    }
    std::string body = html_section("In numbers", detail::summary_table(models, summaries));
    body += html_section("Confusion", each(detail::confusion_table));
    body += html_section("Classes", each(detail::class_table));
    const auto lines = detail::threshold_lines(models);
    const auto roc = [](double right, double wrong, double positives, double negatives) {
        return ChartPoint{detail::ratio(wrong, negatives, 0), detail::ratio(right, positives, 0)};
    };
    const auto precision_recall = [](double right, double wrong, double positives, double) {
        return ChartPoint{detail::ratio(right, positives, 0), detail::ratio(right, right + wrong, 1)};
    };
    body += "<section>\n<div class=\"charts\">\n" +
            detail::threshold_figure(lines, {.title = "ROC", .x_label = "of the others, taken too", .y_label = "of the class, found", .words = auc},
                                     "roc", true, roc) +
            detail::threshold_figure(lines, {.title = "Precision and recall", .x_label = "recall", .y_label = "precision", .words = precision},
                                     "precision", false, precision_recall) +
            detail::reliability_figure(models) + "</div>\n</section>\n";
    if (models.size() == 2) body += html_section("The two compared", detail::differences(models[0], models[1], options.hardest));
    std::string hardest;
    for (const auto& e : models) hardest += detail::hardest_table(e, options.hardest);
    body += html_section("Hardest examples", hardest);
    std::string names;
    for (const auto& e : models) names += (names.empty() ? "" : " and ") + e.name;
    return html_page({options.title,
                      names + " on " + std::to_string(models[0].count()) + " examples of " + std::to_string(models[0].classes()) + " classes", body});
}
inline std::string evaluation_page(const Evaluation& model, const EvaluationPageOptions& options = {}) {
    return evaluation_page(std::span<const Evaluation>(&model, 1), options);
}

}  // namespace tercet::inline TERCET_ABI
