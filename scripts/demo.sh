#!/usr/bin/env bash
# The library at work: a program that carries its own small GPT writes verse; then a real model is loaded and writes token by token, and sentence
# embeddings rank a few sentences by meaning.
# Sets up what it needs, builds three small example programs; the first needs no model, the models of the others are fetched meanwhile. A second
# run goes straight to the demo.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_space "$root" 200
packages=(cmake:cmake ninja:ninja-build /usr/include/nlohmann/json.hpp:nlohmann-json3-dev)
python3 -m pip --version >/dev/null 2>&1 || packages+=(pip3:python3-pip)
need_compiler_and "${packages[@]}"

# The models arrive while the compiler works.
say "building three examples with $CXX, and fetching the models of two of them meanwhile"
arrived=$(mktemp -d)
trap 'rm -rf "$arrived"' EXIT
for model in smollm2 minilm; do
    "$root/scripts/fetch_model.sh" "$model" >"$arrived/$model" 2>"$arrived/$model.err" &
    declare "fetching_$model=$!"
done
build=$root/build/demo
configure "$build" -DTERCET_BUILD_TESTS=OFF -DTERCET_BUILD_BENCHMARKS=OFF
compile "$build" verse

say "one file of $(du -k "$build/examples/verse" | cut -f1) kB, with a GPT inside that was trained on Shakespeare, writes verse"
echo
"$build/examples/verse" "ROMEO:
"
echo

compile "$build" generate_text sentence_similarity
[ -s "$arrived/smollm2" ] || say "waiting for SmolLM2 to arrive"
# shellcheck disable=SC2154  # declared in the loop above
wait "$fetching_smollm2" || die "$(cat "$arrived/smollm2.err")"
say "SmolLM2-135M, from its file, continues a sentence"
echo
"$build/examples/generate_text" "$(cat "$arrived/smollm2")" "Once upon a time, in a small village by the sea,"
echo
# shellcheck disable=SC2154
wait "$fetching_minilm" || die "$(cat "$arrived/minilm.err")"
say "all-MiniLM-L6-v2 ranks sentences by meaning"
echo
"$build/examples/sentence_similarity" "$(cat "$arrived/minilm")"
echo
say "done: the programs are in examples/verse, examples/generate_text and examples/sentence_similarity, a page each"
