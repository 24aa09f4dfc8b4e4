#include "output.hpp"

#include <tercet/io/json.hpp>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace cli {

void print(std::string_view text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written) return;
    const int error = errno;
    if (error == EPIPE) std::_Exit(1);  // the reader has gone, as in `tercet … | head`: nothing to tell anybody
    tercet::fail(tercet::ErrorCode::io, "standard output: cannot write: ", std::generic_category().message(error));
}

std::string text_number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::general, 9).ptr;
    return std::string(buffer, end);
}

std::string json_number(double value) {
    return std::isfinite(value) ? text_number(value) : '"' + text_number(value) + '"';
}

JsonObject& JsonObject::add(std::string_view key, std::string_view json) {
    if (text_.size() > 1) text_ += ',';
    ((text_ += tercet::quote_json(key)) += ':') += json;
    return *this;
}

}  // namespace cli
