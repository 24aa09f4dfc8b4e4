// tercet bench train: training steps of a GPT on ids drawn at random: forward, loss, backward, AdamW. {"step_s", "peak_rss_mb"}
//
//   baby    0.8 M parameters, a vocabulary of 65 characters, batch 12 × 64 tokens       char    10.8 M, 16 × 256
//   gpt2    124 M, GPT-2's own vocabulary, 4 × 64; --batch and --sequence say otherwise
#include "bench.hpp"

#include <tercet/models/gpt2.hpp>
#include <tercet/nn/init.hpp>
#include <tercet/ops/loss.hpp>
#include <tercet/train/optimizer.hpp>

#include <sys/resource.h>

namespace cli {

namespace {

using namespace tercet;

struct TrainSettings : Common {
    std::string name = "baby";
    index_t batch = 0, sequence = 0, steps = 5;
    bool bf16 = false;
};

struct Case {
    Gpt2Config config;
    index_t batch, sequence;
};

Case case_of(const TrainSettings& s) {
    Case c = s.name == "baby"   ? Case{{.vocab_size = 65, .context = 64, .hidden_size = 128, .layers = 4, .heads = 4}, 12, 64}
             : s.name == "char" ? Case{{.vocab_size = 65, .context = 256, .hidden_size = 384, .layers = 6, .heads = 6}, 16, 256}
                                : Case{{}, 4, 64};
    if (s.batch > 0) c.batch = s.batch;
    if (s.sequence > 0) c.sequence = s.sequence;
    return c;
}

void run_train(const TrainSettings& s) {
    const Case c = case_of(s);
    Gpt2 model(c.config);
    Generator generator(1);
    init_gpt(model, generator, {.layers = c.config.layers});
    if (s.bf16) set_activations(model, Activations::bf16);
    Optimizer optimizer(parameters_of(model), AdamW{.rate = 1e-4, .weight_decay = 0.01});
    const auto ids = Tensor<std::int32_t>::randint(0, c.config.vocab_size, {c.batch, c.sequence + 1}, generator);
    const auto inputs = ids.slice(1, 0, c.sequence).contiguous(), targets = ids.slice(1, 1, c.sequence + 1).contiguous();
    const auto step = [&] {
        cross_entropy(model(inputs), targets).backward();
        optimizer.step();
        optimizer.zero_grad();
    };
    step();
    std::vector<double> seconds;
    for (index_t i = 0; i < s.steps; ++i) seconds.push_back(seconds_of(step));
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    print_measured(s, {{"step_s", *middle}, {"peak_rss_mb", static_cast<double>(usage.ru_maxrss / 1024)}});
}

}  // namespace

void add_bench_train(CLI::App& bench) {
    const auto [command, s] = add_command<TrainSettings>(bench, "train", "A GPT's training step", run_train);
    const auto extent = [&command = command](const char* name, index_t& value, const char* what) {
        return command->add_option(name, value, what)->check(CLI::Range(1, 1 << 20))->type_name("N");
    };
    command->add_option("--case", s->name, "The model")->check(CLI::IsMember({"baby", "char", "gpt2"}))->capture_default_str();
    extent("--batch", s->batch, "Texts a step");
    extent("--sequence", s->sequence, "Tokens of each");
    extent("--steps", s->steps, "Steps that are timed")->capture_default_str();
    command->add_flag("--bf16", s->bf16, "Round the operands of the layers' matrix products to bfloat16");
}

}  // namespace cli
