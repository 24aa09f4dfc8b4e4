#!/usr/bin/env python3
"""Holds the headers to the rules of docs/architecture.md, and compiles each of them alone.

    scripts/check_layers.py            the rules
    scripts/check_layers.py --compile  also each header by itself, with the warnings we build with as errors ($CXX, or g++)

1  A folder includes only what lies below it; a side (io, text, report, metrics, data) only what it may see; nothing below nn a side.
2  Conditions on an instruction set or a backend stand in core/config.hpp, backend/backend.hpp and backend/cpu/ only.
3  Intrinsics stand in backend/ only, threads and OpenMP in core/parallel.hpp only.
4  A foreign library is included in one file: nlohmann/json in io/json_parse.inc, Eigen in tensor/eigen.hpp and what decomposes matrices, PCRE2 in text/pcre2.hpp, and so on.
5  The library does not print, abort, assert or throw anything but through core/error.hpp.
6  A header opens with a comment, has #pragma once, fewer than 500 lines, at most 150 columns, and no part in a cycle.
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include" / "tercet"

CHAIN = ["core", "quant", "backend", "tensor", "autograd", "ops", "nn", "models"]
TOPS = ["generate", "train", "explain"]
SIDES = {"io": {"core", "quant"}, "text": {"core", "io"}, "report": {"core", "io", "text"}, "metrics": {"core", "text", "report"}, "data": {"core", "io", "text", "tensor"}}
MAY_INCLUDE = dict(SIDES)
for level, folder in enumerate(CHAIN):
    MAY_INCLUDE[folder] = set(CHAIN[:level]) | (set(SIDES) if level >= CHAIN.index("nn") else set())
for folder in TOPS:
    MAY_INCLUDE[folder] = set(CHAIN) | set(SIDES)

GENERATED = {"text/unicode_tables.hpp"}
# The one source file of a program with TERCET_SEPARATE_KERNELS includes it: it gathers what such programs compile once.
EXEMPT = {("backend/cpu/kernels.inc", "separate.inc")}
MOST_LINES, MOST_COLUMNS = 500, 150

ISA_CONDITION = re.compile(
    r"^\s*#\s*(?:if|elif|ifdef|ifndef)\b.*\b(__x86_64__|__i386__|__aarch64__|__arm__|__ARM_\w+|__AVX\w*|__SSE\w*|__FMA__|__F16C__|__CUDA\w*|TERCET_CUDA)\b")
INTRINSICS = re.compile(r"<(?:\w*mmintrin|x86intrin|arm_neon|arm_sve)\.h>|\b_mm\d*_\w+|__builtin_ia32_(?!pause)\w+|\bv(?:ld1|st1|fma|dot)q?_\w+")
THREADS = re.compile(r"<(?:thread|future|condition_variable|semaphore|latch|barrier|omp\.h|pthread\.h)>|#\s*pragma\s+omp\b|\bstd::(?:jthread|thread|async)\b")
FOREIGN = {"nlohmann": "io/json_parse.inc", "Eigen": "tensor/eigen.hpp explain/embedding_map.hpp", "unsupported": "tensor/eigen.hpp", "pcre2.h": "text/pcre2.hpp",
           "mpi.h": "train/mpi.hpp", "nccl.h": "train/nccl.hpp", "cublasLt.h": "backend/cuda/gemm_cublas.cuh"}
OPTIONAL = {"mpi.h", "nccl.h", "cuda_runtime.h"}  # headers that include these are left out where they are missing
OUTPUT = re.compile(r"\bstd::(?:cout|cerr|clog)\b|(?<!\w)f?printf\s*\(|(?<!\w)puts\s*\(|\bstd::print\w*\s*\(")
ENDINGS = re.compile(r"(?<![\w])assert\s*\(|\babort\s*\(|\bstd::terminate\s*\(|(?<![\w:])exit\s*\(|\bthrow\b")


def without_comments(text):
    """The text with comments and string literals blanked out, line numbers kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)

    def blank(match):
        found = match.group(0)
        return '""' if found.startswith(('"', "R")) and "\n" not in found else re.sub(r"[^\n]", " ", found)

    return pattern.sub(blank, text)


def check(path, includes, complain):
    name = path.relative_to(HEADERS).as_posix()
    folder = name.split("/")[0] if "/" in name else None
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    is_header = path.suffix in (".hpp", ".cuh")

    if not text.startswith("//"):
        complain(name, 1, "a file opens with a comment that says what it is")
    if is_header and not re.search(r"^#pragma once$", text, re.M):
        complain(name, 1, "#pragma once is missing")
    if len(lines) > MOST_LINES and name not in GENERATED:
        complain(name, len(lines), f"{len(lines) - 1} lines: a file that long usually holds two ideas")

    includes[name] = []
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_COLUMNS and name not in GENERATED:
            complain(name, number, f"{len(line)} columns, at most {MOST_COLUMNS}")
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        quote, target = match.groups()
        top = target.split("/")[0]
        if top == "tercet":
            target = target[len("tercet/"):]
            if quote == "<":
                complain(name, number, f'our own headers are included with quotes: "tercet/{target}"')
            if not (HEADERS / target).is_file():
                complain(name, number, f"there is no tercet/{target}")
            includes[name].append(target)
            room = target.split("/")[0]
            if folder is not None and room != folder and (name, target) not in EXEMPT and room not in MAY_INCLUDE.get(folder, set()):
                complain(name, number, f"{folder} must not include {room}" if folder in MAY_INCLUDE else f"{folder} is a folder without a place in the layers")
        elif quote == '"':
            complain(name, number, f'"{target}": quotes are for our own headers, with their whole path')
        elif top in FOREIGN and name not in FOREIGN[top].split():
            complain(name, number, f"{top} is included in {FOREIGN[top]} only")

    in_backend = folder == "backend"
    may_ask_isa = name in ("core/config.hpp", "backend/backend.hpp") or name.startswith(("backend/cpu/", "backend/cuda/"))
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        found = ISA_CONDITION.search(line)
        if found and not may_ask_isa:
            complain(name, number, f"a condition on {found.group(1)} belongs to core/config.hpp or backend/")
        found = INTRINSICS.search(line)
        if found and not in_backend:
            complain(name, number, f"{found.group(0)}: intrinsics belong to backend/")
        found = THREADS.search(line)
        if found and name != "core/parallel.hpp":
            complain(name, number, f"{found.group(0)}: threads belong to core/parallel.hpp")
        found = OUTPUT.search(line)
        if found:
            complain(name, number, f"{found.group(0).strip()}: the library does not print (core/log.hpp)")
        found = ENDINGS.search(line)
        if found and name != "core/error.hpp" and not re.search(r"\brethrow\w*", line):
            complain(name, number, f"{found.group(0).strip()}: errors go through core/error.hpp")


def find_cycle(includes):
    """A list of headers that include each other in a ring, or None. An .inc is a part of the header that includes it."""
    done, trail = set(), []

    def visit(name):
        if name in trail:
            return trail[trail.index(name):] + [name]
        if name in done or name not in includes:
            return None
        trail.append(name)
        for target in includes[name] if not name.endswith(".inc") else []:
            ring = visit(target)
            if ring:
                return ring
        trail.pop()
        done.add(name)
        return None

    for name in includes:
        ring = visit(name)
        if ring:
            return ring
    return None


def compile_alone(names, complain):
    """Each header by itself. The kernels are parsed once, with the umbrella's dispatch; elsewhere they are declared only."""
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    flags = "-std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -isystem /usr/include/eigen3 -x c++ -".split()

    def one(job):
        name, options = job
        source = f'#include "tercet/{name}"\n#include "tercet/{name}"\n'
        run = subprocess.run(compiler + options + ["-I", str(ROOT / "include")] + flags, input=source, text=True, capture_output=True)
        return name, options, run

    on_gpu = {"backend/cuda/backend.hpp", "train/nccl.hpp"}
    jobs = [(name, ["-DTERCET_SEPARATE_KERNELS"] + ["-DTERCET_CUDA"] * (name in on_gpu)) for name in names]
    jobs += [(name, options) for name in names if name == "backend/cpu/dispatch.hpp" for options in ([], ["-fno-exceptions", "-fno-rtti"])]
    jobs += [(name, ["-DTERCET_SEPARATE_KERNELS", "-fno-exceptions", "-fno-rtti"]) for name in names if name == "tercet.hpp"]
    done = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, options, run in pool.map(one, jobs):
            done += 1
            if sys.stderr.isatty():
                print(f"\r\033[K{done}/{len(jobs)} {name}", end="\r" if done == len(jobs) else "", file=sys.stderr, flush=True)
            absent = re.search(r"fatal error: '?([\w.]+)'?(?::| file not found)", run.stderr)
            if absent and absent[1] in OPTIONAL:
                print(f"left out: {name}, there is no {absent[1]}", file=sys.stderr)
            elif run.returncode != 0:
                first = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip()[:300])
                complain(name, 1, f"does not compile alone with {' '.join(compiler + options)}: {first}")
    return len(jobs)


def main():
    arguments = sys.argv[1:]
    if arguments not in ([], ["--compile"]):
        sys.exit(f"usage: {sys.argv[0]} [--compile]")
    problems = []

    def complain(name, line, what):
        problems.append(f"include/tercet/{name}:{line}: {what}")

    files = sorted(p for p in HEADERS.rglob("*") if p.suffix in (".hpp", ".inc", ".cuh"))
    includes = {}
    for path in files:
        check(path, includes, complain)
    ring = find_cycle(includes)
    if ring:
        complain(ring[0], 1, "includes itself: " + " -> ".join(ring))
    summary = f"layers: {len(files)} files, {sum(map(len, includes.values()))} includes"
    if arguments:
        headers = [p.relative_to(HEADERS).as_posix() for p in files if p.suffix == ".hpp"]
        summary += f"; {compile_alone(headers, complain)} compiled alone"
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{summary}; {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
