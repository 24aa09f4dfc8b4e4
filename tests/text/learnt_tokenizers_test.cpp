#include "tercet/text/learnt_tokenizers.hpp"

#include "support/catch.hpp"

using namespace tercet;

namespace {

std::vector<std::string> tokens_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<std::string> out;
    for (const TokenId id : tokenizer.encode_ids(text)) out.emplace_back(tokenizer.token(id));
    return out;
}

using Tokens = std::vector<std::string>;

// Pieces by hand: the best cut of "▁ab" is one piece, that of "▁ba" three.
LearntPieces pieces() {
    return {{{"<unk>", 0}, {"</s>", 0}, {"\u2581ab", -1}, {"\u2581", -2}, {"a", -2.5}, {"b", -3}}, {"<unk>", "</s>"}, "<unk>", 0};
}

CharBpe merges_of_low(std::string prefix, std::string suffix) {
    WordCounts words;
    words.add_word("low", 5);
    words.add_word("lot", 2);
    return learn_char_bpe(words,
                          {.vocab_size = 100, .continuing_prefix = std::move(prefix), .end_of_word_suffix = std::move(suffix), .unknown = "?"});
}

}  // namespace

TEST_CASE("learnt tokenizers: a unigram model cuts words with the meta symbol in front, and joins them with spaces", "[text]") {
    const auto tokenizer = unigram_tokenizer(pieces());
    CHECK(tokenizer.model() == TokenModel::unigram);
    CHECK(tokens_of(tokenizer, "  ab   ba ") == Tokens{"\u2581ab", "\u2581", "b", "a"});
    CHECK(tokens_of(tokenizer, "\uff41\uff42") == Tokens{"\u2581ab"});  // NFKC
    CHECK(tokens_of(tokenizer, "axa") == Tokens{"\u2581", "a", "<unk>", "a"});
    CHECK(tokenizer.decode(tokenizer.encode_ids("  ab   ba ")) == "ab ba");
    CHECK(tokenizer.special().unk == 0);
    CHECK(tokenizer.special().eos == 1);
    CHECK(tokenizer.is_special(1));
}

TEST_CASE("learnt tokenizers: a unigram model takes tokens around its texts and other stages", "[text]") {
    const auto ends = unigram_tokenizer(pieces(), {.eos = "</s>"});
    CHECK(tokens_of(ends, "ab") == Tokens{"\u2581ab", "</s>"});
    EncodeOptions pair;
    pair.pair = "ab";
    CHECK(ends.encode("ab", pair).ids == std::vector<TokenId>{2, 1, 2, 1});
    const auto plain = unigram_tokenizer(pieces(), {.normalizer = {}, .pre_tokenizer = {}, .decoder = Decoder({{.kind = DecoderKind::fuse}})});
    CHECK(tokens_of(plain, "ab") == Tokens{"a", "b"});
    CHECK(plain.decode({2, 4}) == "\u2581aba");
    CHECK_ERROR(unigram_tokenizer(pieces(), {.bos = "<s>"}), ErrorCode::bad_tokenizer);
}

TEST_CASE("learnt tokenizers: what learn_unigram gives cuts its own text, without unknown tokens", "[text]") {
    const std::string text = "the cat and the hat and the bat\n";
    WordCounts words;
    words.add_lines(text, unigram_normalizer(), unigram_pre_tokenizer());
    const auto tokenizer = unigram_tokenizer(learn_unigram(words, {.vocab_size = 24}));
    const auto ids = tokenizer.encode_ids(text);
    CHECK(std::find(ids.begin(), ids.end(), tokenizer.special().unk) == ids.end());
    CHECK(tokenizer.decode(ids) == "the cat and the hat and the bat");
    CHECK(tokenizer.vocab_size() <= 24);
}

TEST_CASE("learnt tokenizers: whole words, with an unknown token or without one", "[text]") {
    WordCounts words;
    for (const char* word : {"to", "be", "or", "not", "to", "be"}) words.add_word(word);
    const auto tokenizer = word_level_tokenizer(learn_words(words, {.vocab_size = 4}));
    CHECK(tokens_of(tokenizer, "to be, or") == Tokens{"to", "be", "[UNK]", "[UNK]"});
    CHECK(tokenizer.decode(tokenizer.encode_ids("to be")) == "to be");
    CHECK(tokenizer.special().unk == 0);
    const auto without = word_level_tokenizer(learn_words(words, {.special_tokens = {}, .unknown = ""}),
                                              {.normalizer = Normalizer({{.kind = NormalizerKind::lowercase}})});
    CHECK(tokens_of(without, "TO xyz be") == Tokens{"to", "be"});
}

TEST_CASE("learnt tokenizers: characters with a mark at the end of words, at their continuation, or with none", "[text]") {
    const auto suffix = char_bpe_tokenizer(merges_of_low("", "</w>"));
    CHECK(tokens_of(suffix, "low lot low") == Tokens{"low</w>", "lot</w>", "low</w>"});
    CHECK(suffix.decode(suffix.encode_ids("low lot")) == "low lot");
    const auto prefix = char_bpe_tokenizer(merges_of_low("##", ""));
    CHECK(tokens_of(prefix, "lolow") == Tokens{"lo", "?", "##o", "##w"});  // no word had an l further on
    CHECK(prefix.decode(prefix.encode_ids("low lot")) == "low lot");
    const auto plain = char_bpe_tokenizer(merges_of_low("", ""), {.decoder = Decoder({{.kind = DecoderKind::fuse}})});
    CHECK(tokens_of(plain, "lowlot x") == Tokens{"low", "lot", "?"});
    CHECK(plain.decode(plain.encode_ids("lowlot")) == "lowlot");
    CHECK(plain.special().unk == 0);
}

TEST_CASE("learnt tokenizers: special and unknown tokens that the vocabulary lacks are refused, with the source's name", "[text]") {
    auto lacking = pieces();
    lacking.special_tokens.push_back("<s>");
    CHECK_ERROR(unigram_tokenizer(lacking), ErrorCode::bad_tokenizer);
    lacking = pieces();
    lacking.unknown = "[UNK]";
    CHECK_ERROR(unigram_tokenizer(lacking), ErrorCode::bad_tokenizer);
    LearntWords words;
    words.vocabulary = Vocabulary({{"a", 0}}, "test");
    words.unknown = "[UNK]";
    CHECK_ERROR(word_level_tokenizer(words, {.source = "my words"}), ErrorCode::bad_tokenizer);
    auto bpe = merges_of_low("", "");
    bpe.merges.emplace_back("z", "z");
    CHECK_ERROR(char_bpe_tokenizer(bpe), ErrorCode::bad_tokenizer);
    try {
        word_level_tokenizer(words, {.source = "my words"});
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find("my words") != std::string_view::npos);
    }
}
