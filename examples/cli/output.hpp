// Results on stdout: text, or JSON with floats of nine significant digits, which read back as the same float32.
#pragma once

#include <string>
#include <string_view>

namespace cli {

/// Writes to stdout at once. Ends the program quietly when nobody reads it any more; throws io when it cannot be written.
void print(std::string_view text);

/// Nine significant digits; "nan", "inf" and "-inf", which JSON has no numbers for, as strings.
std::string json_number(double value);
/// The same without the quotes, for text.
std::string text_number(double value);

/// A JSON array of what `one` makes of each element.
template <class Range, class One>
std::string json_list(const Range& range, const One& one) {
    std::string out = "[";
    for (const auto& element : range) {
        if (out.size() > 1) out += ',';
        out += one(element);
    }
    return out += ']';
}
template <class Range>
std::string json_integers(const Range& range) {
    return json_list(range, [](auto element) { return std::to_string(element); });
}
template <class Range>
std::string json_numbers(const Range& range) {
    return json_list(range, [](auto element) { return json_number(element); });
}

/// Numbers on a line, with spaces between.
template <class Range, class One>
std::string text_list(const Range& range, const One& one) {
    std::string out;
    for (const auto& element : range) {
        if (!out.empty()) out += ' ';
        out += one(element);
    }
    return out;
}

/// A JSON object, its members in the order in which they are added.
class JsonObject {
public:
    /// `json` is the member's value, as JSON.
    JsonObject& add(std::string_view key, std::string_view json);
    std::string text() const { return text_ + "}"; }

private:
    std::string text_ = "{";
};

}  // namespace cli
