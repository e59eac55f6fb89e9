#!/usr/bin/env python3
"""Fixtures of tests/unit/checkpoint: files that other libraries wrote, with what their models make of them.

    python scripts/golden/checkpoint.py

Needs torch, transformers, safetensors and timm. (timm pulls in torchvision, which must match the torch wheel; with torch
2.11.0: `pip install --no-deps --target DIR timm torchvision==0.26.0`, and DIR in PYTHONPATH.)

Written to tests/golden/checkpoint:
    types.safetensors  every dtype, an empty tensor and a scalar, as the safetensors library lays them out
    llama/             a LlamaForCausalLM in several shards, saved by transformers
    convnext/          a ConvNextModel of two stages, saved by transformers
    openclip/          a tower with OpenCLIP's names, beside a text tower and the projections of CLIP
    timm/              the same architecture with timm's names and 1x1 convolutions as its MLPs
    expected/          inputs and outputs of each model's own forward pass; towers give the feature map of their last
                       stage [B, C, h, w], before any norm or pooling
    versions.json      what wrote them
"""

import json
import pathlib
import shutil

import safetensors
import timm
import torch
import transformers
from safetensors.torch import save_file
from timm.models.convnext import ConvNeXt

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/checkpoint"
SEED = 20240524


def randomize(model):
    """Values that let no tensor go unnoticed: norms, biases and layer scales are no constants."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.5, 0.5))
            if parameter.dim() == 1:
                parameter.add_(0.75)
    return model.eval()


def expected(folder):
    return folder.parent / "expected" / f"{folder.name}.safetensors"


def write_types(path):
    numbers = torch.arange(-6, 6)
    tensors = {
        "bool": numbers > 0,
        "u8": torch.arange(5, dtype=torch.uint8),
        "i8": numbers.to(torch.int8),
        "i16": numbers.to(torch.int16) * 300,
        "u16": torch.arange(5).to(torch.uint16),
        "i32": numbers.to(torch.int32) * 70000,
        "u32": torch.arange(5).to(torch.uint32),
        "i64": numbers * 5_000_000_000,
        "u64": torch.arange(5).to(torch.uint64),
        "f8_e4m3": (numbers / 4).to(torch.float8_e4m3fn),
        "f8_e5m2": (numbers / 4).to(torch.float8_e5m2),
        "f16": (numbers / 8).to(torch.float16),
        "bf16": (numbers / 8).to(torch.bfloat16),
        "f32": (numbers / 8).to(torch.float32).reshape(3, 4),
        "f64": (numbers / 8).to(torch.float64).reshape(2, 2, 3),
        "c64": (numbers / 8).to(torch.complex64),
        "empty": torch.empty(0, 7, dtype=torch.float32),
        "scalar": torch.tensor(2.5),
    }
    save_file(tensors, path, metadata={"format": "pt"})


def write_llama(folder):
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=96, rms_norm_eps=1e-4, rope_theta=5000.0, bos_token_id=3,
        eos_token_id=4, pad_token_id=5,
    )  # fmt: skip
    model = randomize(transformers.LlamaForCausalLM(config))
    model.save_pretrained(folder, max_shard_size="8KB")
    ids = torch.randint(0, 64, (12,))
    with torch.no_grad():
        logits = model(ids[None]).logits[0]
    save_file({"ids": ids, "logits": logits}, expected(folder))


def write_convnext(folder):
    config = transformers.ConvNextConfig(depths=[1, 2], hidden_sizes=[4, 8], num_stages=2, image_size=32)
    model = randomize(transformers.ConvNextModel(config))
    model.save_pretrained(folder)
    pixels = torch.randn(1, 3, 24, 16)
    with torch.no_grad():
        features = model(pixels, output_hidden_states=True).hidden_states[-1]
    save_file({"pixels": pixels, "features": features.contiguous()}, expected(folder))


def timm_tower(conv_mlp):
    return randomize(ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 4, 8, 8), conv_mlp=conv_mlp, num_classes=3))


def write_timm_features(model, folder):
    pixels = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        features = model.stages(model.stem(pixels))
    save_file({"pixels": pixels, "features": features.contiguous()}, expected(folder))


def write_openclip(folder):
    model = timm_tower(conv_mlp=False)
    tensors = {f"visual.trunk.{name}": value for name, value in model.state_dict().items() if "head.fc" not in name}
    tensors["visual.head.proj.weight"] = torch.randn(4, 8)
    tensors["text_projection"] = torch.randn(4, 4)
    tensors["logit_scale"] = torch.tensor(2.0)
    tensors["token_embedding.weight"] = torch.randn(6, 4)
    tensors["transformer.resblocks.0.mlp.c_fc.weight"] = torch.randn(4, 4)
    save_file(tensors, folder / "open_clip_model.safetensors")
    write_timm_features(model, folder)


def write_timm(folder):
    model = timm_tower(conv_mlp=True)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"architecture": "convnext_small", "num_classes": 3}) + "\n")
    write_timm_features(model, folder)


def main():
    torch.manual_seed(SEED)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    (OUTPUT / "expected").mkdir(parents=True)
    write_types(OUTPUT / "types.safetensors")
    writers = {"llama": write_llama, "convnext": write_convnext, "openclip": write_openclip, "timm": write_timm}
    for name, write in writers.items():
        (OUTPUT / name).mkdir()
        write(OUTPUT / name)
    modules = (torch, transformers, safetensors, timm)
    versions = {module.__name__: module.__version__ for module in modules} | {"seed": SEED}
    (OUTPUT / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
