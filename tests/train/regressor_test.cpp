#include "tercet/train/regressor.hpp"

#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"

using namespace tercet;

namespace {

// Texts of eight tokens; the number of each is how many of them are token 20.
NumberedTexts made_texts(index_t count, std::uint64_t seed) {
    Generator generator(seed);
    NumberedTexts out;
    for (index_t i = 0; i < count; ++i) {
        Encoding text;
        float marks = 0;
        for (int t = 0; t < 8; ++t) {
            const bool mark = t > 0 && generator.below(2) == 1;
            marks += mark ? 1.f : 0.f;
            text.push_back(t == 0 ? 2 : mark ? 20 : static_cast<TokenId>(5 + generator.below(12)), 0, {0, 0}, false);
        }
        out.texts.push_back(std::move(text));
        out.numbers.push_back(marks);
    }
    return out;
}

EncoderModel fresh(std::vector<std::string> labels) {
    return load_encoder(ModelFiles::open(golden::model_folder("bert-base")), NewHead{.labels = std::move(labels), .seed = 1});
}

}  // namespace

TEST_CASE("mean_squared_error: of numbers; none is an error") {
    CHECK(mean_squared_error(std::vector<float>{1, 2, 3}, std::vector<float>{1, 4, 2}) == Catch::Approx(5. / 3));
    CHECK_ERROR(mean_squared_error({}, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(mean_squared_error(std::vector<float>{1}, {}), ErrorCode::invalid_argument);
}

TEST_CASE("train_regressor: learns to count, on other texts too") {
    auto model = fresh({"count"});
    CHECK(model.problem_type == "regression");
    const auto training = made_texts(300, 1), held_out = made_texts(60, 2);
    const double before = mean_squared_error(predict_numbers(model, held_out.texts), held_out.numbers);
    const auto result = train_regressor(model, training, held_out, {.epochs = 10, .batch = 16, .rate = 3e-3, .seed = 4});
    CHECK(result.evaluations.size() == 10);
    CHECK(result.evaluations.back().measure < 0.3);  // the numbers' variance is 1.75
    CHECK(before > 2);
    CHECK(mean_squared_error(predict_numbers(model, held_out.texts, 7), held_out.numbers) == Catch::Approx(result.evaluations.back().measure));
}

TEST_CASE("train_regressor: a model for classes, and numbers that do not fit the texts, are refused") {
    auto classes = fresh({"a", "b"}), model = fresh({"count"});
    auto texts = made_texts(4, 1);
    CHECK_ERROR(train_regressor(classes, texts), ErrorCode::invalid_argument);
    CHECK_ERROR(predict_numbers(classes, texts.texts), ErrorCode::invalid_argument);
    CHECK_ERROR(predict_numbers(model, texts.texts, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(train_regressor(model, texts, {.texts = texts.texts, .numbers = {}}), ErrorCode::shape_mismatch);
    texts.numbers.pop_back();
    CHECK_ERROR(train_regressor(model, texts), ErrorCode::shape_mismatch);
}
