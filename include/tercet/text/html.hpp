// Text out of HTML: tags and comments go, character references become their characters. A scanner of one pass, not a parser: it is for web
// text on its way to a model, and neither for building a page's tree nor for making foreign HTML safe to show.
//
//   <!-- … -->  <!doctype …>  <?…>                    nothing
//   <script> <style> <template> <noscript> <svg>      nothing, up to their end tag
//   <br> <div> <li> <tr> …                            a line break         <td> <th>   a space
//   <p> <h1> <ul> <table> …                           a blank line         other tags   nothing
//   &amp; &#233; &#xe9;                               the character: HTML 4's 252 names and &apos;, with their semicolon
//
// What is no tag stays, as "<" in "a < b": one begins with < and a letter, /, ! or ?, and has a >. As in HTML, a > inside a quoted attribute
// does not end it. Numbers follow the HTML standard (WHATWG, section 13.2.5.84): 128 to 159 are Windows-1252's characters, and U+FFFD stands
// for 0, surrogates and numbers that are too high.
#pragma once

#include "tercet/text/utf8.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace tercet::inline TERCET_ABI {

namespace detail::text {

struct HtmlEntity {
    std::string_view name;
    char32_t point;
};

// HTML 4.01, section 24, in the order of the names; lang and rang as HTML has them today.
// clang-format off
inline constexpr HtmlEntity html_entities[] = {
    {"AElig", 0xc6}, {"Aacute", 0xc1}, {"Acirc", 0xc2}, {"Agrave", 0xc0}, {"Alpha", 0x391}, {"Aring", 0xc5}, {"Atilde", 0xc3}, {"Auml", 0xc4},
    {"Beta", 0x392}, {"Ccedil", 0xc7}, {"Chi", 0x3a7}, {"Dagger", 0x2021}, {"Delta", 0x394}, {"ETH", 0xd0}, {"Eacute", 0xc9}, {"Ecirc", 0xca},
    {"Egrave", 0xc8}, {"Epsilon", 0x395}, {"Eta", 0x397}, {"Euml", 0xcb}, {"Gamma", 0x393}, {"Iacute", 0xcd}, {"Icirc", 0xce}, {"Igrave", 0xcc},
    {"Iota", 0x399}, {"Iuml", 0xcf}, {"Kappa", 0x39a}, {"Lambda", 0x39b}, {"Mu", 0x39c}, {"Ntilde", 0xd1}, {"Nu", 0x39d}, {"OElig", 0x152},
    {"Oacute", 0xd3}, {"Ocirc", 0xd4}, {"Ograve", 0xd2}, {"Omega", 0x3a9}, {"Omicron", 0x39f}, {"Oslash", 0xd8}, {"Otilde", 0xd5}, {"Ouml", 0xd6},
    {"Phi", 0x3a6}, {"Pi", 0x3a0}, {"Prime", 0x2033}, {"Psi", 0x3a8}, {"Rho", 0x3a1}, {"Scaron", 0x160}, {"Sigma", 0x3a3}, {"THORN", 0xde},
    {"Tau", 0x3a4}, {"Theta", 0x398}, {"Uacute", 0xda}, {"Ucirc", 0xdb}, {"Ugrave", 0xd9}, {"Upsilon", 0x3a5}, {"Uuml", 0xdc}, {"Xi", 0x39e},
    {"Yacute", 0xdd}, {"Yuml", 0x178}, {"Zeta", 0x396}, {"aacute", 0xe1}, {"acirc", 0xe2}, {"acute", 0xb4}, {"aelig", 0xe6}, {"agrave", 0xe0},
    {"alefsym", 0x2135}, {"alpha", 0x3b1}, {"amp", 0x26}, {"and", 0x2227}, {"ang", 0x2220}, {"apos", 0x27}, {"aring", 0xe5}, {"asymp", 0x2248},
    {"atilde", 0xe3}, {"auml", 0xe4}, {"bdquo", 0x201e}, {"beta", 0x3b2}, {"brvbar", 0xa6}, {"bull", 0x2022}, {"cap", 0x2229}, {"ccedil", 0xe7},
    {"cedil", 0xb8}, {"cent", 0xa2}, {"chi", 0x3c7}, {"circ", 0x2c6}, {"clubs", 0x2663}, {"cong", 0x2245}, {"copy", 0xa9}, {"crarr", 0x21b5},
    {"cup", 0x222a}, {"curren", 0xa4}, {"dArr", 0x21d3}, {"dagger", 0x2020}, {"darr", 0x2193}, {"deg", 0xb0}, {"delta", 0x3b4}, {"diams", 0x2666},
    {"divide", 0xf7}, {"eacute", 0xe9}, {"ecirc", 0xea}, {"egrave", 0xe8}, {"empty", 0x2205}, {"emsp", 0x2003}, {"ensp", 0x2002},
    {"epsilon", 0x3b5}, {"equiv", 0x2261}, {"eta", 0x3b7}, {"eth", 0xf0}, {"euml", 0xeb}, {"euro", 0x20ac}, {"exist", 0x2203}, {"fnof", 0x192},
    {"forall", 0x2200}, {"frac12", 0xbd}, {"frac14", 0xbc}, {"frac34", 0xbe}, {"frasl", 0x2044}, {"gamma", 0x3b3}, {"ge", 0x2265}, {"gt", 0x3e},
    {"hArr", 0x21d4}, {"harr", 0x2194}, {"hearts", 0x2665}, {"hellip", 0x2026}, {"iacute", 0xed}, {"icirc", 0xee}, {"iexcl", 0xa1},
    {"igrave", 0xec}, {"image", 0x2111}, {"infin", 0x221e}, {"int", 0x222b}, {"iota", 0x3b9}, {"iquest", 0xbf}, {"isin", 0x2208}, {"iuml", 0xef},
    {"kappa", 0x3ba}, {"lArr", 0x21d0}, {"lambda", 0x3bb}, {"lang", 0x27e8}, {"laquo", 0xab}, {"larr", 0x2190}, {"lceil", 0x2308},
    {"ldquo", 0x201c}, {"le", 0x2264}, {"lfloor", 0x230a}, {"lowast", 0x2217}, {"loz", 0x25ca}, {"lrm", 0x200e}, {"lsaquo", 0x2039},
    {"lsquo", 0x2018}, {"lt", 0x3c}, {"macr", 0xaf}, {"mdash", 0x2014}, {"micro", 0xb5}, {"middot", 0xb7}, {"minus", 0x2212}, {"mu", 0x3bc},
    {"nabla", 0x2207}, {"nbsp", 0xa0}, {"ndash", 0x2013}, {"ne", 0x2260}, {"ni", 0x220b}, {"not", 0xac}, {"notin", 0x2209}, {"nsub", 0x2284},
    {"ntilde", 0xf1}, {"nu", 0x3bd}, {"oacute", 0xf3}, {"ocirc", 0xf4}, {"oelig", 0x153}, {"ograve", 0xf2}, {"oline", 0x203e}, {"omega", 0x3c9},
    {"omicron", 0x3bf}, {"oplus", 0x2295}, {"or", 0x2228}, {"ordf", 0xaa}, {"ordm", 0xba}, {"oslash", 0xf8}, {"otilde", 0xf5}, {"otimes", 0x2297},
    {"ouml", 0xf6}, {"para", 0xb6}, {"part", 0x2202}, {"permil", 0x2030}, {"perp", 0x22a5}, {"phi", 0x3c6}, {"pi", 0x3c0}, {"piv", 0x3d6},
    {"plusmn", 0xb1}, {"pound", 0xa3}, {"prime", 0x2032}, {"prod", 0x220f}, {"prop", 0x221d}, {"psi", 0x3c8}, {"quot", 0x22}, {"rArr", 0x21d2},
    {"radic", 0x221a}, {"rang", 0x27e9}, {"raquo", 0xbb}, {"rarr", 0x2192}, {"rceil", 0x2309}, {"rdquo", 0x201d}, {"real", 0x211c}, {"reg", 0xae},
    {"rfloor", 0x230b}, {"rho", 0x3c1}, {"rlm", 0x200f}, {"rsaquo", 0x203a}, {"rsquo", 0x2019}, {"sbquo", 0x201a}, {"scaron", 0x161},
    {"sdot", 0x22c5}, {"sect", 0xa7}, {"shy", 0xad}, {"sigma", 0x3c3}, {"sigmaf", 0x3c2}, {"sim", 0x223c}, {"spades", 0x2660}, {"sub", 0x2282},
    {"sube", 0x2286}, {"sum", 0x2211}, {"sup", 0x2283}, {"sup1", 0xb9}, {"sup2", 0xb2}, {"sup3", 0xb3}, {"supe", 0x2287}, {"szlig", 0xdf},
    {"tau", 0x3c4}, {"there4", 0x2234}, {"theta", 0x3b8}, {"thetasym", 0x3d1}, {"thinsp", 0x2009}, {"thorn", 0xfe}, {"tilde", 0x2dc},
    {"times", 0xd7}, {"trade", 0x2122}, {"uArr", 0x21d1}, {"uacute", 0xfa}, {"uarr", 0x2191}, {"ucirc", 0xfb}, {"ugrave", 0xf9}, {"uml", 0xa8},
    {"upsih", 0x3d2}, {"upsilon", 0x3c5}, {"uuml", 0xfc}, {"weierp", 0x2118}, {"xi", 0x3be}, {"yacute", 0xfd}, {"yen", 0xa5}, {"yuml", 0xff},
    {"zeta", 0x3b6}, {"zwj", 0x200d}, {"zwnj", 0x200c},
};
// clang-format on

// What 128 to 159 stand for, of Windows-1252; 0: the control character itself.
inline constexpr char16_t windows_1252[32] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
                                              0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
                                              0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

constexpr bool is_ascii_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view lower_case_prefix) {
    if (text.size() < lower_case_prefix.size()) return false;
    for (std::size_t i = 0; i < lower_case_prefix.size(); ++i)
        if (ascii_lower(text[i]) != lower_case_prefix[i]) return false;
    return true;
}

class HtmlStripper {
public:
    explicit HtmlStripper(std::string_view html) : html_(html) {}

    std::string strip() {
        out_.reserve(html_.size());
        while (at_ < html_.size()) {
            const auto next = std::min(html_.find_first_of("<&", at_), html_.size());
            out_ += html_.substr(at_, next - at_);
            at_ = next;
            if (at_ == html_.size()) break;
            if (html_[at_] == '<' ? tag() : reference()) continue;
            out_ += html_[at_++];
        }
        return std::move(out_);
    }

private:
    // Each of these takes what it knows at at_ and moves on, or gives false.
    bool tag() {
        const auto rest = html_.substr(at_);
        if (rest.size() < 2) return false;
        if (rest.starts_with("<!--")) {
            const auto end = html_.find("-->", at_ + 4);
            at_ = end == std::string_view::npos ? html_.size() : end + 3;
            return true;
        }
        const bool closing = rest[1] == '/';
        const std::size_t begin = at_ + (closing ? 2 : 1);
        if (begin == html_.size() || !(is_ascii_letter(html_[begin]) || (!closing && (rest[1] == '!' || rest[1] == '?')))) return false;
        const std::size_t end = tag_end(begin);
        if (end == std::string_view::npos) return false;
        std::string name;  // none of those below is longer
        for (std::size_t i = begin; i < end && name.size() < 16 && (is_ascii_letter(html_[i]) || (html_[i] >= '0' && html_[i] <= '9')); ++i)
            name += ascii_lower(html_[i]);
        at_ = end + 1;
        if (name == "br") out_ += '\n';
        else if (is_one_of(name, {"address", "article", "blockquote", "dl", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p",
                                  "pre", "section", "table", "ul"}))
            break_line(2);
        else if (is_one_of(name, {"aside", "dd", "div", "dt", "figcaption", "footer", "header", "li", "main", "nav", "option", "tbody", "tfoot",
                                  "thead", "title", "tr"}))
            break_line(1);
        else if (name == "td" || name == "th") out_ += ' ';
        else if (!closing && html_[end - 1] != '/' && is_one_of(name, {"script", "style", "template", "noscript", "svg"})) skip_element(name);
        return true;
    }

    static bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
        return std::find(names.begin(), names.end(), name) != names.end();
    }

    // The output ends in that many line breaks, or in more that other tags have asked for, unless it has no text yet.
    void break_line(int breaks) {
        const auto last = out_.find_last_not_of(" \t\n\r");
        out_.resize(last == std::string::npos ? 0 : last + 1);
        if (out_.empty()) return;
        breaks_ = out_.size() == broken_at_ ? std::max(breaks_, breaks) : breaks;
        broken_at_ = out_.size();
        out_.append(static_cast<std::size_t>(breaks_), '\n');
    }

    // The > that ends a tag. A quotation mark that nothing closes is met once: from then on they mean nothing, so each search ends or is the last.
    std::size_t tag_end(std::size_t at) {
        if (quotes_) {
            char quote = 0;
            for (std::size_t i = at; i < html_.size(); ++i) {
                const char c = html_[i];
                if (quote != 0) quote = c == quote ? '\0' : quote;
                else if (c == '>') return i;
                else if ((c == '"' || c == '\'') && html_[i - 1] == '=') quote = c;
            }
            quotes_ = false;
        }
        if (at >= last_end_) return std::string_view::npos;
        const auto end = html_.find('>', at);
        if (end == std::string_view::npos) last_end_ = at;
        return end;
    }

    // Up to the end of </name …>, or to the end of the text, as HTML has it.
    void skip_element(std::string_view name) {
        for (;;) {
            at_ = html_.find("</", at_);
            if (at_ == std::string_view::npos) return void(at_ = html_.size());
            at_ += 2;
            if (starts_with_ignoring_case(html_.substr(at_), name) &&
                !(at_ + name.size() < html_.size() && is_ascii_letter(html_[at_ + name.size()])))
                break;
        }
        at_ = std::min(html_.find('>', at_), html_.size() - 1) + 1;
    }

    bool reference() {
        std::size_t i = at_ + 1;
        if (i < html_.size() && html_[i] == '#') return number(i + 1);
        while (i < html_.size() && i - at_ <= 8 && (is_ascii_letter(html_[i]) || (html_[i] >= '0' && html_[i] <= '9'))) ++i;
        if (i == html_.size() || html_[i] != ';') return false;
        const auto name = html_.substr(at_ + 1, i - at_ - 1);
        const auto* entity = std::lower_bound(std::begin(html_entities), std::end(html_entities), name,
                                              [](const HtmlEntity& e, std::string_view n) { return e.name < n; });
        if (entity == std::end(html_entities) || entity->name != name) return false;
        utf8_append(out_, entity->point);
        at_ = i + 1;
        return true;
    }

    bool number(std::size_t i) {
        const bool hex = i < html_.size() && (html_[i] == 'x' || html_[i] == 'X');
        const std::size_t begin = hex ? ++i : i;
        std::uint32_t value = 0;
        for (; i < html_.size(); ++i) {
            const char c = ascii_lower(html_[i]);
            const bool digit = c >= '0' && c <= '9';
            if (!digit && !(hex && c >= 'a' && c <= 'f')) break;
            value = std::min<std::uint32_t>(value * (hex ? 16 : 10) + static_cast<std::uint32_t>(digit ? c - '0' : c - 'a' + 10), 0x110000);
        }
        if (i == begin) return false;
        auto point = static_cast<char32_t>(value);
        if (point >= 0x80 && point < 0xa0 && windows_1252[point - 0x80] != 0) point = windows_1252[point - 0x80];
        utf8_append(out_, point == 0 ? U'\uFFFD' : point);
        at_ = i + (i < html_.size() && html_[i] == ';' ? 1 : 0);
        return true;
    }

    std::string_view html_;
    std::size_t at_ = 0;
    std::string out_;
    std::size_t broken_at_ = 0;  // where the text ended that tags put the last line breaks after
    int breaks_ = 0;
    bool quotes_ = true;                             // whether a > inside quotation marks belongs to an attribute
    std::size_t last_end_ = std::string_view::npos;  // from here on no > stands
};

}  // namespace detail::text

/// The text of HTML, in time that grows with its length alone. White space stays as it is: clean_text tidies it. Throws bad_text when it is not
/// UTF-8.
inline std::string strip_html(std::string_view html) {
    require_utf8(html, "strip_html");
    return detail::text::HtmlStripper(html).strip();
}

}  // namespace tercet::inline TERCET_ABI
