// Sentiment: is a review for or against? An encoder that has read much is taught to tell, from some thousand sentences (Pang & Lee 2005).
//
//   sentiment MODEL NEGATIVE POSITIVE OUT [EPOCHS [SEED]]
//
// MODEL: a directory with an encoder, as all-MiniLM-L6-v2; NEGATIVE and POSITIVE: a sentence a line, of which every tenth is held out to measure by;
// OUT: a directory for the classifier, which any loader of model directories takes (`tercet eval --model OUT …`).
#include <tercet/tercet.hpp>

#include <iostream>

using namespace tercet;

namespace {

void run(const std::string& from, const std::string (&files)[2], const std::string& out, index_t epochs, std::uint64_t seed) {
    const auto directory = ModelFiles::open(from);
    const auto tokenizer = load_tokenizer(from);
    auto model = load_encoder(directory, NewHead{.labels = {"negative", "positive"}, .seed = seed});

    ClassifiedTexts training, held_out;
    for (const std::int32_t label : {0, 1}) {
        const auto lines = read_utf8_lines(files[label]);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            EncodeOptions how;
            how.max_length = 64;
            auto& part = i % 10 == 9 ? held_out : training;
            part.texts.push_back(tokenizer.encode(lines[i], how));
            part.classes.push_back(label);
        }
    }

    FineTuning how{.epochs = epochs, .batch = 32, .rate = 5e-5, .seed = seed};
    how.trainer.on_evaluation = [](const EvaluationRecord& r) { std::cout << "step " << r.step << "  accuracy held out " << r.measure << std::endl; };
    const auto result = train_classifier(model, training, held_out, how);
    std::cout << result.seconds / static_cast<double>(epochs) << " s an epoch\n";
    save_encoder(out, model, directory);

    const std::vector<std::string> reviews{"a film of rare warmth and wit .", "two hours that i will never get back ."};
    const auto predicted = predict_classes(model, encode_texts(tokenizer, reviews, 64));
    for (std::size_t i = 0; i < reviews.size(); ++i) std::cout << reviews[i] << "  " << model.labels[static_cast<std::size_t>(predicted[i])] << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::cerr << "usage: sentiment MODEL NEGATIVE POSITIVE OUT [EPOCHS [SEED]]\n";
        return 2;
    }
    try {
        run(argv[1], {argv[2], argv[3]}, argv[4], argc > 5 ? std::atoi(argv[5]) : 3, argc > 6 ? static_cast<std::uint64_t>(std::atoi(argv[6])) : 0);
    } catch (const std::exception& error) {
        std::cerr << "sentiment: " << error.what() << '\n';
        return 1;
    }
}
