#include "tercet/generate/generator.hpp"

#include "generate/tiny.hpp"
#include "tercet/generate/load.hpp"

#include <thread>

using namespace tercet;
using namespace tercet_test;

namespace {

// A generation of the golden llama case, greedy, whose tokens spell what the test says.
struct Run {
    CausalModel model = golden_model("llama");
    Greedy golden = greedy_case("llama");
    Tokenizer tokenizer;

    explicit Run(const std::map<int, std::string>& texts = {}, int size = 103) : tokenizer(tiny_tokenizer(size, texts)) {}

    Generation start(GenerateOptions options, std::vector<std::int32_t> end_tokens = {}) const {
        options.temperature = 0;
        return Generation(model, tokenizer, std::move(end_tokens), golden.prompt, std::move(options));
    }
};

bool is_valid_utf8(const std::string& text) {
    return utf8_replace_invalid(text) == text;
}

}  // namespace

TEST_CASE("generation: pieces come token by token, and together are the text") {
    const Run run;
    auto generation = run.start({.max_tokens = 6});
    std::vector<std::string> pieces;
    for (const auto& piece : generation) pieces.push_back(piece);
    CHECK(pieces == std::vector<std::string>{"<50>", "<63>", "<63>", "<63>", "<86>", "<85>"});
    CHECK(generation.text() == "<50><63><63><63><86><85>");
    CHECK(to_vector(generation.ids()) == std::vector<std::int32_t>(run.golden.next.begin(), run.golden.next.begin() + 6));
    CHECK(generation.finish() == Finish::length);
    CHECK(name_of(generation.finish()) == "length");
    CHECK(generation.prompt_tokens_per_s() > 0);
    CHECK(generation.tokens_per_s() > 0);
    CHECK_FALSE(generation.next());
    CHECK(generation.piece().empty());
}

TEST_CASE("generation: without a tokenizer there are ids and no text") {
    const Run run;
    Generation generation(run.model, std::nullopt, {}, run.golden.prompt, {.max_tokens = 20, .temperature = 0});
    CHECK(generation.finish_text().empty());
    CHECK(to_vector(generation.ids()) == run.golden.next);
}

TEST_CASE("generation: pieces are whole characters, however the tokens cut them") {
    const Run run(
        {{50, "a\u00c3"}, {63, "\u00a9"}, {86, "\u00e2\u0124"}, {85, "\u00ac"}});  // a C3 | A9 | A9 | A9 | E2 82 | AC: the bytes in their alphabet
    auto generation = run.start({.max_tokens = 6});
    std::string whole;
    int empty = 0;
    while (generation.next()) {
        CHECK(is_valid_utf8(generation.piece()));
        whole += generation.piece();
        empty += generation.piece().empty();
    }
    whole += generation.piece();
    CHECK(whole == generation.text());
    CHECK(whole == "a\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac");
    CHECK(empty == 1);
}

TEST_CASE("generation: an unfinished character at the end becomes U+FFFD") {
    const Run run({{50, "a\u00c3"}});
    auto generation = run.start({.max_tokens = 1});
    std::string whole;
    for (const auto& piece : generation) whole += piece;
    CHECK(whole == "a\xef\xbf\xbd");
    CHECK(generation.text() == whole);
}

TEST_CASE("generation: a stop text ends it, inside a token or across several, and is not part of the text") {
    const Run run;  // <50><63><63><63><86><85><84>…
    const auto text_with = [&](std::vector<std::string> stop, Finish finish, std::size_t tokens) {
        auto generation = run.start({.max_tokens = 7, .stop = std::move(stop)});
        std::string streamed;
        for (const auto& piece : generation) streamed += piece;
        CHECK(generation.finish() == finish);
        CHECK(generation.ids().size() == tokens);
        CHECK(streamed == generation.text());
        return streamed;
    };
    CHECK(text_with({"86"}, Finish::stop, 5) == "<50><63><63><63><");
    CHECK(text_with({"3><8"}, Finish::stop, 5) == "<50><63><63><6");
    CHECK(text_with({"><63><63>"}, Finish::stop, 3) == "<50");
    CHECK(text_with({"<50>"}, Finish::stop, 1) == "");
    CHECK(text_with({"85", "63><86"}, Finish::stop, 5) == "<50><63><63><");
    CHECK(text_with({"<84><32"}, Finish::length, 7) == "<50><63><63><63><86><85><84>");  // what was held back comes at the end
}

TEST_CASE("generation: an end token ends it and is neither among the ids nor in the text; unless it is to be ignored") {
    const Run run;
    auto generation = run.start({.max_tokens = 20}, {86, 7});
    CHECK(generation.finish_text() == "<50><63><63><63>");
    CHECK(generation.finish() == Finish::eos);
    CHECK(generation.ids().size() == 4);
    auto ignoring = run.start({.max_tokens = 20, .ignore_eos = true}, {86, 7});
    ignoring.finish_text();
    CHECK(to_vector(ignoring.ids()) == run.golden.next);
}

TEST_CASE("generation: no tokens asked for, none made; and none beyond the context") {
    const Run run;
    auto none = run.start({.max_tokens = 0});
    CHECK(none.finish_text().empty());
    CHECK(none.finish() == Finish::length);
    CHECK(none.ids().empty());
    Generation full(run.model, std::nullopt, {}, std::vector<std::int32_t>(64, 5), {.max_tokens = 10, .temperature = 0});
    full.finish_text();
    CHECK(full.ids().size() == 1);  // the last position still says what comes next
    CHECK(full.finish() == Finish::length);
    Generation nearly(run.model, std::nullopt, {}, std::vector<std::int32_t>(60, 5), {.max_tokens = 10, .temperature = 0});
    nearly.finish_text();
    CHECK(nearly.ids().size() == 5);
}

TEST_CASE("generation: a full context slides where that is asked for, as if what is kept had been the prompt") {
    const auto model = golden_model("gpt2");
    const index_t limit = context(model);
    const auto greedy = greedy_case("gpt2");
    const GenerateOptions options{.max_tokens = limit + limit / 2, .temperature = 0, .ignore_eos = true, .slide_context = true};
    Generation generation(model, std::nullopt, {}, greedy.prompt, options);
    generation.finish_text();
    auto whole = greedy.prompt;
    for (const auto id : generation.ids()) whole.push_back(id);
    CHECK(static_cast<index_t>(generation.ids().size()) == options.max_tokens);
    // The token that fills the context is followed by what the later half alone would give.
    const auto kept =
        std::span<const std::int32_t>(whole).subspan(static_cast<std::size_t>(limit + 1 - limit / 2), static_cast<std::size_t>(limit / 2));
    Generation anew(model, std::nullopt, {}, to_vector(kept), {.max_tokens = limit / 2, .temperature = 0, .ignore_eos = true});
    anew.finish_text();
    const auto after = std::span<const std::int32_t>(whole).subspan(static_cast<std::size_t>(limit + 1), anew.ids().size());
    CHECK(to_vector(after) == to_vector(anew.ids()));
    // A prompt that is longer than the context loses its beginning.
    std::vector<std::int32_t> prompt(static_cast<std::size_t>(limit + 3), 1);
    Generation from_end(model, std::nullopt, {}, prompt, {.max_tokens = 1, .temperature = 0, .slide_context = true});
    CHECK(from_end.next());
}

TEST_CASE("generation: ids that the tokenizer lacks have no text") {
    const Run run({}, 60);  // the model's 63, 86, 85 are not in the vocabulary
    auto generation = run.start({.max_tokens = 10});
    CHECK(generation.finish_text() == "<50><32><31><33>");
    CHECK(generation.ids().size() == 10);
}

TEST_CASE("generation: a seed gives the same tokens again, another seed others") {
    const Run run;
    const auto ids = [&](std::uint64_t seed) {
        Generation generation(run.model, std::nullopt, {}, run.golden.prompt, {.max_tokens = 20, .temperature = 2, .seed = seed});
        generation.finish_text();
        return to_vector(generation.ids());
    };
    CHECK(ids(1) == ids(1));
    CHECK(ids(1) != ids(2));
}

TEST_CASE("generation: eight threads with a session each share one model, and each writes what it writes alone") {
    const Run run;
    const auto ids = [&run](std::size_t i) {  // the first greedily, the others drawn, from prompts of different lengths
        const std::vector prompt(run.golden.prompt.begin(), run.golden.prompt.end() - static_cast<std::ptrdiff_t>(i % 3));
        Generation generation(run.model, std::nullopt, {}, prompt, {.max_tokens = 20, .temperature = i == 0 ? 0. : 1., .seed = i});
        generation.finish_text();
        return to_vector(generation.ids());
    };
    std::vector<std::vector<std::int32_t>> alone, found(8);
    for (std::size_t i = 0; i < found.size(); ++i) alone.push_back(ids(i));
    CHECK(alone[0] == run.golden.next);
    CHECK(alone[1] != alone[4]);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < found.size(); ++i) threads.emplace_back([&, i] { found[i] = ids(i); });
    for (auto& thread : threads) thread.join();
    CHECK(found == alone);
}

TEST_CASE("generation: a stop token cancels it before the prompt and between tokens") {
    const Run run;
    std::stop_source stop;
    auto generation = run.start({.max_tokens = 20, .cancel = stop.get_token()});
    CHECK(generation.next());
    stop.request_stop();
    CHECK_ERROR(generation.next(), ErrorCode::cancelled);
    CHECK(generation.ids().size() == 1);
    CHECK_ERROR(run.start({.cancel = stop.get_token()}).next(), ErrorCode::cancelled);
}

TEST_CASE("generation: what a caller gets wrong is refused by name") {
    const auto model = golden_model("llama");
    const auto start = [&](std::vector<std::int32_t> prompt, const GenerateOptions& options = {}) {
        Generation(model, std::nullopt, {}, std::move(prompt), options).next();
    };
    CHECK_ERROR(start({}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({1, 103}), ErrorCode::index_out_of_range);
    CHECK_ERROR(start({-1}), ErrorCode::index_out_of_range);
    CHECK_ERROR(start(std::vector<std::int32_t>(65, 1)), ErrorCode::context_overflow);
    CHECK_ERROR(start({1}, {.max_tokens = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({1}, {.temperature = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(start({1}, {.top_p = 0}), ErrorCode::invalid_argument);
}

TEST_CASE("session: tokens fed in pieces give the logits of all at once") {
    const auto model = golden_model("llama");
    const auto prompt = greedy_case("llama").prompt;
    Session whole(model), pieces(model);
    const auto want = whole.feed(prompt);
    CHECK(want.shape() == Shape{103});
    pieces.feed(std::span(prompt).first(2));
    CHECK(pieces.size() == 2);
    CHECK(golden::deviation(pieces.feed(std::span(prompt).subspan(2)), want) <= 2e-5);
    CHECK(pieces.size() == 5);
    pieces.cache().truncate(2);
    CHECK(golden::deviation(pieces.feed(std::span(prompt).subspan(2)), want) <= 2e-5);
    CHECK_ERROR(pieces.feed({}), ErrorCode::invalid_argument);
}

TEST_CASE("session: with its cache in bf16 the logits stay near, and the greedy tokens are the same") {
    for (const std::string name : {"llama", "gpt2"}) {
        const auto model = golden_model(name);
        const auto [prompt, next] = greedy_case(name);
        Session exact(model), rounded(model, DType::bf16);
        const auto want = exact.feed(prompt), got = rounded.feed(prompt);
        CHECK(golden::deviation(got, want) <= 0.02);
        CHECK(got.to_vector() != want.to_vector());
        Generation generation(model, std::nullopt, {}, prompt, {.max_tokens = 20, .temperature = 0, .cache_type = DType::bf16});
        generation.finish_text();
        CHECK(to_vector(generation.ids()) == next);
    }
    CHECK_ERROR(Session(golden_model("llama"), DType::f16), ErrorCode::dtype_mismatch);
}

TEST_CASE("load: a directory gives model, tokenizer and end tokens together; without a tokenizer it works with ids") {
    const auto llm = load_causal_lm(golden::model_folder("llama"));
    CHECK_FALSE(llm.has_tokenizer());
    CHECK(llm.end_tokens() == std::vector<std::int32_t>{2});
    CHECK_ERROR(llm.tokenizer(), ErrorCode::bad_tokenizer);
    CHECK_ERROR(llm.generate("text"), ErrorCode::bad_tokenizer);
    const auto [prompt, next] = greedy_case("llama");
    auto generation = llm.generate(prompt, {.max_tokens = 20, .temperature = 0});
    generation.finish_text();
    const auto end = std::find(next.begin(), next.end(), 2);
    CHECK(to_vector(generation.ids()) == std::vector<std::int32_t>(next.begin(), end));
    CHECK(generation.finish() == Finish::eos);
    CHECK_ERROR(load_causal_lm(golden::model_folder("bert-base")), ErrorCode::unsupported);
    CHECK_ERROR(load_causal_lm(golden::model_folder("nothing")), ErrorCode::io);
    CHECK_ERROR(load_text_encoder(golden::model_folder("bert-base")), ErrorCode::bad_tokenizer);
    CHECK_ERROR(load_text_encoder(golden::model_folder("llama")), ErrorCode::unsupported);
}
