#!/usr/bin/env python3
"""What peers.py does not measure of the peers, one JSON line a measurement. Run in the environment that peers' setup.sh made; `adapter` needs peft too.

  more_peers.py sentences --model MINILM_DIR --file LINES     ONNX Runtime, float32, fed batches of 32 texts sorted by length: seconds
  more_peers.py adapter   --model HF_DIR --file TEXT          PyTorch with peft's LoRA on queries and values, rank 8, 4 × 256 tokens: tokens a second
"""
import argparse, json, os, resource, tempfile, time


def say(**row):
    print(json.dumps(row), flush=True)


def sentences(args):
    import numpy, onnxruntime, torch
    from transformers import AutoModel, AutoTokenizer
    lines = open(args.file, encoding="utf-8").read().split("\n")[:-1]
    model = AutoModel.from_pretrained(args.model, attn_implementation="eager").eval()

    class Encoder(torch.nn.Module):
        def __init__(self): super().__init__(); self.model = model
        def forward(self, ids, mask, types): return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    names = ["ids", "mask", "types"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "m.onnx")
        torch.onnx.export(Encoder(), tuple(torch.ones(2, 8, dtype=torch.long) for _ in names), path, input_names=names, output_names=["h"], dynamo=False,
                          opset_version=17, dynamic_axes={k: {0: "b", 1: "t"} for k in names + ["h"]})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = args.threads
        session = onnxruntime.InferenceSession(path, options)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    session.run(None, {k: numpy.ones((32, 16), dtype=numpy.int64) for k in names})
    start = time.perf_counter()
    encoded = tokenizer(lines, truncation=True, max_length=256)["input_ids"]
    order, out = sorted(range(len(lines)), key=lambda i: len(encoded[i])), numpy.zeros((len(lines), model.config.hidden_size), dtype=numpy.float32)
    for begin in range(0, len(order), 32):
        rows = order[begin:begin + 32]
        width = max(len(encoded[i]) for i in rows)
        ids, mask = numpy.zeros((len(rows), width), dtype=numpy.int64), numpy.zeros((len(rows), width), dtype=numpy.int64)
        for r, i in enumerate(rows):
            ids[r, :len(encoded[i])], mask[r, :len(encoded[i])] = encoded[i], 1
        hidden = session.run(None, dict(ids=ids, mask=mask, types=numpy.zeros_like(ids)))[0]
        pooled = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        out[rows] = pooled / numpy.linalg.norm(pooled, axis=1, keepdims=True)
    say(what="sentences", peer="onnxruntime", texts=len(lines), seconds=round(time.perf_counter() - start, 3))


def adapter(args):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    base = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")).train()
    ids = torch.tensor(AutoTokenizer.from_pretrained(args.model)(open(args.file, encoding="utf-8").read())["input_ids"])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4)
    times = []
    for step in range(args.steps + 1):
        batch = ids[step * 1024:(step + 1) * 1024].view(4, 256)
        start = time.perf_counter()
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - start)
    say(what="adapter", peer="pytorch", tokens_per_s=round(1024 * args.steps / sum(times[1:]), 1),
        peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentences", "adapter"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", required=True)
    parser.add_argument("--file", required=True)
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    globals()[arguments.what](arguments)
