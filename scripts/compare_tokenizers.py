#!/usr/bin/env python3
"""Compares tercet's ids with those of tokenizers, tiktoken and sentencepiece, on random strings; or its speed with theirs.

    scripts/compare_tokenizers.py --tercet build/release/examples/tercet --golden ../shared/golden/tokenizers [--count 100000 --seed 1]
    scripts/compare_tokenizers.py … --speed ../shared/golden/tokenizers/corpus.txt [--rounds 5]

GOLDEN has gpt2/, minilm/ and smollm2/ with a tokenizer.json each, and folders with a spiece.model. Strings are made of code points that Unicode 14 had
assigned, of scripts, marks, spaces and symbols in runs, pieces of English, special tokens, and long repetitions, where ties are. Exit status 1
if any string's ids differ. Needs the packages tokenizers, tiktoken and sentencepiece (pip install tokenizers tiktoken sentencepiece).
"""
import argparse, json, os, pathlib, random, statistics, subprocess, sys, tempfile, time, unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import sentencepiece, tiktoken, tokenizers

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
SPECIAL = ["<s>", "</s>", "<unk>", "<sep>", "<|im_start|>", "<|endoftext|>", "[MASK]", "[CLS]", "<0x41>", "<pad>"]


def strings(count, seed, english):
    rng = random.Random(seed)
    assigned = lambda points: [c for c in points if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    everything = assigned(range(1, 0x30000))
    pools = [assigned(p) for p in (range(32, 127), range(0xA0, 0x250), range(0x300, 0x370), range(0x400, 0x460), range(0x900, 0x960), range(0x2000, 0x2070),
             range(0x3041, 0x30FF), range(0x4E00, 0x4F00), range(0xAC00, 0xAC80), range(0xFF01, 0xFF60), range(0x1F600, 0x1F640),
             (9, 10, 13, 32, 32, 32, 0x85, 0xA0, 0x1680, 0x2581, 0x3000, 0x200B, 0x200D, 0xFEFF, 0xFFFD, 1, 0x7F))]

    def piece(most):
        begin = rng.randrange(len(english))
        return english[begin:begin + rng.randint(1, most)]

    def one():
        kind = rng.random()
        if kind < 0.25:
            return piece(60)
        if kind < 0.45:
            return "".join(chr(rng.choice(everything)) for _ in range(rng.randint(1, 12)))
        if kind < 0.6:
            most = rng.choice("abethonslr-. 0Z")
            return "".join(rng.choice(most * 4 + rng.choice("aetnoish -.01")) for _ in range(rng.randint(1, 70)))
        text = ""
        for _ in range(rng.randint(1, 8)):
            pool = rng.choice(pools)
            text += "".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 5)))
            extra = rng.random()
            text += piece(15) if extra < 0.15 else rng.choice(SPECIAL) if extra < 0.22 else " " * rng.randint(1, 4) if extra < 0.4 else ""
        return text

    return [one() for _ in range(count)]


class Peers:
    def __init__(self, golden):
        self.golden = golden
        vocabulary = json.loads((golden / "gpt2" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)}
        ranks = {bytes(byte_of[c] for c in token): i for token, i in vocabulary.items() if i < 50256}
        self.tiktoken = tiktoken.Encoding("gpt2", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})

    def huggingface(self, name):
        tokenizer = tokenizers.Tokenizer.from_file(str(self.golden / name / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def sentencepiece_folders(self):
        return sorted(path.parent.name for path in self.golden.glob("*/spiece.model"))

    def sentencepiece(self, name):
        return sentencepiece.SentencePieceProcessor(model_file=str(self.golden / name / "spiece.model"))


def compare(args):
    peers, texts = Peers(args.golden), strings(args.count, args.seed, (args.golden / "corpus.txt").read_text(encoding="utf-8"))
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "strings.json"
        file.write_text(json.dumps(texts), encoding="utf-8")

        def check(who, tokenizer, expected, *options, offsets=None):
            nonlocal wrong
            done = subprocess.run([args.tercet, "tokenize", "--tokenizer", tokenizer, "--strings", file, "--json", *options], capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"tercet: {done.stderr.strip()}")
            rows = json.loads(done.stdout)["rows"]
            different = [i for i, row in enumerate(rows) if row["ids"] != expected[i] or (offsets and row["offsets"] != offsets[i])]
            wrong += len(different)
            print(f"{who}: {len(different)} of {len(texts)} strings differ", flush=True)
            for i in different[:3]:
                print(f"    {texts[i]!r}\n    {who} {expected[i]}\n    tercet {rows[i]['ids']}")

        for name in ("gpt2", "minilm", "smollm2"):
            encodings = peers.huggingface(name).encode_batch(texts)
            check(f"tokenizers, {name}, ids and offsets", args.golden / name / "tokenizer.json", [e.ids for e in encodings],
                  offsets=[[list(pair) for pair in e.offsets] for e in encodings])
        check("tiktoken, gpt2", args.golden / "gpt2" / "tokenizer.json", [peers.tiktoken.encode_ordinary(text) for text in texts], "--special-as-text")
        for name in peers.sentencepiece_folders():
            check(f"sentencepiece, {name}", args.golden / name / "spiece.model", peers.sentencepiece(name).encode(texts))
    return 1 if wrong else 0


def speed(args):
    """Rounds of tercet and its peer in turn; the median of the rounds' ratios."""
    peers, text = Peers(args.golden), args.speed.read_text(encoding="utf-8")
    lines, size = text.split("\n"), len(text.encode()) / 1e6

    def seconds(work, repeat=3):
        work()
        times = []
        for _ in range(repeat):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    def ours(path, *options):
        done = subprocess.run([args.tercet, "bench", "tokenize", "--tokenizer", path, "--file", args.speed, "--threads", "1", "--json", *options],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["mb_per_s"]

    def learn_theirs():
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=4096, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
        tokenizer.train_from_iterator([text], trainer)

    def learn_ours():
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([args.tercet, "train-tokenizer", "--type", "bpe", "--vocab", "4096", "--file", args.speed, f"{folder}/t.json", "--json"],
                                  capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["seconds"]

    wordpiece = peers.huggingface("minilm")
    work = {
        "gpt2": ("tiktoken", 3, lambda: size / seconds(lambda: peers.tiktoken.encode_ordinary(text)), lambda: ours(args.golden / "gpt2" / "tokenizer.json")),
        "minilm": ("tokenizers", 25, lambda: size / seconds(lambda: wordpiece.encode(text), 1), lambda: ours(args.golden / "minilm" / "tokenizer.json")),
    }
    for name, bar in (("sp_unigram", 2), ("sp_bpe_bytefallback", 4)):
        model = peers.sentencepiece(name)
        work[name] = ("sentencepiece", bar, lambda model=model: size / seconds(lambda: model.encode(lines, num_threads=1)),
                      lambda name=name: ours(args.golden / name / "spiece.model", "--by-line"))
    work["learn 4,096"] = ("tokenizers", 2, lambda: 1 / seconds(learn_theirs, 1), lambda: 1 / learn_ours())
    for name, (peer, bar, theirs, our) in work.items():
        rounds = [(our(), theirs()) for _ in range(args.rounds)]
        ratio = statistics.median(a / b for a, b in rounds)
        a, b = (statistics.median(column) for column in zip(*rounds))
        unit = "MB/s" if "learn" not in name else "a second"
        print(f"{name}: tercet {a:.1f}, {peer} {b:.2f} {unit}; {ratio:.1f} times as fast (bar {bar})", flush=True)
    return 0


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--tercet", type=pathlib.Path, required=True)
parser.add_argument("--golden", type=pathlib.Path, required=True)
parser.add_argument("--count", type=int, default=100000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--speed", type=pathlib.Path, metavar="FILE")
parser.add_argument("--rounds", type=int, default=5)
arguments = parser.parse_args()
sys.exit(speed(arguments) if arguments.speed else compare(arguments))
