"""The page of what `compare` measured: docs/performance.md as text, and the bars that its rows are held against."""
import collections
import statistics

from roofline import picture

GEMM = {1: ["1024,1024,1024", "2048,2048,2048"],
        2: ["1024,1024,1024", "2048,2048,2048", "64,768,3072", "256,2304,768", "512,512,512", "256,256,256"]}
GEMV = ["1,576,1536", "1,768,768"]
NARROW = ["1024,1024,1024", "2048,2048,2048"]
GENERATE = {"F32": (1.5, 1.1), "BF16": (1.8, 1.04), "Q8_0": (2, 1.4), "Q4_0": (2, 1.4), "Q4_1": (2, 1.4), "Q4_K_M": (2, 1.4)}
EMBED = {(1, 16): 0.75, (1, 128): 0.88, (32, 128): 0.9}
ATTENTION = {256: 0.65, 1024: 0.65, 2048: 0.75}
ATTENTION_BACKWARD = {1024: 0.6}
Case = collections.namedtuple("Case", "name batch sequence steps f32 bf16 memory")
TRAIN = {"baby GPT, 0.8 M, 12×64": Case("baby", 12, 64, 25, 0.55, None, None), "char GPT, 10.8 M, 16×256": Case("char", 16, 256, 3, 0.65, 0.45, None),
         "GPT-2, 124 M, 4×64": Case("gpt2", 4, 64, 3, 0.56, 0.4, 2400), "GPT-2, 124 M, 4×256": Case("gpt2", 4, 256, 2, 0.6, 0.42, None)}
Shakespeare = collections.namedtuple("Shakespeare", "steps loss time")
SHAKESPEARE = Shakespeare(2000, 1.88, 0.55)  # nats a character of the held-out tenth; of PyTorch's time for as many steps
# Epochs; the most of PyTorch's time; PyTorch's accuracy may be higher by this much.
FINETUNE = {"polarity": (3, 0.45, 0.01), "questions": (4, 0.45, 0.01)}
FOLDS = {"f32": 0.6, "bf16": 0.4, "int8": 0.4}  # most of PyTorch's time for the embeddings alone
FOLDS_ACCURACY = 0.005  # least: scikit-learn's less this
SENTENCES = {"f32": 1.15, "bf16": 2, "int8": 2}  # least times ONNX Runtime's speed
ADAPTER = (2, 1500)  # least times PyTorch's speed; megabytes over the weights
PERPLEXITY = {"Q4_1": 0.005, "F32": 0.0005}  # most relative difference from llama.cpp
BYTES_COST = 0.003  # most that activations in bytes may change the perplexity by
LOOKUP = ["examples/cli/generate.cpp", "include/tercet/ops/elementwise.hpp", "tests/nn/linear_test.cpp"]  # code that goes on like this
LOOKUP_CHARACTERS, LOOKUP_TOKENS, LOOKUP_SPEED = 1500, 16, 1.5
START, START_PROMPT = 0.5, "Once upon a time"
# Kernels by the words in their names, the first that fits; and what runs before the first step.
KERNELS = {"attention": ["attention", "score", "value_tile", "value_columns", "key_gradient", "rows_both_ways", "softmax_tile"],
           "matrix products": ["::tile<", "pack_", "gemm", "turn<", "copy_panel"], "optimiser": ["update", "Update", "Adam"],
           "rows and elements": ["unary", "binary", "add_scaled", "norm", "exp_", "_exp", "dot<", "sum<", "fill", "memset", "memmove", "stream"]}
BEFORE_THE_STEPS = ["normal_pair", "Generator", "init_", "frexp", "clear_page", "page_fault"]
ROWS = ["copy", "softmax", "layer_norm", "rms_norm", "gelu", "silu", "exp"]
FLAGS = {"plain -O2": ["-O2"], "-O3 -march=native": ["-O3", "-march=native"]}

roofline = picture


def number(x):
    if x is None:
        return "–"
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def share(x):
    return "–" if x is None else f"{x:.3f}"


def median(values):
    return statistics.median(values) if values else None


def ratio(ours, theirs):
    """The median of the rounds' own ratios; of round i to round i, as they were measured in turn."""
    return median([a / b for a, b in zip(ours or [], theirs or [])])


def shape_text(shape):
    parts = shape.replace("x", ",").split(",")
    return f"{parts[0]}³" if len(set(parts)) == 1 else "×".join(parts)


def in_words(machine):
    return f"{machine['cpu']}, {machine['cores']} cores, kernels for {machine['isa']}; {machine['system']}, {machine['compiler']}"


class Page:
    """Collects the sections' text and whether each bar was met."""

    def __init__(self, results):
        self.results, self.text, self.bars = results, [], []
        self.machine = results["machine"]

    def section(self, name, title):
        """Starts a section; its values, or None when it was not measured."""
        found = self.results["sections"].get(name)
        self.name = title
        self.text += [f"## {title}", ""]
        self.machine = (found or {}).get("machine", self.results["machine"])
        peaks, pages = self.machine["peaks"], self.results["machine"]["peaks"]
        peak = "multiply_add/threads:2"  # processors that call themselves alike may differ
        if in_words(self.machine) != in_words(self.results["machine"]) or not 0.9 < peaks.get(peak, 1) / pages.get(peak, 1) < 1.1:
            self.say(f"Measured on another machine than the page's: {in_words(self.machine)}; on two threads {number(peaks.get('multiply_add/threads:2'))} GFLOP/s of "
                     f"multiply-adds, {number(peaks.get('read_1024MB/threads:2'))} GB/s from memory.")
        if found is None:
            self.text += ["Not measured.", ""]
        return found

    def say(self, *lines):
        self.text += [*lines, ""]

    def table(self, header, rows):
        self.text += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        self.text += ["| " + " | ".join(row) + " |" for row in rows] + [""]

    def missing(self, section):
        for who, why in section["missing"].items():
            self.text += [f"Not measured: {who} ({why}).", ""]

    def judge(self, row, *bars):
        """bars: (value, "≥" or "≤", bar). Says whether the row is met: all of them are."""
        if any(value is None for value, _, _ in bars):
            verdict = "not measured"
        elif all(value >= bar if sign == "≥" else value <= bar for value, sign, bar in bars):
            verdict = "met"
        else:
            verdict = "**not met**"
        self.bars.append((self.name, row, verdict))
        return verdict


def gemm(page):
    section = page.section("gemm", "Matrix products")
    if not section:
        return
    page.say("C (M, N) = A (M, K) · B (K, N) in float, row-major, GFLOP/s. *tercet* packs B inside the call, as its peers do; *prepacked* has packed it "
             "before, as a loaded model's weights are. The ratio, which the bar is about, is of the first to the best of OpenBLAS, PyTorch and Eigen. "
             "oneDNN, which writes machine code for each shape when the program runs, stands beside them with a ratio of its own.")
    held, beside = ["OpenBLAS (NumPy)", "OpenBLAS (system)", "PyTorch", "Eigen"], "oneDNN"
    rows = []
    for threads in (1, 2):
        for shape in GEMM[threads]:
            values = section["values"].get(f"{shape} {threads}")
            if values is None:
                continue
            ours, peers = values.get("tercet"), {w: values[w] for w in held if values.get(w)}
            best = max((median(v), w) for w, v in peers.items())[1] if peers else None
            r, of_peak = ratio(ours, peers.get(best)), median(ours) / page.machine["peaks"][f"multiply_add/threads:{threads}"]
            large = shape in GEMM[1]
            bars = [(r, "≥", 1.05 if threads == 1 or not large else 1.03)] + ([(of_peak, "≥", 0.9)] if large else [])
            label = f"{shape_text(shape)}, {threads} thread{'s' * (threads > 1)}"
            bar = f"≥ {bars[0][2]}" + (", 90 %" if large else "")
            rows.append([label, number(median(ours)), number(median(values.get("tercet, prepacked"))), *(number(median(values.get(w))) for w in held),
                         number(r), number(median(values.get(beside))), number(ratio(ours, values.get(beside))), f"{100 * of_peak:.0f} %", bar, page.judge(label, *bars)])
    page.table(["M×N×K", "tercet", "prepacked", *held, "ratio", beside, "its ratio", "of peak", "bar", ""], rows)
    page.missing(section)


def gemv(page):
    section = page.section("gemv", "Products of one row")
    if not section:
        return
    page.say("One row against packed float weights, taken in turn from 256 MB of them; GB/s of weights, beside what reading such a buffer reaches.")
    rows = []
    for key, values in section["values"].items():
        shape, threads = key.split()
        ours, read, r = median(values["tercet"]), median(values["reading"]), ratio(values["tercet"], values["reading"])
        label = f"{shape_text(shape)}, {threads} thread{'s' * (threads != '1')}"
        judged = page.judge(label, (r, "≥", 0.9)) if int(threads) > 1 else ""
        rows.append([label, number(ours), number(read), f"{100 * r:.0f} %", "≥ 90 %" if judged else "", judged])
    page.table(["M×N×K", "tercet", "reading", "of it", "bar", ""], rows)


def near(page):
    section = page.section("near", "Shapes beside these")
    if not section:
        return
    page.say("Each extent by itself ±1 and ±8, and all three the next primes: GFLOP/s of the slowest, beside the listed shape's own, on two threads.")
    rows = []
    for listed, values in section["values"].items():
        ratios = {who: ratio(v, values["itself"]) for who, v in values.items() if who != "itself"}
        slowest = min(ratios, key=ratios.get)
        slower = sum(r < 0.9 for r in ratios.values())
        rows.append([shape_text(listed), number(median(values["itself"])), shape_text(slowest), number(median(values[slowest])), number(ratios[slowest]),
                     f"{slower} of {len(ratios)}", "≥ 0.9", page.judge(shape_text(listed), (ratios[slowest], "≥", 0.9))])
    page.table(["M×N×K", "tercet", "slowest neighbour", "tercet", "ratio", "below 0.9", "bar", ""], rows)


def narrow(page):
    section = page.section("narrow", "Narrow types")
    if not section:
        return
    peak = page.machine["peaks"]["multiply_add/threads:2"]
    page.say("bf16 · bf16 → float, GFLOP/s, and int8 · int8 → int32, GOP/s, on two threads. A machine with these instructions has two and four times "
             "float's peak; the bars, 340 and 620 on a machine whose float peak is 227.7, are taken as the same multiples of this one's.")
    rows = []
    for kind, bar in (("bf16", 340 / 227.7), ("int8", 620 / 227.7)):
        for shape in NARROW:
            values = section["values"].get(f"{kind} {shape}", {})
            ours, packed = median(values.get("tercet")), median(values.get("tercet, prepacked"))
            best = max((x for x in (ours, packed) if x), default=None)
            of_peak = best and best / peak
            label = f"{kind}, {shape_text(shape)}"
            rows.append([label, number(ours), number(packed), number(of_peak), f"≥ {bar:.2f}", page.judge(label, (of_peak, "≥", bar))])
    page.table(["", "tercet", "prepacked", "× float's peak", "bar", ""], rows)
    page.missing(section)


def generate(page):
    section = page.section("generate", "Generation")
    if not section:
        return
    page.say("SmolLM2-135M, tokens a second: a prompt of 512 in one go, and 64 single steps, on two threads, beside llama.cpp on the same file. Quantised "
             "weights meet int8 activations in both, where a row does not say otherwise, and BF16 weights those in bfloat16.")
    for phase, which in (("prompt", 0), ("decode", 1)):
        rows = []
        for kind, bars in GENERATE.items():
            values = section["values"].get(f"{kind} {phase}", {})
            in_float = kind.startswith("Q") and section["values"].get(f"{kind} decode", {}).get("f32")
            r = ratio(values.get("tercet"), values.get("llama.cpp"))
            label = kind + (" (float activations)" if in_float else "")
            rows.append([label, number(median(values.get("tercet"))), number(median(values.get("llama.cpp"))), number(r), f"≥ {bars[which]}",
                         page.judge(f"{kind}, {phase}", (r, "≥", bars[which]))])
        page.table([phase, "tercet", "llama.cpp", "ratio", "bar", ""], rows)
    page.missing(section)


def perplexity(page):
    section = page.section("perplexity", "Perplexity")
    if not section:
        return
    page.say("SmolLM2-135M on the first 4,000 tokens of Tiny Shakespeare in windows of 512, each scored from its second token on, beside llama.cpp on the same file and ids.")
    rows = []
    for kind, most in PERPLEXITY.items():
        values = section["values"].get(kind, {})
        for activations in ("f32", "int8"):
            if ours := values.get(f"tercet {activations}"):
                r = ratio(ours, values.get("llama.cpp"))
                label = f"{kind}, {activations} activations"
                off = None if r is None else abs(r - 1)
                bars, stated = [(off, "≤", most)], f"≤ {100 * most:g} %"
                if activations == "int8":
                    bars.append((abs(median(ours) / median(values["tercet f32"]) - 1), "≤", BYTES_COST))
                    stated += f", {100 * bars[1][0]:.3f} % ≤ {100 * BYTES_COST:g} % from f32"
                rows.append([label, f"{median(ours):.4f}", f"{median(values['llama.cpp']):.4f}" if r else "–", "–" if off is None else f"{100 * off:.3f} %",
                             stated, page.judge(label, *bars)])
    page.table(["", "tercet", "llama.cpp", "apart", "bar", ""], rows)
    page.missing(section)


def lookup(page):
    section = page.section("lookup", "Guessing by look-up")
    if not section:
        return
    page.say(f"SmolLM2-135M Q4_1 goes on from the last {LOOKUP_CHARACTERS:,} characters of a source file for 256 tokens, tokens a second on two threads: plainly, and guessing up to "
             f"{LOOKUP_TOKENS} at once from what was there before. The tokens must be the same.")
    rows = []
    for name, values in section["values"].items():
        r, same = ratio(values["with look-up"], values["plain"]), all(values["same"])
        rows.append([name, number(median(values["plain"])), number(median(values["with look-up"])), number(r), "yes" if same else "no", f"≥ {LOOKUP_SPEED}",
                     page.judge(name, (r, "≥", LOOKUP_SPEED), (same, "≥", True))])
    page.table(["", "plain", "with look-up", "ratio", "same tokens", "bar", ""], rows)


def start(page):
    section = page.section("start", "From nothing to the first token")
    if not section:
        return
    page.say(f"SmolLM2-135M Q4_1, its file in the page cache, the prompt \"{START_PROMPT}\", two threads: seconds from the start of `tercet generate` to its end after one token, "
             "and of llama.cpp's library from loading the file to the first token's text, without the start of a process.")
    values = section["values"].get("Q4_1", {})
    r = ratio(values.get("tercet"), values.get("llama.cpp"))
    page.table(["", "tercet, s", "llama.cpp, s", "ratio", "bar", ""],
               [["Q4_1", *(f"{median(values[w]):.3f}" if values.get(w) else "–" for w in ("tercet", "llama.cpp")), number(r), f"≤ {START}", page.judge("start", (r, "≤", START))]])
    page.missing(section)


def embed(page):
    section = page.section("embed", "Sentence embeddings")
    if not section:
        return
    page.say("MiniLM-L6's forward pass on batch × tokens, milliseconds on two threads. The ratio is of the time to ONNX Runtime's, which computes in float.")
    rows = []
    for (batch, sequence), bar in EMBED.items():
        values = section["values"].get(f"{batch}x{sequence}", {})
        for kind in ("f32", "bf16", "int8"):
            ours, limit = values.get(f"tercet {kind}"), bar if kind == "f32" else 0.5
            r = ratio(ours, values.get("ONNX Runtime"))
            label = f"{batch}×{sequence}, {kind}"
            peers = [number(median(values.get(w))) if kind == "f32" else "" for w in ("ONNX Runtime", "PyTorch")]
            rows.append([label, number(median(ours)), *peers, number(r), f"≤ {limit}", page.judge(label, (r, "≤", limit))])
    page.table(["", "tercet", "ONNX Runtime", "PyTorch", "ratio", "bar", ""], rows)
    page.missing(section)


def attention(page):
    section = page.section("attention", "Attention")
    if not section:
        return
    page.say("Causal, 12 heads of 64, milliseconds on two threads; the ratio is of the time to that of PyTorch's scaled_dot_product_attention.")
    rows = []
    for phase in ("forward", "with backward"):
        for tokens, bar in ATTENTION.items():
            values = section["values"].get(f"{tokens} {phase}", {})
            r = ratio(values.get("tercet"), values.get("PyTorch"))
            label = f"{tokens:,} tokens, {phase}"
            limit = bar if phase == "forward" else ATTENTION_BACKWARD.get(tokens)
            judged = page.judge(label, (r, "≤", limit)) if limit else ""
            rows.append([label, number(median(values.get("tercet"))), number(median(values.get("PyTorch"))), number(r), f"≤ {limit}" if limit else "", judged])
    page.table(["", "tercet", "PyTorch", "ratio", "bar", ""], rows)
    page.missing(section)


def train(page):
    section = page.section("train", "Training")
    if not section:
        return
    page.say("A GPT's training step, forward, loss, backward and AdamW, in seconds on two threads, beside PyTorch in eager mode with its fused AdamW. *bf16*: the "
             "operands of the layers' products are rounded to bfloat16, everything else is float. Memory is the process's largest resident set.")
    rows, shares = [], []
    for label, case in TRAIN.items():
        values = section["values"].get(label, {})
        for kind, bar in (("f32", case.f32), ("bf16", case.bf16)):
            ours, theirs = values.get(f"tercet {kind}"), values.get("PyTorch")
            r, memory = ratio(ours, theirs), median(values.get(f"memory {kind}"))
            bars = ([(r, "≤", bar)] if bar else []) + ([(memory, "≤", case.memory)] if case.memory else [])
            name = f"{label}, {kind}"
            stated = ", ".join([f"≤ {bar}"] * bool(bar) + [f"≤ {case.memory} MB"] * bool(case.memory))
            plain = kind == "f32"
            rows.append([name, number(median(ours)), number(median(theirs)) if plain else "", number(r), number(memory),
                         number(median(values.get("memory PyTorch"))) if plain else "", stated, page.judge(name, *bars) if bars else ""])
        if values.get("share other"):
            shares.append([label, *(f"{100 * median(values[f'share {kind}']):.0f} %" for kind in [*KERNELS, "other"])])
    page.table(["", "tercet, s", "PyTorch, s", "ratio", "tercet, MB", "PyTorch, MB", "bar", ""], rows)
    if shares:
        page.say("Where a step in float spends its time, by samples on one thread:")
        page.table(["", *KERNELS, "other"], shares)
    page.missing(section)


def shakespeare(page):
    section = page.section("shakespeare", "A run from nothing to verse")
    if not section:
        return
    steps, most, share_of_time = SHAKESPEARE
    page.say(f"`tercet train`: the baby GPT, {steps:,} steps on tinyshakespeare, characters. Loss over the whole held-out tenth, mean of the rounds, each with another seed "
             "(nanoGPT's published run on a CPU has 1.88); seconds of the steps, evaluations and checkpoints included, beside PyTorch's for as many steps alone.")
    values = section["values"].get("all", {})
    loss, r = statistics.mean(values["loss"]) if values.get("loss") else None, ratio(values.get("tercet"), values.get("PyTorch"))
    page.table(["", "loss", "tercet, s", "PyTorch, s", "ratio", "bar", ""],
               [[f"{steps:,} steps", share(loss), number(median(values.get("tercet"))), number(median(values.get("PyTorch"))), number(r), f"loss ≤ {most}, ≤ {share_of_time}",
                 page.judge("shakespeare", (loss, "≤", most), (r, "≤", share_of_time))]])
    page.missing(section)


def finetune(page):
    section = page.section("finetune", "Fine-tuning")
    if not section:
        return
    page.say("MiniLM-L6 learns classes of texts, batches of 32, at most 64 tokens, rate 5e-5 falling to 0: sentiment of sentences (polarity, 3 epochs), types of questions "
             "(4 epochs). Seconds an epoch on two threads beside PyTorch's eager mode, which pads each batch; accuracy on texts held out, after the last epoch, mean of the "
             "rounds, each with another seed.")
    rows = []
    for task, (epochs, most, less) in FINETUNE.items():
        values = section["values"].get(task, {})
        r = ratio(values.get("tercet"), values.get("PyTorch"))
        ours, theirs = (statistics.mean(values[w]) if values.get(w) else None for w in ("tercet accuracy", "PyTorch accuracy"))
        gap = ours - theirs if ours is not None and theirs is not None else None
        rows.append([task, number(median(values.get("tercet"))), number(median(values.get("PyTorch"))), number(r), share(ours), share(theirs), f"≤ {most}, accuracy ≥ − {less}",
                     page.judge(task, (r, "≤", most), (gap, "≥", -less))])
    page.table(["", "tercet, s", "PyTorch, s", "ratio", "accuracy", "PyTorch's", "bar", ""], rows)
    page.missing(section)


def sentences(page):
    section = page.section("sentences", "Embedding many sentences")
    if not section:
        return
    page.say("10,000 sentences of mixed length from text to embedding, seconds on two threads, beside ONNX Runtime in float fed batches of 32 sorted by length. The ratio is of "
             "the speed.")
    values, rows = section["values"].get("all", {}), []
    for kind, bar in SENTENCES.items():
        r = ratio(values.get("ONNX Runtime"), values.get(f"tercet {kind}"))
        rows.append([kind, number(median(values.get(f"tercet {kind}"))), number(median(values.get("ONNX Runtime"))) if kind == "f32" else "", number(r), f"≥ {bar}",
                     page.judge(kind, (r, "≥", bar))])
    page.table(["", "tercet, s", "ONNX Runtime, s", "ratio", "bar", ""], rows)
    page.missing(section)


def folds(page):
    section = page.section("folds", "Cross-validation on frozen embeddings")
    if not section:
        return
    page.say("The 10,662 film sentences: embeddings by MiniLM, then a logistic regression (C = 10) in five stratified folds, all of it in seconds on two threads, beside the time that "
             "PyTorch takes for the embeddings alone, in batches of 32 sorted by length. Accuracies are the means over the folds; scikit-learn's is on PyTorch's embeddings.")
    values, rows = section["values"].get("polarity", {}), []
    theirs = median(values.get("accuracy scikit-learn"))
    for kind, bar in FOLDS.items():
        r, accuracy = ratio(values.get(f"tercet {kind}"), values.get("PyTorch")), median(values.get(f"accuracy {kind}"))
        gap = None if accuracy is None or theirs is None else accuracy - theirs
        rows.append([kind, number(median(values.get(f"tercet {kind}"))), number(median(values.get("PyTorch"))) if kind == "f32" else "", number(r),
                     share(accuracy), share(theirs), f"≤ {bar}, accuracy ≥ − {FOLDS_ACCURACY}",
                     page.judge(f"folds {kind}", (r, "≤", bar), (gap, "≥", -FOLDS_ACCURACY))])
    page.table(["", "tercet, s", "PyTorch, s", "ratio", "accuracy", "scikit-learn's", "bar", ""], rows)
    page.missing(section)


def adapter(page):
    section = page.section("adapter", "Adapters")
    if not section:
        return
    page.say("LoRA of rank 8 on SmolLM2's queries and values, 4 × 256 tokens a step, tokens a second on two threads: over the Q4_1 weights as they are, beside PyTorch with "
             "peft over float32. Memory is the largest resident set, ours without the file's size.")
    values, rows = section["values"].get("SmolLM2", {}), []
    for kind in ("f32", "bf16"):
        r, memory = ratio(values.get(f"tercet {kind}"), values.get("PyTorch")), median(values.get(f"memory {kind}"))
        rows.append([f"{kind} operands", number(median(values.get(f"tercet {kind}"))), number(median(values.get("PyTorch"))) if kind == "f32" else "", number(r), number(memory),
                     number(median(values.get("memory PyTorch"))) if kind == "f32" else ""])
    best = max((r for r in (ratio(values.get(f"tercet {kind}"), values.get("PyTorch")) for kind in ("f32", "bf16")) if r is not None), default=None)
    memory = median(values.get("memory bf16"))
    page.table(["", "tercet", "PyTorch", "ratio", "tercet, MB", "PyTorch, MB"], rows)
    page.say(f"Bar: ≥ {ADAPTER[0]} with either operands, in ≤ {ADAPTER[1]:,} MB: {page.judge('LoRA', (best, '≥', ADAPTER[0]), (memory, '≤', ADAPTER[1]))}.")
    page.missing(section)


def rows(page):
    section = page.section("rows", "Rows and elements")
    if not section:
        return
    page.say("16,384 × 1,024 floats, from memory to memory, milliseconds on two threads. The ratio is of the time to that of our own copy; the copy's own to "
             "PyTorch's. PyTorch's softmax, layer norm and GELU take fresh memory in each call.")
    out = []
    copy = section["values"].get("copy", {})
    for op in ROWS:
        values = section["values"].get(op, {})
        ours, theirs = values.get("tercet"), values.get("PyTorch")
        r, bar = (ratio(ours, theirs), 1.0) if op == "copy" else (ratio(ours, copy.get("tercet")), 1.2)
        gb = 8 * 16384 * 1024 / median(ours) / 1e6 if ours else None
        out.append([op.replace("_", " "), number(median(ours)), number(gb), number(median(theirs)), number(r), f"≤ {bar}", page.judge(op, (r, "≤", bar))])
    page.table(["", "tercet", "GB/s", "PyTorch", "ratio", "bar", ""], out)
    page.missing(section)


def flags(page):
    section = page.section("flags", "Compiler flags")
    if not section:
        return
    page.say(f"One header-only program on one thread, compiled with plain -O2 and with -O3 -march=native ({page.machine['compiler']}).")
    names = {"gemm": "matrix product, 768³, GFLOP/s", "softmax": "softmax, 256×768, GB/s", "stored_dot": "Q8_0 weights × one row, GB/s of weights"}
    plain, native = FLAGS
    out = []
    for key, values in section["values"].items():
        r = ratio(values[plain], values[native])
        out.append([names[key], number(median(values[plain])), number(median(values[native])), number(r), "≥ 0.95", page.judge(names[key], (r, "≥", 0.95))])
    page.table(["", plain, native, "ratio", "bar", ""], out)


def loops(page):
    section = page.section("loops", "Fork and join")
    if not section:
        return
    values = section["values"]
    at = lambda tiles, threads: median(values[tiles].get(f"threads:{threads}"))
    cost = at("two_tiles", 2) - at("two_tiles", 1) / 2 if at("two_tiles", 2) else None
    page.say(f"Two tiles of {number(at('two_tiles', 1) / 2)} µs each on two threads take {number(at('two_tiles', 2))} µs: the fork and the join cost "
             f"{number(cost)} µs. A loop whose tiles are empty takes {number(at('two_empty_tiles', 2))} µs.")
    rows = []
    for kind in GENERATE:
        decode = (page.results["sections"].get("generate") or {"values": {}})["values"].get(f"{kind} decode", {})
        if decode.get("tercet"):
            step, count = 1e3 / median(decode["tercet"]), median(decode["loops"])
            rows.append([kind, number(step), number(count), f"{100 * count * cost / 1e3 / step:.1f} %"])
    if rows:
        page.say("In a decoding step of SmolLM2-135M that is:")
        page.table(["weights", "step, ms", "loops shared by the threads", "of the step"], rows)


def page(results):
    p = Page(results)
    for section in (gemm, gemv, near, narrow, generate, perplexity, lookup, start, embed, sentences, folds, attention, train, shakespeare, finetune, adapter, rows, flags, loops):
        section(p)
    m, peaks = results["machine"], results["machine"]["peaks"]
    counted = {}
    for name, _, verdict in p.bars:
        counted.setdefault(name, []).append(verdict)
    met = sum(verdict == "met" for _, _, verdict in p.bars)
    limits = [[f"{t} thread{'s' * (t > 1)}", *(number(peaks.get(f"{what}/threads:{t}")) for what in ("multiply_add", "read_1024MB", "read_256MB"))]
              for t in (1, 2) if f"multiply_add/threads:{t}" in peaks]
    when = {(s["commit"], s["date"], s["runs"]) for s in results["sections"].values()}
    head = Page(results)
    head.say("# Performance")
    head.say("How fast tercet is beside the libraries one would take in its place, on one machine, and how near both come to what that machine can do. Medians of "
             "rounds in which ours and theirs took turns; a ratio is the median of the rounds' own. Each row carries the bar it is held against.")
    head.say(in_words(m) + ".")
    if len(when) == 1:
        head.say("Commit {}, {}, {} rounds.".format(*when.pop()))
    head.table(["the machine's limits", "float multiply-adds, GFLOP/s", "reading 1 GB, GB/s", "reading 256 MB, GB/s"], limits)
    head.say(f"{met} of {len(p.bars)} bars are met:")
    head.table(["", "met", "not met", "not measured"],
               [[name, *(str(verdicts.count(v) or "") for v in ("met", "**not met**", "not measured"))] for name, verdicts in counted.items()])
    head.say("![Roofline: operations a second over operations a byte](roofline.svg)")
    head.say("The lines are the machine's limits: memory to the left, multiply-adds to the right, for float and, dashed, for what bf16 and int8 could reach.")
    if len(when) > 1:
        p.text += ["## When", ""]
        p.table(["section", "commit", "date", "rounds"], [[name, s["commit"], s["date"], str(s["runs"])] for name, s in results["sections"].items()])
    p.text += ["## Again", "", "```sh", "benchmarks/peers/compare                         # everything, some twenty minutes on two cores",
               "benchmarks/peers/compare --only gemm,attention   # these sections anew", "build/compare/benchmarks/tercet_bench_backend     # more shapes, "
               "each with its percentage of the peak", "```", "",
               "The numbers of every round are in [performance.json](performance.json). `tercet bench gemm --size 1024,1024,1024` measures one thing by itself."]
    return "\n".join(head.text + p.text) + "\n"
