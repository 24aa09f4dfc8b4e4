// tercet train-tokenizer: learns a vocabulary from text files and writes it as a tokenizer.json. {"tokens", "seconds"}
//
// bpe        byte-level BPE, as GPT-2's: any text has tokens
// wordpiece  BERT's: words are lowered and stripped of accents unless --cased
// unigram    SentencePiece's: the pieces that make the text most probable
// words      the most frequent words
// seconds is the learning alone, without reading and writing.
#include "command.hpp"
#include "output.hpp"

#include <tercet/data/text_file.hpp>
#include <tercet/text/bpe_trainer.hpp>
#include <tercet/text/learnt_tokenizers.hpp>
#include <tercet/text/save_tokenizer.hpp>
#include <tercet/text/wordpiece_trainer.hpp>

#include <chrono>

namespace cli {

namespace {

using namespace tercet;

struct TrainTokenizerSettings : Common {
    std::string type = "bpe", out;
    std::vector<std::string> files, special;
    TokenId vocab = 8000;
    std::int64_t min_frequency = 0;
    bool lines = false, cased = false;
};

// Counts the words of all files as a tokenizer of the kind cuts them.
template <class... Cut>
WordCounts count_words(const TrainTokenizerSettings& s, const Cut&... cut) {
    WordCounts words;
    for (const auto& file : s.files) {
        const std::string text = read_utf8_file(file);
        if (s.lines) words.add_lines(text, cut...);
        else words.add(text, cut...);
    }
    return words;
}

Tokenizer learn(const TrainTokenizerSettings& s) {
    const auto take = [&](auto training) {
        training.vocab_size = s.vocab;
        if constexpr (requires { training.min_frequency; }) training.min_frequency = s.min_frequency;
        if (!s.special.empty()) training.special_tokens = s.special;
        return training;
    };
    if (s.type == "bpe") return byte_level_tokenizer(learn_bpe(count_words(s), take(BpeTraining{})));
    if (s.type == "wordpiece")
        return wordpiece_tokenizer(learn_wordpiece(count_words(s, bert_normalizer(!s.cased), bert_pre_tokenizer()), take(WordPieceTraining{})),
                                   !s.cased);
    if (s.type == "unigram")
        return unigram_tokenizer(learn_unigram(count_words(s, unigram_normalizer(), unigram_pre_tokenizer()), take(UnigramTraining{})));
    const WordTokenizerOptions how;
    return word_level_tokenizer(learn_words(count_words(s, how.normalizer, how.pre_tokenizer), take(WordTraining{})), how);
}

void train_tokenizer(const TrainTokenizerSettings& s) {
    const auto start = std::chrono::steady_clock::now();
    const Tokenizer tokenizer = learn(s);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    write_file_atomically(s.out, tokenizer_json(tokenizer));
    JsonObject json;
    json.add("tokens", std::to_string(tokenizer.vocab_size())).add("seconds", json_number(seconds));
    print(s.json ? json.text() + "\n"
                 : std::to_string(tokenizer.vocab_size()) + " tokens in " + text_number(seconds) + " s, written to " + s.out + "\n");
}

}  // namespace

void add_train_tokenizer(CLI::App& app) {
    const auto [command, s] = add_command<TrainTokenizerSettings>(app, "train-tokenizer", "Learn a vocabulary from text files", train_tokenizer);
    command->add_option("--type", s->type, "The kind of model")
        ->check(CLI::IsMember({"bpe", "wordpiece", "unigram", "words"}))
        ->capture_default_str();
    command->add_option("--vocab", s->vocab, "At most this many tokens")->check(CLI::Range(1, 1 << 24))->type_name("N")->capture_default_str();
    command->add_option("--file", s->files, "A text to learn from; may be given several times")
        ->required()
        ->type_name("PATH")
        ->allow_extra_args(false);
    command->add_option("--special", s->special, "A special token, in place of the usual ones; may be given several times")
        ->type_name("TOKEN")
        ->allow_extra_args(false);
    command->add_option("--min-frequency", s->min_frequency, "What occurs less often is not learnt")->check(CLI::Range(0, 1 << 30))->type_name("N");
    command->add_flag("--lines", s->lines, "Each line is a text of its own: no word spans two");
    command->add_flag("--cased", s->cased, "wordpiece: keep upper case and accents");
    command->add_option("OUT", s->out, "The tokenizer.json to write")->required()->type_name("OUT.json");
}

}  // namespace cli
