// Extractive question answering (Devlin et al. 2019, section 4.2): an encoder learns to point at the words of a text that answer a question.
//
//   answer_questions MODEL EXAMPLES OUT [EPOCHS]       learns, measures by every tenth example, and saves
//   answer_questions MODEL TEXT                        answers: MODEL is such a directory, TEXT a file; a question a line on standard input
//
// EXAMPLES: a line each, {"question": "…", "context": "…", "answer": "…"}; the answer is where it first stands in the context.
#include <tercet/tercet.hpp>

#include <iostream>

using namespace tercet;

namespace {

std::vector<AnsweredQuestion> read(const std::string& file) {
    std::vector<AnsweredQuestion> out;
    for (const Json& row : read_json_lines(file)) {
        AnsweredQuestion q{row.at("question").as_string(), row.at("context").as_string(), row.at("answer").as_string(), 0};
        const auto at = q.text.find(q.answer);
        require(at != std::string::npos, ErrorCode::invalid_argument, row.place(), ": the answer is not in the context");
        q.begin = static_cast<index_t>(at);
        out.push_back(std::move(q));
    }
    return out;
}

void learn(const std::string& from, const std::string& file, const std::string& out, index_t epochs) {
    const auto files = ModelFiles::open(from);
    const auto tokenizer = load_tokenizer(from);
    std::vector<AnsweredQuestion> training, held_out;
    for (auto& question : read(file)) ((training.size() + held_out.size()) % 10 == 9 ? held_out : training).push_back(std::move(question));
    auto model = load_encoder(files, NewHead{.task = EncoderTask::question_answering});
    FineTuning how{.epochs = epochs, .batch = 16, .rate = 5e-5};
    how.trainer.on_evaluation = [](const EvaluationRecord& r) { std::cout << "step " << r.step << "  F1 held out " << r.measure << std::endl; };
    train_answers(model, tokenizer, training, held_out, how);
    const auto score = evaluate_answers(model, tokenizer, held_out);
    std::cout << "exact " << score.exact_match << ", F1 " << score.f1 << ", of " << held_out.size() << " questions held out\n";
    save_encoder(out, model, files);
}

void answer(const std::string& from, const std::string& file) {
    const auto model = load_encoder(ModelFiles::open(from));
    const auto tokenizer = load_tokenizer(from);
    const auto text = read_utf8_file(file);
    for (std::string question; std::getline(std::cin, question);) {
        const auto found = find_answer(model, tokenizer, question, text);
        std::cout << found.text << "   (score " << found.score << ", bytes " << found.begin << " to " << found.end << ")" << std::endl;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: answer_questions MODEL EXAMPLES OUT [EPOCHS], or MODEL TEXT\n";
        return 2;
    }
    try {
        if (argc > 3) learn(argv[1], argv[2], argv[3], argc > 4 ? std::atoi(argv[4]) : 3);
        else answer(argv[1], argv[2]);
    } catch (const std::exception& error) {
        std::cerr << "answer_questions: " << error.what() << '\n';
        return 1;
    }
}
