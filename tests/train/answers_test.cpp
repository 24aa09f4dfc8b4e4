#include "tercet/train/answers.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

TEST_CASE("train_answers: learns to find what follows a word, in long texts too") {
    const TempDir dir;
    std::string words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwhere\nis\nit\nin\n.\n?\n";
    for (char c = 'a'; c <= 'z'; ++c) words += std::string(1, c) + "\n";
    const auto tokenizer = load_tokenizer(dir.write("vocab.txt", words));
    Generator generator(3);
    const auto made = [&](index_t count) {
        std::vector<AnsweredQuestion> out;
        for (index_t i = 0; i < count; ++i) {
            AnsweredQuestion q{"where is it ?", "", "", 0};
            const auto letter = [&] { return std::string(1, static_cast<char>('a' + generator.below(26))); };
            for (std::uint64_t n = generator.below(6); n > 0; --n) q.text += letter() + " ";
            q.answer = letter();
            q.text += "in ";
            q.begin = static_cast<index_t>(q.text.size());
            q.text += q.answer;
            for (std::uint64_t n = generator.below(6); n > 0; --n) q.text += " " + letter();
            out.push_back(std::move(q));
        }
        return out;
    };
    auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), NewHead{.task = EncoderTask::question_answering, .seed = 1});
    const auto training = made(480), held_out = made(40);
    const auto result = train_answers(model, tokenizer, training, held_out, {.epochs = 8, .batch = 16, .rate = 6e-3, .dropout = false, .seed = 2});
    CHECK(result.evaluations.size() == 8);
    const auto score = evaluate_answers(model, tokenizer, held_out);
    CHECK(score.exact_match >= 0.9);
    CHECK(score.f1 >= score.exact_match);
    CHECK(result.evaluations.back().measure == Catch::Approx(score.f1));
}

TEST_CASE("answered_windows: the tokens of the answer, or the first one where a window does not hold it") {
    const TempDir dir;
    const auto tokenizer = load_tokenizer(dir.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\nx\ny\nz\n##z\n"));
    std::vector<AnsweredQuestion> one{{"who", "x yz x", "yz", 2}};
    const auto whole = answered_windows(tokenizer, one);  // [CLS] who [SEP] x y ##z x [SEP]
    CHECK(whole.starts == std::vector<std::int32_t>{4});
    CHECK(whole.ends == std::vector<std::int32_t>{5});
    one[0] = {"who", "x x x x x x x x yz", "yz", 16};
    const auto cut = answered_windows(tokenizer, one, {.max_length = 9, .stride = 0});  // five tokens of the text a window
    CHECK(cut.starts == std::vector<std::int32_t>{0, 6});
    CHECK(cut.ends == std::vector<std::int32_t>{0, 7});
    one[0] = {"who", "x  yz x", " yz ", 2};  // white space is no part of it
    CHECK(answered_windows(tokenizer, one).starts == std::vector<std::int32_t>{4});
    one[0] = {"who", "x x yz yz yz yz", "yz yz yz yz", 4};
    CHECK_ERROR(answered_windows(tokenizer, one, {.max_length = 9, .stride = 0}), ErrorCode::invalid_argument);  // longer than a window
    CHECK_ERROR(answered_windows(tokenizer, one, {.max_length = 0}), ErrorCode::invalid_argument);
    one[0] = {"who", "x x x x x x x x yz", "yz", 15};
    CHECK_ERROR(answered_windows(tokenizer, one), ErrorCode::invalid_argument);
    one[0].begin = 99;
    CHECK_ERROR(answered_windows(tokenizer, one), ErrorCode::invalid_argument);
    auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), {.trainable = true});
    CHECK_ERROR(train_answers(model, tokenizer, one), ErrorCode::invalid_argument);
}
