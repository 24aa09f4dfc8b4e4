// JSON (RFC 8259): an immutable tree of values that remembers where it came from.
//
//   const Json config = parse_json(text, "config.json");
//   const auto heads = config.at("num_attention_heads").as_int();      // or: config.get_or("num_key_value_heads", heads)
//
// An error says the file and the path in it: `config.json: rope_scaling.factor: expected a number, got the string "two"`. The tree lives in one
// shared document; a Json that was copied out of it keeps the document alive, and costs a pointer. References and pointers into a tree
// (at, find, items, elements) live as long as the Json they were asked from.
//
// The parsing is nlohmann/json's, through its SAX interface. That include costs seconds, so it is in json_parse.inc, which programs that
// set TERCET_SEPARATE_KERNELS compile once. Stricter than the RFC where files are hostile: at most 64 levels, no key twice, UTF-8 only.
// A byte order mark in front is ignored, as section 8.1 allows.
#pragma once

#include "tercet/core/error.hpp"
#include "tercet/io/name_index.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tercet::inline TERCET_ABI {

class Json;

namespace detail {
struct JsonDocument;
class JsonBuilder;
}  // namespace detail

inline constexpr std::size_t max_json_depth = 64;

/// One value of a JSON text: null, boolean, integer (fits 64 bits with sign), number, string, array or object.
class Json {
public:
    using Elements = std::vector<Json>;
    using Members = std::vector<std::pair<std::string, Json>>;

    /// null
    Json() = default;
    Json(const Json& other);
    Json(Json&& other) noexcept = default;
    Json& operator=(const Json& other) { return *this = Json(other); }
    Json& operator=(Json&& other) noexcept = default;
    ~Json() = default;

    bool is_null() const { return holds<std::nullptr_t>(); }
    bool is_bool() const { return holds<bool>(); }
    bool is_integer() const { return holds<std::int64_t>(); }
    bool is_number() const { return holds<double>() || is_integer(); }
    bool is_string() const { return holds<std::string>(); }
    bool is_array() const { return holds<Elements>(); }
    bool is_object() const { return holds<Object>(); }

    /// The value. Each throws bad_json, naming the place, when it is of another kind; as_int takes a number without fraction too.
    bool as_bool() const { return get<bool>("a boolean"); }
    std::int64_t as_int() const;
    double as_number() const;
    const std::string& as_string() const { return get<std::string>("a string"); }
    /// The elements of an array; throws bad_json when it is none.
    const Elements& elements() const { return get<Elements>("an array"); }
    /// The members of an object in the file's order; throws bad_json when it is none.
    const Members& items() const { return get<Object>("an object").members; }
    /// How many elements or members; 0 for what is neither array nor object.
    std::size_t size() const { return is_array() ? elements().size() : is_object() ? items().size() : 0; }

    /// The member of that name, or null when there is none, or when this is no object.
    const Json* find(std::string_view key) const;
    /// The member of that name. Throws missing_key, or bad_json when this is no object.
    const Json& at(std::string_view key) const;
    /// The element at an index. Throws index_out_of_range, or bad_json when this is no array.
    const Json& at(std::size_t index) const;

    /// The member's value, or `fallback` when it is absent or null. Throws bad_json when it is of another kind than the fallback.
    /// T: bool, an integer (gives int64), a floating point type (gives double), or text (gives std::string).
    template <class T>
    auto get_or(std::string_view key, const T& fallback) const {
        const Json* member = find(key);
        const bool given = member != nullptr && !member->is_null();
        if constexpr (std::is_same_v<T, bool>) return given ? member->as_bool() : fallback;
        else if constexpr (std::is_integral_v<T>) return given ? member->as_int() : static_cast<std::int64_t>(fallback);
        else if constexpr (std::is_floating_point_v<T>) return given ? member->as_number() : static_cast<double>(fallback);
        else return given ? member->as_string() : std::string(fallback);
    }

    /// Where the value stands, for messages: "config.json: rope_scaling.factor".
    std::string place() const;
    /// What the value is, for messages: `the string "two"`, "an array of 3".
    std::string description() const;

private:
    friend class detail::JsonBuilder;
    friend struct detail::JsonDocument;

    struct Object {
        Members members;
        std::unique_ptr<detail::NameIndex> index{};  // where it holds something; in a block of its own, so that values are small
    };
    using Handle = std::shared_ptr<const Json>;  // a copy: points into the document, and keeps it alive

    template <class T>
    Json(T&& value, const detail::JsonDocument* document) : value_(std::forward<T>(value)), document_(document) {}

    const Json& node() const {
        const auto* handle = std::get_if<Handle>(&value_);
        return handle != nullptr ? **handle : *this;
    }
    template <class T>
    bool holds() const {
        return std::holds_alternative<T>(node().value_);
    }
    template <class T>
    const T& get(std::string_view expected) const {
        const T* value = std::get_if<T>(&node().value_);
        if (value == nullptr) fail(ErrorCode::bad_json, place(), ": expected ", expected, ", got ", description());
        return *value;
    }
    bool find_path(const Json* target, std::string& path) const;

    std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Elements, Object, Handle> value_ = nullptr;
    const detail::JsonDocument* document_ = nullptr;
};

/// Parses one JSON value. `source` names the text in messages. Throws bad_json, with line and column.
TERCET_LINKAGE Json parse_json(std::string_view text, std::string_view source);

namespace detail {

// Everything that a parse gave. Nodes point to it, copies of nodes own it.
struct JsonDocument : std::enable_shared_from_this<JsonDocument> {
    std::string source;
    Json root;
};

// Bytes of the well-formed UTF-8 sequence at the front of a text, 0 if there is none (Unicode, table 3-7).
inline std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto within = [](unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; };
    const unsigned a = byte(0), b = byte(1);
    if (a < 0x80) return text.empty() ? 0 : 1;
    if (within(a, 0xc2, 0xdf)) return within(b, 0x80, 0xbf) ? 2 : 0;
    if (within(a, 0xe0, 0xef)) return within(b, a == 0xe0 ? 0xa0 : 0x80, a == 0xed ? 0x9f : 0xbf) && within(byte(2), 0x80, 0xbf) ? 3 : 0;
    const bool four = within(a, 0xf0, 0xf4) && within(b, a == 0xf0 ? 0x90 : 0x80, a == 0xf4 ? 0x8f : 0xbf);
    return four && within(byte(2), 0x80, 0xbf) && within(byte(3), 0x80, 0xbf) ? 4 : 0;
}

}  // namespace detail

/// The text as a JSON string literal, quotes included. Bytes that are not UTF-8 become U+FFFD.
inline std::string quote_json(std::string_view text) {
    std::string out = "\"";
    out.reserve(text.size() + 2);
    while (!text.empty()) {
        const std::size_t length = detail::utf8_length(text);
        const char c = text.front();
        constexpr std::string_view hex = "0123456789abcdef";
        if (length == 0) out += "\xef\xbf\xbd";
        else if (c == '"' || c == '\\') (out += '\\') += c;
        else if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else if (c == '\r') out += "\\r";
        else if (length == 1 && static_cast<unsigned char>(c) < 0x20) ((out += "\\u00") += hex[static_cast<unsigned char>(c) >> 4]) += hex[c & 15];
        else out += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out += '"';
}

namespace detail {

// A text from a file in a message: quoted, and cut when long.
inline std::string excerpt(std::string_view text, std::size_t limit = 60) {
    if (text.size() <= limit) return quote_json(text);
    return quote_json(text.substr(0, limit)) + "...";
}

// The shortest text that reads back as the same number; JSON has no infinities, so those and NaN become null.
template <class Real>
std::string number_to_json(Real value) {
    if (!std::isfinite(value)) return "null";
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
    return std::string(buffer, end);
}

// The same with a fraction, so that readers who tell the two apart take it for no integer: "2.0".
template <class Real>
std::string real_to_json(Real value) {
    const std::string text = number_to_json(value);
    return text.find_first_of(".enull") == std::string::npos ? text + ".0" : text;
}

inline void append_key(std::string& path, std::string_view key) {
    if (!path.empty()) path += '.';
    path += key.substr(0, 80);
}

}  // namespace detail

inline Json::Json(const Json& other) : value_(nullptr), document_(other.document_) {
    if (const auto* handle = std::get_if<Handle>(&other.value_)) value_ = *handle;
    else if (document_ != nullptr) value_ = Handle(document_->weak_from_this().lock(), &other);
}

inline std::int64_t Json::as_int() const {
    if (const auto* number = std::get_if<double>(&node().value_); number != nullptr && std::abs(*number) <= 0x1p53 && std::trunc(*number) == *number)
        return static_cast<std::int64_t>(*number);
    return get<std::int64_t>("an integer");
}

inline double Json::as_number() const {
    if (const auto* integer = std::get_if<std::int64_t>(&node().value_)) return static_cast<double>(*integer);
    return get<double>("a number");
}

inline const Json* Json::find(std::string_view key) const {
    const auto* object = std::get_if<Object>(&node().value_);
    if (object == nullptr) return nullptr;
    const detail::NameIndex none;
    const auto& index = object->index ? *object->index : none;
    const auto* member = index.find(object->members, key, [](const auto& m) -> const std::string& { return m.first; });
    return member != nullptr ? &member->second : nullptr;
}

inline const Json& Json::at(std::string_view key) const {
    get<Object>("an object");
    const Json* member = find(key);
    if (member == nullptr) fail(ErrorCode::missing_key, place(), ": the key ", detail::excerpt(key), " is missing");
    return *member;
}

inline const Json& Json::at(std::size_t index) const {
    const auto& all = elements();
    if (index >= all.size()) fail(ErrorCode::index_out_of_range, place(), ": element ", index, " of an array of ", all.size());
    return all[index];
}

// The path is looked for only when a message needs it, so that a value stores none. At most max_json_depth levels deep.
inline bool Json::find_path(const Json* target, std::string& path) const {
    if (this == target) return true;
    const std::size_t length = path.size();
    if (const auto* array = std::get_if<Elements>(&value_)) {
        for (std::size_t i = 0; i < array->size(); ++i) {
            path += '[' + std::to_string(i) + ']';
            if ((*array)[i].find_path(target, path)) return true;
            path.resize(length);
        }
    } else if (const auto* object = std::get_if<Object>(&value_)) {
        for (const auto& [key, value] : object->members) {
            detail::append_key(path, key);
            if (value.find_path(target, path)) return true;
            path.resize(length);
        }
    }
    return false;
}

inline std::string Json::place() const {
    if (document_ == nullptr) return "JSON";
    std::string path;
    document_->root.find_path(&node(), path);
    return path.empty() ? document_->source : document_->source + ": " + path;
}

inline std::string Json::description() const {
    if (is_null()) return "null";
    if (is_bool()) return as_bool() ? "true" : "false";
    if (is_integer()) return "the integer " + std::to_string(as_int());
    if (is_number()) return "the number " + detail::number_to_json(as_number());
    if (is_string()) return "the string " + detail::excerpt(as_string());
    return (is_array() ? "an array of " : "an object of ") + std::to_string(size());
}

/// The value as JSON text on one line, members in their order; a number without a fraction that was written with one keeps it.
inline std::string to_string(const Json& value) {
    if (value.is_null()) return "null";
    if (value.is_bool()) return value.as_bool() ? "true" : "false";
    if (value.is_integer()) return std::to_string(value.as_int());
    if (value.is_number()) return detail::real_to_json(value.as_number());
    if (value.is_string()) return quote_json(value.as_string());
    std::string out;
    if (value.is_array()) {
        for (const auto& element : value.elements()) (out += out.empty() ? "[" : ", ") += to_string(element);
        return out.empty() ? "[]" : out += ']';
    }
    for (const auto& [key, member] : value.items()) ((out += out.empty() ? "{" : ", ") += quote_json(key) + ": ") += to_string(member);
    return out.empty() ? "{}" : out += '}';
}

/// An object with some members replaced, or added behind the others, as JSON text with a line for each. The new values are JSON text.
inline std::string with_members(const Json& object, std::span<const std::pair<std::string, std::string>> changes) {
    std::string out;
    const auto add = [&](const std::string& key, const std::string& value) {
        out += (out.empty() ? "{\n  " : ",\n  ") + quote_json(key) + ": " + value;
    };
    const auto change_of = [&](const std::string& key) {
        return std::find_if(changes.begin(), changes.end(), [&](const auto& change) { return change.first == key; });
    };
    for (const auto& [key, value] : object.items()) {
        const auto change = change_of(key);
        add(key, change == changes.end() ? to_string(value) : change->second);
    }
    for (const auto& [key, value] : changes)
        if (object.find(key) == nullptr) add(key, value);
    return out.empty() ? "{}\n" : out + "\n}\n";
}

}  // namespace tercet::inline TERCET_ABI

#ifndef TERCET_SEPARATE_KERNELS
#include "tercet/io/json_parse.inc"
#endif
