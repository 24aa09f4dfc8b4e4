#include "tercet/data/records.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace tercet;

namespace {

using Texts = std::vector<std::string>;
using Table = std::vector<Texts>;

Texts texts(Stream<TextLine> lines) {
    return std::move(lines).map([](const TextLine& line) { return line.text; }).to_vector();
}
Table fields(Stream<TableRow> rows) {
    return std::move(rows).map([](const TableRow& row) { return row.fields; }).to_vector();
}
Table csv(const TempDir& dir, std::string_view text, const TableOptions& options = {}) {
    return fields(table_rows(dir.write("table.csv", text), options));
}

}  // namespace

TEST_CASE("records: lines come without what ends them, and know where they stand") {
    const TempDir dir;
    CHECK(texts(text_lines(dir.write("a.txt", "one\r\n\n two \nthree"))) == Texts{"one", "", " two ", "three"});
    CHECK(texts(text_lines(dir.write("empty.txt", ""))).empty());
    CHECK(texts(text_lines(dir.write("mark.txt", "\xef\xbb\xbfone\n"))) == Texts{"one"});
    auto lines = text_lines(dir / "a.txt");
    lines.next();
    lines.next();
    CHECK(lines.next()->place == dir / "a.txt:3");
    auto broken = text_lines(dir.write("latin.txt", "fine\ncaf\xe9\n"));
    broken.next();
    CHECK_THROWS_WITH(broken.next(), Catch::Matchers::ContainsSubstring("latin.txt:2: byte 4 of the line is not UTF-8"));
    CHECK_ERROR(text_lines(dir / "missing.txt"), ErrorCode::io);
}

TEST_CASE("records: rows of CSV, quoted or not (RFC 4180)") {
    const TempDir dir;
    CHECK(csv(dir, "a,b\nc,d\n") == Table{{"a", "b"}, {"c", "d"}});
    CHECK(csv(dir, "\"a, b\",\"say \"\"hi\"\"\"\r\n\"two\r\nlines\",\n") == Table{{"a, b", "say \"hi\""}, {"two\nlines", ""}});
    CHECK(csv(dir, ",\n\n\"\",x") == Table{{"", ""}, {"", "x"}});
    CHECK(csv(dir, "a;b\n", {.separator = ';'}) == Table{{"a", "b"}});
    CHECK(csv(dir, "one\ntwo\n") == Table{{"one"}, {"two"}});
    CHECK(csv(dir, "").empty());
    CHECK(fields(tsv_rows(dir.write("t.tsv", "a \"b\tc\n\t\n"))) == Table{{"a \"b", "c"}, {"", ""}});
    auto rows = table_rows(dir.write("places.csv", "\"a\nb\",c\nd,e\n"));
    CHECK(rows.next()->place == dir / "places.csv:1");
    CHECK(rows.next()->place == dir / "places.csv:3");
}

TEST_CASE("records: broken rows are refused by file and line") {
    const TempDir dir;
    const auto says = [&](std::string_view text, const std::string& what) {
        CHECK_THROWS_WITH(csv(dir, text), Catch::Matchers::ContainsSubstring(what));
        CHECK_ERROR(csv(dir, text), ErrorCode::invalid_argument);
    };
    says("a,b\n\"c,d\ne\n", "table.csv:2: a field in quotes has no end");
    says("a,b\n\"c\"x,d\n", "table.csv:2: behind the quote that ends field 1");
    says("a,b\nc,d\"e\n", "table.csv:2: field 2 has a quote");
    says("a,b\nc\n", "table.csv:2: 1 fields, the first row has 2");
}

TEST_CASE("records: columns by their names, in any order") {
    const TempDir dir;
    const auto path = dir.write("named.csv", "label,text,id\npos,good,1\nneg,bad,2\n");
    CHECK(fields(table_columns(path, {"text", "label"})) == Table{{"good", "pos"}, {"bad", "neg"}});
    CHECK_THROWS_WITH(table_columns(path, {"texts"}), Catch::Matchers::ContainsSubstring("there is no column \"texts\" among label, text, id"));
    CHECK_ERROR(table_columns(dir.write("none.csv", ""), {"a"}), ErrorCode::invalid_argument);
}

TEST_CASE("records: JSON lines, and the files of a directory one after the other") {
    const TempDir dir;
    dir.write("data/b/two.jsonl", "{\"x\": 3}\n");
    dir.write("data/one.jsonl", "{\"x\": 1}\n \n{\"x\": 2}\n");
    dir.write("data/other.txt", "text");
    const auto files = files_below(dir / "data", ".jsonl");
    CHECK(files == Texts{dir / "data/b/two.jsonl", dir / "data/one.jsonl"});
    CHECK(files_below(dir / "data").size() == 3);
    CHECK(texts(text_lines_of(files)).size() == 4);
    std::vector<Stream<Json>> streams;
    for (const auto& file : files) streams.push_back(json_lines(file));
    const auto numbers = concatenate(std::move(streams)).map([](const Json& value) { return value.at("x").as_int(); }).to_vector();
    CHECK(numbers == std::vector<std::int64_t>{3, 1, 2});
    auto broken = json_lines(dir.write("broken.jsonl", "{}\n{\"x\": }\n"));
    broken.next();
    CHECK_THROWS_WITH(broken.next(), Catch::Matchers::ContainsSubstring("broken.jsonl:2"));
    CHECK_ERROR(files_below(dir / "nowhere"), ErrorCode::io);
}
