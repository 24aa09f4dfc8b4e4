#include "tercet/io/registry.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <thread>

using namespace tercet;

namespace {

std::string folder_with(const TempDir& dir, const std::string& name, const std::string& weights) {
    make_directory(dir / (name + "/sub"));
    dir.write(name + "/config.json", "{}");
    dir.write(name + "/sub/weights", weights);
    return dir / name;
}

}  // namespace

TEST_CASE("registry: versions are added, listed, tagged, promoted, rolled back and restored") {
    const TempDir dir;
    ModelRegistry zoo(dir / "zoo");
    CHECK(zoo.list().empty());
    const auto one = zoo.add("reviews", folder_with(dir, "a", "one"), "the first");
    CHECK(one.number == 1);
    CHECK(one.digest.size() == 64);
    CHECK(one.files.size() == 2);
    CHECK(one.files[0].name == "config.json");
    CHECK(one.files[1].name == "sub/weights");
    CHECK(one.bytes() == 5);
    CHECK(zoo.add("reviews", folder_with(dir, "again", "one"), "the same").number == 1);  // the same bytes are the same version
    const auto two = zoo.add("reviews", folder_with(dir, "b", "two"));
    CHECK(two.number == 2);
    CHECK(two.digest != one.digest);

    zoo.promote("reviews", "1");
    zoo.promote("reviews", "2");
    zoo.promote("reviews", two.digest.substr(0, 8));  // it is there: nothing happens
    zoo.tag("reviews", "best", "production");
    CHECK(zoo.find("reviews", "production").number == 2);
    CHECK(zoo.roll_back("reviews").number == 1);
    CHECK(zoo.find("reviews", "production").note == "the first");
    CHECK(zoo.find("reviews", "best").number == 2);
    CHECK_ERROR(zoo.roll_back("reviews"), ErrorCode::invalid_argument);
    CHECK_ERROR(zoo.roll_back("reviews", "best"), ErrorCode::invalid_argument);

    const ModelRegistry again(dir / "zoo");  // all of it is on the disk
    REQUIRE(again.list().size() == 1);
    CHECK(again.list()[0].versions.size() == 2);
    CHECK(again.list()[0].tagged("production")->number == 1);
    CHECK(again.list()[0].tagged("none") == nullptr);
    again.restore("reviews", "best", dir / "out");
    CHECK(read_text_file(dir / "out/sub/weights") == "two");
    again.restore("reviews", "production", dir / "out");
    CHECK(read_text_file(dir / "out/sub/weights") == "one");
    again.verify("reviews", "2");
    dir.write("out/left-over", "of another version");
    CHECK_ERROR(again.restore("reviews", "best", dir / "out"), ErrorCode::invalid_argument);
}

TEST_CASE("registry: contents are kept once, and one file is a version too") {
    const TempDir dir;
    ModelRegistry zoo(dir / "zoo");
    const auto file = dir.write("model.gguf", std::string(1000, 'x'));
    zoo.add("a", file);
    zoo.add("b", file);
    std::size_t blobs = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir / "zoo/blobs")) blobs += entry.is_regular_file();
    CHECK(blobs == 1);
    CHECK(zoo.list().size() == 2);
    zoo.restore("b", "1", dir / "out");
    CHECK(read_text_file(dir / "out/model.gguf").size() == 1000);
}

TEST_CASE("registry: a byte that was changed is noticed before it is used") {
    const TempDir dir;
    ModelRegistry zoo(dir / "zoo");
    const auto version = zoo.add("m", dir.write("weights", "right"));
    write_file_atomically(dir / ("zoo/blobs/" + version.files[0].digest), "wrong");
    CHECK_ERROR(zoo.verify("m", "1"), ErrorCode::damaged);
    CHECK_ERROR(zoo.restore("m", "1", dir / "out"), ErrorCode::damaged);
    CHECK_FALSE(file_exists(dir / "out/weights"));
    zoo.add("other", dir.write("weights", "right"));  // the right bytes are there again
    zoo.verify("m", "1");
    // And a list of files that somebody rewrote, also to lead out of the folder.
    const std::string list = dir / "zoo/models/m.json", text = read_text_file(list);
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"weights", "../weights"},
                                   {"weights", "/etc/weights"},
                                   {"weights", "other"},
                                   {version.digest, std::string(64, '0')}}) {
        auto changed = text;
        changed.replace(changed.find(from), from.size(), to);
        write_file_atomically(list, changed);
        CHECK_ERROR(zoo.get("m"), ErrorCode::damaged);
    }
    write_file_atomically(list, text.substr(0, text.size() / 2));
    CHECK_ERROR(zoo.get("m"), ErrorCode::bad_json);
    write_file_atomically(list, R"({"name": "m", "versions": [], "tags": {"production": [1]}})");
    CHECK_ERROR(zoo.get("m"), ErrorCode::damaged);
}

TEST_CASE("registry: what means nothing is refused") {
    const TempDir dir;
    ModelRegistry zoo(dir / "zoo");
    const auto file = dir.write("weights", "x");
    for (const auto* name : {"", "..", "a/b", ".hidden", "a b"}) CHECK_ERROR(zoo.add(name, file), ErrorCode::invalid_argument);
    CHECK_ERROR(zoo.add("m", dir / "nothing"), ErrorCode::io);
    make_directory(dir / "empty");
    CHECK_ERROR(zoo.add("m", dir / "empty"), ErrorCode::invalid_argument);
    CHECK_ERROR(zoo.get("m"), ErrorCode::invalid_argument);
    zoo.add("m", file);
    CHECK_ERROR(zoo.find("m", "2"), ErrorCode::invalid_argument);
    CHECK_ERROR(zoo.find("m", "production"), ErrorCode::invalid_argument);
    make_directory(dir / "odd");
    dir.write("odd/\xff.bin", "x");
    CHECK_ERROR(zoo.add("m", dir / "odd"), ErrorCode::invalid_argument);
    make_directory(dir / "linked");
    std::filesystem::create_directory_symlink(dir / "empty", dir / "linked/more");
    CHECK_ERROR(zoo.add("m", dir / "linked"), ErrorCode::invalid_argument);
    for (const auto* tag : {"", "12", "abc123", "a/b", "\xff"}) CHECK_ERROR(zoo.tag("m", tag, "1"), ErrorCode::invalid_argument);
    CHECK_ERROR(ModelRegistry("/proc/none"), ErrorCode::io);
}

TEST_CASE("registry: writers wait for each other") {
    const TempDir dir;
    for (int i = 0; i < 16; ++i) dir.write("w" + std::to_string(i), std::to_string(i));
    std::vector<std::thread> writers;
    for (int i = 0; i < 16; ++i) writers.emplace_back([&, i] { ModelRegistry(dir / "zoo").add("m", dir / ("w" + std::to_string(i))); });
    for (auto& writer : writers) writer.join();
    CHECK(ModelRegistry(dir / "zoo").get("m").versions.size() == 16);
}
