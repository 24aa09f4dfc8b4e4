#include "tercet/io/mmap.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <array>
#include <csignal>
#include <string>

#include <sys/resource.h>

using namespace tercet;

namespace {

std::string text_of(const FileBytes& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

TEST_CASE("open_file: gives a file's bytes, mapped or in aligned memory", "[io]") {
    TempDir dir;
    const std::string text(100'001, 'x');
    const auto path = dir.write("file", text);
    const auto mapped = open_file(path);
    CHECK(mapped.mapped());
    CHECK(mapped.path() == path);
    CHECK(text_of(mapped) == text);
    const auto read = open_file(path, {.map = false});
    CHECK_FALSE(read.mapped());
    CHECK(text_of(read) == text);
    CHECK(reinterpret_cast<std::uintptr_t>(read.bytes().data()) % 64 == 0);
}

TEST_CASE("open_file: an empty file has no bytes", "[io]") {
    TempDir dir;
    const auto path = dir.write("empty", "");
    CHECK(open_file(path).bytes().empty());
    CHECK(open_file(path, {.map = false}).bytes().empty());
    CHECK(read_text_file(path).empty());
}

TEST_CASE("open_file: the bytes move with the object", "[io]") {
    TempDir dir;
    auto first = open_file(dir.write("a", "first"));
    auto second = open_file(dir.write("b", "second"), {.map = false});
    const auto* bytes = first.bytes().data();
    FileBytes moved(std::move(first));
    CHECK(moved.bytes().data() == bytes);
    second = std::move(moved);
    CHECK(text_of(second) == "first");
}

TEST_CASE("open_file: missing files, directories and devices are refused by name", "[io]") {
    TempDir dir;
    for (const bool map : {true, false}) {
        CHECK_ERROR(open_file(dir / "missing", {.map = map}), ErrorCode::io);
        CHECK_ERROR(open_file(dir.path(), {.map = map}), ErrorCode::io);
        CHECK_ERROR(open_file("/dev/null", {.map = map}), ErrorCode::io);
        CHECK_ERROR(open_file("", {.map = map}), ErrorCode::io);
    }
    CHECK_ERROR(read_text_file(dir / "missing"), ErrorCode::io);
    CHECK_ERROR(read_text_file(dir.path()), ErrorCode::io);
    try {
        open_file(dir / "missing");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == (dir / "missing") + ": cannot open: No such file or directory");
    }
    if (::geteuid() != 0) {  // root reads everything
        const auto path = dir.write("secret", "x");
        ::chmod(path.c_str(), 0);
        CHECK_ERROR(open_file(path), ErrorCode::io);
    }
}

TEST_CASE("open_file: a stop token that is set cancels", "[io]") {
    TempDir dir;
    const auto path = dir.write("file", "text");
    std::stop_source source;
    CHECK(open_file(path, {.map = false, .stop = source.get_token()}).bytes().size() == 4);
    source.request_stop();
    CHECK_ERROR(open_file(path, {.map = true, .stop = source.get_token()}), ErrorCode::cancelled);
    CHECK_ERROR(open_file(path, {.map = false, .stop = source.get_token()}), ErrorCode::cancelled);
}

TEST_CASE("read_text_file: keeps every byte, also of a pipe", "[io]") {
    TempDir dir;
    const std::string text("a\r\n\0b\n\n", 7);
    CHECK(read_text_file(dir.write("file", text)) == text);
    CHECK(read_text_file("/dev/null").empty());
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::write(ends[1], "piped", 5) == 5);
    ::close(ends[1]);
    CHECK(read_text_file("/dev/fd/" + std::to_string(ends[0])) == "piped");
    ::close(ends[0]);
}

TEST_CASE("file_exists and is_directory: tell files from directories", "[io]") {
    TempDir dir;
    const auto path = dir.write("file", "x");
    CHECK(file_exists(path));
    CHECK(file_exists(dir.path()));
    CHECK_FALSE(file_exists(dir / "missing"));
    CHECK(is_directory(dir.path()));
    CHECK_FALSE(is_directory(path));
    CHECK_FALSE(is_directory(dir / "missing"));
}

TEST_CASE("write_file_atomically: writes all parts, over an older file too", "[io]") {
    TempDir dir;
    const auto path = dir / "out";
    const std::string a = "first ", b = "second";
    const std::array<std::span<const std::byte>, 3> parts{std::as_bytes(std::span(a)), std::span<const std::byte>(), std::as_bytes(std::span(b))};
    write_file_atomically(path, parts);
    CHECK(read_text_file(path) == "first second");
    write_file_atomically(path, "third");
    CHECK(read_text_file(path) == "third");
    CHECK(dir.entries() == 1);
}

TEST_CASE("write_file_atomically: failures say why, and leave nothing behind", "[io]") {
    TempDir dir;
    CHECK_ERROR(write_file_atomically(dir / "missing/out", "x"), ErrorCode::io);
    dir.write("folder/file", "x");
    CHECK_ERROR(write_file_atomically(dir / "folder", "x"), ErrorCode::io);  // cannot be moved over a directory
    CHECK_ERROR(write_file_atomically("", "x"), ErrorCode::io);
    CHECK(dir.entries() == 2);
}

TEST_CASE("AtomicFile: without commit the old file stays, and nothing else", "[io]") {
    TempDir dir;
    const auto path = dir.write("out", "old");
    {
        AtomicFile file(path);
        file.write("new");
        AtomicFile other(path);  // two writers do not disturb each other
        other.write("newer");
        CHECK(read_text_file(path) == "old");
    }
    CHECK(read_text_file(path) == "old");
    CHECK(dir.entries() == 1);
}

TEST_CASE("AtomicFile: a write that fails is reported, and nothing stays behind", "[io]") {
    TempDir dir;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit small = before;
    small.rlim_cur = 1000;
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK_ERROR(write_file_atomically(dir / "out", std::string(5000, 'x')), ErrorCode::io);
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(dir.entries() == 0);
}

TEST_CASE("AtomicFile: a temporary name that is taken, even by a link, is passed over", "[io]") {
    TempDir dir;
    const auto path = dir / "out", taken = path + "." + std::to_string(::getpid()) + ".0.partial";
    REQUIRE(::symlink("/dev/null", taken.c_str()) == 0);
    write_file_atomically(path, "x");
    CHECK(read_text_file(path) == "x");
    CHECK(dir.entries() == 2);
}

TEST_CASE("AtomicFile: a durable file is written like another", "[io]") {
    TempDir dir;
    write_file_atomically(dir / "out", "x", {.durable = true});
    CHECK(read_text_file(dir / "out") == "x");
    CHECK_ERROR(write_file_atomically(dir / "missing/out", "x", {.durable = true}), ErrorCode::io);
    CHECK(dir.entries() == 1);
}

TEST_CASE("AppendFile: grows at its end, and says why it cannot", "[io]") {
    TempDir dir;
    {
        AppendFile file(dir / "log");
        CHECK(file.path() == dir / "log");
        file.write("one\n");
        CHECK(read_text_file(dir / "log") == "one\n");
    }
    AppendFile(dir / "log").write("two\n");
    CHECK(read_text_file(dir / "log") == "one\ntwo\n");
    CHECK_ERROR(AppendFile(dir / "missing/log"), ErrorCode::io);
    CHECK_ERROR(AppendFile("/dev/full").write("x"), ErrorCode::io);
}
