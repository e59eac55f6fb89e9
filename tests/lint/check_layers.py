"""Each folder of convllava/ includes only the folders that LAYERS allows; third-party headers stay where they belong."""

import pathlib
import re
import sys

if len(sys.argv) < 2:
    sys.exit("usage: check_layers.py SOURCE")

ROOT = pathlib.Path(sys.argv[1]) / "convllava"
# Folder -> folders that it may include, from the lowest to the highest: each names only folders above it in this list.
LAYERS = {
    "core": "",
    "config": "core",
    "text": "core config",
    "image": "core config",
    "nn": "core",
    "distributed": "core",
    "hardware": "core nn",
    "data": "core config text image",
    "checkpoint": "core config text image nn",
    "report": "core config text image",
    "model": "core nn",
    "formats": "core text image nn checkpoint model",
    "parallel": "core nn distributed",
    "infer": "core text image nn data checkpoint model formats",
    "optim": "core config nn checkpoint parallel",
    "setup": "core config text nn checkpoint model formats optim",
    "train": "core config text image nn distributed hardware data checkpoint report model parallel infer optim",
    "stage": "core config text image nn distributed hardware data checkpoint report model formats parallel infer optim setup train",
    "eval": "core text nn distributed data infer",
    "apps": "core text nn distributed hardware data checkpoint formats infer setup train stage eval",
}
# Headers without anything to link, which any folder may include.
FREE = {"convllava/config/fields.h", "convllava/image/pixel_stats.h"}
# Of core, for folders that other programs link with LibTorch alone.
ONLY_OF_CORE = {"nn": {"convllava/core/error.h"}, "model": {"convllava/core/error.h"}}
# Library -> folders whose sources may include it; no header may but those of apps, which nobody else includes.
THIRD_PARTY = {
    "yaml-cpp/": {"config"},
    "jpeglib.h": {"image"},
    "tiffio.h": {"image"},
    "webp/": {"image"},
    "zlib.h": {"image"},
    "sentencepiece": {"text"},
    "nlohmann/": {"text", "distributed", "data", "checkpoint", "formats", "report", "train", "eval"},
    "CLI/": {"apps"},
    "spdlog/": {"core"},
    "unicode/": {"core"},
}
NO_TORCH = {"core", "text", "image", "config", "data", "report"}

errors = []
above = []
for folder, allowed in LAYERS.items():
    errors += [f"LAYERS: {folder} names {other}, which does not stand above it" for other in allowed.split() if other not in above]
    above.append(folder)
files = sorted(p for p in ROOT.rglob("*") if p.suffix in {".h", ".cpp"})
for file in files:
    folder = file.relative_to(ROOT).parts[0]
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#include [<"]([^>"]+)', line)
        if not match:
            continue
        header, where = match.group(1), f"{file.relative_to(ROOT.parent)}:{number}"
        if header.startswith("convllava/"):
            other = header.split("/")[1]
            if other != folder and other not in LAYERS[folder].split() and header not in FREE:
                errors.append(f"{where}: {folder} may not include {other}")
            if other == "core" and header not in ONLY_OF_CORE.get(folder, {header}):
                errors.append(f"{where}: {folder} links nothing of core; of its headers it may include error.h")
        if folder in NO_TORCH and re.match(r"(torch|ATen|c10)/", header):
            errors.append(f"{where}: {folder} does without LibTorch")
        if file.suffix == ".h" and header == "torch/torch.h":
            errors.append(f"{where}: include the part of LibTorch that the header needs")
        for library, allowed in THIRD_PARTY.items():
            in_header = file.suffix == ".h" and folder != "apps"
            if header.startswith(library) and (in_header or folder not in allowed):
                errors.append(f"{where}: {library} is for the sources of {', '.join(sorted(allowed))}")

print("\n".join(errors) or f"{len(files)} files, {len(LAYERS)} folders: all includes are allowed")
sys.exit(bool(errors) or len(files) < 50)
