#include "support/catch.hpp"

#include "tercet/text/byte_alphabet.hpp"

using namespace tercet;

TEST_CASE("byte_alphabet: a bijection between bytes and characters, printable ones for themselves", "[text]") {
    std::size_t inside = 0;
    for (std::size_t point = 0; point < byte_alphabet.byte_of.size(); ++point) {
        const int byte = byte_alphabet.byte_of[point];
        if (byte < 0) continue;
        ++inside;
        CHECK(byte_alphabet.point_of[static_cast<std::size_t>(byte)] == point);
    }
    CHECK(inside == 256);
    // GPT-2's bytes_to_unicode(): the first and last of each run, and some in between.
    const std::pair<int, char16_t> known[] = {{0, 0x100},    {0x0a, 0x10a}, {0x20, 0x120}, {0x21, 0x21},  {0x7e, 0x7e}, {0x7f, 0x121}, {0x80, 0x122},
                                              {0xa0, 0x142}, {0xa1, 0xa1},  {0xac, 0xac},  {0xad, 0x143}, {0xae, 0xae}, {0xff, 0xff}};
    for (const auto& [byte, point] : known) CHECK(byte_alphabet.point_of[static_cast<std::size_t>(byte)] == point);
}
