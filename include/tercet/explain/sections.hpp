// What the parts of an explanation look like: HTML for explain/page.hpp, or for a page of one's own (report/page.hpp). Each says in words, in hints
// and captions, what it shows in colours.
#pragma once

#include "tercet/explain/attribution.hpp"
#include "tercet/explain/neurons.hpp"
#include "tercet/explain/token_probabilities.hpp"
#include "tercet/io/base64.hpp"
#include "tercet/io/json.hpp"
#include "tercet/report/line_chart.hpp"
#include "tercet/report/page.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace tercet::inline TERCET_ABI::explain {

/// One token's text as it stands in a table: spaces and ends of lines can be seen.
inline std::string visible(std::string_view token) {
    std::string out;
    for (const char c : token) {
        if (c == ' ') out += "␣";
        else if (c == '\n') out += "⏎";
        else if (c == '\t') out += "⇥";
        else out += c;
    }
    return out.empty() ? "∅" : out;
}

/// One token's text; of a special one its name, and of one that the tokenizer lacks, as a padded vocabulary has them, its number: "#63".
inline std::string token_text(const Tokenizer& tokenizer, std::int32_t id) {
    if (!tokenizer.has(id)) return "#" + std::to_string(id);
    const auto text = tokenizer.decode({id}, false);
    return text.empty() ? std::string(tokenizer.token(id)) : text;
}

/// The texts of a text's tokens, which are the text when they are put together: what each adds to what those before decode to. A character that
/// several tokens make is the last one's, and the others are empty.
inline std::vector<std::string> token_texts(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
    constexpr std::string_view incomplete = "\xef\xbf\xbd";  // what a decoder writes for bytes that are no character yet
    std::vector<std::string> out;
    std::string before;
    std::size_t first = 0;  // where what is decoded together begins
    for (std::size_t t = 0; t < ids.size(); ++t) {
        if (!tokenizer.has(ids[t])) {
            out.push_back(token_text(tokenizer, ids[t]));
            first = t + 1;
            before.clear();
            continue;
        }
        const auto all = tokenizer.decode(ids.subspan(first, t + 1 - first), false);
        const bool adds = all.size() > before.size() && all.starts_with(before);
        if (adds && std::string_view(all).substr(before.size()).ends_with(incomplete) && t + 1 < ids.size()) {
            out.emplace_back();
            continue;
        }
        out.push_back(adds ? all.substr(before.size()) : token_text(tokenizer, ids[t]));
        before = all;
    }
    return out;
}

/// An attention's maps: (H, Tq, Tk), or (1, H, Tq, Tk).
struct AttentionMap {
    std::string name;
    Tensor<float> weights;
};

namespace detail {

inline constexpr std::string_view attention_style = R"(<style>
.attention table th { font-size: 12px; padding: 1px 5px; white-space: pre; }
.attention thead th { writing-mode: vertical-rl; transform: rotate(180deg); }
.attention td { width: 18px; height: 18px; padding: 0; }
.attention label { margin-right: 16px; }
.attention select { font: inherit; }
.attention tr:focus-within th, .attention tr:hover th { color: var(--ink); font-weight: 600; }
</style>
)";
// Draws the map of the layer and head that are chosen, and says of the row under the pointer or the keyboard's focus where most of it goes.
inline constexpr std::string_view attention_script = R"js(
for (const view of document.querySelectorAll(".attention")) {
  const data = JSON.parse(view.querySelector("script").textContent), bytes = Uint8Array.from(atob(data.maps), c => c.charCodeAt(0));
  const [layer, head] = view.querySelectorAll("select"), table = view.querySelector("table"), said = view.querySelector("[aria-live]");
  const size = data.rows.length * data.columns.length, element = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const weight = (l, h, i) => {
    const first = data.heads.slice(0, l).reduce((a, b) => a + b, 0) * size, at = k => bytes[first + k * size + i] / 255;
    if (h >= 0) return at(h);
    let sum = 0;
    for (let k = 0; k < data.heads[l]; ++k) sum += at(k);
    return sum / data.heads[l];
  };
  const draw = () => {
    const l = +layer.value, h = +head.value, body = document.createElement("tbody");
    data.rows.forEach((token, r) => {
      const row = document.createElement("tr"), name = element("th", token), of = c => weight(l, h, r * data.columns.length + c);
      name.scope = "row"; name.tabIndex = 0; row.append(name);
      let best = 0;
      data.columns.forEach((other, c) => {
        const cell = document.createElement("td"), w = of(c);
        if (w > of(best)) best = c;
        cell.className = "warm"; cell.style.setProperty("--h", Math.sqrt(w).toFixed(3)); cell.title = `${token} → ${other}: ${w.toFixed(3)}`;
        cell.setAttribute("aria-label", w.toFixed(2));
        row.append(cell);
      });
      const say = () => { said.textContent = `${token} attends most to ${data.columns[best]} (${of(best).toFixed(2)}).`; };
      row.addEventListener("pointerenter", say); name.addEventListener("focus", say); body.append(row);
    });
    table.tBodies[0].replaceWith(body);
  };
  const heads = () => {
    const before = head.value;
    head.replaceChildren(new Option("mean of all", -1), ...Array.from({ length: data.heads[+layer.value] }, (_, i) => new Option(i + 1, i)));
    if (before !== "" && +before < data.heads[+layer.value]) head.value = before;
    draw();
  };
  const line = document.createElement("tr");
  line.append(element("td", ""), ...data.columns.map(token => Object.assign(element("th", token), { scope: "col" })));
  table.tHead.append(line);
  data.layers.forEach((name, i) => layer.append(new Option(name, i)));
  layer.addEventListener("change", heads); head.addEventListener("change", draw); heads();
}
)js";

// For JSON inside a <script>: no "</script>" in it.
inline std::string json_in_html(const std::vector<std::string>& list) {
    std::string out;
    for (const auto& text : list) {
        std::string quoted = quote_json(text);
        for (std::size_t at = quoted.find('<'); at != std::string::npos; at = quoted.find('<', at)) quoted.replace(at, 1, "\\u003c");
        (out += out.empty() ? "" : ",") += quoted;
    }
    return "[" + out + "]";
}

inline std::vector<std::string> all_visible(std::span<const std::string> tokens) {
    std::vector<std::string> out;
    for (const auto& token : tokens) out.push_back(visible(token));
    return out;
}

// "Paris 0.77, the 0.065".
template <class Name>
std::string candidates_text(const Expectation& expected, const Name& name) {
    std::string out;
    for (const auto& c : expected.likeliest)
        out += (out.empty() ? "" : ", ") + visible(name(c.id)) + " " + tercet::detail::short_number(c.probability, 2);
    return out;
}

}  // namespace detail

/// The script that attention_section() needs in HtmlPage::script.
inline std::string attention_script() {
    return std::string(detail::attention_script);
}

/// Attention maps, of which one layer's and head's is shown; rows are the tokens that attend (Tq), columns those that they attend to (Tk). Weights
/// are kept to 1/255. Throws shape_mismatch for maps that are not of these tokens.
inline std::string attention_section(std::span<const std::string> queries, std::span<const std::string> keys, std::span<const AttentionMap> maps) {
    const auto Tq = static_cast<index_t>(queries.size()), Tk = static_cast<index_t>(keys.size());
    std::string bytes, heads;
    std::vector<std::string> layers;
    for (const auto& map : maps) {
        const auto w = map.weights.detach().contiguous();
        require(w.rank() >= 3 && w.size(-2) == Tq && w.size(-1) == Tk && w.numel() == w.size(-3) * Tq * Tk, ErrorCode::shape_mismatch,
                "attention_section: the map ", map.name, " is ", w.shape(), ", for ", Tq, " tokens that attend to ", Tk);
        layers.push_back(map.name);
        heads += (heads.empty() ? "" : ",") + std::to_string(w.size(-3));
        for (const float x : w.span()) bytes += static_cast<char>(static_cast<unsigned char>(std::lround(std::clamp(x, 0.f, 1.f) * 255)));
    }
    return html_section(
        "Attention", std::string(detail::attention_style) +
                         "<div class=\"attention\">\n<p><label>Layer <select></select></label><label>Head <select></select></label></p>\n"
                         "<p aria-live=\"polite\" class=\"pale\">Each row is a token that attends; the warmer a cell, the more it attends to the "
                         "column's token.</p>\n<div class=\"scroll\"><table class=\"heat\"><caption>Attention of one layer and head</caption>"
                         "<thead></thead><tbody></tbody></table></div>\n<script type=\"application/json\">{\"layers\":" +
                         detail::json_in_html(layers) + ",\"heads\":[" + heads + "],\"rows\":" + detail::json_in_html(detail::all_visible(queries)) +
                         ",\"columns\":" + detail::json_in_html(detail::all_visible(keys)) + ",\"maps\":\"" + encode_base64(bytes) +
                         "\"}</script>\n</div>\n");
}

/// A text's tokens, warm where they speak for a result and cool where against it. Throws shape_mismatch unless there is a score for each.
inline std::string attribution_section(const std::string& heading, std::span<const std::string> tokens, const Attribution& attribution) {
    const auto scores = attribution.scores.detach().contiguous();
    require(scores.numel() == static_cast<index_t>(tokens.size()), ErrorCode::shape_mismatch, "attribution_section: ", scores.numel(), " scores for ",
            tokens.size(), " tokens");
    double most = 0;
    for (const float s : scores.span()) most = std::max(most, std::abs(static_cast<double>(s)));
    std::vector<HtmlCell> pieces;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
        const auto s = static_cast<double>(scores.data()[t]);
        pieces.push_back({tokens[t], false, most > 0 ? s / most : 0, visible(tokens[t]) + ": " + tercet::detail::short_number(s, 3)});
    }
    return html_section(heading, html_pieces(pieces) + "<p class=\"pale\">" +
                                     escape_html("The result is " + tercet::detail::short_number(attribution.value) +
                                                 (attribution.baseline_value ? ", and " + tercet::detail::short_number(*attribution.baseline_value) +
                                                                                   " from the baseline; the tokens make up the difference"
                                                                             : "") +
                                                 ". Warm: for it. Cool: against it.") +
                                     "</p>\n");
}

/// A text's tokens, each as warm as it came unexpected, and what was expected in its place. `name` gives the text of a token by itself. Throws
/// shape_mismatch unless there is a probability for each token but the first.
template <class Name>
std::string probability_section(std::span<const std::string> tokens, std::span<const TokenProbability> probabilities, const Name& name) {
    require(tokens.size() == probabilities.size() + 1, ErrorCode::shape_mismatch, "probability_section: ", probabilities.size(),
            " probabilities for ", tokens.size(), " tokens");
    std::vector<HtmlCell> pieces{{tokens[0]}};
    std::vector<std::vector<HtmlCell>> rows;
    double nats = 0;
    for (std::size_t t = 0; t < probabilities.size(); ++t) {
        const auto& found = probabilities[t];
        const double surprise = -std::log(std::max(found.probability, 1e-30));
        nats += surprise;
        const std::string text = visible(tokens[t + 1]), p = tercet::detail::short_number(found.probability, 3);
        pieces.push_back({tokens[t + 1], false, std::min(surprise / 10, 1.0), text + ": probability " + p});
        rows.push_back({{text}, {p, true}, {std::to_string(found.rank + 1), true}, {detail::candidates_text(found.expected, name)}});
    }
    const double each = probabilities.empty() ? 0 : nats / static_cast<double>(probabilities.size());
    return html_section("Expected and found",
                        html_pieces(pieces) + "<p class=\"pale\">The warmer, the less expected. Perplexity " +
                            tercet::detail::short_number(std::exp(each), 3) + ".</p>\n" +
                            html_table(rows, {"Each token, and what was likeliest in its place", {"token", "probability", "rank", "likeliest"}}));
}

/// The logit lens: rows are layers, columns the tokens after which something is expected. `name` gives a token's text.
template <class Name>
std::string logit_lens_section(std::span<const std::string> tokens, std::span<const std::vector<Expectation>> lens, const Name& name) {
    std::vector<std::vector<HtmlCell>> rows;
    HtmlTableOptions options{"What is expected after each token, if the model ended with that layer; the warmer, the surer", {"after"}, true};
    for (const auto& token : tokens) options.heads.push_back(visible(token));
    for (std::size_t l = lens.size(); l-- > 0;) {
        auto& row = rows.emplace_back(1, HtmlCell{l == 0 ? "embeddings" : "layer " + std::to_string(l)});
        for (const auto& e : lens[l]) {
            require(!e.likeliest.empty(), ErrorCode::invalid_argument, "logit_lens_section: an expectation without candidates");
            row.push_back({visible(name(e.likeliest[0].id)), false, e.likeliest[0].probability, detail::candidates_text(e, name)});
        }
    }
    return html_section("Layer by layer", html_table(rows, options));
}

/// The neurons that a text moves most, each along the text. x (T, neurons) or (1, T, neurons). Throws as strongest_neurons().
inline std::string neuron_section(const std::string& heading, std::span<const std::string> tokens, const Tensor<float>& x, index_t most = 8) {
    std::string body;
    for (const auto& n : strongest_neurons(x, most)) {
        const auto along = neuron_along_text(x, n.neuron);
        require(!tokens.empty() && along.size() == tokens.size(), ErrorCode::shape_mismatch, "neuron_section: ", along.size(), " activations for ",
                tokens.size(), " tokens");
        std::vector<HtmlCell> pieces;
        for (std::size_t t = 0; t < tokens.size(); ++t)
            pieces.push_back({tokens[t], false, n.value == 0 ? 0 : along[t] / std::abs(n.value),
                              visible(tokens[t]) + ": " + tercet::detail::short_number(along[t], 3)});
        body += "<p class=\"pale\">" +
                escape_html("Neuron " + std::to_string(n.neuron) + ", " + tercet::detail::short_number(n.value, 3) + " at " +
                            visible(tokens[static_cast<std::size_t>(n.position)])) +
                "</p>\n" + html_pieces(pieces);
    }
    return html_section(heading, body);
}

/// Points with names: places (n, 2), as explain/embedding_map.hpp gives them, and the shares of the variance along the two directions. Throws
/// shape_mismatch.
inline std::string map_section(const std::string& heading, std::span<const std::string> names, const Tensor<float>& places,
                               std::span<const double> shares) {
    require(places.shape() == Shape{static_cast<index_t>(names.size()), 2} && shares.size() >= 2, ErrorCode::shape_mismatch, "map_section: places ",
            places.shape(), " and ", shares.size(), " shares for ", names.size(), " names");
    const auto axis = [&](std::size_t i) { return std::to_string(std::lround(shares[i] * 100)) + " % of the variance"; };
    LineChart chart{.title = heading, .x_label = axis(0), .y_label = axis(1)};
    chart.height = 560;
    ChartSeries points{.name = heading, .marks = true, .line = false, .labels = {names.begin(), names.end()}};
    for (index_t i = 0; i < places.size(0); ++i) {
        points.points.emplace_back(static_cast<double>(places(i, 0)), static_cast<double>(places(i, 1)));
        chart.words += names[static_cast<std::size_t>(i)] + " at " + tercet::detail::short_number(points.points.back().first, 2) + ", " +
                       tercet::detail::short_number(points.points.back().second, 2) + ". ";
    }
    chart.series.push_back(std::move(points));
    return "<section>\n" + html_figure(heading, to_svg(chart, "map-" + std::to_string(std::hash<std::string>{}(heading) % 1000000)), true) +
           "</section>\n";
}

}  // namespace tercet::inline TERCET_ABI::explain
