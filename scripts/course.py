#!/usr/bin/env python3
"""The course's chapters (docs/course/*.md) as programs: what they quote is in the headers, what they show runs and prints what they say.

    scripts/course.py quotes [--update]                 compares quoted code with the headers, or puts the headers' into the chapters
    scripts/course.py program CHAPTER.md OUT.cpp        writes the chapter's program
    scripts/course.py run CHAPTER.md PROGRAM [--update] runs it and compares what it prints, or puts it, and the pictures it draws, into the chapter

A comment in front of a fenced block says what the block is; MkDocs and GitHub show neither.

    <!-- quote ops/softmax.hpp "first line" "^last line" -->    code of include/tercet: from the first line that contains the one to the first after it
                                                                that contains the other; ^ stands for the line's beginning
    <!-- global -->                                             C++ in front of main(): includes, functions
    <!-- output -->                                             what the blocks since the last output print; numbers with a fraction may differ by 2 %
    <!-- compiled -->                                           C++ that is compiled but not run: it needs a model that has to be fetched first

Any other block of C++ is a part of main(), in the chapter's order; one in <details> (an answer) has a scope of its own. Programs run in a folder in which
docs/, examples/ and tests/ are the repository's; *.svg that they write there are the chapter's pictures.
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
COURSE = ROOT / "docs" / "course"
SEPARATOR = "\x1e\n"


class Block:
    """A fenced block: its language, what it holds, the lines [begin, end) that hold it, and what the comment in front of it says."""

    def __init__(self, language, directive, begin, end, lines, in_details):
        self.language, self.directive, self.begin, self.end, self.in_details = language, directive, begin, end, in_details
        self.text = "\n".join(lines[begin:end])


def blocks_of(lines, path):
    """The fenced blocks of a chapter."""
    blocks, directive, in_details, at = [], None, False, 0
    while at < len(lines):
        line = lines[at].strip()
        comment = re.fullmatch(r"<!--\s*(quote|global|output|compiled)\b\s*(.*?)\s*-->", line)
        if comment:
            directive = comment.groups()
        elif line.startswith("<details"):
            in_details = True
        elif line.startswith("</details"):
            in_details = False
        elif line.startswith("```"):
            begin = at + 1
            while at + 1 < len(lines) and lines[at + 1].strip() != "```":
                at += 1
            if at + 1 >= len(lines):
                sys.exit(f"{path}:{begin}: the block has no end")
            at += 1
            blocks.append(Block(line[3:].strip(), directive or ("", ""), begin, at, lines, in_details))
            directive = None
        elif line and directive:
            sys.exit(f"{path}:{at + 1}: a block was expected behind the comment '{directive[0]}'")
        at += 1
    return blocks


def quoted(arguments, path):
    """The lines of a header that a quote names."""
    file, first, last = shlex.split(arguments)
    lines = (ROOT / "include" / "tercet" / file).read_text(encoding="utf-8").split("\n")

    def find(fragment, begin):
        for number in range(begin, len(lines)):
            if lines[number].startswith(fragment[1:]) if fragment.startswith("^") else fragment in lines[number]:
                return number
        sys.exit(f"{path}: {file} has no line with '{fragment}'" + (f" behind line {begin}" if begin else ""))

    begin = find(first, 0)
    end = find(last, begin + (last != first))
    return textwrap.dedent("\n".join(lines[begin:end + 1])).rstrip()


def update_blocks(path, lines, replacements):
    """Writes the chapter with other texts in these blocks, given as {block: text}."""
    for block in sorted(replacements, key=lambda b: -b.begin):
        lines[block.begin:block.end] = replacements[block].split("\n")
    path.write_text("\n".join(lines), encoding="utf-8")


def check_quotes(update):
    wrong = 0
    for path in sorted(COURSE.glob("*.md")):
        lines = path.read_text(encoding="utf-8").split("\n")
        stale = {b: quoted(b.directive[1], path.name) for b in blocks_of(lines, path.name) if b.directive[0] == "quote"}
        stale = {b: text for b, text in stale.items() if text != b.text}
        if update:
            update_blocks(path, lines, stale)
            continue
        for block in stale:
            print(f"{path.name}:{block.begin}: the header says something else (scripts/course.py quotes --update)")
        wrong += len(stale)
    return wrong == 0


def write_program(path, out):
    lines = path.read_text(encoding="utf-8").split("\n")
    top, body, outputs = [], [], 0
    for block in blocks_of(lines, path.name):
        kind = block.directive[0]
        if kind == "output":
            body.append('std::printf("\\x1e\\n");')
            outputs += 1
        elif block.language == "cpp" and kind in ("", "global", "compiled"):
            where = f'#line {block.begin + 1} "{path}"\n'
            text = block.text
            if kind == "global":
                top.append(where + text)
            elif kind == "compiled":
                body.append("{ [[maybe_unused]] const auto not_run = [&] {\n" + where + text + "\n}; }")
            else:
                body.append(where + ("{\n" + text + "\n}" if block.in_details else text))
    if not body:
        sys.exit(f"{path.name}: there is no code")
    text = "// Made of " + path.name + " by scripts/course.py.\n" + "\n".join(top) + "\n#include <cstdio>\n\nint main() {\n" + "\n".join(body) + "\n}\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    if not out.exists() or out.read_text(encoding="utf-8") != text:
        out.write_text(text, encoding="utf-8")


NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")


def same_output(want, got):
    """Whether two outputs are alike: the same words and whole numbers; numbers with a fraction within 2 % or one and a half of their last digit."""
    want_parts, got_parts = NUMBER.split(want.rstrip()), NUMBER.split(got.rstrip())
    if len(want_parts) != len(got_parts):
        return False
    for i, (a, b) in enumerate(zip(want_parts, got_parts)):
        if i % 2 == 0:
            if a.split() != b.split():
                return False
        elif a != b:
            if "." not in a + b and "e" not in a + b:
                return False
            last_digit = max(10 ** (int(n.lower().partition("e")[2] or 0) - len(n.lower().partition("e")[0].partition(".")[2])) for n in (a, b) if "." in n or "e" in n)
            if abs(float(a) - float(b)) > max(0.02 * abs(float(a)), 1.5 * last_digit):
                return False
    return True


def run_program(path, program, update):
    lines = path.read_text(encoding="utf-8").split("\n")
    outputs = [b for b in blocks_of(lines, path.name) if b.directive[0] == "output"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("docs", "examples", "tests"):
            os.symlink(ROOT / name, pathlib.Path(folder) / name)
        run = subprocess.run([program.resolve()], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=300)
        if run.returncode != 0:
            sys.stderr.write(run.stdout.replace(SEPARATOR, "") + run.stderr)
            sys.exit(f"{path.name}: the program ended with {run.returncode}")
        printed = run.stdout.split(SEPARATOR)
        drawn = sorted(pathlib.Path(folder).glob("*.svg"))
        if update:
            update_blocks(path, lines, {b: text.rstrip("\n") for b, text in zip(outputs, printed)})
            for picture in drawn:
                (COURSE / "pictures" / picture.name).write_bytes(picture.read_bytes())
    text = path.read_text(encoding="utf-8")
    wrong = 0
    if printed[len(outputs):] and "".join(printed[len(outputs):]).strip():
        print(f"{path.name}: printed after the last output:\n{''.join(printed[len(outputs):])}")
        wrong += 1
    for picture in drawn:
        if f"pictures/{picture.name}" not in text or not (COURSE / "pictures" / picture.name).exists():
            print(f"{path.name}: the picture {picture.name} is not shown, or is not in pictures/")
            wrong += 1
    for picture in re.findall(r"\]\(pictures/([^)]+)\)", text):
        if picture not in [p.name for p in drawn]:
            print(f"{path.name}: shows {picture}, which its program does not draw")
            wrong += 1
    if update:
        return wrong == 0
    if len(printed) != len(outputs) + 1:
        print(f"{path.name}: {len(outputs)} outputs stand in it, and the program has printed {len(printed) - 1}")
        wrong += 1
    for block, got in zip(outputs, printed):
        if not same_output(block.text, got):
            print(f"{path.name}:{block.begin}: it says\n{block.text}\nand the program prints\n{got}")
            wrong += 1
    return wrong == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    quotes = commands.add_parser("quotes")
    program = commands.add_parser("program")
    run = commands.add_parser("run")
    for command in (quotes, run):
        command.add_argument("--update", action="store_true")
    for command in (program, run):
        command.add_argument("chapter", type=pathlib.Path)
        command.add_argument("file", type=pathlib.Path)
    args = parser.parse_args()
    if args.command == "program":
        write_program(args.chapter, args.file)
        return True
    return check_quotes(args.update) if args.command == "quotes" else run_program(args.chapter, args.file, args.update)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
