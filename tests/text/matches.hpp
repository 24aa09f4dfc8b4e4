// What an expression finds in a text.
#pragma once

#include "tercet/text/pattern.hpp"

namespace tercet_test {

using Words = std::vector<std::string>;

inline Words matches(std::string_view expression, std::string_view text) {
    const tercet::Pattern pattern(expression);
    Words out;
    for (tercet::PatternMatches found(pattern, text); const auto match = found.next();)
        out.emplace_back(text.substr(match->begin, match->end - match->begin));
    return out;
}

}  // namespace tercet_test
