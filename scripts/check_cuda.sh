#!/usr/bin/env bash
# Whether nvcc compiles every CUDA kernel without a warning and without spilling registers, and what each one takes.
#
#   scripts/check_cuda.sh [ARCHITECTURE...]      sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120 unless some are named
#
# Takes the machine's nvcc, or one from the Python package index, kept in ${TERCET_CACHE:-~/.cache/tercet}. No GPU is needed. Prints a table in Markdown:
# registers, shared memory, and how much of a multiprocessor's 2,048 threads (1,536 on 8.6, 8.9 and 12.0; 1,024 on 7.5) can be there at once.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

architectures=("$@")
[ $# -gt 0 ] || architectures=(sm_75 sm_80 sm_86 sm_89 sm_90 sm_100 sm_120)
nvcc=$(command -v nvcc || true) include=()
if [ -z "$nvcc" ]; then
    folder=$cache/nvcc-13.0
    if [ ! -x "$folder/nvidia/cu13/bin/nvcc" ]; then
        need_space "$cache" 1000
        python3 -m pip --version >/dev/null 2>&1 || need pip3:python3-pip
        work=$(mktemp -d "$cache/.fetch-XXXXXX")
        trap 'rm -rf "$work"' EXIT
        say "downloading nvcc 13.0"
        python3 -m pip download --disable-pip-version-check --no-cache-dir --no-deps --dest "$work/wheels" 'nvidia-cuda-nvcc==13.0.*' \
            'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-crt==13.0.*' 'nvidia-nvvm==13.0.*' >"$work/log" 2>&1 ||
            die "could not download nvcc: is there network? pip says: $(grep -E 'ERROR|error' "$work/log" | tail -1)"
        for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
        chmod +x "$work"/unpacked/nvidia/cu13/bin/* "$work"/unpacked/nvidia/cu13/nvvm/bin/*
        rm -rf "$folder"
        mv -T "$work/unpacked" "$folder"
    fi
    nvcc=$folder/nvidia/cu13/bin/nvcc include=("-I$folder/nvidia/cu13/include")
fi

out=$(mktemp -d)
trap 'rm -rf "$out" ${work:+"$work"}' EXIT
for architecture in "${architectures[@]}"; do
    from=$SECONDS
    "$nvcc" -std=c++20 --expt-relaxed-constexpr -arch="$architecture" -Werror all-warnings -Xptxas -v "-I$root/include" ${include[@]+"${include[@]}"} -c "$root/tests/cuda/kernels.cu" \
        -o "$out/kernels.o" >"$out/$architecture" 2>&1 || { cat "$out/$architecture" >&2; die "nvcc does not compile the kernels for $architecture"; }
    # Spills, and arrays that are indexed as the kernel goes and so lie in memory. CUDA's own sine and cosine of large numbers have one.
    spilled=$(grep -B1 -E '[1-9][0-9]* bytes (spill|stack frame)' "$out/$architecture" | grep 'Function properties' | grep -c -v -E '3(Sin|Cos)E' || true)
    say "$architecture: compiled in $((SECONDS - from)) s, $(grep -c 'Used .* registers' "$out/$architecture") kernels, $spilled of them keep numbers in memory that should be in registers"
    [ "$spilled" = 0 ] || die "$architecture: kernels spill registers, or keep arrays in memory: see ptxas -v"
done
python3 "$root/scripts/cuda_table.py" "$out" "${architectures[@]}"
