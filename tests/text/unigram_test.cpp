#include "support/catch.hpp"

#include "tercet/text/unigram.hpp"

#include <map>
#include <random>

using namespace tercet;

namespace {

using Pieces = std::vector<std::pair<std::string, double>>;
using Cut = std::vector<std::tuple<TokenId, std::uint32_t, std::uint32_t>>;

struct Model {
    Vocabulary vocabulary;
    Unigram unigram;
    Model(const Pieces& pieces, UnigramOptions options) {
        std::vector<std::pair<std::string, TokenId>> tokens;
        std::vector<double> scores;
        for (const auto& [piece, score] : pieces) {
            tokens.emplace_back(piece, static_cast<TokenId>(tokens.size()));
            scores.push_back(score);
        }
        vocabulary = Vocabulary(tokens, "test");
        unigram = Unigram(vocabulary, scores, std::move(options), "test");
    }
    Cut cut(std::string_view text, UnigramScratch& scratch) const {
        std::vector<Token> tokens;
        unigram.encode(text, 0, static_cast<std::uint32_t>(text.size()), scratch, tokens);
        Cut out;
        for (const auto& t : tokens) out.emplace_back(t.id, t.begin, t.end);
        return out;
    }
    Cut cut(std::string_view text) const {
        UnigramScratch scratch;
        return cut(text, scratch);
    }
    std::vector<TokenId> ids(std::string_view text) const {
        std::vector<TokenId> out;
        for (const auto& [id, begin, end] : cut(text)) out.push_back(id);
        return out;
    }
};

using Ids = std::vector<TokenId>;

const Pieces few = {{"<unk>", 0}, {"a", -3}, {"b", -3.5}, {"ab", -5}, {"abb", -9.25}, {"<s>", -1}};

std::string hex_byte(int b) {
    constexpr char digits[] = "0123456789ABCDEF";
    return std::string("<0x") + digits[b / 16] + digits[b % 16] + ">";
}

}  // namespace

TEST_CASE("unigram: the most probable cut, worked out by hand", "[text]") {
    for (const bool single : {false, true}) {
        const Model m(few, {.unknown = 0, .single_precision = single, .left_out = {5}});
        CHECK(m.ids("ab") == Ids{3});      // −5 against −6.5
        CHECK(m.ids("abb") == Ids{3, 2});  // −8.5 against −9.25
        CHECK(m.ids("aab") == Ids{1, 3});  // −8
        CHECK(m.cut("bab") == Cut{{2, 0, 1}, {3, 1, 3}});
        CHECK(m.cut("").empty());
        CHECK(m.ids("<s>") == Ids{0});  // left out
        CHECK(m.unigram.score(3) == -5);
        CHECK((m.unigram.scores().size() == few.size() && m.unigram.options().unknown == 0));
    }
}

TEST_CASE("unigram: no other cut of a random text has a better score", "[text]") {
    std::mt19937 random(5);
    for (int trial = 0; trial < 200; ++trial) {
        Pieces pieces = {{"<unk>", 0}, {"a", -1 - static_cast<double>(random() % 64) / 16}, {"b", -1 - static_cast<double>(random() % 64) / 16}};
        for (int i = 0; i < 8; ++i) {
            std::string piece;
            for (std::size_t n = 2 + random() % 4; n > 0; --n) piece += random() % 2 ? 'a' : 'b';
            if (std::none_of(pieces.begin(), pieces.end(), [&](const auto& p) { return p.first == piece; }))
                pieces.emplace_back(piece, -1 - static_cast<double>(random() % 256) / 16);
        }
        const Model m(pieces, {.unknown = 0, .single_precision = trial % 2 == 0});
        std::string text;
        for (std::size_t n = 1 + random() % 12; n > 0; --n) text += random() % 2 ? 'a' : 'b';
        std::vector<double> best(text.size() + 1, -1e9);
        best[0] = 0;
        for (std::size_t end = 1; end <= text.size(); ++end)
            for (const auto& [piece, score] : pieces)
                if (std::string_view(text).substr(0, end).ends_with(piece)) best[end] = std::max(best[end], best[end - piece.size()] + score);
        double sum = 0;
        std::uint32_t at = 0;
        for (const auto& [id, begin, end] : m.cut(text)) {
            CHECK((begin == at && text.substr(begin, end - begin) == pieces[static_cast<std::size_t>(id)].first));
            sum += m.unigram.score(id);
            at = end;
        }
        CHECK(at == text.size());
        CHECK(sum == best.back());  // sixteenths are exact
    }
}

TEST_CASE("unigram: of equal scores the cut with the first piece shorter wins", "[text]") {
    // a + aa against aa + a: the piece that ends last was offered first from the earlier place.
    for (const bool single : {false, true}) {
        const Model m({{"<unk>", 0}, {"a", -1}, {"aa", -1}}, {.unknown = 0, .single_precision = single});
        CHECK(m.ids("aaa") == Ids{1, 2});
        CHECK(Model({{"<unk>", 0}, {"a", -1}, {"aa", -2}}, {.unknown = 0, .single_precision = single}).ids("aa") == Ids{2});
    }
}

TEST_CASE("unigram: rounding to floats decides where doubles do not", "[text]") {
    // −0.1 − 0.2 rounds to another double than −0.3, but to the same float: then the piece that was offered first stays.
    const Pieces pieces = {{"<unk>", 0}, {"a", -0.1}, {"b", -0.2}, {"ab", -0.3}};
    CHECK(Model(pieces, {.unknown = 0}).ids("ab") == Ids{3});
    const Pieces above = {{"<unk>", 0}, {"a", -0.1f}, {"b", -0.2f}, {"ab", static_cast<double>(-0.1f - 0.2f) - 1e-12}};
    CHECK(Model(above, {.unknown = 0}).ids("ab") == Ids{1, 2});
    CHECK(Model(above, {.unknown = 0, .single_precision = true}).ids("ab") == Ids{3});
}

TEST_CASE("unigram: runs of unknown characters are one token, without one an error, or bytes", "[text]") {
    const Model m(few, {.unknown = 0});
    CHECK(m.cut("azzb") == Cut{{1, 0, 1}, {0, 1, 3}, {2, 3, 4}});
    CHECK(m.cut("\u65e5\u672c"
                "a") == Cut{{0, 0, 6}, {1, 6, 7}});
    CHECK_ERROR(Model(few, {}).cut("az"), ErrorCode::bad_tokenizer);
    CHECK(Model(few, {}).ids("ab") == Ids{3});

    auto pieces = few;
    for (int b = 0; b < 256; ++b) pieces.emplace_back(hex_byte(b), -50);
    for (const bool single : {false, true}) {
        const Model bytes(pieces, {.unknown = 0, .byte_fallback = true, .single_precision = single});
        const TokenId first = static_cast<TokenId>(few.size());
        // A byte has its character's place, or the run's.
        const Cut expected = single ? Cut{{1, 0, 1}, {first + 0xc3, 1, 3}, {first + 0xa9, 1, 3}, {first + 'z', 3, 4}}
                                    : Cut{{1, 0, 1}, {first + 0xc3, 1, 4}, {first + 0xa9, 1, 4}, {first + 'z', 1, 4}};
        UnigramScratch scratch;
        CHECK(bytes.cut("a\u00e9z", scratch) == expected);
        CHECK(scratch.unknown);
        CHECK(bytes.cut("ab", scratch).size() == 1);
        CHECK_FALSE(scratch.unknown);
    }
    pieces.pop_back();  // without <0xFF>
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(few.size()) + 0xa9);
    const Model some(pieces, {.unknown = 0, .byte_fallback = true});
    CHECK(some.ids("az") == Ids{1, static_cast<TokenId>(few.size()) + 'z'});
    CHECK(some.ids("a\u00e9") == Ids{1, 0});
}

TEST_CASE("unigram: in single precision an unknown run reaches over words", "[text]") {
    for (const bool single : {false, true}) {
        const Model m(few, {.unknown = 0, .single_precision = single});
        std::vector<Token> tokens;
        UnigramScratch scratch;
        m.unigram.encode("azzzb", 0, 2, scratch, tokens);
        m.unigram.encode("azzzb", 2, 5, scratch, tokens);
        CHECK(tokens.size() == (single ? 3 : 4));
        CHECK(tokens.back().begin == 4);
    }
}

TEST_CASE("unigram: what the user defined wins over any score", "[text]") {
    for (const bool single : {false, true}) {
        const Model m({{"<unk>", 0}, {"a", -1}, {"ab", -1}, {"b", -1}, {"ba", 0}, {"bab", -30}},
                      {.unknown = 0, .single_precision = single, .user_defined = {4}});
        CHECK(m.ids("aba") == Ids{1, 4});  // −1 + 0.1 against −1 − 1
        CHECK(m.ids("ab") == Ids{2});
    }
}

TEST_CASE("unigram: of two pieces with one spelling the later one is found", "[text]") {
    CHECK(Model({{"<unk>", 0}, {"a", -1}, {"a", -8}}, {.unknown = 0}).ids("a") == Ids{2});
}

TEST_CASE("unigram: a score that is remembered is used only where no decision could turn", "[text]") {
    CHECK(Unigram::same_after(-10, -5, 1, 4));
    CHECK_FALSE(Unigram::same_after(-10, -5, 1e-7f, 4));
    CHECK_FALSE(Unigram::same_after(-10, -5, 0, 1));
    CHECK_FALSE(Unigram::same_after(-95000, -5, 1, 4));
    CHECK_FALSE(Unigram::same_after(-10, -5, std::numeric_limits<float>::quiet_NaN(), 4));
    // Where it says yes, the cut is the same whatever went before.
    std::mt19937 random(6);
    const auto third = [&] { return -1 - static_cast<double>(random() % 1000) / 3; };
    int yes = 0, no = 0, differ = 0;
    for (int trial = 0; trial < 400; ++trial) {
        Pieces pieces = {{"<unk>", 0}, {"a", third()}, {"b", third()}, {"aa", 0}, {"ab", 0}, {"aab", third()}};
        pieces[3].second = 2 * pieces[1].second + (trial % 2 ? 0 : 1e-3);
        pieces[4].second = pieces[1].second + pieces[2].second;
        const Model m(pieces, {.unknown = 0, .single_precision = true});
        std::string text;
        for (std::size_t n = 1 + random() % 10; n > 0; --n) text += random() % 3 ? 'a' : 'b';
        UnigramScratch scratch;
        const float first = trial % 3 ? 0 : -static_cast<float>(random() % 3000000) / 64;
        scratch.before = first;
        const auto cut = m.cut(text, scratch);
        const float word = scratch.before - first, margin = scratch.margin - Unigram::noise(first, word, text.size());
        for (int k = 0; k < 5; ++k) {
            const float before = -static_cast<float>(random() % 3000000) / 64;
            scratch.before = before;
            const auto again = m.cut(text, scratch);
            const bool same = Unigram::same_after(before, word, margin, text.size());
            if (same) CHECK(again == cut);
            yes += same;
            no += !same;
            differ += again != cut;
            float sum = before;
            for (const auto& [id, begin, end] : again) sum = m.unigram.after(sum, id, end - begin);
            CHECK(sum == scratch.before);
        }
    }
    CHECK((yes > 100 && no > 100 && differ > 10));
}

TEST_CASE("unigram: scores far below zero are taken back to it, and the cut goes on", "[text]") {
    const Model m({{"<unk>", 0}, {"a", -600}, {"b", -600}, {"ab", -1100}}, {.unknown = 0, .single_precision = true});
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "ab";
    CHECK(m.ids(text) == Ids(1000, 3));
}

TEST_CASE("unigram: scores and ids that do not fit the vocabulary are refused", "[text]") {
    const Vocabulary v({{"<unk>", 0}, {"a", 1}}, "test");
    const auto make = [&](std::vector<double> scores, UnigramOptions options) { return Unigram(v, std::move(scores), std::move(options), "test"); };
    CHECK_ERROR(make({0}, {}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, 0, 0}, {}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, std::nan("")}, {}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, 0}, {.unknown = 2}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, 0}, {.unknown = -7}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, 0}, {.user_defined = {5}}), ErrorCode::bad_tokenizer);
    CHECK_ERROR(make({0, 0}, {.left_out = {-1}}), ErrorCode::bad_tokenizer);
    const double infinity = std::numeric_limits<double>::infinity();
    std::vector<Token> tokens;
    UnigramScratch scratch;
    make({0, -infinity}, {.unknown = 0}).encode("aab", 0, 3, scratch, tokens);  // infinite ones are odd, but numbers
    CHECK(tokens.back().end == 3);
}
