// Texts and tokenizers made to cost as much time or stack as they can.
#include "support/sanitizer.hpp"
#include "text/golden.hpp"
#include "text/sentencepiece_model.hpp"

#include <pthread.h>
#include <time.h>

#include <functional>

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr std::size_t stack = sanitized ? std::size_t{1} << 20 : std::size_t{256} << 10, megabyte = std::size_t{1} << (sanitized ? 17 : 20);

// Runs f on a thread with a small stack.
void on_small_stack(std::function<void()> f) {
    pthread_attr_t attributes;
    REQUIRE(pthread_attr_init(&attributes) == 0);
    REQUIRE(pthread_attr_setstacksize(&attributes, stack) == 0);
    pthread_t thread{};
    const auto run = [](void* work) -> void* {
        (*static_cast<std::function<void()>*>(work))();
        return nullptr;
    };
    const int failure = pthread_create(&thread, &attributes, run, &f);
    if (failure == 0) pthread_join(thread, nullptr);  // before anything is said of it: the thread makes assertions too
    pthread_attr_destroy(&attributes);
    REQUIRE(failure == 0);
}

// Of this thread: other programs' work does not count.
double processor_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::string repeated(std::string_view unit, std::size_t bytes) {
    std::string out;
    while (out.size() + unit.size() <= bytes) out += unit;
    return out;
}

// Letters in no order, without a space.
std::string letters(std::size_t bytes) {
    std::string out;
    std::uint32_t state = 1;
    while (out.size() < bytes) {
        state = state * 1664525u + 1013904223u;
        out += static_cast<char>('a' + (state >> 24) % 26);
    }
    return out;
}

}  // namespace

TEST_CASE("worst cases: a megabyte in one word ends soon, on a small stack, and in a time that grows with it", "[text]") {
    const std::pair<std::string, std::string> tokenizers[] = {{"gpt2", tokenizer_data("gpt2/tokenizer.json")},
                                                              {"minilm", tokenizer_data("minilm/tokenizer.json")},
                                                              {"smollm2", tokenizer_data("smollm2/tokenizer.json")},
                                                              {"sp_unigram", sentencepiece_data("sp_unigram.model")},
                                                              {"sp_bpe_bytefallback", sentencepiece_data("sp_bpe_bytefallback.model")}};
    const std::pair<std::string, std::string> texts[] = {
        {"letters", letters(megabyte)},
        {"A", repeated("A", megabyte)},
        {"spaces", repeated(" ", megabyte)},
        {"CJK", repeated("\u65e5\u672c", megabyte)},
        {"marks", repeated("\u0301\u0323", megabyte)},
        {"digits", repeated("0123456789", megabyte)},
        {"newlines", repeated("\n", megabyte)},
    };
    std::string report = "seconds for " + std::to_string(megabyte) + " bytes (half as many):";
    for (const auto& [name, path] : tokenizers) {
        const auto tokenizer = load_tokenizer(path);
        for (const auto& each : texts) {
            const auto &kind = each.first, &text = each.second;  // no bindings: Clang 14 does not capture them
            double seconds[2] = {};
            std::size_t ids = 0;
            on_small_stack([&] {
                for (const int half : {1, 0}) {
                    // Cut between two characters: all of the texts consist of one or two, of a few bytes.
                    const auto part = std::string_view(text).substr(0, utf8_floor(text, half ? text.size() / 2 : text.size()));
                    const double start = processor_seconds();
                    ids = tokenizer.encode_ids(part, false).size();
                    seconds[half] = processor_seconds() - start;
                }
            });
            std::ostringstream row;
            row << "\n  " << name << ", " << kind << ": " << seconds[0] << " (" << seconds[1] << "), " << ids << " ids";
            report += row.str();
            INFO(row.str());
            CHECK(ids <= text.size() + 1);  // and a space in front
            CHECK(seconds[0] < 5);
            CHECK(seconds[0] < 4 * seconds[1] + 0.5);
        }
    }
    WARN(report);
}

TEST_CASE("worst cases: what was cut comes back", "[text]") {
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const auto bert = load_tokenizer(tokenizer_data("minilm/tokenizer.json"));
    for (const auto& text : {letters(megabyte / 8), repeated(" ", megabyte / 8), repeated("\n", megabyte / 8)})
        CHECK(gpt2.decode(gpt2.encode_ids(text)) == text);
    for (const auto& text : {letters(megabyte / 8), repeated(" ", megabyte / 8)}) CHECK(bert.encode_ids(text).size() <= 3);
    CHECK(bert.encode_ids("a" + repeated("\u0301\u0323", megabyte / 8)) == bert.encode_ids("a"));
}

TEST_CASE("worst cases: offsets, decoding and pairs of a long text need no more stack than its ids", "[text]") {
    const auto gpt2 = load_tokenizer(tokenizer_data("gpt2/tokenizer.json"));
    const auto unigram = load_tokenizer(sentencepiece_data("sp_unigram.model"));
    on_small_stack([&] {
        for (const auto* t : {&gpt2, &unigram}) {
            const auto encoding = t->encode(letters(megabyte / 4), {.pair = repeated("\u65e5", megabyte / 8), .max_length = 100000});
            CHECK(t->decode(encoding.ids).size() > 1000);
        }
    });
}

TEST_CASE("worst cases: added tokens that almost match, everywhere", "[text]") {
    std::string json = R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": [)";
    for (int i = 1; i <= 40; ++i)
        json += (i > 1 ? "," : "") + std::string(R"({"id": )") + std::to_string(i) + R"(, "content": ")" + std::string(100, 'a') + "b" +
                std::to_string(i) + "\"}";
    const auto tokenizer = tokenizer_from_json(json + "]}", "made");
    const double start = processor_seconds();
    CHECK(tokenizer.encode_ids(repeated("a", megabyte)).size() == megabyte);
    CHECK(processor_seconds() - start < 5);
}
