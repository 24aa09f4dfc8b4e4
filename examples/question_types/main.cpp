// What does a question ask for: a number, a place, a person …? An encoder learns six types from some thousand questions (Li & Roth 2002), which is
// what a program needs that looks for answers.
//
//   question_types MODEL TRAIN TEST OUT [EPOCHS [SEED]]
//
// MODEL: a directory with an encoder, as all-MiniLM-L6-v2; TRAIN and TEST: lines as "NUM:date When was Ozzy Osbourne born ?", in Latin-1 as they were
// published; OUT: a directory for the classifier.
#include <tercet/tercet.hpp>

#include <iomanip>
#include <iostream>

using namespace tercet;

namespace {

const std::vector<std::string> types{"ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM"};

ClassifiedTexts read(const std::string& file, const Tokenizer& tokenizer) {
    ClassifiedTexts out;
    for (const auto& line : read_lines(file)) {
        std::string text;
        for (const char c : line) utf8_append(text, static_cast<unsigned char>(c));  // Latin-1's bytes are Unicode's first 256 characters
        const auto type = std::find(types.begin(), types.end(), text.substr(0, text.find(':')));
        require(type != types.end() && text.find(' ') != std::string::npos, ErrorCode::invalid_argument, file, ": not TYPE:subtype question: ", text);
        EncodeOptions how;
        how.max_length = 64;
        out.texts.push_back(tokenizer.encode(text.substr(text.find(' ') + 1), how));
        out.classes.push_back(static_cast<std::int32_t>(type - types.begin()));
    }
    return out;
}

void run(const std::string& from, const std::string& training, const std::string& test, const std::string& out, index_t epochs, std::uint64_t seed) {
    const auto directory = ModelFiles::open(from);
    const auto tokenizer = load_tokenizer(from);
    const auto held_out = read(test, tokenizer);
    auto model = load_encoder(directory, NewHead{.labels = types, .seed = seed});

    FineTuning how{.epochs = epochs, .batch = 32, .rate = 5e-5, .seed = seed};
    how.trainer.on_evaluation = [](const EvaluationRecord& r) { std::cout << "step " << r.step << "  accuracy held out " << r.measure << std::endl; };
    const auto result = train_classifier(model, read(training, tokenizer), held_out, how);
    std::cout << result.seconds / static_cast<double>(epochs) << " s an epoch\n";
    save_encoder(out, model, directory);

    const auto confused = evaluate_classifier(model, held_out);
    std::cout << "type  precision  recall     F1  questions\n" << std::fixed << std::setprecision(3);
    for (std::size_t c = 0; c < types.size(); ++c) {
        const auto score = score_of_class(confused, static_cast<index_t>(c));
        std::cout << std::left << std::setw(6) << types[c] << std::right << std::setw(9) << score.precision << std::setw(8) << score.recall
                  << std::setw(7) << score.f1 << std::setw(11) << score.support << '\n';
    }
    std::cout << "macro-averaged F1 " << average_score(confused, Average::macro).f1 << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::cerr << "usage: question_types MODEL TRAIN TEST OUT [EPOCHS [SEED]]\n";
        return 2;
    }
    try {
        run(argv[1], argv[2], argv[3], argv[4], argc > 5 ? std::atoi(argv[5]) : 4, argc > 6 ? static_cast<std::uint64_t>(std::atoi(argv[6])) : 0);
    } catch (const std::exception& error) {
        std::cerr << "question_types: " << error.what() << '\n';
        return 1;
    }
}
