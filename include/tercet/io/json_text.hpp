// JSON for files that people read too: an object whose members stand on lines of their own.
//
//   write_file_atomically(path, JsonText().string("model_type", "gpt2").count("n_layer", 12).flag("tied", true).text());
#pragma once

#include "tercet/core/config.hpp"
#include "tercet/io/json.hpp"

#include <cmath>

namespace tercet::inline TERCET_ABI {

/// A JSON object as text, with a line for each member.
class JsonText {
public:
    explicit JsonText(std::string_view indent = "  ") : indent_(indent) {}

    JsonText& json(std::string_view key, const std::string& value) {
        (((text_ += text_.empty() ? "{\n" : ",\n") += indent_) += quote_json(key)) += ": " + value;
        return *this;
    }
    JsonText& number(std::string_view key, double value) { return json(key, detail::real_to_json(value)); }
    JsonText& number(std::string_view key, float value) { return json(key, detail::real_to_json(value)); }
    JsonText& count(std::string_view key, index_t value) { return json(key, std::to_string(value)); }
    JsonText& count(std::string_view key, double value) { return count(key, static_cast<index_t>(std::llround(value))); }
    JsonText& flag(std::string_view key, bool value) { return json(key, value ? "true" : "false"); }
    JsonText& string(std::string_view key, std::string_view value) { return json(key, quote_json(value)); }
    template <class List, class One>
    JsonText& list(std::string_view key, const List& values, const One& one) {
        std::string all;
        for (const auto& value : values) (all += all.empty() ? "" : ", ") += one(value);
        return json(key, "[" + all + "]");
    }
    /// The object, with a newline behind it.
    std::string text() const { return text_.empty() ? "{}\n" : text_ + "\n}\n"; }
    /// The object as a member of another, which is indented by two less.
    std::string nested() const { return text_.empty() ? "{}" : text_ + "\n" + std::string(indent_.substr(2)) + "}"; }

private:
    std::string text_;
    std::string_view indent_;
};

}  // namespace tercet::inline TERCET_ABI
