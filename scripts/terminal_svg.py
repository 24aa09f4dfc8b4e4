#!/usr/bin/env python3
"""Draws a terminal's text as an SVG picture: the README's.

    scripts/demo.sh 2>&1 | scripts/terminal_svg.py 'scripts/demo.sh' > docs/demo.svg
"""
import html
import sys
import textwrap

COLUMNS, LINE, CHARACTER, MARGIN = 96, 19, 8.1, 18


def main():
    command = sys.argv[1]
    lines = [("$ " + command, "#e8c07d")]
    for line in sys.stdin.read().rstrip("\n").split("\n"):
        colour = "#8fb7c9" if line.startswith("==") else "#e6e6e6"
        lines += [(part, colour) for part in textwrap.wrap(line, COLUMNS, drop_whitespace=False, replace_whitespace=False) or [""]]
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN + 14
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">')
    print(f"<title>{html.escape(command)}</title>")
    print(f'<rect width="{width}" height="{height}" rx="9" fill="#1d2329"/>')
    for i, colour in enumerate(("#e06c60", "#e0b860", "#7fb870")):
        print(f'<circle cx="{MARGIN + 4 + 18 * i}" cy="16" r="5.5" fill="{colour}"/>')
    print('<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13.4px" xml:space="preserve">')
    for i, (text, colour) in enumerate(lines):
        if text:
            print(f'<text x="{MARGIN}" y="{MARGIN + 28 + i * LINE}" fill="{colour}">{html.escape(text)}</text>')
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
