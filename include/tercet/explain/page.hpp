// A model on one text, as one HTML file that needs no other: what it attends to, what it expects and how that takes shape from layer to layer, which
// tokens a result is owed to, which neurons answer.
//
//   write_file_atomically("why.html", explain::page(llm.model(), llm.tokenizer(), ids));
//   write_file_atomically("why.html", explain::page(classifier, tokenizer, text));
#pragma once

#include "tercet/explain/capture.hpp"
#include "tercet/explain/sections.hpp"
#include "tercet/text/tokenizer.hpp"

namespace tercet::inline TERCET_ABI::explain {

struct PageOptions {
    std::string title = "What the model does";
    index_t candidates = 5;  // that are shown of each expectation
    index_t neurons = 6;     // of one layer
    IntegratedGradients gradients{};
};

namespace detail {

// The maps of all attentions that a pass has computed.
inline std::vector<AttentionMap> attention_maps(const Capture& capture) {
    std::vector<AttentionMap> maps;
    for (const auto& name : capture.attentions()) maps.push_back({name, capture.attention(name)});
    return maps;
}
// The layer in the middle whose input is an MLP's neurons: the last that its block has, by the names of the families.
inline std::string middle_neurons(const Capture& capture) {
    constexpr std::string_view endings[] = {"mlp.down_proj", "mlp.c_proj", "output.dense", "ffn.lin2", "mlp.Wo", "fc2", "DenseReluDense.wo"};
    std::vector<std::string> found;
    for (const auto& name : capture.layers())
        if (std::any_of(std::begin(endings), std::end(endings), [&](std::string_view end) { return name.ends_with(end); }) &&
            name.find("attention.output") == std::string::npos)
            found.push_back(name);
    return found.empty() ? "" : found[found.size() / 2];
}
inline std::string neurons_of(const Capture& capture, std::span<const std::string> tokens, index_t most) {
    const std::string name = middle_neurons(capture);
    return name.empty() || most == 0 ? "" : neuron_section("Neurons that " + name + " reads", tokens, capture.input(name), most);
}

}  // namespace detail

/// A language model on a text, from its ids. For texts of some sentences: the page holds every map, and the pass all logits. Throws invalid_argument
/// for no tokens, index_out_of_range, context_overflow.
inline std::string page(const CausalModel& model, const Tokenizer& tokenizer, std::span<const std::int32_t> ids, const PageOptions& options = {}) {
    require(!ids.empty(), ErrorCode::invalid_argument, "explain: there are no tokens");
    const auto tokens = token_texts(tokenizer, ids);
    const auto name = [&](std::int32_t id) { return token_text(tokenizer, id); };
    std::string expected, inside;
    {
        Capture capture(model);
        expected = probability_section(tokens, token_probabilities(model, ids, options.candidates), name);
        inside = attention_section(tokens, tokens, detail::attention_maps(capture)) + detail::neurons_of(capture, tokens, options.neurons);
    }
    const auto lens = logit_lens(model, ids, std::max<index_t>(options.candidates, 1));
    const auto next = lens.back().back().likeliest[0];
    const auto why = attribute_next_token(model, ids, next.id, options.gradients);
    const std::string body = expected + attribution_section("Why " + visible(name(next.id)) + " is expected next", tokens, why) +
                             logit_lens_section(tokens, lens, name) + inside;
    return html_page(
        {options.title, std::to_string(ids.size()) + " tokens, " + std::to_string(model.layers()) + " layers", body, attention_script()});
}

/// An encoder on a text: its attention and neurons, and of a classifier what each class is given and which tokens speak for the likeliest. Throws
/// bad_text, context_overflow.
inline std::string page(const EncoderModel& model, const Tokenizer& tokenizer, std::string_view text, const PageOptions& options = {}) {
    const auto encoding = tokenizer.encode(text);
    require(encoding.size() > 0, ErrorCode::invalid_argument, "explain: the text has no tokens");
    const auto tokens = token_texts(tokenizer, encoding.ids);
    const index_t first[] = {0};
    const auto packed = pack_texts(std::span<const Encoding>(&encoding, 1), first);
    std::string body, summary = std::to_string(tokens.size()) + " tokens";
    Tensor<float> logits;
    {
        const NoGrad guard;
        Capture capture(model);
        logits = forward(model, packed.ids, {.type_ids = &packed.type_ids, .lengths = packed.lengths}).logits;
        body += attention_section(tokens, tokens, detail::attention_maps(capture));
        body += detail::neurons_of(capture, tokens, options.neurons);
    }
    if (model.task == EncoderTask::sequence_classification && model.labels.size() > 1) {
        const auto p = softmax(logits).reshape({-1});
        const auto best = argmax(p, 0).item();
        std::vector<std::vector<HtmlCell>> rows;
        for (index_t c = 0; c < p.size(0); ++c)
            rows.push_back({{model.labels[static_cast<std::size_t>(c)]},
                            {tercet::detail::three_digits(static_cast<double>(p(c))), true, static_cast<double>(p(c))}});
        const std::string& label = model.labels[static_cast<std::size_t>(best)];
        body = html_section("Classes", html_table(rows, {"", {"class", "probability"}})) +
               attribution_section("What speaks for " + label, tokens, attribute_class(model, encoding, best, options.gradients)) + body;
        summary += ": " + label;
    }
    return html_page({options.title, summary, body, attention_script()});
}

}  // namespace tercet::inline TERCET_ABI::explain
