// A trie of byte strings: which keys does a text begin with, here?
//
// It is a double array (Aoe 1989), with exclusive or in place of the sum: the child of a node by the byte c lies at base(node) ^ c, so the children
// of one node are in one block of 256 places, and a step is one load and one comparison. No two nodes share a base; then a place that carries the
// label c can only be reached from the node that it belongs to.
#pragma once

#include "tercet/core/error.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

class Trie {
public:
    using Entry = std::pair<std::string_view, std::int32_t>;

    Trie() = default;

    /// Keys and their values, which are not negative; of equal keys the first counts, and empty ones are left out.
    /// Throws size_overflow for keys of more than some eight million distinct prefixes.
    explicit Trie(std::vector<Entry> entries) {
        std::erase_if(entries, [](const Entry& e) { return e.first.empty(); });
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
        entries.erase(std::unique(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first == b.first; }), entries.end());
        if (!entries.empty()) Builder(*this, entries).build();
    }

    bool empty() const { return units_.empty(); }

    /// Calls found(size, value) for each key that text begins with at `at`, the shortest first.
    template <class Found>
    void prefixes(std::string_view text, std::size_t at, Found&& found) const {
        if (empty()) return;
        std::uint32_t base = root_;
        for (std::size_t i = at; i < text.size(); ++i) {
            const std::uint32_t c = static_cast<unsigned char>(text[i]);
            const Unit unit = units_[base ^ c];
            if ((unit.key & label_mask) != (c | used)) return;
            if (unit.value >= 0) found(i + 1 - at, unit.value);
            base = unit.key >> base_shift;
        }
    }

    /// The size and value of the longest key that text begins with at `at`; the size is 0 when there is none.
    std::pair<std::size_t, std::int32_t> longest(std::string_view text, std::size_t at) const {
        std::pair<std::size_t, std::int32_t> best{0, -1};
        prefixes(text, at, [&](std::size_t size, std::int32_t value) { best = {size, value}; });
        return best;
    }

private:
    // A node: its base, whether the place is in use, and the byte that leads here; and its value, or -1. A node without children has base 0, whose
    // block is left empty.
    struct Unit {
        std::uint32_t key = 0;
        std::int32_t value = -1;
    };
    static constexpr std::uint32_t used = 0x100, label_mask = 0x1ff, base_shift = 9, block = 256;

    class Builder {
    public:
        Builder(Trie& trie, const std::vector<Entry>& entries) : trie_(trie), entries_(entries) {}

        void build() {
            add_block();
            struct Subtree {
                std::size_t begin, end, depth;
                std::uint32_t unit;  // no_unit for the root
            };
            std::vector<Subtree> open{{0, entries_.size(), 0, no_unit}};
            std::vector<std::pair<std::uint32_t, std::size_t>> children;  // the byte, and where its entries begin
            while (!open.empty()) {
                auto range = open.back();
                open.pop_back();
                if (entries_[range.begin].first.size() == range.depth) {  // sorted: the key that ends here comes first
                    trie_.units_[range.unit].value = entries_[range.begin].second;
                    if (++range.begin == range.end) continue;
                }
                children.clear();
                for (std::size_t i = range.begin; i < range.end; ++i) {
                    const std::uint32_t c = static_cast<unsigned char>(entries_[i].first[range.depth]);
                    if (children.empty() || children.back().first != c) children.emplace_back(c, i);
                }
                const std::uint32_t base = place(children);
                if (range.unit == no_unit) trie_.root_ = base;
                else trie_.units_[range.unit].key |= base << base_shift;
                for (std::size_t i = 0; i < children.size(); ++i) {
                    const auto [c, begin] = children[i];
                    trie_.units_[base ^ c].key = used | c;
                    open.push_back({begin, i + 1 < children.size() ? children[i + 1].second : range.end, range.depth + 1, base ^ c});
                }
            }
        }

    private:
        static constexpr std::uint32_t no_unit = 0xffffffff;

        struct Block {
            std::array<std::uint64_t, 4> free, unused_bases;
        };

        // A base whose places are all free, of the last few blocks that have room for them, else of a new one.
        std::uint32_t place(const std::vector<std::pair<std::uint32_t, std::size_t>>& children) {
            constexpr std::size_t look_back = 24;
            for (std::size_t k = 0; k < std::min(look_back, open_.size()); ++k) {
                const std::uint32_t b = open_[open_.size() - 1 - k];
                if (const auto base = place_in(b, children); base != no_unit) return base;
            }
            add_block();
            return place_in(open_.back(), children);
        }

        std::uint32_t place_in(std::uint32_t b, const std::vector<std::pair<std::uint32_t, std::size_t>>& children) {
            auto& blk = blocks_[b];
            const auto has = [](const std::array<std::uint64_t, 4>& bits, std::uint32_t i) { return (bits[i >> 6] >> (i & 63) & 1) != 0; };
            for (std::uint32_t word = 0; word < 4; ++word) {
                for (std::uint64_t left = blk.free[word]; left != 0; left &= left - 1) {
                    const std::uint32_t base = (word * 64 + static_cast<std::uint32_t>(std::countr_zero(left))) ^ children[0].first;
                    if (!has(blk.unused_bases, base)) continue;
                    if (!std::all_of(children.begin(), children.end(), [&](const auto& child) { return has(blk.free, base ^ child.first); }))
                        continue;
                    for (const auto& child : children) blk.free[(base ^ child.first) >> 6] &= ~(std::uint64_t{1} << ((base ^ child.first) & 63));
                    blk.unused_bases[base >> 6] &= ~(std::uint64_t{1} << (base & 63));
                    if (std::all_of(blk.free.begin(), blk.free.end(), [](std::uint64_t bits) { return bits == 0; })) std::erase(open_, b);
                    return b * block + base;
                }
            }
            return no_unit;
        }

        // The first block stays empty.
        void add_block() {
            require(trie_.units_.size() + 2 * block <= (std::size_t{1} << (32 - base_shift)), ErrorCode::size_overflow, "trie: too many keys (",
                    entries_.size(), ")");
            constexpr auto all = ~std::uint64_t{0};
            if (!blocks_.empty()) open_.push_back(static_cast<std::uint32_t>(blocks_.size()));
            blocks_.push_back({{all, all, all, all}, {all, all, all, all}});
            trie_.units_.resize(trie_.units_.size() + block);
        }

        Trie& trie_;
        const std::vector<Entry>& entries_;
        std::vector<Block> blocks_;
        std::vector<std::uint32_t> open_;  // blocks with free places, the newest last
    };

    std::vector<Unit> units_;
    std::uint32_t root_ = 0;
};

}  // namespace tercet::inline TERCET_ABI
