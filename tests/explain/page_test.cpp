#include "tercet/explain/page.hpp"

#include "support/catch.hpp"
#include "support/html.hpp"
#include "support/model_golden.hpp"
#include "support/temp_dir.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/text/load_tokenizer.hpp"

#include <cstdlib>

using namespace tercet;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> words{"[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat", "on", "mat", "</script>", "dog"};

// Words, each a token.
Tokenizer a_tokenizer() {
    std::string vocabulary;
    for (std::size_t i = 0; i < words.size(); ++i) vocabulary += (i == 0 ? "" : ",") + quote_json(words[i]) + ":" + std::to_string(i);
    TempDir dir;
    write_file_atomically(dir / "tokenizer.json",
                          R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"WhitespaceSplit"},)"
                          R"("post_processor":null,"decoder":null,"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{)" +
                              vocabulary + "}}}");
    return load_tokenizer(dir / "tokenizer.json");
}

std::string causal_page() {
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    const std::vector<std::int32_t> ids{3, 4, 5, 6, 3, 7, 8};
    return explain::page(model, a_tokenizer(), ids, {.title = "The cat <sat>", .gradients = {.steps = 4}});
}
std::string classifier_page() {
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-seqcls")));
    return explain::page(model, a_tokenizer(), "the dog sat on the mat", {.gradients = {.steps = 4}});
}

}  // namespace

TEST_CASE("explain: a language model's page holds expectations, reasons, layers, attention and neurons") {
    const auto page = causal_page();
    check_nesting(page);
    for (const auto* part :
         {"Expected and found", "Perplexity", "is expected next", "Layer by layer", "Attention", "Neurons that model.layers.1.mlp.down_proj reads",
          "The cat &lt;sat&gt;", "7 tokens, 2 layers", "aria-live", "<caption>"})
        CHECK_THAT(page, ContainsSubstring(part));
    CHECK(count_of(page, "src=") + count_of(page, "<link") + count_of(page, "url(") + count_of(page, "http") == 0);
    CHECK(count_of(page, "</script>") == 2);  // what a token is called ends no script
    CHECK_THAT(page, ContainsSubstring("\\u003c/script>"));
}

TEST_CASE("explain: a classifier's page says its classes and what speaks for the likeliest") {
    const auto page = classifier_page();
    check_nesting(page);
    const auto model = load_encoder(ModelFiles::open(golden::model_folder("bert-seqcls")));
    for (const auto& label : model.labels) CHECK_THAT(page, ContainsSubstring(escape_html(label)));
    for (const auto* part : {"Classes", "What speaks for", "Attention", "encoder.layer.0.attention.self", "Neurons"})
        CHECK_THAT(page, ContainsSubstring(part));
    const auto body = load_encoder(ModelFiles::open(golden::model_folder("bert-base")));
    CHECK(explain::page(body, a_tokenizer(), "the cat").find("Classes") == std::string::npos);
}

TEST_CASE("explain: a text without tokens is refused") {
    const auto model = load_causal_model(ModelFiles::open(golden::model_folder("llama")));
    CHECK_ERROR(explain::page(model, a_tokenizer(), std::span<const std::int32_t>{}), ErrorCode::invalid_argument);
    const auto encoder = load_encoder(ModelFiles::open(golden::model_folder("bert-base")));
    CHECK_ERROR(explain::page(encoder, a_tokenizer(), ""), ErrorCode::invalid_argument);
}

TEST_CASE("explain: pages for a browser, see render.sh", "[.pages]") {
    const char* folder = std::getenv("TERCET_PAGES");
    REQUIRE(folder != nullptr);
    write_file_atomically(std::string(folder) + "/model.html", causal_page());
    write_file_atomically(std::string(folder) + "/classifier.html", classifier_page());
}
