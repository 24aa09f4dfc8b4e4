#!/usr/bin/env bash
# Builds a consumer of the library outside the tree and runs it. usage: run.sh WAY BUILD-FOLDER, with CXX set
#
#   add_subdirectory, fetch_content    from the source; also: no flag of ours reaches the consumer's compiler
#   find_package                       after cmake --install, both targets; COMPONENTS cuda only where it was built
#                                      (one way compiles and runs the program with the headers only: that takes a minute; the others check it)
#   plain                              one compiler call, no CMake, no -fopenmp, no -pthread
#   no_exceptions                      -fno-exceptions -fno-rtti, errors go to the program's handler
#   two_units                          two translation units, one with -march=native: one definition of everything, the same bits
#   separate_kernels                   built with -march=native, linked with the kernels of tercet::compiled, which were not
#   embed                              tercet_embed_model(), from the source and installed: a program has a file's bytes, also after the file changed
#   readme                             the snippets of README.md compile as they stand
set -euo pipefail
way=$1 build=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

compile() { "${CXX:-c++}" -std=c++20 -I"$source/include" "$@"; }

# The consumer's own compile command.
command_of_app() { sed -n 's/.*"command": "\(.*\)",\{0,1\}$/\1/p' build/compile_commands.json | grep 'CMakeFiles/app\.dir/app\.cpp' | head -1; }

# Only these may stand in a consumer's compile command: language, threads, include folders, input and output.
check_flags() {
    local word skip='' bad=()
    read -ra words <<<"$(command_of_app)"
    [ ${#words[@]} -gt 3 ] || { echo "no compile command of app.cpp was found" && return 1; }
    for word in "${words[@]:1}"; do
        if [ -n "$skip" ]; then skip='' && continue; fi
        case $word in
            -o | -c | -isystem) skip=1 ;;
            -std=* | -pthread | -I*) ;;
            *) bad+=("$word") ;;
        esac
    done
    [ ${#bad[@]} = 0 ] || { echo "flags that the consumer did not ask for: ${bad[*]}" && return 1; }
}

with_cmake() {
    cp -r "$here/consumer" .
    "${CMAKE:-cmake}" -S consumer -B build -DWAY="$way" -DTERCET_SOURCE="$source" "$@"
    check_flags
}
# It goes through, as far as errors go.
check_headers() { (cd build && eval "$(cd .. && command_of_app) -fsyntax-only"); }

case $way in
    add_subdirectory)
        with_cmake
        "${CMAKE:-cmake}" --build build --target app
        build/app
        ;;
    fetch_content)
        with_cmake
        check_headers
        ;;
    find_package)
        "${CMAKE:-cmake}" --install "$build" --prefix "$work/prefix" >/dev/null
        with_cmake -DCMAKE_PREFIX_PATH="$work/prefix"
        check_headers
        "${CMAKE:-cmake}" --build build --target app_compiled
        build/app_compiled
        # A component that this build does not have is refused, and the reason given.
        mkdir cuda
        printf '%s\n' 'cmake_minimum_required(VERSION 3.21)' 'project(cuda CXX)' 'find_package(tercet REQUIRED COMPONENTS cuda)' >cuda/CMakeLists.txt
        said=$("${CMAKE:-cmake}" -S cuda -B cuda/build -DCMAKE_PREFIX_PATH="$work/prefix" 2>&1) || grep -q 'installed without CUDA' <<<"$said"
        ;;
    plain)
        compile -O2 "$here/consumer/app.cpp" -o app
        ./app
        TERCET_THREADS=3 ./app
        ;;
    no_exceptions)
        compile -O0 -fno-exceptions -fno-rtti "$here/no_exceptions.cpp" -o app
        ./app
        ;;
    two_units)
        compile -O0 -c "$here/units/first.cpp" -o first.o
        compile -O1 -march=native -c "$here/units/second.cpp" -o second.o
        "${CXX:-c++}" first.o second.o -o one
        ./one
        "${CXX:-c++}" second.o first.o -o other # the linker keeps the first copy of what is inline
        ./other
        ;;
    separate_kernels)
        compile -O2 -march=native -DTERCET_SEPARATE_KERNELS "$here/consumer/app.cpp" "$LIBRARY" -o app
        ./app
        TERCET_ISA=baseline ./app
        ;;
    embed)
        "${CMAKE:-cmake}" --install "$build" --prefix "$work/prefix" >/dev/null
        for way in add_subdirectory find_package; do
            cp -r "$here/embed" "$way"
            printf 'the first \\ "text"\0' >"$way/with spaces.txt"
            : >"$way/empty"
            for size in 1000003 77; do
                head -c "$size" /dev/urandom >"$way/some.bin"
                [ -f "$way/build/CMakeCache.txt" ] || "${CMAKE:-cmake}" -S "$way" -B "$way/build" -DWAY="$way" -DTERCET_SOURCE="$source" -DCMAKE_PREFIX_PATH="$work/prefix"
                "${CMAKE:-cmake}" --build "$way/build" --target app
                "$way/build/app" "$way"
            done
        done
        ;;
    readme)
        # Each C++ block becomes a program: the includes so far, then the block's other lines as the body of main.
        awk -v folder="$work" '
            BEGIN { top = "#include <iostream>\n" }
            /^```cpp/ { block = folder "/snippet" ++count ".cpp"; body = ""; next }
            /^```/ && block { printf "%sint main() {\n%s}\n", top, body > block; close(block); block = ""; next }
            block && (/^#include/ || /^using namespace/) { top = top $0 "\n"; next }
            block { body = body $0 "\n" }
        ' "$source/README.md"
        ls snippet*.cpp
        for snippet in snippet*.cpp; do compile -DTERCET_SEPARATE_KERNELS -fsyntax-only "$snippet"; done
        ;;
    *)
        echo "$0: no way called $way" >&2
        exit 2
        ;;
esac
