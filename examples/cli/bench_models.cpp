// tercet bench embed, bench generate: whole models on ids drawn at random, without a tokenizer's work. bench sentences: texts, with it.
//
// embed      an encoder's forward pass on (batch, sequence) ids, none of them padding
// sentences  a file's lines to embeddings, once: {"seconds", "texts"}
// generate   a language model: the prompt in one go, then --tokens single steps after a prompt of eight; nothing is sampled
#include "bench.hpp"
#include "ids.hpp"
#include "models.hpp"

#include <tercet/data/text_file.hpp>

namespace cli {

namespace {

using namespace tercet;

Tensor<std::int32_t> random_ids(const Shape& shape, index_t vocabulary) {
    return Tensor<std::int32_t>::randint(0, vocabulary, shape);
}

struct EmbedSettings : Common {
    std::string model, type = "f32", file;
    index_t batch = 1, sequence = 128;
};

void run_sentences(const EmbedSettings& s) {
    const auto encoder = load_text_encoder(s.model, narrowed(s.type));
    const auto texts = read_utf8_lines(s.file);
    encoder.embed("warm");
    const double seconds = seconds_of([&] { encoder.embed(texts); });
    print_measured(s, {{"seconds", seconds}, {"texts", static_cast<double>(texts.size())}});
}

void run_embed(const EmbedSettings& s) {
    const NoGrad guard;
    const auto files = ModelFiles::open(s.model);
    require_head(files, encoders);
    const auto model = load_encoder_body(files, narrowed(s.type));
    const Shape shape{s.batch, s.sequence};
    const auto ids = random_ids(shape, model.vocab_size());
    const auto mask = Tensor<std::uint8_t>::ones(shape);
    const auto types = Tensor<std::int32_t>::zeros(shape);
    print_measured(s, {{"ms", 1e3 * median_seconds([&] { forward(model, ids, {&mask, &types}); })}});
}

struct GenerateSettings : Common {
    std::string model, activations = "int8";  // as llama.cpp has it
    index_t prompt_tokens = 512, tokens = 64;
};

void run_generate(const GenerateSettings& s) {
    const auto llm = open_causal(s.model, {}, s.activations);
    const auto drawn = random_ids({std::max(s.prompt_tokens, s.tokens)}, vocab_size(llm.model()));
    const auto ids = drawn.span();
    const auto prompt = ids.first(static_cast<std::size_t>(s.prompt_tokens));
    const double prompt_seconds = median_run([&] {
        Session session(llm.model());
        return seconds_of([&] { session.feed(prompt); });
    });
    std::uint64_t loops = 0;  // that a run's threads share
    const double seconds = median_run([&] {
        Session session(llm.model());
        session.feed(ids.first(std::min<std::size_t>(8, ids.size())));
        const auto before = shared_loops();
        const double run = seconds_of([&] {
            for (index_t i = 0; i < s.tokens; ++i) session.feed(ids.subspan(static_cast<std::size_t>(i), 1));
        });
        loops = shared_loops() - before;
        return run;
    });
    print_measured(s, {{"prompt_tokens_per_s", static_cast<double>(s.prompt_tokens) / prompt_seconds},
                       {"tokens_per_s", static_cast<double>(s.tokens) / seconds},
                       {"loops_per_token", static_cast<double>(loops) / static_cast<double>(s.tokens)}});
}

}  // namespace

void add_bench_embed(CLI::App& bench) {
    const auto [command, s] = add_command<EmbedSettings>(bench, "embed", "An encoder's forward pass", run_embed);
    command->add_option("--model", s->model, "A model directory")->required()->type_name("PATH");
    command->add_option("--batch", s->batch, "Texts")->check(CLI::Range(1, 1 << 20))->capture_default_str()->type_name("B");
    command->add_option("--sequence", s->sequence, "Tokens of each")->check(CLI::Range(1, 1 << 20))->capture_default_str()->type_name("T");
    add_weight_type(*command, s->type);
}

void add_bench_sentences(CLI::App& bench) {
    const auto [command, s] = add_command<EmbedSettings>(bench, "sentences", "Embeddings of a file's lines", run_sentences);
    command->add_option("--model", s->model, "A directory of a sentence encoder")->required()->type_name("PATH");
    command->add_option("--file", s->file, "The texts, a line each")->required()->type_name("FILE");
    add_weight_type(*command, s->type);
}

void add_bench_generate(CLI::App& bench) {
    const auto [command, s] = add_command<GenerateSettings>(bench, "generate", "A language model's prompt and decoding", run_generate);
    command->add_option("--model", s->model, "A model directory or a .gguf file")->required()->type_name("PATH");
    command->add_option("--prompt-tokens", s->prompt_tokens, "Tokens of the prompt")
        ->check(CLI::Range(1, 1 << 24))
        ->capture_default_str()
        ->type_name("N");
    command->add_option("--tokens", s->tokens, "Decoding steps")->check(CLI::Range(1, 1 << 24))->capture_default_str()->type_name("N");
    add_activations(*command, s->activations);
}

}  // namespace cli
