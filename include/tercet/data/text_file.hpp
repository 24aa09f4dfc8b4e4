// Texts as files have them: UTF-8, which is checked, behind a byte order mark or none. What is in another encoding is refused by its line.
#pragma once

#include "tercet/io/mmap.hpp"
#include "tercet/text/utf8.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail {

inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

inline void check_utf8_line(std::string_view line, const std::string& path, std::size_t number) {
    const std::size_t error = utf8_first_error(line);
    require(error == std::string_view::npos, ErrorCode::bad_text, path, ":", number, ": byte ", error + 1,
            " of the line is not UTF-8: is the file in another encoding?");
}

}  // namespace detail

/// A whole file. Takes pipes and devices too. Throws io, and bad_text with file and line.
inline std::string read_utf8_file(const std::string& path) {
    auto text = read_text_file(path);
    if (text.starts_with(detail::byte_order_mark)) text.erase(0, detail::byte_order_mark.size());
    std::size_t number = 0;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        detail::check_utf8_line(rest.substr(0, end), path, ++number);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return text;
}

/// A file's lines, without what ends them: "\n" or "\r\n". Throws what read_utf8_file() throws.
inline std::vector<std::string> read_utf8_lines(const std::string& path) {
    return split_lines(read_utf8_file(path));
}

}  // namespace tercet::inline TERCET_ABI
