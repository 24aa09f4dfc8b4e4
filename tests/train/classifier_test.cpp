#include "tercet/train/classifier.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"

using namespace tercet;

namespace {

// Texts of 3 to 9 tokens. Those of class 1 have token 20 among them.
ClassifiedTexts made_texts(index_t count, std::uint64_t seed) {
    Generator generator(seed);
    ClassifiedTexts out;
    for (index_t i = 0; i < count; ++i) {
        Encoding text;
        const auto length = 3 + generator.below(7);
        const auto mark = i % 2 == 1 ? 1 + generator.below(length - 1) : length;
        for (std::uint64_t t = 0; t < length; ++t)
            text.push_back(t == 0 ? 2 : t == mark ? 20 : static_cast<TokenId>(5 + generator.below(12)), 0, {0, 0}, false);
        out.texts.push_back(std::move(text));
        out.classes.push_back(static_cast<std::int32_t>(i % 2));
    }
    return out;
}

EncoderModel fresh() {
    return load_encoder(ModelFiles::open(golden::model_folder("bert-base")), NewHead{.labels = {"without", "with"}, .seed = 1});
}

std::vector<float> weights_of(const EncoderModel& model) {
    std::vector<float> all;
    for_each_weight(model, [&](const std::string&, const Weight& w) {
        const auto values = w.tensor().to_vector();
        all.insert(all.end(), values.begin(), values.end());
    });
    return all;
}

}  // namespace

TEST_CASE("train_classifier: learns what tells the classes apart, and holds its accuracy on other texts") {
    auto model = fresh();
    const auto training = made_texts(200, 1), held_out = made_texts(60, 2);
    std::vector<double> heard;
    FineTuning how{.epochs = 6, .batch = 16, .rate = 3e-3, .warmup = 0.1, .seed = 4};
    how.trainer.on_evaluation = [&](const EvaluationRecord& r) { heard.push_back(r.measure); };
    const auto result = train_classifier(model, training, held_out, how);
    CHECK(result.steps.size() == 6 * 13);                                                 // the rest of an epoch is a step too
    CHECK(result.steps.back().rate == Catch::Approx(3e-3 / (6 * 13 - 7)).epsilon(1e-6));  // 1 of the steps behind the warm-up is left
    REQUIRE(heard.size() == 6);
    CHECK(heard.back() >= 0.95);
    CHECK(accuracy(evaluate_classifier(model, held_out)) == heard.back());
    const auto predicted = predict_classes(model, held_out.texts, 7);
    CHECK(predicted == predict_classes(model, held_out.texts, 60));
}

TEST_CASE("train_classifier: the same seed gives the same bits on any number of threads, another one other bits; a stopped run goes on to them") {
    const auto training = made_texts(40, 3);
    const auto trained = [&](std::uint64_t seed, CheckpointStore* store = nullptr, std::stop_source* stop = nullptr) {
        auto model = fresh();
        FineTuning how{.epochs = 2, .batch = 16, .rate = 1e-3, .seed = seed};
        how.trainer.store = store;
        how.trainer.save_every = 1;
        if (stop != nullptr) {
            how.trainer.stop = stop->get_token();
            how.trainer.on_step = [stop](const StepRecord& r) {
                if (r.step == 4) stop->request_stop();
            };
        }
        train_classifier(model, training, {}, how);
        return weights_of(model);
    };
    const auto once = trained(5);
    const int before = threads();
    set_threads(before == 1 ? 2 : 1);
    CHECK(trained(5) == once);
    set_threads(before);
    CHECK(trained(6) != once);
    const TempDir dir;
    CheckpointStore store(dir / "checkpoints");
    std::stop_source stop;
    CHECK(trained(5, &store, &stop) != once);
    CHECK(trained(5, &store) == once);
}

TEST_CASE("train_classifier: a class that weighs more is named more often") {
    auto rare = made_texts(60, 5);
    for (std::size_t i = 0; i < rare.texts.size(); ++i) rare.classes[i] = i % 10 == 0 ? 1 : 0;  // of no word: the model can learn shares alone
    const auto named = [&](std::vector<double> weights) {
        auto model = fresh();
        FineTuning how{.epochs = 3, .batch = 10, .rate = 1e-3, .class_weights = std::move(weights), .dropout = false};
        train_classifier(model, rare, {}, how);
        const auto predicted = predict_classes(model, rare.texts);
        return std::count(predicted.begin(), predicted.end(), 1);
    };
    CHECK(named({}) < 10);
    CHECK(named({1, 100}) > 50);
}

TEST_CASE("train_classifier: a loss that is not finite names the step and the first layer") {
    auto model = fresh();
    for_each_weight(model, [](const std::string& name, Weight& w) {
        if (name.find("layer.1.output.dense.weight") != std::string::npos) {
            const NoGrad guard;
            auto values = w.tensor();
            std::fill_n(values.mutable_data(), values.numel(), 3e38f);
        }
    });
    try {
        train_classifier(model, made_texts(20, 1));
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::not_finite);
        CHECK(std::string(error.what()).find("step 1") != std::string::npos);
        CHECK(std::string(error.what()).find("layer.1.output.dense'") != std::string::npos);
    }
}

TEST_CASE("train_classifier: what cannot be trained is refused") {
    auto model = fresh();
    auto texts = made_texts(4, 1);
    CHECK_ERROR(train_classifier(model, {}), ErrorCode::invalid_argument);
    CHECK_ERROR(train_classifier(model, texts, {}, {.epochs = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(train_classifier(model, texts, {}, {.batch = 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(train_classifier(model, texts, {}, {.warmup = 2}), ErrorCode::invalid_argument);
    CHECK_ERROR(predict_classes(model, texts.texts, 0), ErrorCode::invalid_argument);
    texts.classes[2] = 7;
    CHECK_ERROR(train_classifier(model, texts), ErrorCode::index_out_of_range);
    texts.classes.pop_back();
    CHECK_ERROR(train_classifier(model, texts), ErrorCode::shape_mismatch);
    CHECK_ERROR(train_classifier(model, made_texts(4, 1), {}, {.class_weights = {1.0}}), ErrorCode::shape_mismatch);
    auto single = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), NewHead{.labels = {"only"}});
    CHECK_ERROR(train_classifier(single, made_texts(4, 1)), ErrorCode::invalid_argument);
    auto body = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), {.trainable = true});
    CHECK_ERROR(train_classifier(body, made_texts(4, 1)), ErrorCode::invalid_argument);
    CHECK_ERROR(predict_classes(body, texts.texts), ErrorCode::invalid_argument);
}
