// Translation, from nothing: a small encoder-decoder (Vaswani et al. 2017) learns to say numbers and dates of English in German, from pairs that a
// seeded generator makes. A twentieth of all numbers is never shown in training; what is measured is how many of those come out right to the letter.
//
//   translate [STEPS [SEED]]        then translates standard input, a line each: "the third of march one thousand nine hundred eighty seven"
//
//   "four hundred twelve"            -> "vierhundertzwölf"
//   "the first of may two thousand"  -> "der erste mai zweitausend"
#include <tercet/data/order.hpp>
#include <tercet/generate/load.hpp>
#include <tercet/models/bart.hpp>
#include <tercet/nn/init.hpp>
#include <tercet/ops/cross_entropy.hpp>
#include <tercet/text/bpe_trainer.hpp>
#include <tercet/train/schedule.hpp>
#include <tercet/train/trainer.hpp>

#include <cstdio>
#include <iostream>

using namespace tercet;

namespace {

const std::vector<std::string> english{"zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
                                       "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"},
    english_tens{"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"},
    german{"null", "eins", "zwei",  "drei",     "vier",     "fünf",     "sechs",    "sieben",   "acht",     "neun",
           "zehn", "elf",  "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn"},
    german_tens{"zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"},
    english_days{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"},
    german_days{"erste", "zweite", "dritte", "vierte", "fünfte", "sechste", "siebte", "achte", "neunte", "zehnte", "elfte", "zwölfte"},
    english_months{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"},
    german_months{"januar", "februar", "märz", "april", "mai", "juni", "juli", "august", "september", "oktober", "november", "dezember"};

const std::string& at(const std::vector<std::string>& list, int i) {
    return list[static_cast<std::size_t>(i)];
}

std::string in_english(int n) {  // below ten thousand
    if (n < 20) return at(english, n);
    if (n < 100) return at(english_tens, n / 10 - 2) + (n % 10 > 0 ? " " + at(english, n % 10) : "");
    const int unit = n < 1000 ? 100 : 1000;
    return at(english, n / unit) + (unit == 100 ? " hundred" : " thousand") + (n % unit > 0 ? " " + in_english(n % unit) : "");
}
// "ein" within a word, "eins" at its end.
std::string in_german(int n) {
    if (n < 20) return at(german, n);
    const auto inner = [](int digit) { return digit == 1 ? std::string("ein") : at(german, digit); };
    if (n < 100) return (n % 10 > 0 ? inner(n % 10) + "und" : "") + at(german_tens, n / 10 - 2);
    const int unit = n < 1000 ? 100 : 1000;
    return inner(n / unit) + (unit == 100 ? "hundert" : "tausend") + (n % unit > 0 ? in_german(n % unit) : "");
}

struct Pair {
    std::string english, german;
};

// A number, or a date in the year of that number.
Pair say(int n, int day, int month) {
    if (day < 0) return {in_english(n), in_german(n)};
    return {"the " + at(english_days, day) + " of " + at(english_months, month) + " " + in_english(n),
            "der " + at(german_days, day) + " " + at(german_months, month) + " " + in_german(n)};
}

bool held_out(int n) {
    return Generator(7, static_cast<std::uint64_t>(n)).below(20) == 0;
}
Pair draw(Generator& generator, bool from_held_out) {
    int n = 0;
    do n = static_cast<int>(generator.below(10000));
    while (held_out(n) != from_held_out);
    const bool date = generator.below(2) == 0;
    return say(n, date ? static_cast<int>(generator.below(12)) : -1, static_cast<int>(generator.below(12)));
}

// Rows of ids, padded behind: (B, T), and 1 for tokens.
struct Rows {
    Tensor<std::int32_t> ids;
    Tensor<std::uint8_t> mask;
};
Rows padded(const std::vector<std::vector<TokenId>>& texts, TokenId filling) {
    std::size_t longest = 0;
    for (const auto& text : texts) longest = std::max(longest, text.size());
    const Shape shape{static_cast<index_t>(texts.size()), static_cast<index_t>(longest)};
    Rows rows{Tensor<std::int32_t>::full(shape, filling), Tensor<std::uint8_t>::zeros(shape)};
    for (std::size_t b = 0; b < texts.size(); ++b) {
        std::copy(texts[b].begin(), texts[b].end(), rows.ids.mutable_data() + b * longest);
        std::fill_n(rows.mask.mutable_data() + b * longest, texts[b].size(), std::uint8_t{1});
    }
    return rows;
}

struct Batch {
    Rows source, written, targets;  // what the decoder has written so far, and what it should write next
};

Seq2SeqLm learn(std::int64_t steps, std::uint64_t seed) {
    // The vocabulary, from what will be said: pieces of both languages.
    Generator generator(seed);
    WordCounts words;
    for (int i = 0; i < 2000; ++i) {
        const auto pair = draw(generator, false);
        words.add(pair.english + " " + pair.german);
    }
    const auto tokenizer = byte_level_tokenizer(learn_bpe(words, {.vocab_size = 320, .all_bytes = false, .special_tokens = {"<pad>", "</s>"}}));
    const TokenId padding = 0, end = 1;

    Bart model({.vocab_size = tokenizer.vocab_size(),
                .decoder_vocab_size = tokenizer.vocab_size(),
                .hidden_size = 128,
                .layers = 2,
                .decoder_layers = 2,
                .heads = 4,
                .decoder_heads = 4,
                .inner_size = 512,
                .decoder_inner_size = 512,
                .context = 64,
                .padding = padding,
                .activation = UnaryOp::relu,
                .learned_positions = false,
                .scaled_embeddings = true,
                .start_token = padding});
    TrainingState state{.generator = Generator(seed)};
    init_gpt(model, state.generator, {.std = 0.05});
    Optimizer optimizer(parameters_of(model), AdamW{.beta2 = 0.98, .weight_decay = 0.01}, decay_matrices_only);

    const auto next_batch = [&](TrainingState& now) {
        std::vector<std::vector<TokenId>> sources, written, targets;
        for (int i = 0; i < 64; ++i) {
            const auto pair = draw(now.generator, false);
            sources.push_back(tokenizer.encode_ids(pair.english));
            sources.back().push_back(end);
            targets.push_back(tokenizer.encode_ids(pair.german));
            written.push_back(targets.back());
            written.back().insert(written.back().begin(), padding);  // the start token
            targets.back().push_back(end);
        }
        return Batch{padded(sources, padding), padded(written, padding), padded(targets, -100)};  // −100 does not count
    };
    const auto loss = [&](const Batch& batch) {
        const auto encoded = model.encode(batch.source.ids, {&batch.source.mask});
        return cross_entropy(model.decode(batch.written.ids, encoded, {&batch.source.mask}), batch.targets.ids, {.label_smoothing = 0.05});
    };
    train(optimizer, state, next_batch, loss,
          {.steps = steps,
           .rate = CosineDecay{.peak = 2e-3, .warmup = 200, .steps = steps, .lowest = 2e-5},
           .clip = 1,
           .on_step = [&](const StepRecord& r) {
               if (r.step % 200 == 0) std::cout << "step " << r.step << "  loss " << r.loss << std::endl;
           }});
    set_trainable(model, false);
    return Seq2SeqLm(std::move(model), tokenizer, {.end = {end}});
}

std::string translated(const Seq2SeqLm& lm, const std::string& text) {
    auto ids = lm.tokenizer().encode_ids(text);
    ids.push_back(lm.tokens().end[0]);
    std::string out;
    for (const auto& piece : lm.generate(ids, {.max_tokens = 60, .temperature = 0})) out += piece;
    return out;
}

void run(std::int64_t steps, std::uint64_t seed) {
    const auto lm = learn(steps, seed);
    Generator generator(seed + 1);
    int right = 0, shown = 0;
    constexpr int count = 500;
    for (int i = 0; i < count; ++i) {
        const auto pair = draw(generator, true);
        const auto said = translated(lm, pair.english);
        right += said == pair.german;
        if (said != pair.german && ++shown <= 3) std::cout << pair.english << "  ->  " << said << "  (should be " << pair.german << ")\n";
    }
    std::cout << right << " of " << count << " held out are right to the letter: " << static_cast<double>(right) / count << std::endl;
    for (std::string line; std::getline(std::cin, line);) std::cout << translated(lm, line) << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 800, argc > 2 ? static_cast<std::uint64_t>(std::atoi(argv[2])) : 1);
    } catch (const std::exception& error) {
        std::cerr << "translate: " << error.what() << '\n';
        return 1;
    }
}
