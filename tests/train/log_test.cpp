// Logs on disk: JSON lines and TensorBoard's event files, read back, and what a resumed run leaves of the one before.
#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/train/json_log.hpp"
#include "tercet/train/tensorboard.hpp"

#include <cstdlib>

using namespace tercet;

namespace {

LogRecord record(std::int64_t step, double loss) {
    return {step, {{"training/loss", loss}, {"a \"b\"", 0.5}}, 1.7e9 + static_cast<double>(step)};
}

std::vector<std::int64_t> steps_of(const std::vector<LogRecord>& records) {
    std::vector<std::int64_t> steps;
    for (const auto& r : records) steps.push_back(r.step);
    return steps;
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
    T value;
    REQUIRE(at + sizeof(T) <= bytes.size());
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

// The messages in an event file, each with both checksums verified, by the definition of TFRecord.
std::vector<std::string> messages_of(const std::string& path) {
    const auto mask = [](std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; };
    const std::string bytes = read_text_file(path);
    std::vector<std::string> messages;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto length = number_at<std::uint64_t>(bytes, at);
        CHECK(number_at<std::uint32_t>(bytes, at + 8) == mask(crc32c(bytes.substr(at, 8))));
        REQUIRE(at + 16 + length <= bytes.size());
        messages.push_back(bytes.substr(at + 12, length));
        CHECK(number_at<std::uint32_t>(bytes, at + 12 + length) == mask(crc32c(messages.back())));
        at += 16 + length;
    }
    return messages;
}

}  // namespace

TEST_CASE("logger: a record gives its values by name") {
    CHECK(record(1, 2.5).value("training/loss") == 2.5);
    CHECK(std::isnan(record(1, 2.5).value("none")));
    CHECK(unix_time() > 1.5e9);
}

TEST_CASE("json log: records are read back as they were") {
    TempDir dir;
    const std::string path = dir / "log.jsonl";
    JsonLog log(path);
    const double third = 1.0 / 3;
    log(record(1, third));
    log({2, {{"x", std::nan("")}, {"y", INFINITY}}});
    CHECK(read_text_file(path).starts_with("{\"step\": 1, \"time\": 1700000001, \"training/loss\": 0.3333333333333333, \"a \\\"b\\\"\": 0.5}\n"));
    const auto records = read_json_log(path);
    REQUIRE(records.size() == 2);
    CHECK(records[0].values == record(1, third).values);
    CHECK(records[0].time == 1.7e9 + 1);
    CHECK(std::isnan(records[1].value("x")));
    CHECK(std::isnan(records[1].value("y")));
}

TEST_CASE("json log: a resumed run drops the records after its step and a broken-off line, and a new run all") {
    TempDir dir;
    const std::string path = dir / "log.jsonl";
    {
        JsonLog log(path);
        for (std::int64_t step = 1; step <= 10; ++step) log(record(step, 1.0));
    }
    AppendFile(path).write("{\"step\": 11, \"ti");
    CHECK(read_json_log(path).size() == 10);
    {
        JsonLog resumed(path, 6);
        CHECK(steps_of(read_json_log(path)) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
        resumed(record(7, 2.0));
    }
    CHECK(read_json_log(path).back().value("training/loss") == 2.0);
    JsonLog anew(path);
    CHECK(read_json_log(path).empty());
    JsonLog(dir / "other", 5);
    CHECK(read_json_log(dir / "other").empty());
}

TEST_CASE("json log: what is no log is refused by name") {
    TempDir dir;
    CHECK_ERROR(read_json_log(dir / "none"), ErrorCode::io);
    CHECK_ERROR(read_json_log(dir.write("a", "{\"step\": 1}\nnonsense\n")), ErrorCode::bad_json);
    CHECK_ERROR(read_json_log(dir.write("b", "{\"loss\": 1}\n")), ErrorCode::missing_key);
    CHECK_ERROR(read_json_log(dir.write("c", "{\"step\": 1, \"loss\": \"low\"}\n")), ErrorCode::bad_json);
    CHECK_ERROR(JsonLog(dir / "no/such/place"), ErrorCode::io);
    CHECK_ERROR(JsonLog(dir / "a", 1), ErrorCode::bad_json);
}

TEST_CASE("json log: a value may not take the name of a record's own") {
    CHECK_ERROR(json_line({1, {{"step", 2}}, 0}), ErrorCode::invalid_argument);
    CHECK_ERROR(json_line({1, {{"time", 2}}, 0}), ErrorCode::invalid_argument);
}

TEST_CASE("tensorboard: records are framed with their checksums, and events have TensorFlow's fields") {
    TempDir dir;
    TensorBoardLog log(dir / "run");
    log({300, {{"loss", 1.5}}, 2.0});
    const auto messages = messages_of(log.path());
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].substr(9) ==
          "\x1a\x0d"
          "brain.Event:2");
    // wall time 2.0; step 300 as a varint; a summary of one value: tag "loss", number 1.5
    const std::string expected(
        "\x09\0\0\0\0\0\0\0\x40"
        "\x10\xac\x02"
        "\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\xc0\x3f",
        27);
    CHECK(messages[1] == expected);
}

TEST_CASE("tensorboard: a resumed run begins a file that comes after the others, a new one removes them") {
    TempDir dir;
    const TensorBoardLog first(dir / "run"), second(dir / "run", 300);
    CHECK(first.path() < second.path());
    CHECK(file_exists(first.path()));
    const auto messages = messages_of(second.path());
    REQUIRE(messages.size() == 2);
    CHECK(messages[1].substr(9) == std::string("\x10\xad\x02\x3a\x02\x08\x01", 7));  // step 301, session log, START
    dir.write("run/notes.txt", "mine");
    const TensorBoardLog third(dir / "run");
    CHECK(third.path() > second.path());
    CHECK_FALSE(file_exists(first.path()));
    CHECK_FALSE(file_exists(second.path()));
    CHECK(file_exists(dir / "run/notes.txt"));
    CHECK_ERROR(TensorBoardLog(dir / "run/notes.txt"), ErrorCode::io);
}

// tests/train/read_events.sh has TensorBoard read what this writes.
TEST_CASE("tensorboard: a log for the reader", "[.]") {
    const char* directory = std::getenv("TERCET_TEST_EVENTS");
    REQUIRE(directory != nullptr);
    const auto write = [&](std::int64_t from, std::int64_t to, double offset) {
        TensorBoardLog log(directory, from);
        for (std::int64_t step = from + 1; step <= to; ++step)
            log({step, {{"training/loss", offset + 1.0 / static_cast<double>(step)}, {"training/learning_rate", 1e-3}}, unix_time()});
    };
    write(0, 500, 0);
    write(300, 400, 1);  // goes on from step 300
}
