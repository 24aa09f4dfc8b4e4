// PCRE2 for the expressions that the automaton does not run (text/pattern.hpp); only in builds with TERCET_PCRE2.
//
// The expressions are written for Oniguruma, so what the two read differently is rewritten or refused:
//
//   ^ $          at every line break                 PCRE2_MULTILINE
//   \h \H        a hexadecimal digit, or not         [0-9A-Fa-f]
//   \s \S \w \W  White_Space; letters, marks, …      written out: PCRE2's \s has U+180E, its \w lacks marks before 10.43
//   x{1,3}+      x{1,3}, repeated                    (?:x{1,3})+ cannot be told from its text alone: refused
//   (?m) (?s)    . takes line breaks; an error       refused
//
// Characters that a newer Unicode assigned have the category that the installed PCRE2 knows. A search is bounded in steps and in memory, and
// uses the heap, not the stack; one that reaches a bound throws, since a wrong cut would be worse.
#pragma once

#include "tercet/core/config.hpp"

#ifdef TERCET_PCRE2

#include "tercet/core/error.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tercet::inline TERCET_ABI::detail::text {

class Pcre2Pattern {
public:
    /// Throws unsupported with PCRE2's reason.
    explicit Pcre2Pattern(std::string_view expression, std::string_view source = "pcre2") : expression_(expression), source_(source) {
        const auto text = translated(expression);
        CompileContext context(pcre2_compile_context_create(nullptr));
        Context limits(pcre2_match_context_create(nullptr));
        if (!context || !limits) fail(ErrorCode::out_of_memory, source_, ": no memory for '", expression, "'");
        pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
        int error = 0;
        std::size_t offset = 0;
        code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset,
                                  context.get()));
        if (!code_)
            fail(ErrorCode::unsupported, source_, ": the regular expression '", expression, "' does not compile: ", message(error), " at byte ",
                 offset);
        pcre2_set_match_limit(limits.get(), 20'000'000);
        pcre2_set_heap_limit(limits.get(), 64 * 1024);  // KiB
        limits_ = std::move(limits);
    }

    /// The first match at text[from] or later, as [begin, end). Throws unsupported when a limit is reached.
    std::optional<std::pair<std::size_t, std::size_t>> search(std::string_view text, std::size_t from) const {
        const std::unique_ptr<pcre2_match_data, MatchDataFree> found(pcre2_match_data_create(1, nullptr));
        if (!found) fail(ErrorCode::out_of_memory, source_, ": no memory to search with '", expression_, "'");
        const int count =
            pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, PCRE2_NO_UTF_CHECK, found.get(), limits_.get());
        if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
        if (count < 0)
            fail(ErrorCode::unsupported, source_, ": searching with '", expression_, "' from byte ", from, " of ", text.size(), ": ", message(count));
        const auto* ends = pcre2_get_ovector_pointer(found.get());
        return std::pair{std::max(ends[0], from), std::max(ends[1], from)};  // \K may set the begin behind the end, or before the search
    }

private:
    struct CodeFree {
        void operator()(pcre2_code* p) const { pcre2_code_free(p); }
    };
    struct ContextFree {
        void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
    };
    struct CompileContextFree {
        void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
    };
    struct MatchDataFree {
        void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
    };
    using Context = std::unique_ptr<pcre2_match_context, ContextFree>;
    using CompileContext = std::unique_ptr<pcre2_compile_context, CompileContextFree>;

    static std::string message(int error) {
        PCRE2_UCHAR text[256] = {};
        pcre2_get_error_message(error, text, sizeof text);
        return reinterpret_cast<const char*>(text);
    }

    std::string translated(std::string_view in) const {
        std::string out;
        int depth = 0;  // of brackets
        for (std::size_t i = 0; i < in.size(); ++i) {
            const char c = in[i];
            if (c != '\\') {
                if (c == '[') ++depth;
                if (c == ']' && depth > 0) --depth;
                if (depth == 0 && c == '}' && in.substr(i + 1).starts_with('+')) refuse("an interval followed by +");
                if (depth > 0 && in.substr(i).starts_with("&&")) refuse("&& in a character class");
                if (depth > 1) refuse("a character class in a character class");
                if (depth == 0 && in.substr(i).starts_with("(?")) {
                    for (std::size_t k = i + 2; k < in.size() && ((in[k] >= 'a' && in[k] <= 'z') || in[k] == '-'); ++k) {
                        if (in[k] != 'i' && in[k] != 'x' && in[k] != '-') refuse("an option other than i and x");
                    }
                }
                out.push_back(c);
                continue;
            }
            if (++i == in.size()) refuse("a backslash at its end");
            const auto put = [&](std::string_view members, bool inverted) {
                if (depth > 0 && inverted) refuse("\\S, \\W or \\H in a character class");
                if (depth > 0) out.append(members);
                else out.append(inverted ? "[^" : "[").append(members).append("]");
            };
            constexpr std::string_view space = R"(\t-\r\x85\p{Z})", hexadecimal = "0-9A-Fa-f";
            std::string word = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
            if (depth == 0) word += R"(\xb2\xb3\xb9\xbc-\xbe)";
            switch (in[i]) {
            case 's': put(space, false); break;
            case 'S': put(space, true); break;
            case 'w': put(word, false); break;
            case 'W': put(word, true); break;
            case 'h': put(hexadecimal, false); break;
            case 'H': put(hexadecimal, true); break;
            case 'u':  // \u0041
                require(i + 5 <= in.size(), ErrorCode::unsupported, source_, ": the regular expression '", expression_, "' breaks off in \\u");
                out.append("\\x{").append(in.substr(i + 1, 4)).append("}");
                i += 4;
                break;
            default: out.append({'\\', in[i]});
            }
        }
        return out;
    }

    [[noreturn]] void refuse(std::string_view what) const {
        fail(ErrorCode::unsupported, source_, ": the regular expression '", expression_, "' has ", what, ", which PCRE2 reads differently");
    }

    std::string expression_, source_;
    std::unique_ptr<pcre2_code, CodeFree> code_;
    Context limits_;
};

}  // namespace tercet::inline TERCET_ABI::detail::text

#endif
