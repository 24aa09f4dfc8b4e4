"""The roofline (Williams, Waterman, Patterson 2009): what was reached, over operations a byte, under what the machine allows. As SVG."""
import math, statistics

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 540, 62, 20, 46, 52
X, Y = (0.2, 1000), (4, None)  # operations a byte; GFLOP/s up to the highest roof
SMOLLM2, SMOLLM2_BODY, MINILM = 134_515_008, 106_203_456, 10_616_832  # numbers in matrices: all, those of the blocks, those of the blocks

STYLE = """
  svg { background: #ffffff } text { font: 12px system-ui, sans-serif; fill: #30363d } .title { font-size: 15px; font-weight: 600 }
  .grid { stroke: #d8dee4; stroke-width: 1 } .roof { stroke: #30363d; stroke-width: 2; fill: none } .narrow { stroke: #8c959f; stroke-width: 1.5;
  stroke-dasharray: 5 4; fill: none } .faint { fill: #656d76 } .leader { stroke: #8c959f; stroke-width: .7 }
  .c0 { fill: #0969da } .c1 { fill: #bc4c00 } .c2 { fill: #1a7f37 } .c3 { fill: #8250df } .c4 { fill: #bf3989 } .c5 { fill: #9a6700 } .c6 { fill: #0a7f86 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #2a313a } .roof { stroke: #e6edf3 } .narrow { stroke: #7d8590 } .faint { fill: #9198a1 }
    .c0 { fill: #58a6ff } .c1 { fill: #f0883e } .c2 { fill: #3fb950 } .c3 { fill: #bc8cff } .c4 { fill: #f778ba } .c5 { fill: #d29922 } .c6 { fill: #39c5cf }
  }
"""


def points(results):
    """(group, label, operations a byte, GFLOP/s) of what was measured on two threads."""
    values = lambda name: results["sections"].get(name, {}).get("values", {})
    median = lambda row, who="tercet": statistics.median(row[who]) if row.get(who) else None
    out = []

    def add(group, label, operations, moved, rate):
        if rate:
            out.append((group, label, operations / moved, rate))

    for key, row in values("gemm").items():
        shape, threads = key.split()
        m, n, k = map(int, shape.split(","))
        if threads == "2":
            add("matrix product", f"{m}³" if m == n == k else f"{m}×{n}×{k}", 2 * m * n * k, 4 * (m * n + n * k + m * k), median(row))
    for key, row in values("gemv").items():
        shape, threads = key.split()
        if threads == "2":
            add("one row", shape.replace(",", "×"), 2, 4, median(row) / 2)
    for key, row in values("narrow").items():
        kind, shape = key.split()
        m, n, k = map(int, shape.split(","))
        add("matrix product, narrow", f"{kind} {m}³", 2 * m * n * k, (2 if kind == "bf16" else 1) * (m * k + k * n) + 4 * m * n, median(row, "tercet, prepacked"))
    for key, row in values("generate").items():
        kind, phase = key.split()
        size = statistics.median(values("generate")[f"{kind} decode"].get("bytes", [1]))
        rate = median(row)
        if phase == "decode":
            add("decode", kind, 2 * SMOLLM2, size, rate and 2e-9 * SMOLLM2 * rate)
        else:
            add("prompt of 512", kind, 2 * SMOLLM2_BODY * 512, size, rate and 2e-9 * SMOLLM2_BODY * rate)
    for key, row in values("embed").items():
        batch, tokens = map(int, key.split("x"))
        operations = batch * tokens * (2 * MINILM + 6 * 4 * tokens * 384)
        ms = median(row, "tercet f32")
        add("MiniLM", f"{batch}×{tokens}", operations, 4 * MINILM + 6 * 8 * batch * tokens * 384 * 4, ms and operations / ms / 1e6)
    for key, row in values("attention").items():
        tokens, phase = key.split(" ", 1)
        if phase == "forward":
            operations = 4 * 12 * 64 * int(tokens) * (int(tokens) + 1) / 2
            ms = median(row)
            add("attention", tokens, operations, 4 * 4 * 12 * 64 * int(tokens), ms and operations / ms / 1e6)
    return out


def picture(results):
    peaks = results["machine"]["peaks"]
    threads = 2 if "multiply_add/threads:2" in peaks else 1
    peak, memory = peaks[f"multiply_add/threads:{threads}"], peaks[f"read_1024MB/threads:{threads}"]
    top = 4 * peak * 1.6
    x_of = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / X[0]) / math.log(X[1] / X[0])
    y_of = lambda y: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / Y[0]) / math.log(top / Y[0])
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
           f"<title>Roofline of tercet on {results['machine']['cpu']}</title>", f"<style>{STYLE}</style>",
           f'<text class="title" x="{LEFT}" y="24">GFLOP/s over operations a byte, {threads} threads</text>']
    for ticks, limits, horizontal in (([0.1, 1, 10, 100, 1000], X, False), ([1, 10, 100, 1000, 10000], (Y[0], top), True)):
        for tick in ticks:
            if not limits[0] <= tick <= limits[1]:
                continue
            if horizontal:
                y = y_of(tick)
                svg.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
                svg.append(f'<text class="faint" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>')
            else:
                x = x_of(tick)
                svg.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
                svg.append(f'<text class="faint" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,}</text>')

    taken = []  # boxes of labels and points, which a new label keeps clear of

    def free(box):
        inside = box[0] > LEFT and box[2] < WIDTH - 2 and box[1] > TOP - 6 and box[3] < HEIGHT - BOTTOM
        return inside and all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken)

    for factor, style, name in ((1, "roof", f"float: {peak:,.0f}"), (2, "narrow", "bf16: twice that"), (4, "narrow", "int8: four times")):
        ridge = factor * peak / memory
        corners = [(X[0], X[0] * memory), (ridge, factor * peak)] if factor == 1 else [(ridge / factor, peak), (ridge, factor * peak)]
        line = " ".join(f"{x_of(x):.1f},{y_of(max(y, Y[0])):.1f}" for x, y in [(max(x, Y[0] / memory), y) for x, y in corners] + [(X[1], factor * peak)])
        svg.append(f'<polyline class="{style}" points="{line}"/>')
        svg.append(f'<text class="faint" x="{WIDTH - RIGHT - 4}" y="{y_of(factor * peak) - 6:.1f}" text-anchor="end">{name}</text>')
        taken.append((WIDTH - RIGHT - 130, y_of(factor * peak) - 18, WIDTH - RIGHT, y_of(factor * peak) + 2))
    x = 0.55
    angle = math.degrees(math.atan2(y_of(x * memory) - y_of(2 * x * memory), x_of(2 * x) - x_of(x)))
    svg.append(f'<text class="faint" transform="translate({x_of(x):.1f} {y_of(x * memory) - 13:.1f}) rotate({-angle:.1f})">memory: {memory:.0f} GB/s</text>')

    found = points(results)
    groups = list(dict.fromkeys(group for group, *_ in found))
    for _, _, intensity, rate in found:
        taken.append((x_of(intensity) - 4, y_of(rate) - 4, x_of(intensity) + 4, y_of(rate) + 4))
    for group, label, intensity, rate in found:
        x, y, colour = x_of(intensity), y_of(rate), f"c{groups.index(group)}"
        svg.append(f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        wide = 8 * len(label)
        around = [(dx if dx > 0 else dx - wide, dy) for far in range(0, 120, 12) for dx, dy in
                  ((8, 4 + far), (8, 4 - far), (-8, 4 + far), (-8, 4 - far), (-wide / 2, 18 + far), (-wide / 2, -9 - far))]
        for dx, dy in around:
            box = (x + dx, y + dy - 10, x + dx + wide, y + dy + 3)
            if free(box):
                taken.append(box)
                if abs(dy - 4) > 16:
                    svg.append(f'<line class="leader" x1="{x:.1f}" y1="{y:.1f}" x2="{max(box[0], min(x, box[2])):.1f}" y2="{box[3] if dy < 0 else box[1]:.1f}"/>')
                svg.append(f'<text class="{colour}" x="{x + dx:.1f}" y="{y + dy:.1f}">{label}</text>')
                break
    at = LEFT
    for group in groups:
        svg.append(f'<circle class="c{groups.index(group)}" cx="{at + 5}" cy="{HEIGHT - 14}" r="4"/>')
        svg.append(f'<text x="{at + 14}" y="{HEIGHT - 10}">{group}</text>')
        at += 36 + 6.6 * len(group)
    return "\n".join(svg + ["</svg>"]) + "\n"
