// tercet generate: text from a language model, or from an encoder-decoder that reads the prompt, token by token as it comes.
//
// {"ids", "text", "finish", "prompt_tokens_per_s", "tokens_per_s"}: the new ids without the end token; finish is "length", "stop" or "eos".
// With --n N > 1 the object is the first sample's and "samples" holds all: drawn with the seeds S, S+1, … ("seed"), or the N best of --beams.
// With --beams a sample has its "score", and the sampling options (temperature, top-k, …, seed) play no part.
#include "command.hpp"
#include "ids.hpp"
#include "models.hpp"
#include "output.hpp"

#include <tercet/generate/beam.hpp>
#include <tercet/generate/json_schema.hpp>
#include <tercet/text/chat.hpp>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string model, prompt, adapter, activations = "f32";
    std::vector<std::string> ids, choices;
    std::string regex, schema;
    bool with_prompt = false, chat = false;
    GenerateOptions how;
    index_t beams = 1, n = 1;
    double length_penalty = 1;
};

struct Sample {
    std::vector<std::int32_t> ids;
    std::string text;
    Finish finish = Finish::length;
    double prompt_tokens_per_s = 0, tokens_per_s = 0;
    std::string extra_key, extra;  // "seed" or "score"
};

Ids prompt_ids(const Settings& s, const Writer& llm) {
    if (!s.with_prompt) return parse_ids(s.ids[0], "--ids");
    if (!s.chat) return llm.tokenizer().encode_ids(s.prompt);
    const ChatMessage message{"user", s.prompt};
    return llm.tokenizer().encode_ids(render_chat(llm.tokenizer(), std::span(&message, 1)), false);
}

Sample draw(const GenerateOptions& how, const Writer& llm, const Ids& prompt, bool stream) {
    auto generation = llm.generate(prompt, how);
    for (bool more = true; more;) {
        const auto before = generation.ids().size();
        more = generation.next();
        if (!stream) continue;
        if (llm.has_tokenizer()) print(generation.piece());
        else if (generation.ids().size() > before) print((before > 0 ? " " : "") + std::to_string(generation.ids().back()));
    }
    if (stream) print("\n");
    return {{generation.ids().begin(), generation.ids().end()},
            generation.text(),
            generation.finish(),
            generation.prompt_tokens_per_s(),
            generation.tokens_per_s(),
            "seed",
            std::to_string(how.seed)};
}

std::size_t first_stop(const std::string& text, const std::vector<std::string>& stops) {
    std::size_t first = std::string::npos;
    for (const auto& stop : stops)
        if (!stop.empty()) first = std::min(first, text.find(stop));
    return first;
}

std::vector<Sample> search(const Settings& s, const Writer& llm, const Ids& prompt) {
    BeamOptions how{.beams = s.beams, .max_tokens = s.how.max_tokens, .length_penalty = s.length_penalty};
    if (!s.how.stop.empty())
        how.stop = [&](std::span<const std::int32_t> ids) { return first_stop(text_of(llm, ids), s.how.stop) != std::string::npos; };
    const auto result = llm.beam_search(prompt, how, s.how.ignore_eos);
    std::vector<Sample> samples;
    for (const auto& h : result.hypotheses) {
        if (samples.size() == static_cast<std::size_t>(s.n)) break;
        const auto text = text_of(llm, h.ids);
        samples.push_back({h.ids, text.substr(0, first_stop(text, s.how.stop)), h.finish, result.prompt_tokens_per_s, result.tokens_per_s, "score",
                           json_number(h.score)});
        if (s.json) continue;
        if (samples.size() > 1) print("---\n");
        print((llm.has_tokenizer() ? samples.back().text : text_list(h.ids, [](std::int32_t id) { return std::to_string(id); })) + "\n");
    }
    return samples;
}

JsonObject json_of(const Sample& sample) {
    JsonObject result;
    result.add("ids", json_integers(sample.ids)).add("text", quote_json(sample.text)).add("finish", quote_json(name_of(sample.finish)));
    return result.add("prompt_tokens_per_s", json_number(sample.prompt_tokens_per_s))
        .add("tokens_per_s", json_number(sample.tokens_per_s))
        .add(sample.extra_key, sample.extra);
}

void run(const Settings& s) {
    if (s.with_prompt == !s.ids.empty()) bad_usage(s.with_prompt ? "--prompt and --ids exclude each other" : "one of --prompt and --ids is required");
    if (s.ids.size() > 1) bad_usage("--ids: one prompt at a time");
    if (s.chat && !s.with_prompt) bad_usage("--chat needs --prompt");
    if (s.beams > 1 && s.n > s.beams) bad_usage("--n: more samples than --beams");
    const int constraints = (s.regex.empty() ? 0 : 1) + (s.schema.empty() ? 0 : 1) + (s.choices.empty() ? 0 : 1);
    if (constraints > 1) bad_usage("--regex, --choice and --json-schema exclude each other");
    if (constraints > 0 && s.beams > 1) bad_usage("--beams: a search takes no --regex, --choice or --json-schema");
    auto how = s.how;
    if (!s.regex.empty()) how.constraint = pattern_constraint(s.regex);
    if (!s.choices.empty()) how.constraint = choice_constraint(s.choices);
    if (!s.schema.empty()) how.constraint = schema_constraint(read_json_file(s.schema));
    const auto llm = open_writer(s.model, s.adapter, s.activations);
    require(s.how.stop.empty() || llm.has_tokenizer(), ErrorCode::bad_tokenizer, s.model, ": --stop needs a tokenizer, this model came without");
    const Ids prompt = prompt_ids(s, llm);
    std::vector<Sample> samples;
    if (s.beams > 1) {
        samples = search(s, llm, prompt);
    } else {
        for (index_t i = 0; i < s.n; ++i) {
            if (!s.json && i > 0) print("---\n");
            how.seed = s.how.seed + static_cast<std::uint64_t>(i);
            samples.push_back(draw(how, llm, prompt, !s.json));
        }
    }
    if (!s.json) return;
    auto result = json_of(samples.at(0));
    if (s.n > 1) result.add("samples", json_list(samples, [](const Sample& sample) { return json_of(sample).text(); }));
    print(result.text() + "\n");
}

}  // namespace

void add_generate(CLI::App& app) {
    const auto [command, s] =
        add_command<Settings>(app, "generate", "Write text with a language model, or translate or sum up with an encoder-decoder", run);
    auto& settings = *s;
    command->add_option("--model", s->model, "A model directory or a .gguf file")->required()->type_name("PATH");
    command
        ->add_option_function<std::string>(
            "--prompt",
            [&settings](const std::string& text) {
                settings.prompt = text;
                settings.with_prompt = true;
            },
            "What to go on from")
        ->type_name("TEXT");
    command->add_option("--ids", s->ids, "The prompt as ids with commas between, to which nothing is added")
        ->allow_extra_args(false)
        ->type_name("IDS");
    command->add_option("--max-tokens", s->how.max_tokens, "New tokens at most")
        ->check(CLI::Range(0, 1 << 30))
        ->capture_default_str()
        ->type_name("N");
    command->add_option("--temperature", s->how.temperature, "0 takes the most likely token each time")->capture_default_str()->type_name("X");
    command->add_option("--top-k", s->how.top_k, "Draw from the k most likely; 0: from all")->capture_default_str()->type_name("K");
    command->add_option("--top-p", s->how.top_p, "Draw from the most likely that add up to p")->capture_default_str()->type_name("P");
    command->add_option("--min-p", s->how.min_p, "Draw from those at least this share of the most likely")->capture_default_str()->type_name("P");
    command->add_option("--typical-p", s->how.typical_p, "Draw from those whose surprise is nearest to the expected, that add up to p")
        ->capture_default_str()
        ->type_name("P");
    command->add_option("--repeat-penalty", s->how.repeat_penalty, "Above 1: make tokens seen before less likely")
        ->capture_default_str()
        ->type_name("X");
    command->add_option("--frequency-penalty", s->how.frequency_penalty, "Take this from a token's logit for each time that it was seen")
        ->capture_default_str()
        ->type_name("X");
    command->add_option("--presence-penalty", s->how.presence_penalty, "Take this from the logit of a token that was seen")
        ->capture_default_str()
        ->type_name("X");
    command->add_option("--seed", s->how.seed, "Of the random draws")->capture_default_str()->type_name("N");
    command->add_option("--beams", s->beams, "Search with this many beams instead of drawing")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str()
        ->type_name("N");
    command->add_option("--length-penalty", s->length_penalty, "Of beams: scores are divided by length to this power")
        ->capture_default_str()
        ->type_name("X");
    command->add_option("--n", s->n, "Samples, with one seed after the other; or the n best beams")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str()
        ->type_name("N");
    command->add_option("--stop", s->how.stop, "A text that ends the generation; again for each further one")
        ->allow_extra_args(false)
        ->type_name("TEXT");
    command->add_option("--regex", s->regex, "The text is one that this expression matches as a whole")->type_name("EXPR");
    command->add_option("--choice", s->choices, "The text is this one, or another --choice")->allow_extra_args(false)->type_name("TEXT");
    command->add_option("--json-schema", s->schema, "The text is JSON of this schema")->check(CLI::ExistingFile)->type_name("FILE");
    command->add_option("--lookup", s->how.lookup, "Guess at most so many tokens at once from what was seen before: faster where text repeats itself")
        ->check(CLI::Range(0, 256))
        ->capture_default_str()
        ->type_name("N");
    command->add_flag("--chat", s->chat, "The prompt is a user's message: put it into the model's chat template");
    command->add_flag("--ignore-eos", s->how.ignore_eos, "Go on after the end token");
    command->add_flag("--slide-context", s->how.slide_context, "Where the context is full, go on from its later half");
    command->add_option("--adapter", s->adapter, "A directory with a LoRA adapter")->type_name("DIR");
    add_activations(*command, s->activations);
}

}  // namespace cli
