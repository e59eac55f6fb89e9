"""A folder of convllava/ includes only itself and folders above it in this list; third-party headers stay where they belong."""

import pathlib
import re
import sys

if len(sys.argv) < 2:
    sys.exit("usage: check_layers.py SOURCE")

ROOT = pathlib.Path(sys.argv[1]) / "convllava"
ORDER = ["core", "text", "image", "config", "distributed", "nn", "data", "model", "checkpoint", "parallel", "train", "eval", "apps"]
SIBLINGS = {("eval", "train"), ("eval", "parallel"), ("data", "nn"), ("data", "distributed")}
# Library -> folders whose sources may include it; no header may but those of apps, which nobody else includes.
THIRD_PARTY = {
    "yaml-cpp/": {"config"},
    "jpeglib.h": {"image"},
    "tiffio.h": {"image"},
    "webp/": {"image"},
    "zlib.h": {"image"},
    "sentencepiece": {"text"},
    "nlohmann/": {"text", "distributed", "data", "checkpoint", "train", "eval"},
    "CLI/": {"apps"},
    "spdlog/": {"core"},
    "unicode/": {"core"},
}
NO_TORCH = {"core", "text", "image", "config", "data"}

errors = []
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
            if ORDER.index(other) > ORDER.index(folder) or (folder, other) in SIBLINGS:
                errors.append(f"{where}: {folder} looks up or sideways at {other}")
        if folder in NO_TORCH and re.match(r"(torch|ATen|c10)/", header):
            errors.append(f"{where}: {folder} does without LibTorch")
        if file.suffix == ".h" and header == "torch/torch.h":
            errors.append(f"{where}: include the part of LibTorch that the header needs")
        for library, allowed in THIRD_PARTY.items():
            in_header = file.suffix == ".h" and folder != "apps"
            if header.startswith(library) and (in_header or folder not in allowed):
                errors.append(f"{where}: {library} is for the sources of {', '.join(sorted(allowed))}")

print("\n".join(errors) or f"{len(files)} files, {len(ORDER)} folders: all includes point one way")
sys.exit(bool(errors) or len(files) < 50)
