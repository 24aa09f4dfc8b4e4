// Moderation: which messages a person should look at before others see them. An encoder is fine-tuned on messages that people have judged; then it
// judges new ones, a line each, and names the word that speaks most against them.
//
//   moderate MODEL MESSAGES.tsv OUT [EPOCHS]     learns; a message a line: "pass" or "hold", a tab, the text. Every tenth is held out
//   moderate OUT [THRESHOLD]                     judges standard input: a message is held from that probability on (0.5)
//
// What the threshold should be is a question of what a mistake costs: the table that learning ends with has what each would do.
#include <tercet/data/labelled_texts.hpp>
#include <tercet/explain/sections.hpp>
#include <tercet/models/auto.hpp>
#include <tercet/models/save.hpp>
#include <tercet/text/clean.hpp>
#include <tercet/text/load_tokenizer.hpp>
#include <tercet/train/classifier.hpp>

#include <cstdio>
#include <iostream>

using namespace tercet;

namespace {

const std::vector<std::string> labels{"pass", "hold"};

void learn(const std::string& from, const std::string& file, const std::string& out, index_t epochs) {
    const auto directory = ModelFiles::open(from);
    const auto tokenizer = load_tokenizer(from);
    auto model = load_encoder(directory, NewHead{.labels = labels});
    const auto messages = read_labelled_texts(file, labels);
    ClassifiedTexts training, held_out;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        EncodeOptions how;
        how.max_length = 128;
        auto& part = i % 10 == 9 ? held_out : training;
        part.texts.push_back(tokenizer.encode(messages.texts[i], how));
        part.classes.push_back(messages.classes[i]);
    }
    train_classifier(model, training, held_out, {.epochs = epochs, .batch = 32, .rate = 5e-5});
    save_encoder(out, model, directory);

    const auto judged = judge(model, held_out);
    const auto scores = judged.scores(1);
    const auto members = judged.members(1);
    std::printf("threshold  held  of these rightly  of all that should be held\n");
    for (const double threshold : {0.1, 0.3, 0.5, 0.7, 0.9}) {
        index_t held = 0, right = 0, all = 0;
        for (std::size_t i = 0; i < scores.size(); ++i) {
            held += scores[i] >= threshold;
            right += scores[i] >= threshold && members[i] == 1;
            all += members[i] == 1;
        }
        std::printf("%9.1f  %4d  %16.2f  %25.2f\n", threshold, static_cast<int>(held),
                    held > 0 ? static_cast<double>(right) / static_cast<double>(held) : 1,
                    all > 0 ? static_cast<double>(right) / static_cast<double>(all) : 1);
    }
}

void judge_lines(const std::string& directory, double threshold) {
    const auto model = load_encoder(ModelFiles::open(directory));
    require(model.labels == labels, ErrorCode::unsupported, directory, ": not a model that moderate has saved");
    const auto tokenizer = load_tokenizer(directory);
    for (std::string line; std::getline(std::cin, line);) {
        const std::vector<std::string> one{clean_text(line, {.replace_invalid = true})};  // whatever bytes somebody sends
        const ClassifiedTexts text{encode_texts(tokenizer, one, 128), {0}};
        const double p = judge(model, text).probability(0, 1);
        std::printf("%s  %.2f  %s", p >= threshold ? "hold" : "pass", p, line.c_str());
        if (p >= threshold) {  // the word that speaks most for holding it
            const auto why = explain::attribute_class(model, text.texts[0], 1, {.steps = 16}).scores;
            std::size_t most = 0;
            for (std::size_t t = 0; t < text.texts[0].size(); ++t) {
                const bool better = text.texts[0].special_tokens_mask[most] != 0 || why(static_cast<index_t>(t)) > why(static_cast<index_t>(most));
                if (text.texts[0].special_tokens_mask[t] == 0 && better) most = t;
            }
            std::printf("  (%s)", explain::token_texts(tokenizer, text.texts[0].ids)[most].c_str());
        }
        std::printf("\n");
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 5) {
        std::cerr << "usage: moderate MODEL MESSAGES.tsv OUT [EPOCHS] | moderate OUT [THRESHOLD]\n";
        return 2;
    }
    try {
        if (argc >= 4) learn(argv[1], argv[2], argv[3], argc > 4 ? std::atoi(argv[4]) : 3);
        else {
            char* end = nullptr;
            const double threshold = argc > 2 ? std::strtod(argv[2], &end) : 0.5;
            require(argc == 2 || (end != argv[2] && *end == '\0'), ErrorCode::invalid_argument, argv[2], ": a threshold is a number");
            judge_lines(argv[1], threshold);
        }
    } catch (const std::exception& error) {
        std::cerr << "moderate: " << error.what() << '\n';
        return 1;
    }
}
