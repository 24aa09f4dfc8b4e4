// The reference libraries themselves, where there is a Python that has them: TERCET_PEERS names its environment, ~/.cache/tercet-peers otherwise.
//
//   const auto python = python_with("tokenizers");
//   if (!python) SKIP_TEST("no Python with the tokenizers package");
//   const Json got = run_python(*python, script, {path});       // the script prints one JSON value; sys.argv[1:] are the arguments
#pragma once

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "tercet/io/json.hpp"
#include "tercet/io/mmap.hpp"

#include <cstdlib>
#include <optional>
#include <vector>

namespace tercet_test {

/// None under TERCET_ISA: once is enough, with the machine's own instruction set.
inline std::optional<std::string> python_with(const std::string& module) {
    if (std::getenv("TERCET_ISA") != nullptr) return std::nullopt;
    const char *peers = std::getenv("TERCET_PEERS"), *home = std::getenv("HOME");
    const std::string python =
        (peers != nullptr ? std::string(peers) : std::string(home != nullptr ? home : "") + "/.cache/tercet-peers") + "/bin/python";
    if (!tercet::file_exists(python)) return std::nullopt;
    const bool has = std::system(("'" + python + "' -c 'import " + module + "' >/dev/null 2>&1").c_str()) == 0;
    return has ? std::optional(python) : std::nullopt;
}

/// What a script prints, as JSON. Arguments are paths and words without quotes.
inline tercet::Json run_python(const std::string& python, const std::string& script, const std::vector<std::string>& arguments) {
    const TempDir dir;
    std::string command = "'" + python + "' '" + dir.write("script.py", script) + "'";
    for (const auto& argument : arguments) command += " '" + argument + "'";
    command += " >'" + (dir / "out") + "' 2>'" + (dir / "err") + "'";
    const int status = std::system(command.c_str());
    INFO(tercet::read_text_file(dir / "err"));
    REQUIRE(status == 0);
    return tercet::parse_json(tercet::read_text_file(dir / "out"), "the script's output");
}

}  // namespace tercet_test
