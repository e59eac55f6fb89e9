"""bin_to_safetensors.py FOLDER...: writes model.safetensors beside the pytorch_model*.bin files of each Hugging Face directory.

Needs safetensors and numpy: .venv/bin/pip install safetensors numpy. The whole model is in memory once."""

import pathlib
import sys

import torch
from safetensors.torch import save_file


def convert(folder):
    files = sorted(folder.glob("pytorch_model*.bin"))
    if not files:
        sys.exit(f"{folder}: there is no pytorch_model*.bin in it")
    tensors = {}
    for file in files:
        tensors.update(torch.load(file, map_location="cpu", weights_only=True))
    # Tied weights share their memory, which the format does not allow.
    tensors = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    target = folder / "model.safetensors"
    save_file(tensors, target, metadata={"format": "pt"})
    print(f"{target}: {len(tensors)} tensors from {len(files)} files")


if len(sys.argv) < 2:
    sys.exit("usage: bin_to_safetensors.py FOLDER...")
for argument in sys.argv[1:]:
    convert(pathlib.Path(argument))
