# Helpers of the scripts beside this file: source it. Messages go to stderr, results to stdout.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${TERCET_CACHE:-${XDG_CACHE_HOME:-${HOME:-$root/build}/.cache}/tercet}
export TERCET_CACHE=$cache

# Seconds are counted from the start of the first script, also in those that it calls.
export TERCET_STARTED=${TERCET_STARTED:-$EPOCHSECONDS}
say() { printf '==> %3ds  %s\n' $((EPOCHSECONDS - TERCET_STARTED)) "$*" >&2; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# need_space FOLDER MEGABYTES
need_space() {
    local folder=$1 free
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    [ -w "$folder" ] || die "cannot write to $folder"
    free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$2" ] || die "not enough space under $folder: $2 MB are needed, $free MB are free"
}

# need CHECK:PACKAGE...: installs, in one go, the packages whose check fails. A check is a command, or a file when it has a slash.
need() {
    local pair check missing=() sudo=()
    for pair in "$@"; do
        check=${pair%%:*}
        case $check in
            */*) [ -e "$check" ] || missing+=("${pair##*:}") ;;
            *) have "$check" || missing+=("${pair##*:}") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || die "please install ${missing[*]} (these are the names on Debian and Ubuntu) and run this again"
    if [ "$(id -u)" != 0 ]; then
        have sudo || die "please install ${missing[*]} as root (apt-get install ${missing[*]}) and run this again: there is no sudo here"
        sudo=(sudo)
    fi
    need_space /var/cache/apt 700
    say "installing with apt: ${missing[*]}"
    local log
    log=$(mktemp)
    if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
        # The package lists are missing or old: only then are they fetched.
        "${sudo[@]}" apt-get update -q >"$log" 2>&1 || true
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$log" 2>&1 ||
            die "apt could not install ${missing[*]}: is there network? Its messages are in $log; the last: $(grep -E '^E:' "$log" | tail -1)"
    fi
    rm -f "$log"
}

# Whether a compiler is recent enough and has its standard library.
usable_compiler() {
    have "$1" || return 1
    printf '%s\n' '#include <concepts>' '#include <span>' '#if defined(__clang__) ? __clang_major__ < 14 : __GNUC__ < 12' '#error too old' '#endif' |
        "$1" -std=c++20 -fsyntax-only -x c++ - >/dev/null 2>&1
}

# Sets CXX to a usable compiler, $CXX itself if that is set; g++ is installed when there is none.
# Other packages may be given, as for need: they come in the same go.
need_compiler_and() {
    local candidate
    if [ -n "${CXX:-}" ]; then
        usable_compiler "${CXX%% *}" || die "the compiler that CXX names, $CXX, is not GCC 12 or Clang 14 or later"
        need "$@"
        return
    fi
    if ! have g++ && ! have clang++; then
        need g++:g++ "$@"
    else
        need "$@"
    fi
    for candidate in g++ clang++ g++-{12,13,14,15} clang++-{14,15,16,17,18,19}; do
        if usable_compiler "$candidate"; then
            export CXX=$candidate
            return
        fi
    done
    need g++-12:g++-12
    usable_compiler g++-12 || die "no usable compiler: tercet needs GCC 12 or Clang 14 or later"
    export CXX=g++-12
}

# The CMake generator: Ninja, or make where there is no Ninja.
generator() { if have ninja; then echo Ninja; else echo "Unix Makefiles"; fi; }

cores() { nproc 2>/dev/null || echo 2; }

# configure FOLDER OPTION...: only the first time, or when the options have changed.
configure() {
    local folder=$1 log
    shift
    if [ -f "$folder/CMakeCache.txt" ] && [ "$(cat "$folder/.configured" 2>/dev/null)" = "$CXX $*" ]; then return; fi
    rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
    mkdir -p "$folder"
    log=$folder/configure.log
    cmake -S "$root" -B "$folder" -G "$(generator)" -DCMAKE_CXX_COMPILER="$CXX" "$@" >"$log" 2>&1 || die "CMake could not configure $folder: $(grep -A3 -m1 'CMake Error' "$log" | tr -s '\n ' ' ') (all of it: $log)"
    grep -A3 'CMake Warning' "$log" >&2 || true
    echo "$CXX $*" >"$folder/.configured"
}

# compile FOLDER [TARGET...]: the build tool's own progress is shown.
compile() {
    local folder=$1
    shift
    cmake --build "$folder" -j "$(cores)" ${1:+--target "$@"} >&2 || die "the build in $folder failed: the compiler's first error is above"
}
