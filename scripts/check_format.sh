#!/usr/bin/env bash
# Whether every C++ file is as .clang-format says; --fix makes it so.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Versions differ in what they make of the same settings.
need clang-format-14:clang-format-14
cd "$root"
mapfile -d '' files < <(find include tests examples benchmarks cmake \( -name '*.hpp' -o -name '*.inc' -o -name '*.cpp' -o -name '*.cuh' \) -not -path 'tests/data/*' -print0)
bad=()
for file in "${files[@]}"; do
    clang-format-14 --style=file "$file" | cmp -s - "$file" || bad+=("$file")
done
if [ "${1:-}" = --fix ]; then  # only those: a file that is written anew is compiled anew
    [ ${#bad[@]} = 0 ] || clang-format-14 -i --style=file "${bad[@]}"
    exit
fi
if [ ${#bad[@]} -gt 0 ]; then
    printf '%s\n' "${bad[@]}" >&2
    die "${#bad[@]} of ${#files[@]} files are not formatted: run scripts/check_format.sh --fix"
fi
say "format: ${#files[@]} files are as they should be"
