#include "tercet/data/packing.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/data/labelled_texts.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;

TEST_CASE("pack_texts: tokens one behind the other, and how many each text has") {
    const auto tokenizer = load_tokenizer(std::string(TERCET_TEST_DATA) + "/tokenizers/minilm");
    const std::vector<std::string> texts{"a cat", "unbelievable dogs run", "x"};
    const auto encodings = encode_texts(tokenizer, texts, 5);
    CHECK(encodings[1].size() == 5);
    const std::vector<index_t> which{2, 0, 2};
    const auto packed = pack_texts(encodings, which);
    CHECK(packed.lengths == std::vector<index_t>{3, 4, 3});
    CHECK(packed.ids.shape() == Shape{1, 10});
    std::vector<std::int32_t> want;
    for (const index_t i : which)
        want.insert(want.end(), encodings[static_cast<std::size_t>(i)].ids.begin(), encodings[static_cast<std::size_t>(i)].ids.end());
    CHECK(packed.ids.to_vector() == want);
    CHECK(packed.type_ids.to_vector() == std::vector<std::int32_t>(10, 0));
    CHECK_ERROR(pack_texts(encodings, std::vector<index_t>{3}), ErrorCode::index_out_of_range);
    CHECK_ERROR(pack_texts(std::vector<Encoding>(1), std::vector<index_t>{0}), ErrorCode::invalid_argument);
}

TEST_CASE("labelled texts: from tabs and from JSON lines") {
    const TempDir dir;
    const auto tsv = read_labelled_texts(dir.write("a.tsv", "spam\tbuy\tnow\r\n\nham\thello\n"));
    CHECK(tsv.labels == std::vector<std::string>{"ham", "spam"});
    CHECK(tsv.texts == std::vector<std::string>{"buy\tnow", "hello"});
    CHECK(tsv.classes == std::vector<std::int32_t>{1, 0});
    const auto json =
        read_labelled_texts(dir.write("a.jsonl", "{\"text\": \"x\", \"label\": 3}\n{\"label\": \"b\", \"text\": \"y\\n\"}"), {"b", "3"});
    CHECK(json.classes == std::vector<std::int32_t>{1, 0});
    CHECK(json.texts[1] == "y\n");
    CHECK(read_labelled_texts(dir.write("e.tsv", "")).size() == 0);
    CHECK_ERROR(read_labelled_texts(dir.write("b.tsv", "no tab")), ErrorCode::invalid_argument);
    CHECK_ERROR(read_labelled_texts(dir.write("c.tsv", "x\ty"), {"z"}), ErrorCode::invalid_argument);
    CHECK_ERROR(read_labelled_texts(dir.write("d.jsonl", "{\"text\": \"x\"}")), ErrorCode::missing_key);
    CHECK_ERROR(read_labelled_texts(dir.write("d.jsonl", "{")), ErrorCode::bad_json);
    CHECK_ERROR(read_labelled_texts(dir.write("d.txt", "x")), ErrorCode::unsupported);
    const auto csv = read_labelled_texts(dir.write("a.csv", "\xef\xbb\xbfid,text,label\n1,\"buy,\nnow\",spam\n2,hello,ham\n"));
    CHECK(csv.labels == std::vector<std::string>{"ham", "spam"});
    CHECK(csv.texts == std::vector<std::string>{"buy,\nnow", "hello"});
    CHECK(csv.places[1].ends_with("a.csv:4"));
    CHECK_ERROR(read_labelled_texts(dir / "none.tsv"), ErrorCode::io);
    const auto rows = read_text_rows(dir.write("p.jsonl", "\n{\"b\": 7, \"a\": \"x\"}\n"), "a", "b");
    REQUIRE(rows.size() == 1);
    CHECK((rows[0].first == "x" && rows[0].second == "7"));
    CHECK(rows[0].place.find("p.jsonl:2") != std::string::npos);
    CHECK(next_in_order(4, 3, 6) == std::vector<index_t>{4, 5});
    CHECK(next_in_order(6, 3, 6).empty());
}

TEST_CASE("labelled texts: what is broken is refused by file and line") {
    const TempDir dir;
    const auto says = [&](const std::string& name, const std::string& content, ErrorCode code, const std::string& where,
                          std::vector<std::string> labels = {}) {
        const auto path = dir.write(name, content);
        try {
            read_labelled_texts(path, std::move(labels));
            FAIL(name);
        } catch (const Error& error) {
            CHECK(error.code() == code);
            CHECK(std::string(error.what()).find(path + where) != std::string::npos);
        }
    };
    says("latin.tsv", "pos\tgood\nneg\tna\xefve\n", ErrorCode::bad_text, ":2: byte 7");
    says("latin.csv", "label,text\npos,caf\xe9\n", ErrorCode::bad_text, ":2: byte 8");
    says("latin.jsonl", "{\"label\": \"a\", \"text\": \"x\"}\n{\"label\": \"a\", \"text\": \"\xe9\"}\n", ErrorCode::bad_json, ":2");
    says("utf16.tsv", std::string("\xff\xfep\0o\0", 6), ErrorCode::bad_text, ":1: byte 1");
    says("quotes.csv", "label,text\npos,\"never\nends\n", ErrorCode::invalid_argument, ":2");
    says("fields.csv", "label,text\npos,a,b\n", ErrorCode::invalid_argument, ":2");
    says("header.csv", "class,text\npos,a\n", ErrorCode::missing_key, ":");
    says("empty.tsv", "pos\ta\n\tb\n", ErrorCode::invalid_argument, ":2: the label is empty");
    says("unknown.tsv", "pos\ta\nodd\tb\n", ErrorCode::invalid_argument, ":2: the label", {"pos", "neg"});

    // With a byte order mark, as some editors write.
    CHECK(read_labelled_texts(dir.write("bom.tsv", "\xef\xbb\xbfneg\ta\nneg\tb\n")).labels == std::vector<std::string>{"neg"});

    auto texts = read_labelled_texts(dir.write("rare.tsv", "a\tx\nb\ty\na\tz\n"));
    texts.require_of_each(1);
    try {
        texts.require_of_each(2);
        FAIL("a label of one text");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_argument);
        CHECK(std::string(error.what()).find("rare.tsv:2: the label") != std::string::npos);
    }
}

TEST_CASE("text files: whole and by lines, checked") {
    const TempDir dir;
    CHECK(read_utf8_file(dir.write("a", "\xef\xbb\xbfone\r\n\ntwo")) == "one\r\n\ntwo");
    CHECK(read_utf8_lines(dir / "a") == std::vector<std::string>{"one", "", "two"});
    CHECK(read_utf8_lines(dir.write("b", "")).empty());
    CHECK_ERROR(read_utf8_file(dir.write("c", "x\n\xc3(\n")), ErrorCode::bad_text);
    CHECK_ERROR(read_utf8_lines(dir / "none"), ErrorCode::io);
}
