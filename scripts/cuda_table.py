"""The table of scripts/check_cuda.sh from what ptxas -v said: a file an architecture, in the folder that is given."""
import pathlib, re, subprocess, sys

THREADS = {"sm_75": 1024, "sm_86": 1536, "sm_89": 1536, "sm_120": 1536}  # of a multiprocessor; 2,048 elsewhere
SHARED = {"sm_75": 64, "sm_80": 164, "sm_86": 100, "sm_89": 100, "sm_90": 228, "sm_100": 228, "sm_120": 100}  # kilobytes of it
OF_BLOCK = {"attention_decode": 128, "attention_join": 64, "stored_product": 128, "unpack": 128, "gather_rows": 128, "scatter_rows": 128}  # else 256


def kernels(text):
    """(name, registers, bytes of shared memory) of each kernel."""
    for name, rest in re.findall(r"Compiling entry function '(\S+)'.*?\n(.*?Used [^\n]*)", text, re.S):
        shared = re.search(r"(\d+) bytes smem", rest)
        yield name, int(re.search(r"Used (\d+) registers", rest).group(1)), int(shared.group(1)) if shared else 0


def threads_of(name):
    """Of a block, as the code has it: four for a row of a tile of attention, a warp for 16 rows on tensor cores; for others see OF_BLOCK."""
    if tile := re.match(r"kernels::attention(?:_query_gradient|_key_gradient)?<(\d+),", name):
        return 4 * int(tile.group(1))
    if tile := re.match(r"kernels::(?:attention|query_gradient|key_gradient)_tensor<(\d+)", name):
        return 128 if int(tile.group(1)) <= 64 else 64
    return OF_BLOCK.get(re.match(r"kernels::(\w+)", name).group(1), 256)


def plain(names):
    """kernels::softmax<true, float>, from the mangled names."""
    shown = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()
    short = (re.sub(r"tercet::v\d+_\d+_\w+::|cuda::|\(int\)|\(bool\)|^void ", "", name) for name in shown)
    return [re.sub(r"\(.*", "", name.replace("(anonymous namespace)::", "")).replace("<1,", "<true,").replace("<0,", "<false,") for name in short]


def main():
    folder, architectures = pathlib.Path(sys.argv[1]), sys.argv[2:]
    table = {}
    for architecture in architectures:
        found = list(kernels((folder / architecture).read_text()))
        for name, (_, registers, shared) in zip(plain([k[0] for k in found]), found):
            threads = threads_of(name)
            most = THREADS.get(architecture, 2048)
            blocks = min(most // threads, 65536 // (-(-registers // 8) * 8 * threads), SHARED[architecture] * 1024 // (shared + 1024), 32)
            table.setdefault(name, {})[architecture] = f"{registers} · {shared:,} · {100 * blocks * threads // most} %"
    print("| registers · bytes of shared memory · occupancy | " + " | ".join(architectures) + " |")
    print("| --- |" + " --- |" * len(architectures))
    for name in sorted(table):
        print(f"| `{name}` | " + " | ".join(table[name].get(a, "–") for a in architectures) + " |")


if __name__ == "__main__":
    main()
