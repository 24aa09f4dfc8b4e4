// Texts as files have them: UTF-8, which is checked, behind a byte order mark or none. What is in another encoding is refused by its line.
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/text/utf8.hpp"

#include <algorithm>

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

// `at` is where a text stops being UTF-8, in the line of that number; npos where it does not.
inline void require_no_utf8_error(std::size_t at, const std::string& path, std::size_t line) {
    require(at == std::string_view::npos, ErrorCode::bad_text, path, ":", line, ": byte ", at + 1,
            " of the line is not UTF-8: is the file in another encoding?");
}

}  // namespace detail

/// A whole file. Takes pipes and devices too. Throws io, and bad_text with file and line.
inline std::string read_utf8_file(const std::string& path) {
    auto text = read_text_file(path);
    if (text.starts_with(detail::byte_order_mark)) text.erase(0, detail::byte_order_mark.size());
    if (const std::size_t error = utf8_first_error(text); error != std::string::npos) {
        const auto line = text.begin() + static_cast<std::ptrdiff_t>(error == 0 ? 0 : text.rfind('\n', error - 1) + 1);
        detail::require_no_utf8_error(error - static_cast<std::size_t>(line - text.begin()), path,
                                      1 + static_cast<std::size_t>(std::count(text.begin(), line, '\n')));
    }
    return text;
}

/// A file's lines, without what ends them: "\n" or "\r\n". Throws what read_utf8_file() throws.
inline std::vector<std::string> read_utf8_lines(const std::string& path) {
    return split_lines(read_utf8_file(path));
}

}  // namespace tercet::inline TERCET_ABI
