#!/usr/bin/env python3
"""Opens checkpoints with transformers; run by transformers_test.cpp on a folder that it filled.

    transformers_reads.py FOLDER

Exits with 77 where transformers is not installed, and with 1 and a message where something differs.
"""

import pathlib
import sys

try:
    import torch
    import transformers
    from safetensors.torch import load_file
except ImportError as error:
    print(error)
    sys.exit(77)

TOLERANCE = 2e-5


def require(condition, message):
    if not condition:
        sys.exit(message)


def difference(ours, theirs):
    return (ours - theirs).abs().max().item()


@torch.no_grad()
def compare(directory, expected, text):
    llama, report = transformers.LlamaForCausalLM.from_pretrained(directory, output_loading_info=True)
    require(not report["missing_keys"] and not report["mismatched_keys"], f"{directory}: {report}")
    foreign = {name for name in report["unexpected_keys"] if not name.startswith("model.mm_projector.")}
    require(not foreign, f"{directory}: unexpected {foreign}")
    gap = difference(expected["logits"], llama(expected["ids"][None]).logits[0])
    require(gap < TOLERANCE, f"{directory}: logits differ by {gap}")
    require(llama.generation_config.max_length == 96, f"{directory}: {llama.generation_config}")

    tower, report = transformers.ConvNextModel.from_pretrained(directory / "vision_tower", output_loading_info=True)
    pooled_norm = {"layernorm.weight", "layernorm.bias"}  # never used by ConvLLaVA, so never stored
    require(set(report["missing_keys"]) <= pooled_norm and not report["unexpected_keys"], f"{directory}: {report}")
    features = tower(expected["pixels"], output_hidden_states=True).hidden_states[-1]
    gap = difference(expected["features"], features)
    require(gap < TOLERANCE, f"{directory}: features differ by {gap}")

    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    ids = tokenizer.encode(text)
    require(ids == expected["text_ids"].tolist(), f"{directory}: token ids {ids}, not {expected['text_ids'].tolist()}")
    require(tokenizer.pad_token == "<unk>" and tokenizer.padding_side == "right", f"{directory}: padding")
    require(tokenizer.model_max_length == 80, f"{directory}: model_max_length {tokenizer.model_max_length}")
    return llama


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder = pathlib.Path(sys.argv[1])
    expected = load_file(folder / "expected.safetensors")
    text = (folder / "text.txt").read_text()
    for name in ("single", "sharded"):
        llama = compare(folder / name, expected, text)
    llama.save_pretrained(folder / "resaved")

    llama = transformers.LlamaForCausalLM.from_pretrained(folder / "bf16")
    for config in (llama.config, llama.generation_config):
        require(config.eos_token_id == [2, 505] and config.pad_token_id is None, f"{config}")
    for model in (llama, transformers.ConvNextModel.from_pretrained(folder / "bf16/vision_tower")):
        require(model.dtype == torch.bfloat16, f"{type(model).__name__} is {model.dtype}")


if __name__ == "__main__":
    main()
