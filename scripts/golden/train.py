"""Writes tests/golden/train/reference_losses.txt: training and validation losses of twelve steps that torch and transformers make from the
weights in tests/golden/train/format_1/first, for tests/unit/stage/losses_test.cpp. Tokens and labels are those of text.py,
images those of image.py, the order of the samples that of data.py: nothing here is made by the programs of this project. Run
with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/train.py
"""

import json
import pathlib

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from transformers import ConvNextConfig, ConvNextModel, LlamaConfig, LlamaForCausalLM

import data
import image
import text
from decode_scene import split_mix

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "train"
FIRST = TRAIN / "format_1" / "first"
RECORDS, STEPS, GLOBAL_BATCH, SEED, WARMUP, VALIDATE_EVERY = 40, 12, 8, 42, 3, 4
RATES = {"vision_tower": 3e-2, "mm_projector": 1e-2, "llm": 1e-2}


def record(i):
    """Record i of tests/support/tiny_run.h: its turns and its image."""
    drawn = None
    if i % 4 != 3:
        width, height = 40 + i % 50, 64
        noise = (split_mix(i, width * height * 3) % np.uint64(256)).astype(np.uint8)
        drawn = Image.fromarray(noise.reshape(height, width, 3))
    question = ("<image>\n" if drawn else "") + f"What is number {i}?"
    return [question, chr(ord("a") + i % 26) * (1 + i % 5)], drawn


def sample(i, tokenizer):
    turns, drawn = record(i)
    ids, labels = text.encode(["v1", drawn is not None, turns], tokenizer)
    assert len(ids) <= 160  # nothing is cut off; an image of 64 pixels is one visual token
    pixels = None
    if drawn:
        pixels = torch.from_numpy(image.normalize(np.asarray(image.PIPELINES["pad"](drawn, 64)))).permute(2, 0, 1)[None]
    return torch.tensor(ids), torch.tensor(labels), pixels


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        config = json.loads((FIRST / "vision_tower" / "config.json").read_text())
        self.vision_tower = ConvNextModel(ConvNextConfig(
            depths=config["depths"], hidden_sizes=config["hidden_sizes"], num_stages=5, out_features=["stage5"]))
        self.vision_tower.layernorm = torch.nn.Identity()  # the pooled norm, which LLaVA does not use
        llm = json.loads((FIRST / "config.json").read_text())
        kept = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta"]
        self.llm = LlamaForCausalLM(LlamaConfig(**{name: llm[name] for name in kept}))
        self.mm_projector = torch.nn.Sequential(torch.nn.Linear(12, 16), torch.nn.GELU(), torch.nn.Linear(16, 16))
        weights = {f"vision_tower.{k}": v for k, v in load_file(FIRST / "vision_tower" / "model.safetensors").items()}
        for name, tensor in load_file(FIRST / "model.safetensors").items():
            projector = name.startswith("model.mm_projector.")
            weights[name.removeprefix("model.") if projector else f"llm.{name}"] = tensor
        self.load_state_dict(weights)

    def loss(self, ids, labels, pixels):
        """The sum over the sample's answer tokens, and their number."""
        embeds = self.llm.model.embed_tokens(ids.clamp_min(0))
        if pixels is not None:
            features = self.vision_tower(pixels).last_hidden_state.flatten(2).transpose(1, 2)
            place = int((ids == text.IMAGE_TOKEN).nonzero())
            embeds = torch.cat([embeds[:place], self.mm_projector(features)[0], embeds[place + 1 :]])
        logits = self.llm(inputs_embeds=embeds[None]).logits[0]
        targets = labels[1:].masked_fill(labels[1:] < 0, text.IGNORE)
        return torch.nn.functional.cross_entropy(logits[:-1], targets, reduction="sum"), int((targets >= 0).sum())


def mean_loss(model, samples):
    sums, counts = zip(*(model.loss(*item) for item in samples))
    return sum(sums) / sum(counts)


def optimizer_of(model):
    """Trains the stages 3 to 5, the projector and the language model. Only matrices and convolutions decay."""
    frozen = tuple(f"vision_tower.{part}" for part in ("embeddings.", "encoder.stages.0.", "encoder.stages.1."))
    groups = []
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
        if parameter.requires_grad:
            groups.append({"params": [parameter], "lr": RATES[name.split(".")[0]],
                           "weight_decay": 0.1 if parameter.dim() > 1 else 0.0})
    return torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)


def main():
    torch.set_num_threads(1)
    tokenizer = text.SlowLlamaTokenizer((FIRST / "tokenizer.model").read_bytes(), legacy=False)
    samples = [sample(i, tokenizer) for i in range(RECORDS)]
    items = [[sum(len(turn.split()) for turn in record(i)[0]), i % 4 != 3, 1.0] for i in range(RECORDS)]
    order = sum((data.epoch_order(items, "modality_length", GLOBAL_BATCH, SEED, epoch) for epoch in range(4)), [])
    model = Model()
    optimizer = optimizer_of(model)
    schedule = transformers.get_cosine_schedule_with_warmup(optimizer, WARMUP, STEPS)
    trained = [p for p in model.parameters() if p.requires_grad]
    losses = []
    for step in range(STEPS + 1):
        if step % VALIDATE_EVERY == 0:
            with torch.no_grad():
                losses.append(mean_loss(model, samples).item())
        if step == STEPS:
            break
        # Zeros instead of nothing: the tower also moves by its moments in a step of texts.
        for parameter in trained:
            parameter.grad = torch.zeros_like(parameter)
        loss = mean_loss(model, [samples[i] for i in order[step * GLOBAL_BATCH : (step + 1) * GLOBAL_BATCH]])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    (TRAIN / "reference_losses.txt").write_text("".join(f"{loss:.7f}\n" for loss in losses))


if __name__ == "__main__":
    main()
