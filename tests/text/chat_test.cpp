#include "text/golden.hpp"

#include "tercet/text/chat.hpp"
#include "tercet/text/jinja.hpp"

using namespace tercet;
using namespace tercet_test;

namespace {

std::vector<ChatMessage> messages_of(const Json& list) {
    std::vector<ChatMessage> out;
    for (const auto& m : list.elements()) out.push_back({m.at("role").as_string(), m.at("content").as_string()});
    return out;
}

std::string render(std::string_view source, JinjaValue::Map variables = {}) {
    return render_template(source, std::move(variables));
}

}  // namespace

TEST_CASE("chat: SmolLM2's template renders and encodes as the reference does", "[text][golden]") {
    const auto file = json_file(tokenizer_data("smollm2/chat.json"));
    const auto tokenizer = load_tokenizer(tokenizer_data("smollm2/tokenizer.json"));
    for (const auto& c : file.at("cases").elements()) {
        const auto text = render_chat(file.at("chat_template").as_string(), messages_of(c.at("messages")),
                                      {.add_generation_prompt = c.at("add_generation_prompt").as_bool()});
        CHECK(text == c.at("rendered").as_string());
        CHECK(tokenizer.encode_ids(text, false) == ids_of(c.at("ids")));
    }
}

TEST_CASE("chat: templates of several model families render as Jinja2 does", "[text][golden]") {
    const auto file = json_file(tokenizer_data("chat_templates.json"));
    for (const auto& c : file.at("cases").elements()) {
        const auto& name = c.at("name").as_string();
        const auto& source = file.at("templates").at(name).as_string();
        const auto messages = messages_of(c.at("messages"));
        const ChatOptions options{.add_generation_prompt = c.at("add_generation_prompt").as_bool(), .bos_token = "<s>", .eos_token = "</s>"};
        INFO(name << " with " << messages.size() << " messages");
        if (c.at("expected").is_null()) CHECK_ERROR(render_chat(source, messages, options), ErrorCode::invalid_argument);
        else CHECK(render_chat(source, messages, options) == c.at("expected").as_string());
    }
}

TEST_CASE("chat: a tokenizer brings its template and special tokens", "[text]") {
    constexpr std::string_view json =
        R"({"added_tokens": [{"id": 1, "content": "<s>", "special": true}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})";
    const std::vector<ChatMessage> messages{{"user", "hi"}};
    CHECK_ERROR(render_chat(tokenizer_from_json(json, "tiny"), messages), ErrorCode::bad_tokenizer);
    CHECK(render_chat("{{ bos_token }}{{ messages[0].content }}", {{"user", "hi"}}, {.bos_token = "<s>"}) == "<s>hi");
    CHECK(render_chat("{{ mode }}", {{"user", "hi"}}, {.variables = {{{"mode", "fast"}}}}) == "fast");
    CHECK_ERROR(render_chat("{{ 1 }}", {{"user", "\xff"}}), ErrorCode::bad_text);
    CHECK_ERROR(render_chat("", {{"user", "x"}}), ErrorCode::bad_tokenizer);
}

TEST_CASE("templates: whitespace around tags", "[text]") {
    CHECK(render("a\n  {% if true %}\nb\n  {% endif %}\nc\n") == "a\nb\nc");
    CHECK(render("a {{- 'b' -}}  c") == "abc");
    CHECK(render("{#- note -#} x") == "x");
    CHECK(render("  {%+ if true %}x{% endif %}") == "  x");
    CHECK(render("{% if true +%}\nx{% endif %}") == "\nx");
    CHECK(render("") == "");
}

TEST_CASE("templates: errors name line and column", "[text]") {
    for (const std::string_view bad : {"{{",
                                       "{{ 1 ",
                                       "{% if x %}",
                                       "{% nonsense %}",
                                       "{{ 'x }}",
                                       "{% for x %}{% endfor %}",
                                       "{{ x|nofilter }}",
                                       "{{ x is notest }}",
                                       "{{ 1 + 'a' }}",
                                       "{{ x.y.z }}",
                                       "{{ f() }}",
                                       "{# x",
                                       "{{ [1, }}",
                                       "{% set x.y = 1 %}",
                                       "{{ 1 // 0 }}",
                                       "{% endif %}",
                                       "{{ -'a' }}",
                                       "{{ 99999999999999999999 }}",
                                       "{{ 'a'[::0] }}",
                                       "{{ range(1, 2, 0) }}",
                                       "{% for a, b in [1] %}{% endfor %}",
                                       "{{ x y }}"}) {
        INFO(bad);
        CHECK_ERROR(render(bad), ErrorCode::bad_tokenizer);
    }
    CHECK_ERROR(render("{{ raise_exception('no') }}"), ErrorCode::invalid_argument);
#ifndef TERCET_NO_EXCEPTIONS
    using Catch::Matchers::ContainsSubstring;
    CHECK_THROWS_WITH(render("a\nb {{ 1 + 'x' }}"), ContainsSubstring("line 2, column"));
#endif
}

TEST_CASE("templates: hostile ones run into limits", "[text]") {
    CHECK_ERROR(render("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"),
                ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{% set ns = namespace() %}{% set ns.me = ns %}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{% set ns = namespace() %}{% set ns.me = [ns] %}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render(std::string("{{ ") + std::string(5000, '(')), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render(std::string("{{ ") + std::string(5000, '-') + "1 }}"), ErrorCode::bad_tokenizer);
    std::string sum = "{{ 1";
    for (int i = 0; i < 20000; ++i) sum += "+1";
    CHECK_ERROR(render(sum + " }}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render("{{ 'x' * 999999999 }}"), ErrorCode::bad_tokenizer);
    CHECK_ERROR(render(std::string(2 << 20, 'x')), ErrorCode::bad_tokenizer);
}
