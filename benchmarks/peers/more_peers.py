#!/usr/bin/env python3
"""What peers.py does not measure of the peers, one JSON line a measurement. Run in the environment that peers' setup.sh made; `adapter` needs peft too.

  more_peers.py sentences --model MINILM_DIR --file LINES     ONNX Runtime, float32, fed batches of 32 texts sorted by length: seconds
  more_peers.py folds     --model MINILM_DIR --file TSV       PyTorch's embeddings of the texts, in batches of 32 sorted by length: seconds; and scikit-learn's logistic
                                                              regression on them, C = 10, in five stratified folds: accuracy
  more_peers.py adapter   --model HF_DIR --file TEXT          PyTorch with peft's LoRA on queries and values, rank 8, 4 × 256 tokens: tokens a second
  more_peers.py perplexity --model GGUF --file IDS            llama.cpp on ids with commas between, windows of 512, each scored from its second token on
  more_peers.py start     --model GGUF --prompt TEXT          llama.cpp's library from loading the file to the first token, seconds; Python's own start apart
"""
import argparse, ctypes, json, math, os, resource, tempfile, time


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


def folds(args):
    import numpy, torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from transformers import AutoModel, AutoTokenizer
    torch.set_num_threads(args.threads)
    labels, texts = zip(*(line.split("\t", 1) for line in open(args.file, encoding="utf-8").read().split("\n")[:-1]))
    model, tokenizer = AutoModel.from_pretrained(args.model).eval(), AutoTokenizer.from_pretrained(args.model)
    out = numpy.zeros((len(texts), model.config.hidden_size), dtype=numpy.float32)
    start = time.perf_counter()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for begin in range(0, len(order), 32):
            rows = order[begin:begin + 32]
            batch = tokenizer([texts[i] for i in rows], padding=True, truncation=True, max_length=256, return_tensors="pt")
            mask = batch["attention_mask"].unsqueeze(-1)
            pooled = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            out[rows] = torch.nn.functional.normalize(pooled).numpy()
    seconds = time.perf_counter() - start
    accuracy = cross_val_score(LogisticRegression(C=10, max_iter=1000), out, numpy.array(labels), cv=StratifiedKFold(5, shuffle=True, random_state=0)).mean()
    say(what="folds", peer="pytorch", texts=len(texts), seconds=round(seconds, 3), accuracy=round(float(accuracy), 4))


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


def perplexity(args):
    import llama_cpp, numpy
    ids = [int(i) for i in open(args.file).read().split(",")]
    llm = llama_cpp.Llama(args.model, n_ctx=512, n_batch=512, n_ubatch=512, n_threads=args.threads, n_threads_batch=args.threads, logits_all=True, verbose=False)
    nats, tokens = 0.0, 0
    for begin in range(0, len(ids), 512):
        window = ids[begin:begin + 512]
        if len(window) < 2: break
        llm.reset()
        llm.eval(window)
        logits = llm.scores[:len(window) - 1].astype(numpy.float64)
        top = logits.max(1, keepdims=True)
        nats += float((numpy.log(numpy.exp(logits - top).sum(1)) + top[:, 0] - logits[numpy.arange(len(window) - 1), window[1:]]).sum())
        tokens += len(window) - 1
    say(what="perplexity", peer="llama.cpp", perplexity=math.exp(nats / tokens), tokens=tokens)


def start(args):
    import llama_cpp as c
    text = args.prompt.encode()
    quiet = c.llama_log_callback(lambda level, line, data: None)
    c.llama_log_set(quiet, None)
    begin = time.perf_counter()
    c.llama_backend_init()
    model = c.llama_model_load_from_file(args.model.encode(), c.llama_model_default_params())
    params = c.llama_context_default_params()
    params.n_ctx, params.n_threads, params.n_threads_batch = 512, args.threads, args.threads
    context, vocabulary = c.llama_init_from_model(model, params), c.llama_model_get_vocab(model)
    ids = (c.llama_token * 64)()
    count = c.llama_tokenize(vocabulary, text, len(text), ids, 64, True, False)
    assert count > 0 and c.llama_decode(context, c.llama_batch_get_one(ids, count)) == 0
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
    token = c.llama_sampler_sample(chain, context, -1)
    piece = ctypes.create_string_buffer(64)
    c.llama_token_to_piece(vocabulary, token, piece, 64, 0, False)
    say(what="start", peer="llama.cpp", seconds=time.perf_counter() - begin, text=piece.value.decode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sentences", "folds", "adapter", "perplexity", "start"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", required=True)
    parser.add_argument("--file")
    parser.add_argument("--prompt")
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    globals()[arguments.what](arguments)
