"""Writes tests/golden/optim/*.safetensors: torch's AdamW, Lion as lion-pytorch has it, and transformers' learning-rate schedules.
Seeded; run with the packages of scripts/golden/requirements.txt:

    .venv/bin/python scripts/golden/optim.py
"""

import functools
import importlib.metadata
import math
import pathlib

import torch
import transformers
from lion_pytorch import Lion
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "optim"
VERSIONS = {"torch": torch.__version__, "transformers": transformers.__version__,
            "lion-pytorch": importlib.metadata.version("lion-pytorch"), "seed": "20240524"}


def optimizer(name, make):
    """100 steps on a decayed and an undecayed vector; the gradient of step t is sin(parameter * 3 + t)."""
    start = torch.randn(2, 37)
    parameters = [torch.nn.Parameter(row.clone()) for row in start]
    optimizer = make([{"params": [parameters[0]], "weight_decay": 0.1}, {"params": [parameters[1]], "weight_decay": 0.0}])
    tensors = {"start": start}
    for t in range(1, 101):
        for parameter in parameters:
            parameter.grad = torch.sin(parameter.detach() * 3 + t)
        optimizer.step()
        if t in (1, 10, 100):
            tensors[f"step.{t}"] = torch.stack([p.detach() for p in parameters])
    save_file(tensors, OUT / name, metadata=VERSIONS)


def schedules(name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    tensors = {}
    for total, ratio in [(200, 0.03), (37, 0.1), (10, 0.0)]:
        warmup = math.ceil(total * ratio)  # TrainingArguments.get_warmup_steps
        decay = math.ceil(total * 0.2)
        curves = {
            "cosine": transformers.get_cosine_schedule_with_warmup(optimizer, warmup, total),
            "constant": transformers.get_constant_schedule_with_warmup(optimizer, warmup),
            "wsd": transformers.get_wsd_schedule(optimizer, warmup, decay, num_training_steps=total, decay_type="linear"),
        }
        for curve, schedule in curves.items():
            factor = schedule.lr_lambdas[0]
            tensors[f"{curve}.{total}"] = torch.tensor([factor(s) for s in range(total)], dtype=torch.float64)
        tensors[f"warmup.{total}"] = torch.tensor([warmup])
        tensors[f"ratio.{total}"] = torch.tensor([ratio], dtype=torch.float64)
    save_file(tensors, OUT / name, metadata=VERSIONS)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(int(VERSIONS["seed"]))
    torch.set_num_threads(1)
    optimizer("adamw.safetensors", functools.partial(torch.optim.AdamW, lr=3e-3, betas=(0.9, 0.95), eps=1e-8))
    optimizer("lion.safetensors", functools.partial(Lion, lr=3e-3, betas=(0.9, 0.95)))
    schedules("schedules.safetensors")


if __name__ == "__main__":
    main()
