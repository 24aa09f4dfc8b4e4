// New heads, weights that stay as they are, and directories that transformers loads.
#include "tercet/models/save.hpp"
#include "support/model_golden.hpp"
#include "support/python.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/ops/reduce.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

ModelFiles files_of(const std::string& name) {
    return ModelFiles::open(golden::model_folder(name));
}
const Tensor<std::int32_t> ids = Tensor<std::int32_t>::copy({2, 7, 9, 11, 3, 2, 8, 5}, {2, 4});

}  // namespace

TEST_CASE("new head: the body is the file's, the head is drawn by its seed and learns") {
    for (const char* name : {"bert-base", "bert-mlm", "roberta-base", "distilbert", "mpnet", "modernbert"}) {
        INFO(name);
        const auto files = files_of(name);
        const NewHead head{.labels = {"no", "yes", "perhaps"}, .seed = 3};
        const auto model = load_encoder(files, head);
        CHECK(model.labels == head.labels);
        const auto out = forward(model, ids);
        CHECK(out.logits.shape() == Shape{2, 3});
        CHECK(golden::deviation(out.last_hidden_state, forward(load_encoder_body(files), ids).last_hidden_state) <= 2e-5);
        CHECK(golden::deviation(out.logits, forward(load_encoder(files, head), ids).logits) == 0);
        auto other = head;
        other.seed = 4;
        CHECK(golden::deviation(out.logits, forward(load_encoder(files, other), ids).logits) > 1e-4);
        for_each_weight(model, [](const std::string&, const Weight& w) { CHECK(w.tensor().needs_grad()); });
    }
    const auto qa = load_encoder(files_of("bert-base"), NewHead{.task = EncoderTask::question_answering});
    CHECK(forward(qa, ids).logits.shape() == Shape{2, 4, 2});
    const auto tokens = load_encoder(files_of("bert-base"), NewHead{.task = EncoderTask::token_classification, .labels = {"O", "PER"}});
    CHECK(forward(tokens, ids).logits.shape() == Shape{2, 4, 2});
    CHECK_ERROR(load_encoder(files_of("bert-base"), NewHead{}), ErrorCode::invalid_argument);
    CHECK_ERROR(load_encoder(files_of("bert-base"), NewHead{.labels = {"a", "a"}}), ErrorCode::invalid_argument);
}

TEST_CASE("trained: weights whose names match are on the tape, all others stay as they were loaded") {
    const auto files = files_of("bert-seqcls");
    const auto model = load_encoder(files, ModelOptions{.trainable = true, .trained = {"classifier*", "bert.encoder.layer.1.*.bias"}});
    index_t trained = 0;
    for_each_weight(model, [&](const std::string& name, const Weight& w) {
        INFO(name);
        const bool wanted = name.starts_with("classifier") || (name.starts_with("bert.encoder.layer.1.") && name.ends_with(".bias"));
        CHECK((w.is_dense() && w.tensor().needs_grad()) == wanted);
        trained += wanted;
    });
    CHECK(trained > 5);
    const auto whole = load_encoder(files);
    CHECK(golden::deviation(forward(model, ids).logits, forward(whole, ids).logits) <= 2e-5);
    CHECK_ERROR(load_encoder(files, ModelOptions{.trainable = true, .trained = {"clasifier*"}}), ErrorCode::invalid_argument);

    // A new head learns alone when nothing else is trained.
    const auto head_only = load_encoder(files, NewHead{.labels = {"a", "b"}}, ModelOptions{});
    for_each_weight(head_only, [&](const std::string& name, const Weight& w) {
        CHECK((w.is_dense() && w.tensor().needs_grad()) == name.starts_with("classifier"));
    });
    mean(forward(head_only, ids).logits).backward();
    for_each_weight(head_only, [&](const std::string& name, const Weight& w) {
        if (name.starts_with("classifier")) CHECK(w.tensor().grad().storage() != nullptr);
    });

    auto frozen = load_encoder(files, {.trainable = true});
    const std::vector<std::string> patterns{"classifier.weight"};
    train_only(frozen, patterns);
    for_each_weight(frozen, [&](const std::string& name, const Weight& w) { CHECK(w.tensor().needs_grad() == (name == patterns[0])); });
    CHECK_ERROR(train_only(frozen, std::vector<std::string>{"x"}), ErrorCode::invalid_argument);
}

TEST_CASE("save_encoder: what was saved loads again, with its classes, and in transformers") {
    const TempDir dir;
    const auto python = python_with("transformers");
    for (const char* name : {"bert-base", "roberta-base", "distilbert", "mpnet", "modernbert"}) {
        INFO(name);
        const auto files = files_of(name);
        const auto model = load_encoder(files, NewHead{.labels = {"no", "\"yes\"", "per\u00e4haps"}, .seed = 5});
        const std::string out = dir / name;
        save_encoder(out, model, files);
        const auto again = load_encoder(ModelFiles::open(out));
        CHECK(again.labels == model.labels);
        CHECK(again.task == EncoderTask::sequence_classification);
        const auto logits = forward(model, ids).logits;
        CHECK(golden::deviation(forward(again, ids).logits, logits) <= 2e-5);
        save_encoder(out, again, ModelFiles::open(out));  // over itself
        CHECK(golden::deviation(forward(load_encoder(ModelFiles::open(out)), ids).logits, logits) <= 2e-5);
        if (!python) continue;
        const Json got = run_python(*python, R"(
import json, sys, torch
from transformers import AutoModelForSequenceClassification
model, info = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
model.eval()
with torch.no_grad():
    logits = model(input_ids=torch.tensor([[2, 7, 9, 11], [3, 2, 8, 5]])).logits
print(json.dumps({"logits": logits.flatten().tolist(), "labels": [model.config.id2label[i] for i in range(3)]}))
)",
                                    {out});
        const auto values = logits.to_vector();
        for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(got.at("logits").at(i).as_number() - static_cast<double>(values[i])) <= 2e-5);
        for (std::size_t i = 0; i < 3; ++i) CHECK(got.at("labels").at(i).as_string() == model.labels[i]);
    }
    CHECK_ERROR(save_encoder("/dev/null/x", load_encoder(files_of("bert-base")), files_of("bert-base")), ErrorCode::io);
}

TEST_CASE("load_encoder: the encoder of a directory that has more, and says nothing of a head, is loaded alone") {
    const TempDir dir;
    const auto files = files_of("bert-seqcls");
    const std::pair<std::string, std::string> plain[] = {{"architectures", "[\"BertModel\"]"}};
    dir.write("config.json", with_members(files.config(), plain));
    std::filesystem::copy_file(golden::model_folder("bert-seqcls") + "/model.safetensors", dir / "model.safetensors");
    const auto model = load_encoder(ModelFiles::open(dir.path()));
    CHECK(model.task == EncoderTask::hidden_states);
    CHECK(golden::deviation(forward(model, ids).last_hidden_state, forward(load_encoder(files), ids).last_hidden_state) == 0);
}

TEST_CASE("save_model: encoder-decoders keep all that their outputs depend on, Marian's bias of the logits too") {
    for (const char* name : {"t5", "t5-v1.1", "bart", "marian"}) {
        INFO(name);
        const TempDir dir;
        const auto model = load_seq2seq_model(files_of(name));
        save_model(dir / "again", model, files_of(name));
        const auto again = load_seq2seq_model(ModelFiles::open(dir / "again"));
        CHECK(golden::deviation(forward(again, ids, ids), forward(model, ids, ids)) <= 1e-6);
    }
}

TEST_CASE("save_encoder: heads for answers and for tokens give transformers' logits") {
    const auto python = python_with("transformers");
    if (!python) SKIP_TEST("no Python with the transformers package");
    for (const char* name : {"bert-base", "roberta-base", "distilbert", "modernbert"})
        for (const auto task : {EncoderTask::question_answering, EncoderTask::token_classification}) {
            INFO(name);
            const TempDir dir;
            NewHead head{.task = task, .seed = 5};
            if (task == EncoderTask::token_classification) head.labels = {"O", "PER"};
            const auto model = load_encoder(files_of(name), head);
            save_encoder(dir / "x", model, files_of(name));
            const Json got = run_python(*python, R"(
import json, sys, torch, transformers
config = transformers.AutoConfig.from_pretrained(sys.argv[1])
model, info = getattr(transformers, config.architectures[0]).from_pretrained(sys.argv[1], output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
with torch.no_grad():
    out = model.eval()(input_ids=torch.tensor([[2, 7, 9, 11], [3, 2, 8, 5]]))
logits = out.logits if "logits" in out else torch.stack([out.start_logits, out.end_logits], -1)
print(json.dumps(logits.flatten().tolist()))
)",
                                        {dir / "x"});
            const auto values = forward(model, ids).logits.to_vector();  // (2, 4, 2)
            REQUIRE(got.size() == values.size());
            for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(got.at(i).as_number() - static_cast<double>(values[i])) <= 2e-5);
        }
}
