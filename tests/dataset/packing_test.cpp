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
    CHECK_ERROR(read_labelled_texts(dir.write("d.csv", "x")), ErrorCode::unsupported);
    CHECK_ERROR(read_labelled_texts(dir / "none.tsv"), ErrorCode::io);
    const auto rows = read_text_rows(dir.write("p.jsonl", "\n{\"b\": 7, \"a\": \"x\"}\n"), "a", "b");
    REQUIRE(rows.size() == 1);
    CHECK((rows[0].first == "x" && rows[0].second == "7"));
    CHECK(rows[0].place.find("p.jsonl:2") != std::string::npos);
    CHECK(next_in_order(4, 3, 6) == std::vector<index_t>{4, 5});
    CHECK(next_in_order(6, 3, 6).empty());
}
