#include "tercet/models/rerank.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

TEST_CASE("rerank: each text's score is the logit of its pair with the query") {
    const TempDir dir;
    const auto tokenizer = load_tokenizer(dir.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\nis\nhere\nthe\ncat\ndog\n"));
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-base")), NewHead{.labels = {"score"}, .seed = 4});
    const std::vector<std::string> texts{"the cat", "the dog is here", "", "cat dog cat dog cat dog"};
    const auto scores = rerank(model, tokenizer, "who is here", texts, 10, 3);
    REQUIRE(scores.size() == 4);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        EncodeOptions how;
        how.pair = texts[i];
        how.max_length = 10;
        how.truncation = Truncation::only_second;
        const auto pair = tokenizer.encode("who is here", how);
        const Shape shape{1, static_cast<index_t>(pair.size())};
        const auto types = Tensor<std::int32_t>::copy(pair.type_ids, shape);
        CHECK(std::abs(forward(model, Tensor<std::int32_t>::copy(pair.ids, shape), {.type_ids = &types}).logits.item() - scores[i]) <= 1e-5f);
    }
    CHECK(rerank(model, tokenizer, "who", {}).empty());
    CHECK_ERROR(rerank(model, tokenizer, "who", texts, 0), ErrorCode::invalid_argument);
    CHECK_ERROR(rerank(load_encoder(ModelFiles::open(golden::model_folder("bert-seqcls"))), tokenizer, "who", texts), ErrorCode::invalid_argument);
}
