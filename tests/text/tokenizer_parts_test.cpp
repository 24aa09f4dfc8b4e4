#include "support/catch.hpp"

#include "tercet/text/tokenizer_parts.hpp"

using namespace tercet;
using namespace tercet::detail::text;

TEST_CASE("tokenizer_parts: roles are guessed by the usual spellings of special tokens", "[text]") {
    TokenizerParts parts;
    parts.added = {{.id = 3, .content = "<|endoftext|>", .special = true},
                   {.id = 4, .content = "[MASK]", .special = true},
                   {.id = 5, .content = "<pad>", .special = true},
                   {.id = 6, .content = "[SEP]"},
                   {.id = 7, .content = "<unk>", .special = true}};
    guess_roles(parts);
    const auto& roles = parts.special;
    CHECK((roles.bos == 3 && roles.eos == 3 && roles.mask == 4 && roles.pad == 5 && roles.unk == 7));
    CHECK((roles.sep == no_token && roles.cls == no_token));  // [SEP] is not special here
}

TEST_CASE("tokenizer_parts: a role that is known stays, and <s> counts before <|endoftext|>", "[text]") {
    TokenizerParts parts;
    parts.added = {{.id = 3, .content = "<|endoftext|>", .special = true}, {.id = 4, .content = "<s>", .special = true}};
    parts.special.eos = 9;
    guess_roles(parts);
    CHECK((parts.special.bos == 4 && parts.special.eos == 9));
}

TEST_CASE("tokenizer_parts: ends go around each text of a pair, as far as there are such tokens", "[text]") {
    TokenizerParts parts;
    parts.special.bos = 1;
    parts.special.eos = 2;
    const auto shown = [](const Template& pieces) {
        std::string out;
        for (const auto& p : pieces)
            out += (p.sequence < 0 ? std::to_string(p.ids[0]) : p.sequence == 0 ? "A" : "B") + ":" + std::to_string(p.type_id) + " ";
        return out;
    };
    add_ends(parts, true, true);
    CHECK(shown(parts.single) == "1:0 A:0 2:0 ");
    CHECK(shown(parts.pair) == "1:0 A:0 2:0 1:1 B:1 2:1 ");
    add_ends(parts, true, false);
    CHECK(shown(parts.single) == "1:0 A:0 ");
    parts.special.bos = no_token;
    add_ends(parts, true, true);
    CHECK(shown(parts.pair) == "A:0 2:0 B:1 2:1 ");
    add_ends(parts, false, false);
    CHECK(shown(parts.single) == "A:0 ");
}
