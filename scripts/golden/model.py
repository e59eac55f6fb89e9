"""Writes tests/golden/model/*.safetensors: outputs, losses and gradients of transformers' ConvNextModel and LlamaForCausalLM, in fp32
and in bf16, and of the two joined as LLaVA joins them. Seeded; run with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/model.py
"""

import pathlib

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import ConvNextConfig, ConvNextModel, LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "model"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__, "seed": "20240524"}
CLIP_MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
CLIP_STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def save(name, tensors):
    save_file({key: value.detach().contiguous().clone() for key, value in tensors.items()}, OUT / name, VERSIONS)


def randomize(module):
    """Every parameter away from its symmetric initial value, so that no mistake hides behind a zero or a one."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                parameter.normal_(0, fan_in**-0.5)
            else:
                one = name.endswith("norm.weight") or "layer_scale" in name or "downsampling_layer.0.weight" in name
                parameter.normal_(1.0 if one else 0.0, 0.2)


def with_gradients(module, prefix=""):
    tensors = {}
    for name, parameter in module.named_parameters():
        tensors[f"parameter.{prefix}{name}"] = parameter
        if parameter.grad is not None:
            tensors[f"gradient.{prefix}{name}"] = parameter.grad
    return tensors


def make_tower(depths, widths):
    config = ConvNextConfig(depths=depths, hidden_sizes=widths, num_stages=len(depths), image_size=64,
                            out_features=[f"stage{len(depths)}"])
    tower = ConvNextModel(config)
    randomize(tower)
    return tower.eval()


def tower_features(tower, pixels):
    """As LLaVA's tower class does it: the encoder's output before the pooled norm, row-major."""
    return tower(pixels).last_hidden_state.flatten(2).transpose(1, 2)


def convnext(name, depths, widths, size):
    tower = make_tower(depths, widths)
    pixels = torch.randn(2, 3, *size)
    features = tower_features(tower, pixels)
    weight = torch.randn_like(features)
    (features * weight).sum().backward()
    own = {k: v for k, v in with_gradients(tower).items() if not k.split(".", 1)[1].startswith("layernorm.")}
    save(name, {**own, "pixels": pixels, "features": features, "output_gradient": weight})


def make_llama(kv_heads):
    config = LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=kv_heads, max_position_embeddings=128, rms_norm_eps=1e-5,
                         rope_theta=10000.0, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    llama = LlamaForCausalLM(config)
    randomize(llama)
    return llama.eval()


def llama(name, kv_heads):
    model = make_llama(kv_heads)
    ids = torch.randint(3, 64, (1, 21))
    labels = ids.clone()
    labels[:, :7] = -100
    out = model(input_ids=ids, labels=labels)
    out.loss.backward()
    prompts = torch.randint(3, 64, (2, 9))
    greedy = [model.generate(prompts[i : i + 1], attention_mask=torch.ones(1, 9, dtype=torch.long), do_sample=False,
                             max_new_tokens=24, eos_token_id=2)[0, 9:] for i in range(2)]
    save(name, {**with_gradients(model), "input_ids": ids[0], "labels": labels[0], "logits": out.logits[0],
                "loss": out.loss.reshape(1), "prompts": prompts, "greedy.0": greedy[0], "greedy.1": greedy[1]})


def convllava(name):
    """Two samples with an image of different shapes and one without, each run by itself through the reference modules with
    `inputs_embeds`; the loss is the mean over all supervised tokens of the three."""
    tower = make_tower([1, 1, 1, 1, 1], [8, 12, 16, 20, 24])
    language = make_llama(2)
    projector = torch.nn.Sequential(torch.nn.Linear(24, 32), torch.nn.GELU(), torch.nn.Linear(32, 32))
    randomize(projector)
    shapes = [(64, 128), (128, 128), None]
    before, after = [4, 3, 0], [12, 9, 15]
    tensors, total, count = {}, 0.0, 0
    for i, shape in enumerate(shapes):
        prefix = torch.randint(3, 64, (before[i],))
        suffix = torch.randint(3, 64, (after[i],))
        embeds = [language.model.embed_tokens(prefix)]
        visual = 0
        if shape:
            pixels = torch.randint(0, 256, (*shape, 3), dtype=torch.uint8)
            tensors[f"pixels.{i}"] = pixels
            unit = (pixels.double() * 0.00392156862745098).float()
            features = tower_features(tower, ((unit - CLIP_MEAN) / CLIP_STD).permute(2, 0, 1)[None])
            embeds.append(projector(features)[0])
            visual = embeds[-1].shape[0]
        embeds.append(language.model.embed_tokens(suffix))
        labels = torch.full((before[i] + visual + after[i],), -100)
        labels[-(after[i] - 4) :] = suffix[4:]
        logits = language(inputs_embeds=torch.cat(embeds)[None]).logits[0].float()
        total = total + torch.nn.functional.cross_entropy(logits[:-1], labels[1:], ignore_index=-100, reduction="sum")
        count += int((labels[1:] != -100).sum())
        ids = torch.cat([prefix, torch.full((visual,), -200), suffix])
        tensors.update({f"input_ids.{i}": ids, f"labels.{i}": labels})
    loss = total / count
    loss.backward()
    own = {k: v for k, v in with_gradients(tower, "vision_tower.").items() if ".vision_tower.layernorm." not in k}
    save(name, {**own, **with_gradients(language, "llm."), **with_gradients(projector, "mm_projector."), **tensors,
                "loss": loss.reshape(1)})


def in_bf16(module, tensors):
    """The module with the weights of an fp32 golden, rounded."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if f"parameter.{name}" in tensors:
                parameter.copy_(tensors[f"parameter.{name}"])
    return module.to(torch.bfloat16)


def gradients_only(module):
    return {key: value for key, value in with_gradients(module).items() if key.startswith("gradient.")}


def convnext_bf16(name, source, depths, widths):
    given = load_file(OUT / source)
    tower = in_bf16(make_tower(depths, widths), given)
    features = tower_features(tower, given["pixels"].bfloat16())
    features.backward(given["output_gradient"].bfloat16())
    save(name, {**gradients_only(tower), "output": features})


def llama_bf16(name, source, kv_heads):
    given = load_file(OUT / source)
    model = in_bf16(make_llama(kv_heads), given)
    out = model(input_ids=given["input_ids"][None], labels=given["labels"][None])
    out.loss.backward()
    save(name, {**gradients_only(model), "output": out.logits[0], "loss": out.loss.reshape(1)})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(int(VERSIONS["seed"]))
    torch.set_num_threads(1)
    convnext("convnext_4_stages.safetensors", [1, 1, 2, 1], [8, 12, 16, 24], (96, 64))
    convnext("convnext_5_stages.safetensors", [1, 1, 2, 1, 1], [8, 12, 16, 20, 24], (70, 130))
    llama("llama_mha.safetensors", 4)
    llama("llama_gqa.safetensors", 2)
    convllava("convllava.safetensors")
    convnext_bf16("convnext_5_stages_bf16.safetensors", "convnext_5_stages.safetensors", [1, 1, 2, 1, 1], [8, 12, 16, 20, 24])
    llama_bf16("llama_gqa_bf16.safetensors", "llama_gqa.safetensors", 2)


if __name__ == "__main__":
    main()
