"""Whole training steps of the stages in PyTorch with transformers, beside benchmark_train_step: the same shapes, the same random batch
(images of noise, texts of 256 tokens of which the second half is learnt), the same optimizer state (fp32 master weights and moments).

    python3 tests/benchmarks/gpu_step.py [--device cpu --tiny] [--only plain|tuned] CASE...

plain: what a user runs. ConvNextModel and LlamaForCausalLM with SDPA, bf16, gradient checkpointing, logits of all rows, gradients copied to fp32.
tuned: each layer compiled, channels-last, cuDNN's benchmark mode, logits of supervised rows only, no checkpointing where it fits.
CASE: stage2:LAYERS:BATCH or stage3:LAYERS:BATCH. One JSON line for each, in the format of benchmark_train_step.
"""

import argparse
import gc
import json
import statistics
import sys
import time

import torch
from transformers import ConvNextConfig, ConvNextModel, LlamaConfig, LlamaForCausalLM

STEPS, TEXT = 6, 256


def build(tiny, layers, stage, tuned, device, dtype):
    depths, widths = ([1, 1, 1, 1, 1], [8, 8, 8, 8, 8]) if tiny else ([3, 3, 27, 3, 6], [192, 384, 768, 1536, 3072])
    sizes = dict(hidden_size=32, intermediate_size=64, num_attention_heads=4) if tiny else dict(hidden_size=4096, intermediate_size=11008,
                                                                                              num_attention_heads=32)
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    with torch.device(device):
        tower = ConvNextModel(ConvNextConfig(num_stages=5, depths=depths, hidden_sizes=widths, out_features=["stage5"]))
        language = LlamaForCausalLM(LlamaConfig(vocab_size=32000, num_hidden_layers=layers, max_position_embeddings=4096,
                                                attn_implementation="sdpa", use_cache=False, **sizes))
        projector = torch.nn.Sequential(torch.nn.Linear(widths[-1], sizes["hidden_size"]), torch.nn.GELU(),
                                        torch.nn.Linear(sizes["hidden_size"], sizes["hidden_size"]))
    torch.set_default_dtype(torch.float32)
    for name, parameter in tower.named_parameters():
        parameter.requires_grad_(stage == "stage2" and any(f"encoder.stages.{i}." in name for i in (2, 3, 4)))
    model = torch.nn.ModuleDict({"tower": tower, "projector": projector, "language": language}).train()
    if tuned:
        tower.to(memory_format=torch.channels_last)
        for part in tower.encoder.stages:
            for layer in part.layers:
                layer.compile()
        for layer in language.model.layers:
            layer.compile()
    return model


def checkpoint(model):
    model["language"].gradient_checkpointing_enable({"use_reentrant": False})
    for part in model["tower"].encoder.stages:
        for layer in part.layers:
            forward = layer.forward
            layer.forward = lambda x, forward=forward: torch.utils.checkpoint.checkpoint(forward, x, use_reentrant=False)


class Master:
    """fp32 weights and AdamW's moments beside bf16 parameters."""

    def __init__(self, model):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.wide = [p.detach().float().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.wide, lr=1e-6, weight_decay=0.0, fused=True)

    def step(self):
        for wide, parameter in zip(self.wide, self.parameters):
            wide.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.wide)
        self.optimizer.zero_grad(set_to_none=True)


def make_step(model, batch, tuned, tiny, device, dtype):
    side = 64 if tiny else 768
    pixels = torch.randn(batch, 3, side, side, device=device, dtype=dtype)
    if tuned:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    ids = torch.randint(3, 32000, (batch, TEXT), device=device)
    master = Master(model)

    def step():
        visual = model["projector"](model["tower"](pixels).last_hidden_state.flatten(2).transpose(1, 2))
        text = model["language"].model.embed_tokens(ids)
        embeddings = torch.cat([text[:, :1], visual, text[:, 2:]], 1)
        learnt = TEXT - TEXT // 2
        states = model["language"].model(inputs_embeds=embeddings).last_hidden_state
        if tuned:
            logits = model["language"].lm_head(states[:, -learnt - 1 : -1])
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, -learnt:].flatten())
        else:
            labels = torch.full(embeddings.shape[:2], -100, device=device)
            labels[:, -learnt:] = ids[:, -learnt:]
            logits = model["language"].lm_head(states).float()
            loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        loss.backward()
        master.step()
        return loss.item()

    return step


def measure(arguments, case, tuned, checkpointed):
    gc.collect()
    torch.compiler.reset()
    if arguments.device == "cuda":
        torch.cuda.empty_cache()
    stage, layers, batch = case.split(":")
    cuda = arguments.device == "cuda"
    dtype = torch.bfloat16 if cuda else torch.float32
    torch.backends.cudnn.benchmark = tuned
    model = build(arguments.tiny, int(layers), stage, tuned, arguments.device, dtype)
    if checkpointed:
        checkpoint(model)
    step = make_step(model, int(batch), tuned, arguments.tiny, arguments.device, dtype)
    begin = time.perf_counter()
    first = step()
    step()
    warm_up = time.perf_counter() - begin
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    seconds = []
    for _ in range(STEPS if cuda else 1):
        begin = time.perf_counter()
        step()  # reads the loss: the device has finished the forward and backward pass
        if cuda:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    name = ("tuned" if tuned else "plain") + (", checkpointed" if checkpointed else "")
    print(json.dumps({"name": f"{case} {name}", "seconds": statistics.median(seconds), "fastest": min(seconds), "slowest": max(seconds),
                      "ms_per_sample": 1e3 * statistics.median(seconds) / int(batch), "first_loss": first, "warm_up": warm_up,
                      "peak_GB": torch.cuda.max_memory_allocated() / 1e9 if cuda else 0}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--only", choices=["plain", "tuned"])
    parser.add_argument("cases", nargs="+")
    arguments = parser.parse_args()
    for case in arguments.cases:
        if arguments.only != "tuned":
            measure(arguments, case, tuned=False, checkpointed=True)
        if arguments.only == "plain":
            continue
        too_large = False
        try:
            measure(arguments, case, tuned=True, checkpointed=False)
        except torch.OutOfMemoryError as error:
            print(f"{case}: tuned without checkpointing: {error}".splitlines()[0], file=sys.stderr)
            too_large = True
        if too_large:  # behind the handler, which keeps the tensors of the first try
            gc.collect()
            torch.cuda.empty_cache()
            measure(arguments, case, tuned=True, checkpointed=True)


if __name__ == "__main__":
    main()
