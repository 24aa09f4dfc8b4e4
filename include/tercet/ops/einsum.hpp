// Sums of products by the names of their dimensions, after Einstein's notation: einsum("bhid,bhjd->bhij", q, k).
//
// Each operand names its dimensions by letters; the result is summed over all letters that "->" leaves out. Without "->" it has the letters that
// occur once, in alphabetical order. A letter twice in one operand takes its diagonal; "..." stands for leading dimensions that broadcast; an
// extent of 1 stretches to what the letter is elsewhere.
//
// Operands are taken in from the left, two at a time. What both have and what is needed later is a batch, what both have otherwise is summed:
//
//   a (batch, left, summed) · b (batch, summed, right) -> (batch, left, right)
//
// which is a matmul between permutations and reshapes. The gradients are those of the ops it is made of.
#pragma once

#include "tercet/ops/matmul.hpp"
#include "tercet/ops/reduce.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

// A letter, or a number for a dimension that "..." stands for: '0' for the last one, '1' for the one before it.
using Label = char;

struct EinsumEquation {
    std::vector<std::string> operands;
    std::string output;
    std::string_view text;

    EinsumEquation(std::string_view equation, std::span<const index_t> ranks) : text(equation) {
        std::string plain;
        for (const char c : equation)
            if (c != ' ') plain.push_back(c);
        const auto arrow = plain.find("->");
        std::string_view left = std::string_view(plain).substr(0, arrow);
        for (std::size_t i = 0; i < ranks.size(); ++i) {
            const auto comma = left.find(',');
            check((comma == left.npos) == (i + 1 == ranks.size()), "it does not name ", ranks.size(), " operands");
            operands.push_back(labels(left.substr(0, comma), ranks[i]));
            left.remove_prefix(comma == left.npos ? left.size() : comma + 1);
        }
        std::string dots;  // the longest "..."
        for (const auto& operand : operands)
            for (index_t d = 0; d < max_rank; ++d)
                if (const char label = dot(d); operand.find(label) != operand.npos && dots.find(label) == dots.npos) dots.insert(dots.begin(), label);
        output = arrow == plain.npos ? dots + once() : labels(std::string_view(plain).substr(arrow + 2), static_cast<index_t>(dots.size()), true);
        for (const Label label : output) {
            check(output.find(label) == output.rfind(label), "the result names '", label, "' twice");
            bool known = false;
            for (const auto& operand : operands) known = known || operand.find(label) != operand.npos;
            check(known, "no operand has the result's '", label, "'");
        }
    }

    template <class... Parts>
    void check(bool holds, const Parts&... parts) const {
        require(holds, ErrorCode::invalid_argument, "einsum: \"", text, "\": ", parts...);
    }

private:
    static Label dot(index_t d) { return static_cast<Label>('0' + d); }

    // The labels of one operand of this rank, or of the result, whose "..." has `rank` dimensions.
    std::string labels(std::string_view part, index_t rank, bool is_output = false) const {
        std::string names;
        const auto dots = part.find("...");
        const auto letters = static_cast<index_t>(part.size()) - (dots == part.npos ? 0 : 3);
        if (!is_output)
            check(dots == part.npos ? letters == rank : letters <= rank, "'", part, "' names ", letters, " dimensions of an operand that has ", rank);
        for (std::size_t i = 0; i < part.size(); ++i) {
            if (i == dots) {
                for (index_t d = is_output ? rank : rank - letters; d-- > 0;) names.push_back(dot(d));
                i += 2;
                continue;
            }
            check((part[i] >= 'a' && part[i] <= 'z') || (part[i] >= 'A' && part[i] <= 'Z'), "'", part[i], "' is no letter");
            names.push_back(part[i]);
        }
        return names;
    }
    // The letters that occur once, sorted.
    std::string once() const {
        std::string all;
        for (const auto& operand : operands) all += operand;
        std::string names;
        for (char c = 'A'; c <= 'z'; ++c)
            if (std::count(all.begin(), all.end(), c) == 1) names.push_back(c);
        return names;
    }
};

template <Real T>
struct Labelled {
    Tensor<T> x;
    std::string labels;  // of its dimensions, each once

    bool has(Label label) const { return labels.find(label) != labels.npos; }
    index_t extent(Label label) const { return x.size(static_cast<index_t>(labels.find(label))); }

    /// Summed over all labels that are not wanted.
    template <class F>
    void sum_unless(const F& wanted) {
        Shape axes;
        std::string kept;
        for (std::size_t d = 0; d < labels.size(); ++d) {
            if (wanted(labels[d])) kept.push_back(labels[d]);
            else axes.push_back(static_cast<index_t>(d));
        }
        if (!axes.empty()) x = sum(x, axes);
        labels = kept;
    }
    /// With dimensions in this order.
    Tensor<T> in_order(const std::string& order) const {
        Shape dims;
        for (const Label label : order) dims.push_back(static_cast<index_t>(labels.find(label)));
        return permute(x, dims);
    }
};

// Each repeated label once: of dimensions d and e with one label, the elements whose two indices agree.
template <Real T>
Labelled<T> with_diagonals(Tensor<T> x, std::string labels, const EinsumEquation& equation) {
    for (std::size_t e = labels.size(); e-- > 0;) {
        const auto d = labels.find(labels[e]);
        if (d == e) continue;
        const index_t n = x.size(static_cast<index_t>(e));
        equation.check(x.size(static_cast<index_t>(d)) == n, "'", labels[e], "' is both ", x.size(static_cast<index_t>(d)), " and ", n);
        Shape order, shape;
        for (index_t k = 0; k < x.rank(); ++k)
            if (k != static_cast<index_t>(d) && k != static_cast<index_t>(e)) order.push_back(k);
        for (const index_t k : order) shape.push_back(x.size(k));
        order.push_back(static_cast<index_t>(d));
        order.push_back(static_cast<index_t>(e));
        shape.push_back(n * n);
        x = slice(reshape(permute(x, order), shape), -1, Range{{}, {}, n + 1});  // (…, n · n), every n + 1 of which one is on the diagonal
        const Label label = labels[e];
        labels.erase(e, 1);
        labels.erase(d, 1);
        labels.push_back(label);
        e = labels.size();  // from the start: a label may stand there a third time
    }
    return {std::move(x), std::move(labels)};
}

// The product of a and b, summed over what nobody needs any more.
template <Real T, class F>
Labelled<T> contracted(Labelled<T> a, Labelled<T> b, const F& needed) {
    a.sum_unless([&](Label label) { return needed(label) || b.has(label); });
    b.sum_unless([&](Label label) { return needed(label) || a.has(label); });
    std::string batch, left, right, summed;
    for (const Label label : a.labels) (!b.has(label) ? left : needed(label) ? batch : summed).push_back(label);
    for (const Label label : b.labels)
        if (!a.has(label)) right.push_back(label);
    const auto extents = [](const Labelled<T>& of, const std::string& labels, Shape& shape) {
        index_t product = 1;
        for (const Label label : labels) {
            shape.push_back(of.extent(label));
            product = checked_mul(product, shape.back(), "einsum");
        }
        return product;
    };
    Shape shape, unused;
    const index_t n = extents(a, batch, shape), rows = extents(a, left, shape), columns = extents(b, right, shape),
                  depth = extents(a, summed, unused);
    const auto product =
        matmul(reshape(a.in_order(batch + left + summed), {n, rows, depth}), reshape(b.in_order(batch + summed + right), {n, depth, columns}));
    return {reshape(product, shape), batch + left + right};
}

template <Real T>
Tensor<T> einsum_of(std::string_view text, std::span<const Tensor<T>> operands) {
    std::vector<index_t> ranks;
    for (const auto& x : operands) ranks.push_back(x.rank());
    const EinsumEquation equation(text, ranks);
    std::vector<Labelled<T>> parts;
    for (std::size_t i = 0; i < operands.size(); ++i) parts.push_back(with_diagonals(operands[i], equation.operands[i], equation));

    // One extent for each label; an operand that has 1 where another has more does without that dimension.
    for (auto& part : parts)
        for (std::size_t d = part.labels.size(); d-- > 0;) {
            const Label label = part.labels[d];
            const index_t own = part.extent(label);
            for (const auto& other : parts) {
                if (!other.has(label) || other.extent(label) == own) continue;
                equation.check(own == 1 || other.extent(label) == 1, "'", label, "' is both ", own, " and ", other.extent(label));
                if (own != 1) continue;
                part.x = squeeze(part.x, static_cast<index_t>(d));
                part.labels.erase(d, 1);
                break;
            }
        }

    auto result = parts[0];
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const auto needed = [&](Label label) {
            bool later = equation.output.find(label) != equation.output.npos;
            for (std::size_t k = i + 1; k < parts.size(); ++k) later = later || parts[k].has(label);
            return later;
        };
        result = contracted(std::move(result), parts[i], needed);
    }
    result.sum_unless([&](Label label) { return equation.output.find(label) != equation.output.npos; });
    return result.in_order(equation.output);
}

}  // namespace detail

/// The operands multiplied and summed as the equation says. Throws invalid_argument, with the equation, where it does not fit them.
template <Real T, std::same_as<Tensor<T>>... More>
Tensor<T> einsum(std::string_view equation, const Tensor<T>& first, const More&... more) {
    const Tensor<T> operands[] = {first, more...};
    return detail::einsum_of<T>(equation, operands);
}

}  // namespace tercet::inline TERCET_ABI
