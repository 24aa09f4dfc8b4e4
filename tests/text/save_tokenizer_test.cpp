#include "tercet/text/save_tokenizer.hpp"

#include "support/python.hpp"
#include "tercet/text/bpe_trainer.hpp"
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

TEST_CASE("save tokenizer: what the files cannot say is refused", "[text]") {
    CHECK_ERROR(tokenizer_json(load_tokenizer(tokenizer_data("minilm"))), ErrorCode::unsupported);
    CHECK_ERROR(tokenizer_json(load_tokenizer(tokenizer_data("smollm2"))), ErrorCode::unsupported);
    auto parts = learnt(lines, 300, {"<s>"}).parts();
    parts.added[0].lstrip = true;
    CHECK_NOTHROW(tokenizer_json(Tokenizer(parts)));
    GgufWriter file;
    CHECK_ERROR(add_tokenizer(file, Tokenizer(parts)), ErrorCode::unsupported);
    parts.added[0].lstrip = false;
    parts.single = {{-1, {0}, 0}, {0, {}, 0}};
    CHECK_ERROR(tokenizer_json(Tokenizer(parts)), ErrorCode::unsupported);
    CHECK_ERROR(save_tokenizer("no/such/directory", learnt(lines, 300)), ErrorCode::io);
}

TEST_CASE("save tokenizer: Hugging Face's tokenizers load the file and give the same ids", "[text]") {
    const auto python = python_with("tokenizers");
    if (!python) SKIP_TEST("no Python with the tokenizers package");
    const TempDir dir;
    const auto strings = tricky();
    std::string list = "[";
    for (const auto& text : strings) (list += list.size() > 1 ? "," : "") += quote_json(text);
    dir.write("strings.json", list + "]");
    const std::string script =
        "import sys, json\nfrom tokenizers import Tokenizer\nt = Tokenizer.from_file(sys.argv[1])\n"
        "ids = [t.encode(s).ids for s in json.load(open(sys.argv[2], encoding='utf-8'))]\n"
        "print(json.dumps({'size': t.get_vocab_size(), 'ids': ids, 'decoded': [t.decode(x) for x in ids]}))\n";
    for (const auto& tokenizer : {learnt(lines, 320, {"<|endoftext|>", "<pad>"}), learnt(lines, 70, {}, "<unk>", false)}) {
        save_tokenizer(dir.path(), tokenizer);
        const Json got = run_python(*python, script, {dir / "tokenizer.json", dir / "strings.json"});
        CHECK(got.at("size").as_int() == tokenizer.vocab_size());
        for (std::size_t i = 0; i < strings.size(); ++i) {
            CHECK(ids_of(got.at("ids").at(i)) == tokenizer.encode_ids(strings[i]));
            CHECK(got.at("decoded").at(i).as_string() == tokenizer.decode(tokenizer.encode_ids(strings[i])));
        }
    }
}
