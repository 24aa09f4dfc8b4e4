#include "tercet/text/save_tokenizer.hpp"

#include "support/python.hpp"
#include "tercet/io/base64.hpp"
#include "tercet/io/gguf_writer.hpp"
#include "tercet/text/bpe_trainer.hpp"
#include "tercet/text/learnt_tokenizers.hpp"
#include "tercet/text/load_tokenizer.hpp"
#include "tercet/text/tiktoken.hpp"
#include "tercet/text/tokenizer_gguf.hpp"
#include "tercet/text/wordpiece_trainer.hpp"
#include "text/golden.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

std::vector<std::string> tricky() {
    std::vector<std::string> out;
    const Json list = json_file(tokenizer_data("tricky.txt.json"));
    for (const auto& text : list.elements()) out.push_back(text.as_string());
    return out;
}

Tokenizer learnt(const std::string& text, TokenId size, std::vector<std::string> special = {}, std::string unknown = {}, bool all_bytes = true) {
    WordCounts words;
    words.add(text);
    BpeTraining options;
    options.vocab_size = size;
    options.special_tokens = std::move(special);
    options.unknown = std::move(unknown);
    options.all_bytes = all_bytes;
    return byte_level_tokenizer(learn_bpe(words, options));
}

const std::string lines = "It was the best of times, it was the worst of times,\nit was the age of wisdom, it was the age of foolishness.\n";

// One of each kind, learnt from a few lines.
std::vector<Tokenizer> one_of_each() {
    const std::string text = lines + "Caf\u00e9s, na\u00efve co-operation; \u4e2d\u6587 and 1,234 numbers!\n";
    WordCounts bert, meta, words, cut;
    bert.add_lines(text, bert_normalizer(), bert_pre_tokenizer());
    meta.add_lines(text, unigram_normalizer(), unigram_pre_tokenizer());
    words.add_lines(text, {}, WordTokenizerOptions{}.pre_tokenizer);
    cut.add_lines(text, {}, CharBpeTokenizerOptions{}.pre_tokenizer);
    std::vector<Tokenizer> out;
    out.push_back(learnt(text, 320, {"<|endoftext|>", "<pad>"}));
    out.push_back(learnt(lines, 70, {}, "<unk>", false));
    out.push_back(wordpiece_tokenizer(learn_wordpiece(bert, {.vocab_size = 120})));
    out.push_back(unigram_tokenizer(learn_unigram(meta, {.vocab_size = 100, .special_tokens = {"<pad>", "</s>", "<unk>"}}), {.eos = "</s>"}));
    out.push_back(word_level_tokenizer(learn_words(words, {.vocab_size = 30})));
    out.push_back(
        char_bpe_tokenizer(learn_char_bpe(cut, {.vocab_size = 90, .end_of_word_suffix = "</w>", .special_tokens = {"<s>"}, .unknown = "<unk>"})));
    out.push_back(char_bpe_tokenizer(learn_char_bpe(cut, {.vocab_size = 90, .continuing_prefix = "##"})));
    return out;
}

// The same ids, offsets and texts, on all kinds of strings.
void check_same(const Tokenizer& a, const Tokenizer& b) {
    CHECK(a.vocab_size() == b.vocab_size());
    for (TokenId id = 0; id < a.vocab_size(); ++id) {
        CHECK(a.has(id) == b.has(id));
        if (!a.has(id)) continue;
        CHECK(a.token(id) == b.token(id));
        CHECK(a.is_special(id) == b.is_special(id));
    }
    CHECK(a.special().bos == b.special().bos);
    CHECK(a.special().eos == b.special().eos);
    CHECK(a.special().unk == b.special().unk);
    CHECK(a.special().pad == b.special().pad);
    for (const auto& text : tricky()) {
        const auto x = a.encode(text), y = b.encode(text);
        CHECK(x.ids == y.ids);
        CHECK(x.offsets == y.offsets);
        CHECK(a.decode(x.ids) == b.decode(x.ids));
    }
}

Tokenizer through_gguf(const Tokenizer& tokenizer, TokenId size = 0) {
    GgufWriter file;
    add_tokenizer(file, tokenizer, size);
    const auto bytes = file.bytes();
    return tokenizer_from_gguf(Gguf::parse(bytes, "test.gguf"));
}

}  // namespace

TEST_CASE("save tokenizer: a learnt tokenizer is the same after tokenizer.json, a directory, and GGUF", "[text]") {
    for (const auto& tokenizer : {learnt(lines, 300), learnt(lines, 300, {"<|endoftext|>", "<pad>", "[weird \"name\"]"}),
                                  learnt(lines, 60, {"<s>", "</s>"}, "<unk>", false)}) {
        check_same(tokenizer_from_json(tokenizer_json(tokenizer), "json"), tokenizer);
        const TempDir dir;
        save_tokenizer(dir.path(), tokenizer);
        CHECK(dir.entries() == 2);
        check_same(load_tokenizer(dir.path()), tokenizer);
        check_same(load_tokenizer(dir / "tokenizer.json"), tokenizer);
        check_same(through_gguf(tokenizer), tokenizer);
        GgufWriter file;
        add_tokenizer(file, tokenizer);
        file.save(dir / "vocabulary.gguf");
        check_same(load_tokenizer(dir / "vocabulary.gguf"), tokenizer);
    }
}

TEST_CASE("save tokenizer: GPT-2's own tokenizer is the same afterwards", "[text][golden]") {
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2"));
    check_same(tokenizer_from_json(tokenizer_json(gpt2), "json"), gpt2);
    const auto again = through_gguf(gpt2);
    for (const auto& text : tricky()) CHECK(again.encode_ids(text) == gpt2.encode_ids(text));
}

TEST_CASE("save tokenizer: 65 characters and no merges go through every kind of file, and refuse what they lack", "[text][golden]") {
    const auto characters = CharVocabulary::load(tokenizer_data("char_level.json"));
    const auto tokenizer = byte_level_tokenizer(byte_level_bpe(characters));
    CHECK(tokenizer.vocab_size() == 65);
    const auto from_json = tokenizer_from_json(tokenizer_json(tokenizer), "json"), from_gguf = through_gguf(tokenizer);
    const Json file = json_file(tokenizer_data("char_level.json"));
    for (const auto& again : {from_json, from_gguf}) {
        CHECK(again.vocab_size() == 65);
        for (const auto& entry : file.at("texts").elements()) {
            const auto& text = entry.as_string();
            CHECK(again.encode_ids(text) == characters.encode(text));
            CHECK(again.decode(characters.encode(text)) == text);
        }
        CHECK(again.encode_ids("To be or not to b\u00e9") == characters.encode("To be or not to b"));
        CHECK(again.encode_ids("50 %") == characters.encode(" "));
    }
}

TEST_CASE("save tokenizer: a table larger than the vocabulary is filled with unused tokens, a smaller one refused", "[text]") {
    const auto tokenizer = learnt(lines, 300, {"<|endoftext|>"});
    const auto padded = through_gguf(tokenizer, 320);
    CHECK(padded.vocab_size() == 320);
    CHECK(padded.encode_ids(lines) == tokenizer.encode_ids(lines));
    CHECK_FALSE(padded.is_special(319));
    GgufWriter file;
    CHECK_ERROR(add_tokenizer(file, tokenizer, tokenizer.vocab_size() - 1), ErrorCode::invalid_argument);
}

TEST_CASE("save tokenizer: length, chat template and roles come along", "[text]") {
    auto parts = learnt(lines, 300, {"<|endoftext|>", "<eot>"}).parts();
    parts.max_length = 512;
    parts.chat_template = "{{ messages[0]['content'] }}\n";
    parts.special.eos = 1;
    const Tokenizer tokenizer(parts);
    const TempDir dir;
    save_tokenizer(dir.path(), tokenizer);
    const auto again = load_tokenizer(dir.path());
    CHECK(again.recommended_length() == 512);
    CHECK(again.chat_template() == parts.chat_template);
    CHECK(again.special().eos == 1);
    CHECK(through_gguf(tokenizer).chat_template() == parts.chat_template);
    CHECK(through_gguf(tokenizer).special().eos == 1);
}

TEST_CASE("save tokenizer: one of each kind of model is the same after tokenizer.json and a directory", "[text]") {
    for (const auto& tokenizer : one_of_each()) {
        INFO(tokenizer.source());
        check_same(tokenizer_from_json(tokenizer_json(tokenizer), "json"), tokenizer);
        const TempDir dir;
        save_tokenizer(dir.path(), tokenizer);
        check_same(load_tokenizer(dir.path()), tokenizer);
    }
}

TEST_CASE("save tokenizer: published tokenizers are the same afterwards, and what was saved is saved alike", "[text][golden]") {
    for (const char* name : {"gpt2", "minilm", "smollm2"}) {
        INFO(name);
        const auto tokenizer = load_tokenizer(tokenizer_data(name));
        const auto text = tokenizer_json(tokenizer);
        const auto again = tokenizer_from_json(text, "json");
        check_same(again, tokenizer);
        CHECK(tokenizer_json(again) == text);
        EncodeOptions pair;
        pair.pair = "a second text";
        CHECK(again.encode("One, two", pair).ids == tokenizer.encode("One, two", pair).ids);
        CHECK(again.encode("One, two", pair).type_ids == tokenizer.encode("One, two", pair).type_ids);
    }
}

TEST_CASE("save tokenizer: every stage that a tokenizer.json is read into goes back into it", "[text][golden]") {
    const auto file = json_file(tokenizer_data("stages.json"));
    REQUIRE(file.size() > 20);
    for (const auto& entry : file.elements()) {
        INFO(entry.at("name").as_string());
        const auto tokenizer = tokenizer_from_json(entry.at("tokenizer"), "stages");
        const auto text = tokenizer_json(tokenizer);
        const auto again = tokenizer_from_json(text, "json");
        CHECK(tokenizer_json(again) == text);
        for (const auto& string : tricky()) {
            const auto x = tokenizer.encode(string), y = again.encode(string);
            CHECK(x.ids == y.ids);
            CHECK(x.offsets == y.offsets);
            CHECK(tokenizer.decode(x.ids) == again.decode(x.ids));
        }
    }
}

TEST_CASE("save tokenizer: a stage is written as Hugging Face's library spells it", "[text]") {
    const auto json_of = [](auto change) {
        auto parts = learnt(lines, 60, {}, {}, false).parts();
        change(parts);
        return parse_json(tokenizer_json(Tokenizer(parts), {.truncate = true}), "json");
    };
    using Pre = PreTokenizerKind;
    const auto pre = [&](std::vector<PreTokenizerStep> steps) {
        return to_string(json_of([&](auto& p) { p.pre_tokenizer = PreTokenizer(steps); }).at("pre_tokenizer"));
    };
    CHECK(pre({}) == "null");
    CHECK(pre({{.kind = Pre::prefix_space}, {.kind = Pre::gpt2}, {.kind = Pre::byte_level}}) ==
          R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true})");
    CHECK(pre({{.kind = Pre::byte_level}}) == R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})");
    CHECK(pre({{.kind = Pre::digits, .behavior = SplitBehavior::contiguous}, {.kind = Pre::scripts}}) ==
          R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": false}, {"type": "UnicodeScripts"}]})");
    CHECK(pre({{.kind = Pre::number_run, .behavior = SplitBehavior::merged_with_next, .limit = 2, .invert = true}}) ==
          R"({"type": "Split", "pattern": {"Regex": "\\p{N}{1,2}"}, "behavior": "MergedWithNext", "invert": true})");
    CHECK(json_of([](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = Pre::cl100k, .limit = 1}}); })
              .at("pre_tokenizer")
              .at("pattern")
              .at("Regex")
              .as_string() == patterns::qwen2);
    const auto none = json_of([](auto& p) { p.decoder = {}; });
    CHECK(none.at("truncation").is_null());
    CHECK(none.at("decoder").is_null());
    CHECK(none.at("post_processor").is_null());
    CHECK(json_of([](auto& p) { p.max_length = 77; }).at("truncation").at("max_length").as_int() == 77);
    const auto roberta = json_of([](auto& p) {
        p.trim_offsets = true;
        p.single = {{-1, {0, 1}, 0}, {0, {}, 0}};
    });
    CHECK(roberta.at("post_processor").at("type").as_string() == "Sequence");
    const auto& post = roberta.at("post_processor").at("processors").at(1);
    CHECK(ids_of(post.at("special_tokens").at(post.at("single").at(0).at("SpecialToken").at("id").as_string()).at("ids")) ==
          std::vector<TokenId>{0, 1});
}

TEST_CASE("save tokenizer: an added token whose id is not the next one is written into the vocabulary, unless the model could come to it", "[text]") {
    auto parts = learnt(lines, 300).parts();
    parts.added.push_back({.id = 400, .content = "<|far away|>", .special = true});
    const Tokenizer tokenizer(parts);
    const auto json = parse_json(tokenizer_json(tokenizer), "json");
    CHECK(json.at("model").at("vocab").at("<|far away|>").as_int() == 400);
    CHECK(tokenizer_from_json(json, "json").encode_ids("a<|far away|>b") == tokenizer.encode_ids("a<|far away|>b"));
    parts.added[0].content = "\u4e2d";  // one symbol
    CHECK_ERROR(tokenizer_json(Tokenizer(parts)), ErrorCode::unsupported);
    parts.added[0] = {.id = parts.vocabulary.size(), .content = "\u4e2d"};
    CHECK(parse_json(tokenizer_json(Tokenizer(parts)), "json").at("model").at("vocab").find("\u4e2d") == nullptr);
    auto words = one_of_each()[4].parts();
    words.added.push_back({.id = 99, .content = "word"});
    CHECK_ERROR(tokenizer_json(Tokenizer(words)), ErrorCode::unsupported);
}

TEST_CASE("save tokenizer: of the pairs that make a ranked token the one that merging takes is written", "[text]") {
    // In "abcd" the rank of "bc" is the best, then "abc", so that "abc" is a + bc and never ab + c.
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* token : {"bc", "ab", "abc", "cd", "abcd"}) tokens.emplace_back(token);
    std::string ranks;
    for (const auto& token : tokens) ranks += encode_base64(token) + ' ' + std::to_string(&token - tokens.data()) + '\n';
    const auto tokenizer = tokenizer_from_tiktoken(ranks, "ranks", {.pattern = R"(\p{L}+)", .special_tokens = {{"<|end|>", 300}}});
    const auto json = parse_json(tokenizer_json(tokenizer), "json");
    std::vector<std::string> merges;
    for (const auto& merge : json.at("model").at("merges").elements()) merges.push_back(merge.at(0).as_string() + ' ' + merge.at(1).as_string());
    CHECK(merges == std::vector<std::string>{"b c", "a b", "a bc", "c d", "abc d"});
    CHECK(json.at("model").at("vocab").at("<|end|>").as_int() == 300);
    const auto again = tokenizer_from_json(json, "json");
    for (const char* text : {"abcd", "abcdabc", "bcdbabcab", "dcba abcab cdcd", "ab<|end|>cd"})
        CHECK(again.encode_ids(text) == tokenizer.encode_ids(text));
}

TEST_CASE("save tokenizer: GGUF files take any byte-level BPE whose words have a name there, and BERT's WordPiece", "[text]") {
    const std::vector<std::pair<const char*, const char*>> names = {{"gpt-2", "gpt-2"},   {"llama-bpe", "llama3"},        {"qwen2", "qwen2"},
                                                                    {"gpt-4o", "gpt-4o"}, {"deepseek-v3", "deepseek-v3"}, {"default", "default"}};
    for (const auto& [name, written] : names) {
        INFO(name);
        auto parts = learnt(lines, 300, {"<s>", "</s>"}).parts();
        auto pre = *pretokenizer_for_gguf(name);
        pre.steps.push_back({.kind = PreTokenizerKind::byte_level});
        parts.pre_tokenizer = PreTokenizer(pre.steps);
        auto options = parts.bpe.options();
        options.ignore_merges = pre.ignore_merges;
        std::vector<std::pair<std::string, std::string>> merges;
        for (const auto& [left, right] : parts.bpe.merges()) merges.emplace_back(parts.vocabulary.token(left), parts.vocabulary.token(right));
        parts.bpe = Bpe(parts.vocabulary, merges, options, "test");
        detail::text::add_ends(parts, true, true);
        const Tokenizer tokenizer(parts);
        GgufWriter file;
        add_tokenizer(file, tokenizer);
        const auto bytes = file.bytes();
        const auto gguf = Gguf::parse(bytes, "test.gguf");
        CHECK(gguf.string("tokenizer.ggml.pre") == written);
        check_same(tokenizer_from_gguf(gguf), tokenizer);
    }
    const auto bert = one_of_each()[2];
    const auto again = through_gguf(bert);
    for (const auto& text : tricky()) {
        CHECK(again.encode(text).ids == bert.encode(text).ids);
        CHECK(again.decode(bert.encode_ids(text)) == bert.decode(bert.encode_ids(text)));
    }
}

TEST_CASE("save tokenizer: what the files cannot say is refused, by the part's name", "[text]") {
    const auto each = one_of_each();
    const auto refused = [&](std::size_t which, auto change) {
        auto parts = each[which].parts();
        change(parts);
        CHECK_ERROR(tokenizer_json(Tokenizer(parts)), ErrorCode::unsupported);
    };
    using Pre = PreTokenizerKind;
    refused(0, [](auto& p) { p.sentencepiece_decoder = SentencePieceDecoder(); });
    refused(0, [](auto& p) {
        const auto own = std::make_shared<SentencePieceNormalizer>(Charsmap(), SentencePieceNormalizerOptions());
        p.normalizer = Normalizer({{.kind = NormalizerKind::sentencepiece, .sentencepiece = own}});
    });
    refused(0, [](auto& p) { p.added[0].in_text = false; });
    refused(0, [](auto& p) { p.added[0].id = 7; });
    refused(0, [](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = Pre::prefix_space}, {.kind = Pre::scripts}}); });
    refused(0, [](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = Pre::digits, .behavior = SplitBehavior::removed}}); });
    refused(0, [](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = Pre::whitespace_split}}); });
    refused(0, [](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = Pre::metaspace, .pattern = "__"}}); });
    refused(0, [](auto& p) {
        const auto borders = std::make_shared<PieceBorders>(p.vocabulary, [](TokenId) { return true; });
        p.pre_tokenizer = PreTokenizer({{.kind = Pre::borders, .borders = borders}});
    });
    refused(0, [](auto& p) { p.decoder = Decoder({{.kind = DecoderKind::strip, .pattern = "ab"}}); });
    refused(0, [](auto& p) { p.normalizer = Normalizer({{.kind = NormalizerKind::prepend, .content = "\xff"}}); });
    refused(0, [](auto& p) {
        p.bpe = Bpe::from_ranks(p.vocabulary, BpeRanks(std::vector<std::uint32_t>(static_cast<std::size_t>(p.vocabulary.size()), 0)), {}, "ties");
    });
    refused(0, [](auto& p) {
        BpeOptions options;
        options.unknown_last = true;
        p.bpe = Bpe(p.vocabulary, std::vector<std::pair<std::string, std::string>>(), options, "pieces");
    });
    refused(3, [](auto& p) { p.unigram = Unigram(p.vocabulary, p.unigram.scores(), {.single_precision = true}, "pieces"); });
    refused(4, [](auto& p) { p.word_level.unknown = no_token; });
    refused(4, [](auto& p) { p.word_level.fuse_unknown = true; });
    CHECK_ERROR(save_tokenizer("no/such/directory", each[0]), ErrorCode::io);
    try {
        auto parts = each[0].parts();
        parts.sentencepiece_decoder = SentencePieceDecoder();
        tokenizer_json(Tokenizer(parts));
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find("SentencePiece") != std::string::npos);
    }
}

TEST_CASE("save tokenizer: what GGUF files cannot say is refused", "[text]") {
    const auto each = one_of_each();
    const auto refused = [&](std::size_t which, auto change) {
        auto parts = each[which].parts();
        change(parts);
        GgufWriter file;
        CHECK_ERROR(add_tokenizer(file, Tokenizer(parts)), ErrorCode::unsupported);
    };
    for (const std::size_t which : {3u, 4u, 5u, 6u}) refused(which, [](auto&) {});
    refused(0, [](auto& p) { p.added[0].lstrip = true; });
    refused(0, [](auto& p) { p.single = {{-1, {5}, 0}, {0, {}, 0}}; });
    refused(0, [](auto& p) { p.normalizer = Normalizer({{.kind = NormalizerKind::nfc}}); });
    refused(0, [](auto& p) { p.pre_tokenizer = PreTokenizer({{.kind = PreTokenizerKind::digits}, {.kind = PreTokenizerKind::byte_level}}); });
    refused(2, [](auto& p) { p.normalizer = bert_normalizer(false); });
    refused(2, [](auto& p) { p.single = {}; });
    refused(2, [](auto& p) { p.added[0].normalized = true; });
}

TEST_CASE("save tokenizer: Hugging Face's tokenizers load the files and give the same ids, offsets and texts", "[text]") {
    const auto python = python_with("tokenizers");
    if (!python) SKIP_TEST("no Python with the tokenizers package");
    const TempDir dir;
    const auto strings = tricky();
    std::string list = "[";
    for (const auto& text : strings) (list += list.size() > 1 ? "," : "") += quote_json(text);
    dir.write("strings.json", list + "]");
    const std::string script =
        "import sys, json\nfrom tokenizers import Tokenizer\nt = Tokenizer.from_file(sys.argv[1])\n"
        "e = [t.encode(s) for s in json.load(open(sys.argv[2], encoding='utf-8'))]\n"
        "print(json.dumps({'size': t.get_vocab_size(), 'ids': [x.ids for x in e], 'offsets': [x.offsets for x in e],\n"
        "                  'decoded': [t.decode(x.ids) for x in e]}))\n";
    auto tokenizers = one_of_each();
    tokenizers.push_back(load_tokenizer(tokenizer_data("minilm")));
    tokenizers.push_back(load_tokenizer(tokenizer_data("smollm2")));
    for (const auto& tokenizer : tokenizers) {
        INFO(tokenizer.source());
        save_tokenizer(dir.path(), tokenizer);
        const Json got = run_python(*python, script, {dir / "tokenizer.json", dir / "strings.json"});
        CHECK(got.at("size").as_int() == tokenizer.vocab_size());
        for (std::size_t i = 0; i < strings.size(); ++i) {
            const auto ours = tokenizer.encode(strings[i]);
            CHECK(ids_of(got.at("ids").at(i)) == ours.ids);
            CHECK(offsets_of(got.at("offsets").at(i)) == ours.offsets);
            CHECK(got.at("decoded").at(i).as_string() == tokenizer.decode(ours.ids));
        }
    }
}
