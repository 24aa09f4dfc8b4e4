// Runs one of the example programs as a shell would, and gives what it printed and its exit status.
//
//   const auto result = run_program("tercet", {"info", path, "--json"});
//   CHECK(result.status == 0);
#pragma once

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"

#include <vector>

#include <sys/wait.h>

namespace tercet_test {

struct ProgramResult {
    int status = -1;  // 128 + the signal where one ended it
    std::string out, err;

    /// The output as JSON.
    tercet::Json json() const {
        INFO("stderr: " << err);
        REQUIRE(status == 0);
        return tercet::parse_json(out, "standard output");
    }
};

/// Runs a program of the examples' build folder with these arguments, and a text as its standard input.
inline ProgramResult run_program(const std::string& name, const std::vector<std::string>& arguments, const std::string& input = {}) {
    const TempDir dir;
    std::string command = std::string("'") + TERCET_TEST_PROGRAMS + "/" + name + "'";
    for (const auto& argument : arguments) {
        command += " '";
        for (const char c : argument) command += c == '\'' ? std::string("'\\''") : std::string(1, c);
        command += "'";
    }
    command += " <'" + dir.write("in", input) + "' >'" + (dir / "out") + "' 2>'" + (dir / "err") + "'";
    const int status = std::system(command.c_str());
    ProgramResult result;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.out = tercet::read_text_file(dir / "out");
    result.err = tercet::read_text_file(dir / "err");
    return result;
}

inline ProgramResult tercet_command(const std::vector<std::string>& arguments, const std::string& input = {}) {
    return run_program("tercet", arguments, input);
}

/// Checks that the command fails with this status and says so in one line on stderr, which has `words` in it, and nothing on stdout.
inline void check_failure(const std::vector<std::string>& arguments, int status, const std::string& words, const std::string& input = {}) {
    std::string shown;
    for (const auto& argument : arguments) shown += " " + argument;
    INFO("tercet" << shown);
    const auto result = tercet_command(arguments, input);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("tercet: "));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK_THAT(result.err, Catch::Matchers::ContainsSubstring(words));
}

}  // namespace tercet_test
