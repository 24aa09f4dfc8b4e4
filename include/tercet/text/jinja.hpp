// The evaluator of the chat-template language: a parsed template and its variables give a text.
//
// A template comes from a model's files, so it is not trusted: steps, depth, and the sizes of strings and lists are limited, and
// nothing outside the given variables can be reached.
#pragma once

#include "tercet/text/jinja_filters.hpp"
#include "tercet/text/jinja_parser.hpp"

namespace tercet::inline TERCET_ABI {

namespace detail::jinja {

class Evaluator {
public:
    Evaluator(const Program& program, JinjaValue::Map variables) : program_(program) { scopes_.push_back(std::move(variables)); }

    std::string run() {
        std::string out;
        execute(program_.root, out);
        return out;
    }

private:
    static constexpr std::size_t max_steps = 10'000'000, max_output = 64u << 20, max_string = 16u << 20;
    static constexpr int max_eval_depth = 500;
    enum class Flow : std::uint8_t { normal, stop, next };

    const Node& node(int i) const { return program_.nodes[static_cast<std::size_t>(i)]; }

    struct Depth {
        Depth(Evaluator& e, const Node& n) : evaluator(e) {
            if (++e.depth_ > max_eval_depth) e.program_.fail_at(n.position, "evaluated too deeply");
        }
        ~Depth() { --evaluator.depth_; }
        Depth(const Depth&) = delete;
        Evaluator& evaluator;
    };

    void step(const Node& n, std::size_t cost = 1) {
        steps_ += cost;
        if (steps_ > max_steps) program_.fail_at(n.position, "too many steps");
    }

    void put(const Node& n, std::string& out, std::string_view text) {
        step(n, 1 + text.size() / 64);
        if (out.size() + text.size() > max_output) program_.fail_at(n.position, "the text grows too long");
        out += text;
    }

    // Checks a value that was made from others: its size costs steps, so that doubling a string ends soon.
    JinjaValue made(const Node& n, JinjaValue value) {
        std::size_t size = 0;
        if (const auto* s = value.as_string()) size = s->size();
        if (const auto* l = value.as_list()) size = l->size() * 8;
        step(n, size / 64);
        if (size > max_string || value.depth() > JinjaValue::max_depth) program_.fail_at(n.position, "a value grows too large");
        return value;
    }

    void set(const std::string& name, JinjaValue value) {
        for (auto& [key, old] : scopes_.back().members) {
            if (key == name) return void(old = std::move(value));
        }
        scopes_.back().members.emplace_back(name, std::move(value));
    }

    JinjaValue look_up(const std::string& name) const {
        for (std::size_t i = scopes_.size(); i-- > 0;) {
            if (const auto* value = scopes_[i].find(name)) return *value;
        }
        if (is_global_function(name)) return JinjaValue::Function{-1, name};
        return {};
    }

    Flow execute(int index, std::string& out) {
        const Node& n = node(index);
        const Depth depth(*this, n);
        step(n);
        switch (n.kind) {
        case Kind::text: put(n, out, n.text); return Flow::normal;
        case Kind::output: put(n, out, evaluate(n.kids[0]).print()); return Flow::normal;
        case Kind::block:
            for (const int kid : n.kids) {
                if (const Flow flow = execute(kid, out); flow != Flow::normal) return flow;
            }
            return Flow::normal;
        case Kind::branch:
            for (std::size_t i = 0; i + 1 < n.kids.size(); i += 2) {
                if (evaluate(n.kids[i]).truth()) return execute(n.kids[i + 1], out);
            }
            return n.kids.size() % 2 ? execute(n.kids.back(), out) : Flow::normal;
        case Kind::for_loop: return loop(n, out);
        case Kind::assign: assign(n, evaluate(n.kids[0])); return Flow::normal;
        case Kind::assign_block: {
            std::string text;
            execute(n.kids[0], text);
            assign(n, made(n, std::move(text)));
            return Flow::normal;
        }
        case Kind::macro: set(n.text, JinjaValue::Function{index, n.text}); return Flow::normal;
        case Kind::loop_break: return Flow::stop;
        case Kind::loop_continue: return Flow::next;
        default: program_.fail_at(n.position, "not a statement");
        }
    }

    void assign(const Node& n, JinjaValue value) {
        if (!n.text.empty()) {  // ns.x = …
            auto target = look_up(n.names[0]);
            auto* map = target.as_map();
            if (!map || !map->is_namespace) program_.fail_at(n.position, "'" + n.names[0] + "' is not a namespace");
            if ((value.as_map() && value.as_map()->is_namespace) || value.depth() >= JinjaValue::max_depth || holds_namespace(value))
                program_.fail_at(n.position, "a namespace takes no such value");
            for (auto& [key, old] : map->members) {
                if (key == n.text) return void(old = std::move(value));
            }
            map->members.emplace_back(n.text, std::move(value));
            return;
        }
        unpack(n, n.names, std::move(value));
    }

    // A namespace inside one of its own attributes would never be freed, nor end when printed.
    static bool holds_namespace(const JinjaValue& value) {
        if (const auto* list = value.as_list()) return std::any_of(list->begin(), list->end(), holds_namespace);
        if (const auto* map = value.as_map())
            return map->is_namespace ||
                   std::any_of(map->members.begin(), map->members.end(), [](const auto& m) { return holds_namespace(m.second); });
        return value.as_function() && value.as_function()->self && holds_namespace(*value.as_function()->self);
    }

    void unpack(const Node& n, const std::vector<std::string>& names, JinjaValue value) {
        if (names.size() == 1) return set(names[0], std::move(value));
        const auto* list = value.as_list();
        if (!list || list->size() != names.size())
            program_.fail_at(n.position, "cannot unpack " + std::string(value.kind()) + " into that many names");
        for (std::size_t i = 0; i < names.size(); ++i) set(names[i], (*list)[i]);
    }

    Flow loop(const Node& n, std::string& out) {
        const JinjaValue over = evaluate(n.kids[0]);
        auto items = elements_of(over);
        if (!items) program_.fail_at(n.position, "cannot loop over " + std::string(over.kind()));
        scopes_.emplace_back();
        if (n.kids[1] >= 0) {
            JinjaValue::List kept;
            for (auto& item : *items) {
                unpack(n, n.names, item);
                if (evaluate(n.kids[1]).truth()) kept.push_back(std::move(item));
            }
            items = std::move(kept);
        }
        const auto count = items->size();
        for (std::size_t i = 0; i < count; ++i) {
            step(n);
            scopes_.back().members.clear();
            const auto at = static_cast<std::int64_t>(i), size = static_cast<std::int64_t>(count);
            JinjaValue::Map state{{{"index", at + 1},
                                   {"index0", at},
                                   {"first", i == 0},
                                   {"last", i + 1 == count},
                                   {"length", size},
                                   {"revindex", size - at},
                                   {"revindex0", size - at - 1}}};
            if (i > 0) state.members.emplace_back("previtem", (*items)[i - 1]);
            if (i + 1 < count) state.members.emplace_back("nextitem", (*items)[i + 1]);
            set("loop", std::move(state));
            unpack(n, n.names, (*items)[i]);
            if (execute(n.kids[2], out) == Flow::stop) break;
        }
        scopes_.pop_back();
        return count == 0 && n.kids[3] >= 0 ? execute(n.kids[3], out) : Flow::normal;
    }

    JinjaValue evaluate(int index) {
        const Node& n = node(index);
        const Depth depth(*this, n);
        step(n);
        switch (n.kind) {
        case Kind::literal: return n.value;
        case Kind::name: return look_up(n.text);
        case Kind::list: {
            JinjaValue::List list;
            for (const int kid : n.kids) list.push_back(evaluate(kid));
            return made(n, std::move(list));
        }
        case Kind::map: {
            JinjaValue::Map map;
            for (std::size_t i = 0; i < n.kids.size(); i += 2) map.members.emplace_back(evaluate(n.kids[i]).print(), evaluate(n.kids[i + 1]));
            return made(n, std::move(map));
        }
        case Kind::attribute: return attribute(n, evaluate(n.kids[0]), n.text);
        case Kind::index: {
            const auto value = evaluate(n.kids[0]), key = evaluate(n.kids[1]);
            if (const auto* name = key.as_string()) return attribute(n, value, *name);
            return element_at(value, key);
        }
        case Kind::slice: {
            const auto value = evaluate(n.kids[0]);
            const auto part = [&](std::size_t i) { return n.kids[i] >= 0 ? evaluate(n.kids[i]) : JinjaValue(JinjaValue::None{}); };
            const auto begin = part(1), end = part(2), stride = part(3);
            const auto result = slice_of(value, begin, end, stride);
            if (!result) program_.fail_at(n.position, "cannot slice " + std::string(value.kind()));
            return made(n, *result);
        }
        case Kind::conditional: {
            if (evaluate(n.kids[0]).truth()) return evaluate(n.kids[1]);
            return n.kids[2] >= 0 ? evaluate(n.kids[2]) : JinjaValue{};
        }
        case Kind::logical_not: return !evaluate(n.kids[0]).truth();
        case Kind::negate: {
            const auto value = evaluate(n.kids[0]);
            if (!value.is_number()) program_.fail_at(n.position, "cannot negate " + std::string(value.kind()));
            if (const auto* i = value.as_integer()) return static_cast<std::int64_t>(0u - static_cast<std::uint64_t>(*i));
            return -value.number();
        }
        case Kind::binary: return binary(n);
        case Kind::call: return call(n);
        case Kind::filter: {
            std::vector<JinjaValue> values;
            const auto arguments = evaluate_arguments(n, 1, values);
            const auto value = evaluate(n.kids[0]);
            step(n, weight(value));
            auto result = apply_filter(n.text, value, arguments);
            if (!result) program_.fail_at(n.position, "filter '" + n.text + "' does not take " + std::string(value.kind()) + ", or is not supported");
            return made(n, std::move(*result));
        }
        case Kind::test: {
            std::vector<JinjaValue> values;
            const auto arguments = evaluate_arguments(n, 1, values);
            const auto result = apply_test(n.text, evaluate(n.kids[0]), arguments.positional);
            if (!result) program_.fail_at(n.position, "test '" + n.text + "' is not supported");
            return *result != n.flag;
        }
        default: program_.fail_at(n.position, "not an expression");
        }
    }

    static std::size_t weight(const JinjaValue& value) {
        if (const auto* s = value.as_string()) return s->size() / 64;
        return value.as_list() ? value.as_list()->size() : 0;
    }

    JinjaValue attribute(const Node& n, const JinjaValue& value, const std::string& name) {
        if (value.is_undefined()) program_.fail_at(n.position, "'" + name + "' of something undefined");
        if (const auto* map = value.as_map()) {
            step(n, map->members.size() / 8);
            if (const auto* member = map->find(name)) return *member;
        }
        if (is_method(value, name)) return JinjaValue::Function{-1, name, std::make_shared<const JinjaValue>(value)};
        return {};
    }

    JinjaValue binary(const Node& n) {
        const auto left = evaluate(n.kids[0]);
        if (n.text == "and") return left.truth() ? evaluate(n.kids[1]) : left;
        if (n.text == "or") return left.truth() ? left : evaluate(n.kids[1]);
        const auto right = evaluate(n.kids[1]);
        step(n, weight(left) + weight(right));
        auto result = apply_operator(n.text, left, right);
        if (!result) program_.fail_at(n.position, "'" + n.text + "' between " + std::string(left.kind()) + " and " + std::string(right.kind()));
        return made(n, std::move(*result));
    }

    Arguments evaluate_arguments(const Node& n, std::size_t from, std::vector<JinjaValue>& values) {
        Arguments out;
        for (std::size_t i = from; i < n.kids.size(); ++i) {
            const Node& kid = node(n.kids[i]);
            if (kid.kind == Kind::keyword) out.named.members.emplace_back(kid.text, evaluate(kid.kids[0]));
            else values.push_back(evaluate(n.kids[i]));
        }
        out.positional = values;
        return out;
    }

    JinjaValue call(const Node& n) {
        const auto callee = evaluate(n.kids[0]);
        const auto* function = callee.as_function();
        if (!function) program_.fail_at(n.position, "cannot call " + std::string(callee.kind()));
        std::vector<JinjaValue> values;
        const auto arguments = evaluate_arguments(n, 1, values);
        if (function->macro >= 0) return call_macro(node(function->macro), arguments);
        if (function->name == "raise_exception" && !function->self)
            program_.fail_at(n.position, values.empty() ? "raise_exception" : values[0].print(), ErrorCode::invalid_argument);
        if (function->self) step(n, weight(*function->self));
        auto result = function->self ? call_method(*function->self, function->name, arguments) : call_global(function->name, arguments);
        if (!result) program_.fail_at(n.position, "'" + function->name + "' does not take these arguments");
        return made(n, std::move(*result));
    }

    JinjaValue call_macro(const Node& macro, const Arguments& arguments) {
        JinjaValue::Map locals;
        for (std::size_t i = 0; i < macro.names.size(); ++i) {
            const auto& name = macro.names[i];
            const auto* named = arguments.named.find(name);
            const int fallback = macro.kids[i + 1];
            locals.members.emplace_back(name, i < arguments.positional.size() ? arguments.positional[i]
                                              : named                         ? *named
                                              : fallback >= 0                 ? evaluate(fallback)
                                                                              : JinjaValue{});
        }
        // A macro sees what stands at the top of the template and its own parameters.
        std::vector<JinjaValue::Map> outer;
        outer.swap(scopes_);
        scopes_.push_back(std::move(outer[0]));
        scopes_.push_back(std::move(locals));
        std::string text;
        execute(macro.kids[0], text);
        outer[0] = std::move(scopes_[0]);
        scopes_ = std::move(outer);
        return made(macro, std::move(text));
    }

    const Program& program_;
    std::vector<JinjaValue::Map> scopes_;
    std::size_t steps_ = 0;
    int depth_ = 0;
};

}  // namespace detail::jinja

/// The text of a template and its variables. Throws bad_tokenizer, naming line and column, for a template that does not parse or asks for
/// what there is not, and invalid_argument with the template's own words where it calls raise_exception.
inline std::string render_template(std::string_view source, JinjaValue::Map variables) {
    const auto program = detail::jinja::Parser::parse(source);
    return detail::jinja::Evaluator(program, std::move(variables)).run();
}

}  // namespace tercet::inline TERCET_ABI
