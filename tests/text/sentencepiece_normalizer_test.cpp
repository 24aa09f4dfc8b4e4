#include "text/made.hpp"

#include "tercet/text/sentencepiece_normalizer.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

NormalizedText normalized(const SentencePieceNormalizer& normalizer, std::string_view text, std::uint32_t base = 0, bool tracked = true) {
    NormalizedText out;
    out.tracked = tracked;
    normalizer.apply(text, base, out);
    return out;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> spans_of(const NormalizedText& text) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
    for (const auto& s : text.spans) out.emplace_back(s.begin, s.end);
    return out;
}

}  // namespace

TEST_CASE("sentencepiece_normalizer: with each set of options every string becomes what sentencepiece makes of it", "[text][golden]") {
    const auto& file = made().at("sentencepiece");
    const auto texts = strings_of(file.at("texts"));
    REQUIRE(file.at("normalized").size() == 16);
    for (const auto& c : file.at("normalized").elements()) {
        const auto option = [&](std::size_t i) { return c.at("options").at(i).as_bool(); };
        const SentencePieceNormalizer normalizer(Charsmap(made_charsmap(), "test"),
                                                 {.add_dummy_prefix = option(0),
                                                  .remove_extra_whitespaces = option(1),
                                                  .escape_whitespaces = option(2),
                                                  .whitespace_as_suffix = option(3),
                                                  .user_defined = {"<sep>", "a b", "de", "\u2581\u2581", "A", "deab"}});
        for (std::size_t i = 0; i < texts.size(); ++i) {
            INFO(option(0) << option(1) << option(2) << option(3) << ": " << texts[i]);
            const auto out = normalized(normalizer, texts[i], 7);
            CHECK(out.text == c.at("normalized").at(i).as_string());
            CHECK(out.spans.size() == out.text.size());
            for (std::size_t k = 0; k < out.spans.size(); ++k) {
                CHECK((out.spans[k].begin >= 7 && out.spans[k].begin <= out.spans[k].end && out.spans[k].end <= 7 + texts[i].size()));
                CHECK((k == 0 || out.spans[k - 1].begin <= out.spans[k].begin));
            }
            const auto untracked = normalized(normalizer, texts[i], 0, false);
            CHECK((untracked.text == out.text && untracked.spans.empty()));
        }
    }
}

TEST_CASE("sentencepiece_normalizer: every byte knows where it came from", "[text]") {
    using Spans = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
    const SentencePieceNormalizer plain({}, {});
    CHECK(normalized(plain, " a  b").text ==
          "\u2581"
          "a\u2581"
          "b");
    CHECK(spans_of(normalized(plain, " a  b", 10)) == Spans{{11, 11}, {11, 11}, {11, 11}, {11, 12}, {12, 13}, {12, 13}, {12, 13}, {14, 15}});
    const SentencePieceNormalizer mapped(Charsmap(made_charsmap(), "test"), {.add_dummy_prefix = false, .escape_whitespaces = false});
    CHECK(normalized(mapped,
                     "\ufb01"
                     "ab")
              .text == "fix y");
    CHECK(spans_of(normalized(mapped,
                              "\ufb01"
                              "ab")) == Spans{{0, 3}, {0, 3}, {3, 5}, {3, 5}, {3, 5}});
    CHECK((plain.map().empty() && plain.options().add_dummy_prefix));
}

TEST_CASE("sentencepiece_normalizer: symbols that the user defined pass the map, the longest first", "[text]") {
    const SentencePieceNormalizer normalizer(Charsmap(made_charsmap(), "test"),
                                             {.add_dummy_prefix = false, .escape_whitespaces = false, .user_defined = {"A", "AB", "", "ab"}});
    CHECK(normalized(normalizer, "AABA\u00c5").text == "AABAA\u030a");
    CHECK(normalized(normalizer, "abcab").text == "abcab");
}
