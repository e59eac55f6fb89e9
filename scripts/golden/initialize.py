"""Writes tests/golden/model/initialize.safetensors: the first weights that PyTorch and transformers draw. The vision tower and
the projector are torch.nn's own modules, which initialize themselves as they are made; transformers' `_init_weights` draws the
language model. Made and drawn in the order of convllava/nn/init.h: tower, projector, language model, each in the order
of its forward pass. Run with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/initialize.py
"""

import pathlib

import torch
import transformers
from safetensors.torch import save_file
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "model" / "initialize.safetensors"
SEED = 3
WIDTHS = [8, 12]


def conv(channels_in, channels_out, size, **more):
    """Initialized in channels-last memory, in which the tower keeps its convolutions: torch draws in the order of memory."""
    module = nn.Conv2d(channels_in, channels_out, size, **more, device="meta").to_empty(device="cpu")
    module.to(memory_format=torch.channels_last).reset_parameters()
    return module


def tower():
    """Modules by the names of transformers' ConvNextModel. Its linear layers work on the channels."""
    modules = {"embeddings.patch_embeddings": conv(3, WIDTHS[0], 4, stride=4), "embeddings.layernorm": nn.LayerNorm(WIDTHS[0])}
    for i, width in enumerate(WIDTHS):
        stage = f"encoder.stages.{i}."
        if i > 0:
            modules[stage + "downsampling_layer.0"] = nn.LayerNorm(WIDTHS[i - 1])
            modules[stage + "downsampling_layer.1"] = conv(WIDTHS[i - 1], width, 2, stride=2)
        layer = stage + "layers.0."
        modules[layer + "dwconv"] = conv(width, width, 7, padding=3, groups=width)
        modules[layer + "layernorm"] = nn.LayerNorm(width)
        modules[layer + "pwconv1"] = nn.Linear(width, 4 * width)
        modules[layer + "pwconv2"] = nn.Linear(4 * width, width)
    return modules


def language_model():
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2))


def main():
    llm = language_model()  # made before the seed is set: transformers initializes it in an order of its own
    for parameter in llm.parameters():
        parameter._is_hf_initialized = False  # or `_init_weights` passes it over
    torch.manual_seed(SEED)
    tensors = {}
    for prefix, modules in [("vision_tower.", tower()), ("mm_projector.", {"0": nn.Linear(12, 32), "2": nn.Linear(32, 32)})]:
        for name, module in modules.items():
            tensors |= {f"parameter.{prefix}{name}.{key}": value for key, value in module.state_dict().items()}
    for module in llm.modules():
        llm._init_weights(module)
    tensors |= {f"parameter.llm.{name}": value.detach() for name, value in llm.named_parameters()}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "seed": str(SEED)}
    save_file({key: value.contiguous() for key, value in tensors.items()}, OUT, versions)


if __name__ == "__main__":
    main()
