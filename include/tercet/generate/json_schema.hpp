// Output that is JSON of a schema: a subset of JSON Schema (draft 2020-12) as a constraint on the text (generate/constraint.hpp).
//
//   type        string (minLength, maxLength, or a pattern, whose characters are those that JSON writes as they are), number, integer, boolean, null,
//   object, array, or a list of these object      properties, in the schema's order; those not required may be left out; no others array       items,
//   minItems, maxItems any         enum, const, anyOf, oneOf (of which one is written) said alone  title, description, default, examples, $schema,
//   $id, $comment, additionalProperties
//
// Another keyword is an error: an output that ignored it would not be what was asked for. Between values there may be one space behind ':' and ','.
#pragma once

#include "tercet/generate/constraint.hpp"
#include "tercet/io/json.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::text {

class SchemaReader {
public:
    // A file's depth limit bounds how deep this goes, most_nodes how much it makes.
    PatternNode read(const Json& schema) {
        if (schema.is_bool() && schema.as_bool()) fail(ErrorCode::unsupported, schema.place(), ": any value at all is not supported");
        if (const Json* constant = schema.find("const")) {
            check_keywords(schema, {"const", "type"});
            return literal(to_string(*constant));
        }
        if (const Json* list = schema.find("enum")) {
            check_keywords(schema, {"enum", "type"});
            require(list->size() > 0, ErrorCode::invalid_argument, list->place(), ": no value can meet an empty enum");
            std::vector<PatternNode> any;
            for (const Json& one : list->elements()) any.push_back(literal(to_string(one)));
            return choice(std::move(any));
        }
        for (const char* key : {"anyOf", "oneOf"})
            if (const Json* list = schema.find(key)) {
                check_keywords(schema, {key});
                require(list->size() > 0, ErrorCode::invalid_argument, list->place(), ": no value can meet none of nothing");
                std::vector<PatternNode> any;
                for (const Json& one : list->elements()) any.push_back(read(one));
                return choice(std::move(any));
            }
        const Json& type = schema.at("type");
        if (!type.is_array()) return of_type(schema, type.as_string());
        require(type.size() > 0, ErrorCode::invalid_argument, type.place(), ": no value can meet an empty list of types");
        std::vector<PatternNode> any;
        for (const Json& one : type.elements()) any.push_back(of_type(schema, one.as_string()));
        return choice(std::move(any));
    }

private:
    static PatternNode parsed(std::string_view expression) { return PatternParser(expression).read().root; }
    static PatternNode sequence(std::vector<PatternNode> parts) { return {.kind = PatternKind::sequence, .parts = std::move(parts)}; }
    static PatternNode choice(std::vector<PatternNode> parts) { return {.kind = PatternKind::choice, .parts = std::move(parts)}; }
    static PatternNode repeat(PatternNode part, std::size_t least, std::size_t most) {
        PatternNode node{.kind = PatternKind::repeat, .least = least, .most = most};
        node.parts.push_back(std::move(part));
        return node;
    }
    static PatternNode optional(PatternNode part) { return repeat(std::move(part), 0, 1); }

    // Parts are copied into each place where they may stand: no more than this in all.
    static constexpr std::size_t most_nodes = 20000;
    static std::size_t size_of(const PatternNode& node) {
        std::size_t size = 1;
        for (const auto& part : node.parts) size += size_of(part);
        return size;
    }
    static void check_size(const Json& schema, std::size_t nodes) {
        require(nodes <= most_nodes, ErrorCode::unsupported, schema.place(), ": a schema of this size is not supported");
    }
    // What an expression says of a string's characters, held to those that stand for themselves in JSON.
    static void hold_to_plain(PatternNode& node) {
        if (node.kind == PatternKind::one) node.set = node.set & ~CharSet{{0, 0x1f}, {U'"', U'"'}, {U'\\', U'\\'}};
        for (auto& part : node.parts) hold_to_plain(part);
    }

    static void check_keywords(const Json& schema, std::initializer_list<std::string_view> known) {
        constexpr std::string_view silent[] = {"title", "description", "default", "examples", "$schema", "$id", "$comment"};
        for (const auto& [key, member] : schema.items()) {
            const bool fine =
                std::find(known.begin(), known.end(), key) != known.end() || std::find(std::begin(silent), std::end(silent), key) != std::end(silent);
            require(fine, ErrorCode::unsupported, member.place(), ": the keyword '", key, "' is not supported here");
        }
    }

    static std::size_t count(const Json& schema, std::string_view key, std::size_t otherwise) {
        const Json* value = schema.find(key);
        if (value == nullptr) return otherwise;
        const auto n = value->as_int();
        require(n >= 0 && n <= 1000, ErrorCode::invalid_argument, value->place(), ": ", n, " is not in [0, 1000]");
        return static_cast<std::size_t>(n);
    }
    static void check_bounds(const Json& schema, std::size_t least, std::size_t most) {
        require(least <= most, ErrorCode::invalid_argument, schema.place(), ": no value can meet it, the least is ", least, " and the most ", most);
    }

    PatternNode of_type(const Json& schema, const std::string& type) {
        if (type == "object") return object(schema);
        if (type == "array") return array(schema);
        if (type == "string") return string(schema);
        check_keywords(schema, {"type"});
        if (type == "integer") return parsed("-?(?:0|[1-9][0-9]*)");
        if (type == "number") return parsed(R"(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?)");
        if (type == "boolean") return parsed("true|false");
        if (type == "null") return literal("null");
        fail(ErrorCode::invalid_argument, schema.place(), ": there is no type '", type, "'");
    }

    PatternNode string(const Json& schema) {
        check_keywords(schema, {"type", "minLength", "maxLength", "pattern"});
        if (const Json* pattern = schema.find("pattern")) {
            require(schema.find("minLength") == nullptr && schema.find("maxLength") == nullptr, ErrorCode::unsupported, schema.place(),
                    ": a pattern and a length together are not supported");
            std::string_view inner = pattern->as_string();  // of the whole string: ^ and $ around it are what is meant
            if (inner.starts_with("^")) inner.remove_prefix(1);
            const auto slashes = inner.ends_with("$") ? inner.size() - 1 - (inner.find_last_not_of('\\', inner.size() - 2) + 1) : 1;
            if (slashes % 2 == 0) inner.remove_suffix(1);
            auto read = PatternParser(inner).read();
            require(read.problem.empty(), ErrorCode::unsupported, pattern->place(), ": the expression has ", read.problem,
                    ", which is not supported");
            hold_to_plain(read.root);
            return sequence({literal("\""), std::move(read.root), literal("\"")});
        }
        const std::size_t least = count(schema, "minLength", 0), most = count(schema, "maxLength", PatternNode::unbounded);
        check_bounds(schema, least, most);
        auto character = parsed(R"([^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))");
        return sequence({literal("\""), repeat(std::move(character), least, most), literal("\"")});
    }

    PatternNode array(const Json& schema) {
        check_keywords(schema, {"type", "items", "minItems", "maxItems"});
        const std::size_t least = count(schema, "minItems", 0), most = count(schema, "maxItems", PatternNode::unbounded);
        check_bounds(schema, least, most);
        if (most == 0) return literal("[]");
        const auto item = read(schema.at("items"));
        check_size(schema, 2 * size_of(item));
        auto rest = repeat(sequence({parsed(", ?"), item}), least > 0 ? least - 1 : 0, most == PatternNode::unbounded ? most : most - 1);
        auto items = sequence({item, std::move(rest)});
        return sequence({literal("["), least > 0 ? std::move(items) : optional(std::move(items)), literal("]")});
    }

    PatternNode object(const Json& schema) {
        check_keywords(schema, {"type", "properties", "required", "additionalProperties"});
        if (const Json* others = schema.find("additionalProperties"))
            require(others->is_bool(), ErrorCode::unsupported, others->place(), ": a schema for other properties is not supported");
        struct Property {
            PatternNode node;
            bool required;
        };
        std::vector<std::string> required;
        if (const Json* names = schema.find("required"))
            for (const Json& name : names->elements()) required.push_back(name.as_string());
        std::vector<Property> properties;
        std::size_t found = 0;
        if (const Json* members = schema.find("properties"))
            for (const auto& [name, member] : members->items()) {
                const bool needed = std::find(required.begin(), required.end(), name) != required.end();
                found += needed ? 1 : 0;
                properties.push_back({sequence({literal(quote_json(name)), parsed(": ?"), read(member)}), needed});
            }
        require(found == required.size(), ErrorCode::invalid_argument, schema.place(),
                ": no value can meet it, 'required' names properties without a schema");

        std::size_t nodes = 0;
        for (const auto& property : properties) nodes += size_of(property.node);
        check_size(schema, nodes * properties.size());
        // From each property that may be the first one: it, and then the others behind it.
        std::vector<PatternNode> starts;
        bool may_be_empty = true;
        for (std::size_t first = 0; first < properties.size() && may_be_empty; ++first) {
            std::vector<PatternNode> parts{properties[first].node};
            for (std::size_t i = first + 1; i < properties.size(); ++i) {
                auto part = sequence({parsed(", ?"), properties[i].node});
                parts.push_back(properties[i].required ? std::move(part) : optional(std::move(part)));
            }
            starts.push_back(sequence(std::move(parts)));
            may_be_empty = !properties[first].required;
        }
        if (starts.empty()) return literal("{}");
        auto body = choice(std::move(starts));
        return sequence({literal("{"), may_be_empty ? optional(std::move(body)) : std::move(body), literal("}")});
    }
};

}  // namespace detail::text

/// JSON that a schema allows. Throws unsupported for a keyword that is not in the subset, or a schema that is too large, with its place;
/// invalid_argument for one that no value can meet; bad_json and missing_key for one that is malformed.
inline Constraint schema_constraint(const Json& schema) {
    return Constraint(detail::text::SchemaReader().read(schema), "constraint: the schema");
}

}  // namespace tercet::inline TERCET_ABI
