#!/usr/bin/env python3
"""Writes include/tercet/text/unicode_tables.hpp: the character properties that tokenizers depend on.

Ids must be exact, and the tokenizers that published models were made with do not agree on one version of Unicode:
  - the regular expressions (\\p{L}, \\p{N}, \\s, \\w) are Oniguruma's, with Unicode 16;
  - punctuation, control characters and non-spacing marks of the BERT steps come from a crate frozen at Unicode 8;
  - NFC, NFD, NFKC, NFKD and StripAccents are Unicode 9's;
  - lower-casing and "numeric" are Rust's own, with Unicode 17;
  - case folding, which no tokenizer has, is Python's: Unicode 14 with 3.11.
So each table is cut to the version its user has. Needs Python 3.11 or later, the module unicodedata2 at 16.0.0, and perl (for the Age
property, which Python lacks):

    python3 -m venv venv && venv/bin/pip install unicodedata2==16.0.0
    venv/bin/python scripts/make_unicode_tables.py include/tercet/text/unicode_tables.hpp
"""
import subprocess
import sys

import unicodedata2 as ucd

assert ucd.unidata_version == "16.0.0", "needs unicodedata2==16.0.0"
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def present_in(version):
    """The code points that Unicode `version` had assigned."""
    program = (
        'no warnings; my $r=qr/\\p{Present_In: %s}/; for my $c (0..0x10ffff) '
        '{ next if $c>=0xd800 && $c<0xe000; print "$c\\n" if chr($c) =~ $r }' % version
    )
    return set(map(int, subprocess.run(["perl", "-e", program], check=True, capture_output=True, text=True).stdout.split()))


unicode8, unicode9 = present_in("8.0"), present_in("9.0")

FLAGS = ["letter", "number", "mark", "punctuation", "symbol", "space", "word", "bert_punctuation", "bert_other", "bert_nonspacing", "mark9"]
SPACES = set(map(ord, "\t\n\v\f\r\x85")) | {c for c in POINTS if ucd.category(chr(c)) in ("Zs", "Zl", "Zp")}
# Alphabetic although their category is So: \w takes them (the circled and squared letters).
OTHER_ALPHABETIC = {*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A)}


def flags(c):
    category = ucd.category(chr(c))
    ascii_punctuation = c < 128 and 33 <= c < 127 and not chr(c).isalnum()
    # Differences of the frozen crate's category table from Unicode 16's, for characters that Unicode 8 had (they changed category later).
    punctuation8 = (c in unicode8 and category[0] == "P") or c in (0x166D, 0x111C9)
    nonspacing8 = c in unicode8 and category == "Mn" and c not in (0x1885, 0x1886, 0xA9BD, 0x111C9, 0x1171E) or c in (0x1734, 0x1171E)
    mark9 = (c in unicode9 and category[0] == "M" and c != 0x111C9) or c in (0x1CF2, 0x1CF3)
    values = [
        category[0] == "L",
        category[0] == "N",
        category[0] == "M",
        category[0] == "P",
        category[0] == "S",
        c in SPACES,
        category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in OTHER_ALPHABETIC or c in (0x200C, 0x200D),
        punctuation8 or ascii_punctuation,
        category in ("Cc", "Cf", "Co") and (c in unicode8 or category != "Cf"),
        nonspacing8,
        mark9,
    ]
    return sum(1 << i for i, value in enumerate(values) if value)


def class_table():
    table, last = [], None
    for c in range(0x110000):
        value = 0 if 0xD800 <= c < 0xE000 else flags(c)
        if value != last:
            table.append(c << len(FLAGS) | value)
            last = value
    return table


def lower_table():
    """[first, last, step, delta] runs; U+0130, the only one that gives two characters, is left to the code."""
    mapping = {c: ord(chr(c).lower()) for c in POINTS if len(chr(c).lower()) == 1 and chr(c).lower() != chr(c)}
    # Added by Unicode 15 to 17, after the tables of Python 3.11.
    mapping |= {0x1C89: 0x1C8A, 0xA7CB: 0x264, 0xA7CC: 0xA7CD, 0xA7CE: 0xA7CF, 0xA7D2: 0xA7D3, 0xA7D4: 0xA7D5, 0xA7DA: 0xA7DB, 0xA7DC: 0x19B}
    mapping |= {c: c + 0x20 for c in range(0x10D50, 0x10D66)} | {c: c + 0x1B for c in range(0x16EA0, 0x16EB9)}
    runs = []
    for c, low in sorted(mapping.items()):
        if runs and low - c == runs[-1][3]:
            first, last, step, delta = runs[-1]
            gap = c - last
            if gap <= 2 and (first == last or step == gap):
                runs[-1] = (first, c, gap, delta)
                continue
        runs.append((c, c, 1, low - c))
    return runs


def fold_table():
    """(c, up to three characters) where full case folding is not lower-casing."""
    return [(c, *(list(map(ord, f)) + [0, 0])[:3]) for c in POINTS if (f := chr(c).casefold()) != chr(c).lower()]


def canonical(c):
    parts = ucd.decomposition(chr(c)).split()
    return [int(p, 16) for p in parts] if parts and not parts[0].startswith("<") else None


def tables():
    points = sorted(c for c in unicode9 if not 0xAC00 <= c <= 0xD7A3)  # Hangul syllables are arithmetic
    pairs = [(c, *(canonical(c) + [0])[:2]) for c in points if canonical(c)]
    compose = [i for i, (c, a, b) in enumerate(pairs) if b and ucd.normalize("NFC", chr(a) + chr(b)) == chr(c)]
    compose.sort(key=lambda i: pairs[i][1:])
    combining = []
    for c in points:
        k = ucd.combining(chr(c))
        if not k:
            continue
        if combining and combining[-1][1] == c - 1 and combining[-1][2] == k:
            combining[-1] = (combining[-1][0], c, k)
        else:
            combining.append((c, c, k))
    compat, pool = [], []
    for c in points:
        full = ucd.normalize("NFKD", chr(c))
        if full != ucd.normalize("NFD", chr(c)):
            compat.append(c << 11 | len(full) << 0)
            pool += map(ord, full)
    return pairs, compose, combining, compat, pool


def emit(out, type_name, name, items, comment):
    out.append(f"\n// {comment}")
    out.append(f"inline constexpr {type_name} {name}[] = {{")
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 150:
            out.append(line)
            line = "   "
        line += f" {item},"
    out += [line, "};"]


def main():
    pairs, compose, combining, compat, pool = tables()
    out = ["""// Unicode character properties. Generated by scripts/make_unicode_tables.py: do not edit.
//
// Which version of Unicode each table is cut to, and why they differ, stands in that script; text/unicode.hpp reads them.
#pragma once

#include "tercet/core/config.hpp"

// clang-format off
namespace tercet::inline TERCET_ABI::detail::unicode {
"""]
    out.append("// Bits of a character's class.")
    out.append("enum Flag : std::uint32_t { " + ", ".join(f"{n} = {1 << i}" for i, n in enumerate(FLAGS)) + " };")
    out.append(f"inline constexpr int flag_bits = {len(FLAGS)};")
    out.append("\nstruct CaseRun { std::uint32_t first, last, step; std::int32_t delta; };")
    out.append("struct FoldEntry { std::uint32_t point, to[3]; };")
    out.append("struct Decomposition { std::uint32_t point, first, second; };")
    out.append("struct CombiningRun { std::uint32_t first, last, combining_class; };")
    emit(out, "std::uint32_t", "class_starts", [str(v) for v in class_table()],
         "Each entry: first code point of a run << flag_bits | its flags; ascending.")
    emit(out, "CaseRun", "lower_runs", ["{%d, %d, %d, %d}" % r for r in lower_table()], "Lower-casing: every step-th point from first to last moves by delta.")
    emit(out, "FoldEntry", "fold_entries", ["{%d, {%d, %d, %d}}" % f for f in fold_table()],
         "Full case folding where it is not lower-casing; 0 ends a list.")
    emit(out, "Decomposition", "decompositions", ["{%d, %d, %d}" % p for p in pairs], "Canonical decompositions, one level; second is 0 for a singleton.")
    emit(out, "std::uint16_t", "compositions", [str(i) for i in compose], "Indices of the decompositions that compose again, ordered by (first, second).")
    emit(out, "CombiningRun", "combining_runs", ["{%d, %d, %d}" % r for r in combining], "Canonical combining classes other than 0.")
    emit(out, "std::uint32_t", "compatibility", [str(v) for v in compat],
         "Full compatibility decompositions where they differ from the canonical ones: code point << 11 | length; the characters follow in the pool.")
    emit(out, "std::uint32_t", "compatibility_pool", [str(v) for v in pool], "Their characters, one after the other.")
    out.append("\n}  // namespace tercet::inline TERCET_ABI::detail::unicode")
    out.append("// clang-format on")
    with open(sys.argv[1], "w", encoding="ascii") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
