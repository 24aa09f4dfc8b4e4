// A regular expression as a deterministic automaton that finds what a backtracking matcher would (Cox 2009, "Regular Expression Matching:
// the Virtual Machine Approach"; the determinization with lookahead as in RE2).
//
//   tree      ->  program    Thompson's construction: threads that try `first` before `second`
//   program   ->  table      a state is the list of threads that are alive, best first; next[state][symbol]
//   text      ->  symbols    code points that no set of the expression tells apart are one symbol; the end of the text is one too
//
// A thread that reaches the match ends those behind it in the list, not those before, which may yet find a better one: the last match
// seen before the list is empty is the one. Whether there is a match is asked with the next symbol in hand, so (?!\S) and $ cost nothing;
// the character before is part of a state where the expression looks at it. Everything is built at once and then only read, so threads share it.
#pragma once

#include "tercet/text/pattern_syntax.hpp"

#include <array>
#include <map>
#include <tuple>

namespace tercet::inline TERCET_ABI::detail::text {

/// A program of at most `most_steps` steps.
struct PatternProgram {
    enum class Op : std::uint8_t { one, ahead, behind, fork, match };
    struct Step {
        Op op = Op::match;
        std::uint32_t set = 0;                // one, ahead, behind: index into sets
        bool edge = false;                    // ahead, behind
        std::uint32_t first = 0, second = 0;  // where to go on; fork tries `first` first
    };
    static constexpr std::size_t most_steps = 20000;

    std::vector<Step> steps;
    std::vector<CharSet> sets;
    bool too_long = false;

    explicit PatternProgram(const PatternNode& root) {
        const auto entry = add(root, put({}));
        steps.push_back({.op = Op::fork, .first = entry, .second = entry});  // the last step is where to begin
    }

private:
    // Built from the end: the step that `node` begins with, when `next` follows it.
    std::uint32_t add(const PatternNode& node, std::uint32_t next) {
        if (too_long) return next;
        switch (node.kind) {
        case PatternKind::nothing: return next;
        case PatternKind::one: return put({.op = Op::one, .set = index_of(node.set), .first = next});
        case PatternKind::ahead: return put({.op = Op::ahead, .set = index_of(node.set), .edge = node.edge, .first = next});
        case PatternKind::behind: return put({.op = Op::behind, .set = index_of(node.set), .edge = node.edge, .first = next});
        case PatternKind::sequence:
            for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) next = add(*part, next);
            return next;
        case PatternKind::choice: {
            auto entry = add(node.parts.back(), next);
            for (auto part = node.parts.rbegin() + 1; part != node.parts.rend(); ++part) entry = fork(add(*part, next), entry, false);
            return entry;
        }
        case PatternKind::repeat: break;
        }
        auto entry = next;
        if (node.most == PatternNode::unbounded) {
            entry = fork(0, next, node.lazy);
            const auto body = add(node.parts[0], entry);
            (node.lazy ? steps[entry].second : steps[entry].first) = body;
            if (node.least > 0) entry = body;  // one of the least
        } else {
            for (auto i = node.least; i < node.most; ++i) entry = fork(add(node.parts[0], entry), next, node.lazy);
        }
        for (std::size_t i = node.most == PatternNode::unbounded ? 1 : 0; i < node.least; ++i) entry = add(node.parts[0], entry);
        return entry;
    }

    std::uint32_t fork(std::uint32_t body, std::uint32_t rest, bool lazy) {
        return put({.op = Op::fork, .first = lazy ? rest : body, .second = lazy ? body : rest});
    }

    std::uint32_t put(Step step) {
        if (steps.size() >= most_steps) too_long = true;
        else steps.push_back(step);
        return static_cast<std::uint32_t>(steps.size() - 1);
    }

    std::uint32_t index_of(const CharSet& set) {
        const auto index = static_cast<std::size_t>(std::find(sets.begin(), sets.end(), set) - sets.begin());
        if (index == sets.size()) sets.push_back(set);
        return static_cast<std::uint32_t>(index);
    }
};

/// Code points by what the sets of an expression say of them: 256 a block, equal blocks once.
class SymbolTable {
public:
    SymbolTable() = default;

    /// Symbols are numbered from 0; contains(symbol, set) tells the sets that its code points are in.
    explicit SymbolTable(const std::vector<CharSet>& sets) {
        std::vector<char32_t> bounds = {0};
        for (const auto& set : sets) {
            for (const auto& range : set.ranges()) {
                bounds.push_back(range.first);
                if (range.last < 0x10ffff) bounds.push_back(range.last + 1);
            }
        }
        std::sort(bounds.begin(), bounds.end());
        bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());

        std::map<std::vector<bool>, std::size_t> numbers;
        std::map<Block, std::uint16_t> blocks;
        Block block{};
        std::vector<std::size_t> at(sets.size(), 0);  // the range of each set that may hold the bound
        for (std::size_t i = 0; i < bounds.size(); ++i) {
            std::vector<bool> in(sets.size());
            for (std::size_t k = 0; k < sets.size(); ++k) {
                const auto& ranges = sets[k].ranges();
                while (at[k] < ranges.size() && ranges[at[k]].last < bounds[i]) ++at[k];
                in[k] = at[k] < ranges.size() && ranges[at[k]].first <= bounds[i];
            }
            const auto symbol = numbers.emplace(std::move(in), numbers.size()).first->second;
            if (symbol > most_symbols) return;
            const char32_t end = i + 1 < bounds.size() ? bounds[i + 1] : 0x110000;
            for (auto c = bounds[i]; c < end;) {
                const auto stop = std::min<char32_t>(end, (c | 0xff) + 1);
                std::fill(block.begin() + (c & 0xff), block.begin() + ((stop - 1) & 0xff) + 1, static_cast<std::uint8_t>(symbol));
                if (stop % 256 == 0) {
                    const auto [found, is_new] = blocks.emplace(block, static_cast<std::uint16_t>(blocks.size()));
                    if (is_new) points_.insert(points_.end(), block.begin(), block.end());
                    block_of_[(stop - 1) >> 8] = found->second;
                }
                c = stop;
            }
        }
        contains_.resize(numbers.size());
        for (const auto& [in, symbol] : numbers) contains_[symbol] = in;
    }

    std::size_t size() const { return contains_.size(); }  // 0: more symbols than a byte can number
    bool contains(std::size_t symbol, std::size_t set) const { return contains_[symbol][set]; }
    std::size_t operator()(char32_t c) const { return points_[std::size_t{block_of_[c >> 8]} << 8 | (c & 0xff)]; }

private:
    using Block = std::array<std::uint8_t, 256>;
    static constexpr std::size_t most_symbols = 254;

    std::array<std::uint16_t, 0x1100> block_of_{};
    std::vector<std::uint8_t> points_;
    std::vector<std::vector<bool>> contains_;
};

class PatternAutomaton {
public:
    static constexpr std::uint32_t dead = 0;

    /// A table of at most 4 MiB, built in a fraction of a second; problem() says when the expression needs more.
    explicit PatternAutomaton(const PatternNode& root) {
        const PatternProgram program(root);
        if (!program.too_long) symbols_ = SymbolTable(program.sets);
        if (symbols_.size() == 0) problem_ = "an expression of this size";
        else build(program);
    }

    const std::string& problem() const { return problem_; }
    bool looks_behind() const { return looks_behind_; }
    std::size_t states() const { return next_.size() / width_; }
    std::size_t end_symbol() const { return width_ - 1; }
    std::size_t symbol_of(char32_t c) const { return symbols_(c); }

    /// The state before the first character of an attempt, given the symbol before it (end_symbol() at the start of the text).
    std::uint32_t start(std::size_t before) const { return starts_[before]; }

    /// The state after a symbol; a state's number is where its row begins. `match` is set when a match ends before the symbol.
    std::uint32_t step(std::uint32_t state, std::size_t symbol, bool& match) const {
        const auto entry = next_[state + symbol];
        match = (entry & 1) != 0;
        return entry >> 1;
    }

private:
    static constexpr std::size_t most_entries = std::size_t{1} << 20, most_work = std::size_t{1} << 22;
    using Op = PatternProgram::Op;

    // What a state is made from: its threads, and what the sets looked at behind say of the character before (nothing where none is).
    struct State {
        std::vector<std::uint32_t> threads;
        std::vector<bool> behind;
        friend bool operator<(const State& a, const State& b) { return std::tie(a.threads, a.behind) < std::tie(b.threads, b.behind); }
    };

    void build(const PatternProgram& program) {
        width_ = symbols_.size() + 1;
        looks_behind_ = std::any_of(program.steps.begin(), program.steps.end(), [](const auto& step) { return step.op == Op::behind; });
        // For each set, whether it holds the symbol; for the edge, one more flag that no set has.
        const auto facts_of = [&](std::size_t symbol) {
            std::vector<bool> facts(program.sets.size() + 1);
            if (symbol == end_symbol()) facts.back() = true;
            else
                for (std::size_t k = 0; k < program.sets.size(); ++k) facts[k] = symbols_.contains(symbol, k);
            return facts;
        };
        std::vector<std::vector<bool>> facts;
        for (std::size_t symbol = 0; symbol < width_; ++symbol) facts.push_back(facts_of(symbol));

        std::map<State, std::uint32_t> numbers;
        std::vector<const State*> states;
        const auto number_of = [&](State state) {
            const auto [found, is_new] = numbers.emplace(std::move(state), static_cast<std::uint32_t>(states.size()));
            if (is_new) states.push_back(&found->first);
            return found->second;
        };
        const auto behind_of = [&](std::size_t symbol) { return looks_behind_ ? facts[symbol] : std::vector<bool>{}; };
        number_of({});  // dead
        for (std::size_t symbol = 0; symbol < width_; ++symbol)
            starts_.push_back(number_of({{static_cast<std::uint32_t>(program.steps.size() - 1)}, behind_of(symbol)}));

        std::vector<std::uint32_t> alive, stack;
        std::vector<std::size_t> seen(program.steps.size(), 0);
        std::size_t round = 0, work = 0;
        for (std::size_t i = 0; i < states.size(); ++i) {
            if ((i + 1) * width_ > most_entries || work > most_work) {
                problem_ = "an expression of this size";
                return;
            }
            for (std::size_t symbol = 0; symbol < width_; ++symbol) {
                const bool match = closure(program, *states[i], facts[symbol], alive, stack, seen, ++round);
                work += alive.size() + states[i]->threads.size() + 1;
                State after;
                ++round;
                for (const auto thread : alive) {
                    const auto& step = program.steps[thread];
                    if (symbol == end_symbol() || !facts[symbol][step.set] || seen[step.first] == round) continue;
                    seen[step.first] = round;
                    after.threads.push_back(step.first);
                }
                if (!after.threads.empty()) after.behind = behind_of(symbol);
                next_.push_back(number_of(std::move(after)) << 1 | (match ? 1 : 0));
            }
        }
        for (auto& state : starts_) state *= static_cast<std::uint32_t>(width_);
        for (auto& entry : next_) entry = (entry >> 1) * static_cast<std::uint32_t>(width_) << 1 | (entry & 1);
    }

    // The threads of a state that wait for a character, best first, up to the first one that has matched.
    static bool closure(const PatternProgram& program, const State& state, const std::vector<bool>& next, std::vector<std::uint32_t>& alive,
                        std::vector<std::uint32_t>& stack, std::vector<std::size_t>& seen, std::size_t round) {
        alive.clear();
        stack.assign(state.threads.rbegin(), state.threads.rend());
        while (!stack.empty()) {
            const auto at = stack.back();
            stack.pop_back();
            if (seen[at] == round) continue;
            seen[at] = round;
            const auto& step = program.steps[at];
            const auto holds = [&](const std::vector<bool>& facts) { return facts.back() ? step.edge : facts[step.set]; };
            switch (step.op) {
            case Op::match: return true;
            case Op::one: alive.push_back(at); break;
            case Op::ahead:
                if (holds(next)) stack.push_back(step.first);
                break;
            case Op::behind:
                if (holds(state.behind)) stack.push_back(step.first);
                break;
            case Op::fork:
                stack.push_back(step.second);
                stack.push_back(step.first);
                break;
            }
        }
        return false;
    }

    SymbolTable symbols_;
    std::size_t width_ = 1;
    bool looks_behind_ = false;
    std::vector<std::uint32_t> starts_, next_;
    std::string problem_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text
