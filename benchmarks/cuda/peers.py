#!/usr/bin/env python3
"""What PyTorch and llama.cpp make of a device, one JSON line a measurement: medians, each run waited for to its end.

  peers.py machine                                  the device in words, and the versions of what is there
  peers.py gemm      --size M,N,K                   torch.matmul, which is cuBLAS on a GPU: float without TF32, and bfloat16
  peers.py attention --tokens T [--heads 12]        scaled_dot_product_attention, causal, heads of 64: forward, and with backward
  peers.py train     --case gpt2 --batch B --sequence T    a step of transformers' GPT-2 with fused AdamW: float, and under autocast to bfloat16
  peers.py generate  --model GGUF                   llama.cpp with all layers on the GPU: prompt of 512, decode of 64
"""
import argparse, json, random, statistics, time


def say(**row):
    print(json.dumps(row), flush=True)


def seconds_of(args, work, least=9, enough=0.5):
    """The median of runs, after two to warm up."""
    import torch
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    work(), work(), wait()
    runs = []
    while len(runs) < least or sum(runs) < enough:
        start = time.perf_counter()
        work(), wait()
        runs.append(time.perf_counter() - start)
        if sum(runs) > 10:
            break
    return statistics.median(runs)


def machine(args):
    import torch
    found = {"PyTorch": torch.__version__}
    if args.device == "cuda":
        p = torch.cuda.get_device_properties(0)
        found |= {"device": p.name, "capability": f"{p.major}.{p.minor}", "memory_gb": round(p.total_memory / 1e9, 1), "CUDA": torch.version.cuda}
    say(**found)


def gemm(args):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = False
    m, n, k = map(int, args.size.split(","))
    for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(shape, device=args.device).to(kind) for shape in ((m, k), (k, n)))
        c = torch.empty(m, n, device=args.device, dtype=kind)
        with torch.inference_mode():
            say(type=name, gflops=2 * m * n * k / seconds_of(args, lambda: torch.matmul(a, b, out=c)) / 1e9)


def attention(args):
    import torch
    from torch.nn.functional import scaled_dot_product_attention as sdpa
    q, k, v, g = (torch.randn(1, args.heads, args.tokens, 64, device=args.device) for _ in range(4))
    with torch.inference_mode():
        say(backward=False, ms=1e3 * seconds_of(args, lambda: sdpa(q, k, v, is_causal=True)))
    for x in (q, k, v):
        x.requires_grad_()
    say(backward=True, ms=1e3 * seconds_of(args, lambda: sdpa(q, k, v, is_causal=True).backward(g)))


def train(args):
    import contextlib, torch
    from transformers import GPT2Config, GPT2LMHeadModel
    shape = {"baby": (65, 64, 128, 4, 4), "char": (65, 256, 384, 6, 6), "gpt2": (50257, 1024, 768, 12, 12)}[args.case]
    torch.backends.cuda.matmul.allow_tf32 = False
    for name in ("f32", "bf16"):
        model = GPT2LMHeadModel(GPT2Config(**dict(zip(("vocab_size", "n_positions", "n_embd", "n_layer", "n_head"), shape)), resid_pdrop=0, embd_pdrop=0,
                                           attn_pdrop=0)).to(args.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        ids = torch.randint(0, shape[0], (args.batch, args.sequence), device=args.device)
        narrow = torch.autocast(args.device, dtype=torch.bfloat16) if name == "bf16" else contextlib.nullcontext()

        def step():
            with narrow:
                loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        say(type=name, step_s=seconds_of(args, step, least=5))


def generate(args):
    import llama_cpp
    llm = llama_cpp.Llama(args.model, n_ctx=1024, n_batch=512, n_ubatch=512, n_gpu_layers=-1 if args.device == "cuda" else 0, verbose=False)
    ids = [random.Random(0).randrange(1000, 40000) for _ in range(512)]

    def timed(before, after):
        llm.reset()
        if before:
            llm.eval(before)
        start = time.perf_counter()
        for part in after:
            llm.eval(part)
        return time.perf_counter() - start

    prompt, decode = lambda: timed([], [ids]), lambda: timed(ids[:8], [[i] for i in ids[:64]])
    prompt(), decode()
    say(prompt_tokens_per_s=512 / statistics.median(prompt() for _ in range(5)), tokens_per_s=64 / statistics.median(decode() for _ in range(5)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["machine", "gemm", "attention", "train", "generate"])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--size", default="1024,1024,1024")
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--case", default="gpt2")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=64)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    globals()[arguments.what](arguments)
