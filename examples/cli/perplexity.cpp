// tercet perplexity: how well a language model foretells a text.
//
// The text's tokens, without any added around it, are cut into windows of --context tokens, one after the other. Each window is scored from its
// second token on, given those before it in the window; a last window of one token is left out.
// {"perplexity", "nll", "tokens"}: nll is the mean negative log-probability in nats, tokens how many were scored, perplexity e^nll.
#include "../common/progress.hpp"
#include "command.hpp"
#include "ids.hpp"
#include "models.hpp"
#include "output.hpp"

#include <tercet/data/text_file.hpp>
#include <tercet/metrics/language_model.hpp>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, file, ids, adapter, activations = "f32";
    index_t context = 0;
};

// −Σ ln p of a window's tokens but the first.
double score_window(const CausalModel& model, std::span<const std::int32_t> window) {
    double nats = 0;
    for (const double log_p : log_probabilities(model, window)) nats -= log_p;
    return nats;
}

void run(const Settings& s) {
    if (s.file.empty() == s.ids.empty()) bad_usage("one of --file and --ids is required");
    const NoGrad guard;
    const auto llm = open_causal(s.model, s.adapter, s.activations);
    const Ids ids = s.file.empty() ? parse_ids(s.ids, "--ids") : llm.tokenizer().encode_ids(read_utf8_file(s.file), false);
    for (const auto id : ids)
        require(id >= 0 && id < vocab_size(llm.model()), ErrorCode::index_out_of_range, "token id ", id, " is outside the model's vocabulary of ",
                vocab_size(llm.model()));
    const index_t limit = context(llm.model()), window = s.context > 0 ? s.context : limit > 0 ? std::min<index_t>(512, limit) : 512;
    require(limit == 0 || window <= limit, ErrorCode::context_overflow, "--context ", window, ": the model's context holds ", limit, " tokens");
    require(ids.size() >= 2, ErrorCode::invalid_argument, s.file.empty() ? "--ids" : s.file, ": the text has ", ids.size(),
            " tokens, two are the least that can be scored");

    Progress bar("perplexity", static_cast<long long>(ids.size()));
    const auto size = static_cast<std::size_t>(window);
    double nats = 0;
    index_t tokens = 0;
    for (std::size_t begin = 0; begin + 1 < ids.size(); begin += size) {
        const auto part = std::span(ids).subspan(begin, std::min(size, ids.size() - begin));
        nats += score_window(llm.model(), part);
        tokens += static_cast<index_t>(part.size()) - 1;
        bar.update(static_cast<long long>(begin + part.size()), tokens > 0 ? text_number(perplexity(nats, tokens)) : std::string());
    }
    bar.clear();
    print_perplexity(s, nats, tokens);
}

}  // namespace

void print_perplexity(const Common& s, double nats, index_t tokens) {
    const double value = perplexity(nats, tokens), nll = nats / static_cast<double>(tokens);
    if (s.json)
        return print(JsonObject().add("perplexity", json_number(value)).add("nll", json_number(nll)).add("tokens", std::to_string(tokens)).text() +
                     "\n");
    print("perplexity  " + text_number(value) + "\nnll         " + text_number(nll) + "\ntokens      " + std::to_string(tokens) + "\n");
}

void add_perplexity(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "perplexity", "Measure how well a language model foretells a text", run);
    command->add_option("--model", s->model, "A model directory or a .gguf file")->required()->type_name("PATH");
    command->add_option("--file", s->file, "The text, as it is")->type_name("PATH");
    command->add_option("--ids", s->ids, "Ids with commas between, in place of a text")->type_name("IDS");
    command->add_option("--context", s->context, "Tokens of a window; 512, or the model's context where that is smaller, unless given")
        ->check(CLI::Range(2, 1 << 26))
        ->type_name("N");
    command->add_option("--adapter", s->adapter, "A directory with a LoRA adapter")->type_name("DIR");
    add_activations(*command, s->activations);
}

}  // namespace cli
