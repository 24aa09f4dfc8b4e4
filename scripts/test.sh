#!/usr/bin/env bash
# Builds and runs the tests, and prints their counts. Sets up what is missing; a second run builds only what has changed.
#
#   scripts/test.sh          every test, those of the kernels under each instruction set that this machine has, the consumers of tests/package, and the
#                            course's chapters
#   scripts/test.sh --all    also the others under each instruction set, with Clang, under AddressSanitizer and UndefinedBehaviorSanitizer, under
#                            ThreadSanitizer (with the built-in threads and with OpenMP), every header alone with both compilers, the site, tensors
#                            on an emulated GPU, and a training run that is killed a thousand times
#   scripts/test.sh NAME...  only these parts of --all: test, headers, site, asan, clang, tsan, tsan-openmp
#
# The last lines are ctest's own. They are kept in build/test-summary.txt too.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

every=(test headers site asan clang tsan tsan-openmp)
case ${1:-} in
    "") parts=(test) ;;
    --all) parts=("${every[@]}") ;;
    *) parts=("$@") ;;
esac
for part in "${parts[@]}"; do
    if [[ " ${every[*]} " != *" $part "* ]]; then
        echo "usage: $(basename "$0") [--all | NAME...], a NAME of: ${every[*]}" >&2
        exit 2
    fi
done
wanted() { [[ " ${parts[*]} " == *" $1 "* ]]; }

need_space "$root" 2000
packages=(cmake:cmake ctest:cmake ninja:ninja-build /usr/include/nlohmann/json.hpp:nlohmann-json3-dev /usr/include/catch2:catch2
    /usr/include/eigen3/Eigen/Dense:libeigen3-dev /usr/include/CLI/CLI.hpp:libcli11-dev python3:python3-minimal)
python3 -m pip --version >/dev/null 2>&1 || packages+=(pip3:python3-pip)
wanted clang && packages+=(mpirun:openmpi-bin mpicxx:libopenmpi-dev chromium:chromium)  # --all: training in several processes, and pages in a browser
need_compiler_and "${packages[@]}"

# The tests with real models are skipped, and named, where these cannot be had.
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT
for model in minilm smollm2; do
    "$root/scripts/fetch_model.sh" "$model" >/dev/null 2>"$fetched/$model" || true &
done

failed=()
summary=$root/build/test-summary.txt
mkdir -p "$root/build"
: >"$summary"

# Counts of one ctest run, from its log: distinct test cases (entries without a dot), all runs of them, and what was skipped.
counts() {
    awk '
        / Test: /   { name = $NF; runs = name !~ /\./ }
        /^All tests passed \(/ { gsub(/[()]/, ""); programs += runs; cases += runs * $7; again += !runs * $7; assertions += $4 }
        /^test cases: / { programs += runs; cases += runs * $3; again += !runs * $3 }
        /^assertions: / { assertions += $2 }
        END { printf "%d test cases in %d programs, %d runs of them under a named instruction set, %d assertions\n", cases, programs, again, assertions }
    ' "$1/Testing/Temporary/LastTest.log"
    sed -n 's/^SKIPPED: /    skipped: /p' "$1/Testing/Temporary/LastTest.log" | sort -u
}

# suite NAME LABELS CMAKE-OPTION...: if wanted, configures build/NAME, builds it, runs the tests that carry one of the labels.
suite() {
    local name=$1 labels=$2 build=$root/build/$1 log status=0
    shift 2
    wanted "$name" || return 0
    say "$name: building with $CXX"
    configure "$build" -DTERCET_JOIN_TESTS=ON -DTERCET_WERROR="${TERCET_WERROR:-OFF}" "$@"
    if ! compile "$build"; then
        failed+=("$name")
        echo "$name: did not build" >>"$summary"
        return 0
    fi
    wait
    grep -h -E 'could not|cannot|not enough' "$fetched"/* >&2 || true
    say "$name: running the tests"
    log=$build/ctest.log
    (cd "$build" && ctest -j "$(cores)" --output-on-failure -L "$labels" --no-tests=error) 2>&1 | tee "$log" || status=$?
    {
        echo "$name: $(counts "$build")"
        grep -E '^ *[0-9]+ - .*\(Skipped\)' "$log" | sed 's/^ *[0-9]* - /    skipped: /' || true
        grep -E 'tests passed|tests failed' "$log" || echo "$name: ctest did not finish"
    } >>"$summary"
    [ "$status" = 0 ] || failed+=("$name")
}

# check NAME COMMAND...: one that ctest does not run.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then echo "$name: passed" >>"$summary"; else
        failed+=("$name")
        echo "$name: FAILED" >>"$summary"
    fi
}

# With --all and with Clang also the CUDA backend, on the emulated device.
emulated=-DTERCET_TEST_CUDA_EMULATED=ON
if wanted clang; then
    suite test 'quick|isa|wide|package|course|emulated' $emulated
else
    suite test 'quick|isa|package|course'
fi
gcc=$CXX
if wanted headers || wanted asan || wanted clang || wanted tsan || wanted tsan-openmp; then
    need clang++:clang
    llvm=$(dirname "$(readlink -f "$(command -v clang++)")")/../lib
    [ -e "$llvm/libomp.so" ] || need "$llvm/libomp.so:libomp-dev"
fi
if wanted headers; then
    check "headers alone, $gcc" env CXX="$gcc" python3 "$root/scripts/check_layers.py" --compile
    check "headers alone, clang++" env CXX=clang++ python3 "$root/scripts/check_layers.py" --compile
fi
wanted site && check "the site: pages, reference, links, spelling" "$root/scripts/build_site.sh"
export CXX=clang++
# Sanitizers: Clang compiles for them in half of GCC's time. Without the examples: what they call has tests of its own.
debug=(-DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g1" -DTERCET_BUILD_BENCHMARKS=OFF -DTERCET_BUILD_EXAMPLES=OFF)
suite asan 'quick|isa|wide' "${debug[@]}" -DTERCET_SANITIZE=address,undefined
suite clang 'quick|isa|wide|slow|course|emulated' $emulated
# libomp itself is not instrumented: Archer tells ThreadSanitizer of its synchronisation.
export TSAN_OPTIONS="ignore_noninstrumented_modules=1 ${TSAN_OPTIONS:-}" OMP_TOOL_LIBRARIES=${llvm:-}/libarcher.so
suite tsan quick "${debug[@]}" -DTERCET_SANITIZE=thread
suite tsan-openmp quick "${debug[@]}" -DTERCET_SANITIZE=thread -DTERCET_OPENMP=ON

echo
cat "$summary"
if [ ${#failed[@]} -gt 0 ]; then die "failed: ${failed[*]}"; fi
