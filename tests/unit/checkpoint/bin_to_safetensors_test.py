"""bin_to_safetensors_test.py SCRIPT: pytorch_model*.bin files become one model.safetensors with the same tensors."""

import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import numpy  # noqa: F401
    import torch
    from safetensors.torch import load_file
except ImportError as missing:
    print(missing)
    sys.exit(SKIPPED)

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    tied = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    first = {"model.embed_tokens.weight": tied, "lm_head.weight": tied}
    second = {"model.norm.weight": torch.rand(3), "model.transposed": torch.rand(4, 5).t()}
    torch.save(first, folder / "pytorch_model-00001-of-00002.bin")
    torch.save(second, folder / "pytorch_model-00002-of-00002.bin")
    subprocess.run([sys.executable, sys.argv[1], folder], check=True)
    found = load_file(folder / "model.safetensors")
    expected = first | second
    assert found.keys() == expected.keys(), found.keys()
    for key, tensor in expected.items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor), key

    empty = folder / "empty"
    empty.mkdir()
    refused = subprocess.run([sys.executable, sys.argv[1], empty], capture_output=True, text=True)
    assert refused.returncode == 1 and "there is no pytorch_model*.bin in it" in refused.stderr, refused
