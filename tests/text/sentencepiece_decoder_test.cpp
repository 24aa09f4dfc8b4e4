#include "text/made.hpp"

#include "tercet/text/sentencepiece_decoder.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

constexpr std::string_view pieces[] = {"<unk>", "<s>", "\u2581a", "b", "\u2581", "\u2581\u2581", "<0xC3>", "<0xa9>", "<0xFF>", "\u2581<sep>"};

SentencePieceDecoder decoder() {
    using enum PieceKind;
    SentencePieceDecoder out;
    out.kinds = {unknown, control, normal, normal, normal, normal, byte, byte, byte, user_defined};
    return out;
}

std::string decode(const SentencePieceDecoder& d, std::initializer_list<TokenId> ids) {
    std::vector<std::pair<TokenId, std::string_view>> list;
    for (const TokenId id : ids) list.emplace_back(id, pieces[static_cast<std::size_t>(id)]);
    return d.decode(list);
}

}  // namespace

TEST_CASE("sentencepiece_decoder: spaces, unknown pieces and bytes", "[text]") {
    auto d = decoder();
    CHECK(decode(d, {}) == "");
    CHECK(decode(d, {2, 3, 2, 3}) == "ab ab");
    CHECK(decode(d, {4, 2}) == "a");  // more meta symbols in front go too
    CHECK(decode(d, {3, 0, 3}) == "b \u2047 b");
    CHECK(decode(d, {2, 6, 7, 3, 6, 8, 7}) == "a\u00e9b\ufffd\ufffd\ufffd");
    CHECK(decode(d, {1, 2}) == "<s> a");
    CHECK(decode(d, {9}) == "<sep>");
    d.drop_all_front = false;
    CHECK(decode(d, {4, 2}) == " a");
    CHECK(decode(d, {5}) == " ");
    d.drop_front = false;
    CHECK(decode(d, {2, 3}) == " ab");
    d.unknown_surface = "?";
    CHECK(decode(d, {0, 0}) == "??");
}

TEST_CASE("sentencepiece_decoder: ids beyond the list of kinds are normal, and a denormalizer has the last word", "[text]") {
    auto d = decoder();
    CHECK(d.kind(99) == PieceKind::normal);
    d.denormalizer = std::make_shared<SentencePieceNormalizer>(
        Charsmap(made_charsmap(), "test"),
        SentencePieceNormalizerOptions{.add_dummy_prefix = false, .remove_extra_whitespaces = false, .escape_whitespaces = false});
    CHECK(decode(d, {2, 3}) == "x y");
}

TEST_CASE("sentencepiece_decoder: only <0x..> is a byte", "[text]") {
    using detail::text::fallback_byte;
    CHECK((fallback_byte("<0x00>") == 0 && fallback_byte("<0xAf>") == 0xaf && fallback_byte("<0xFF>") == 255));
    for (const char* bad : {"", "<0x0>", "<0x000>", "<0xG0>", "<0x0G>", "<0X00>", "0x0000", "<0x00)"}) CHECK(fallback_byte(bad) == -1);
    CHECK(detail::text::replace_all("aaa", "aa", "b") == "ba");
    CHECK(detail::text::replace_all("abc", "", "x") == "abc");
}
