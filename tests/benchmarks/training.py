"""The work of training.cpp with transformers: ConvNextModel, LlamaForCausalLM, and both joined as LLaVA joins them, with torch's fused
AdamW and gradient clipping: python training.py convnext|llama|convllava [onednn]. With onednn the products of fp32 matrices go to oneDNN, as
they do in training.cpp where that is exact; by default they go to MKL."""

import sys

import torch
from benchmark import median_seconds, peak_bytes, print_result
from transformers import ConvNextConfig, ConvNextModel, LlamaConfig, LlamaForCausalLM

BATCH, PIXELS, LENGTH = 4, 256, 128
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])

SUFFIX = "_onednn" if "onednn" in sys.argv[2:] else ""


def make_tower():
    return ConvNextModel(ConvNextConfig(depths=[2, 2, 6, 2, 2], hidden_sizes=[48, 96, 192, 384, 768], num_stages=5,
                                        out_features=["stage5"]))


def make_llama():
    return LlamaForCausalLM(LlamaConfig(vocab_size=8000, hidden_size=384, intermediate_size=1024, num_hidden_layers=6,
                                        num_attention_heads=6, num_key_value_heads=6))


def prepare(folder):
    return [[name, *setting] for name in MEASUREMENTS for setting in ([], ["onednn"])]


def report(name, body):
    print_result("training/" + name + SUFFIX, median_seconds(body), peak_bytes=peak_bytes())


def tower():
    model = make_tower()
    pixels = torch.randn(BATCH, 3, PIXELS, PIXELS)

    def step():
        model.zero_grad()
        model(pixels).last_hidden_state.sum().backward()

    report("convnext_forward_backward", step)


def language_model():
    model = make_llama()
    ids = torch.randint(3, 8000, (BATCH, LENGTH))

    def step():
        model.zero_grad()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()

    report("llama_forward_backward", step)


def whole_model():
    vision, llama = make_tower(), make_llama()
    projector = torch.nn.Sequential(torch.nn.Linear(768, 384), torch.nn.GELU(), torch.nn.Linear(384, 384))
    parameters = [*vision.parameters(), *projector.parameters(), *llama.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.0, fused=True)
    pixels = torch.full((BATCH, PIXELS, PIXELS, 3), 100, dtype=torch.uint8)
    ids = torch.full((BATCH, LENGTH - 16), 5)
    labels = torch.full((BATCH, LENGTH), -100)
    labels[:, (LENGTH - 15) // 2 + 15 :] = 5

    def step():
        optimizer.zero_grad()
        normalized = ((pixels.double() * 0.00392156862745098).float() - MEAN) / STD
        features = vision(normalized.permute(0, 3, 1, 2).contiguous()).last_hidden_state.flatten(2).transpose(1, 2)
        text = llama.model.embed_tokens(ids)
        embeds = torch.cat([text[:, :1], projector(features), text[:, 1:]], 1)
        llama(inputs_embeds=embeds, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    report("convllava_step", step)


MEASUREMENTS = {"convnext": tower, "llama": language_model, "convllava": whole_model}

if __name__ == "__main__":
    torch.manual_seed(0)
    if SUFFIX:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    MEASUREMENTS[sys.argv[1]]()
