// Text as HTML and XML show it: the characters that they give a meaning to, as entities.
#pragma once

#include "tercet/core/config.hpp"

#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

/// & < > " ' as entities, as Python's markupsafe writes them; fit for an attribute in quotes too.
inline std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') out += "&amp;";
        else if (c == '<') out += "&lt;";
        else if (c == '>') out += "&gt;";
        else if (c == '"') out += "&#34;";
        else if (c == '\'') out += "&#39;";
        else out += c;
    }
    return out;
}

}  // namespace tercet::inline TERCET_ABI
