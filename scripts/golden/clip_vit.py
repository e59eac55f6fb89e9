"""Writes tests/golden/model/clip_vit.safetensors, features and gradients of transformers' CLIPVisionModel as LLaVA-1.5 takes them
(`mm_vision_select_layer` -2, without the class token), and the same network as save_pretrained stores it: tests/golden/checkpoint/clip_vit
alone, clip_model in a CLIPModel beside a text tower. Seeded; run with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/clip_vit.py
"""

import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, CLIPVisionModel

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__, "seed": "20240524"}


def save_beside_text_tower(tower):
    text = CLIPTextConfig(vocab_size=12, hidden_size=8, intermediate_size=12, num_hidden_layers=1, num_attention_heads=2,
                          max_position_embeddings=6)
    with torch.random.fork_rng():
        both = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=tower.config.to_dict(), projection_dim=4))
    vision = {key.removeprefix("vision_model."): value for key, value in tower.state_dict().items()}
    both.vision_model.load_state_dict(vision)
    both.save_pretrained(GOLDEN / "checkpoint" / "clip_model")


def main():
    torch.manual_seed(20240524)
    config = CLIPVisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=28,
                              patch_size=14)
    tower = CLIPVisionModel(config).eval()
    with torch.no_grad():
        for name, parameter in tower.named_parameters():
            # Away from zeros and ones, so that no mistake hides behind them.
            parameter.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.2)
    folder = GOLDEN / "checkpoint" / "clip_vit"
    tower.save_pretrained(folder)
    save_beside_text_tower(tower)
    pixels = torch.randn(2, 3, 28, 28)
    features = tower(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]
    weight = torch.randn_like(features)
    (features * weight).sum().backward()
    tensors = {"pixels": pixels, "features": features, "output_gradient": weight}
    for name, parameter in tower.named_parameters():
        if parameter.grad is None:
            continue
        long = name if name.startswith("vision_model.") else "vision_model." + name  # as the published files have it
        tensors["parameter." + long] = parameter
        tensors["gradient." + long] = parameter.grad
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, GOLDEN / "model" / "clip_vit.safetensors", VERSIONS)


if __name__ == "__main__":
    main()
