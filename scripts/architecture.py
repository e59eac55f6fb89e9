"""Draws docs/architecture.svg, the folders of convllava/ in layers, from the table LAYERS of check_layers.py.

    .venv/bin/python scripts/architecture.py
"""

import ast
import html
import pathlib
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "architecture.svg"
HOLDS = {
    "core": "errors, log, files, JSON, threads, random numbers",
    "config": "options: declared, read, checked",
    "text": "tokenizer, templates, prompts",
    "image": "decode, resize, pad",
    "nn": "layers, blocks, attention, loss",
    "distributed": "launch, process group",
    "hardware": "device, threads, memory",
    "data": "datasets, sampler, loader",
    "checkpoint": "safetensors, state, run folder",
    "report": "metrics, TensorBoard, charts",
    "model": "ConvNeXt, LLaMA, projector",
    "formats": "layouts of published checkpoints",
    "parallel": "flat units, gradient reduction",
    "infer": "load a model, generate, answer",
    "optim": "optimizers, schedules, clipping",
    "setup": "the model of a run",
    "train": "train step, loop, observers",
    "stage": "one run: config, checks, resume",
    "eval": "prediction, benchmarks, metrics",
    "apps": "the programs train, eval, chat, inspect",
}
BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 190, 74, 14, 20
STYLE = """
  text { font-family: sans-serif; fill: #1f2328; }
  .name { font-size: 15px; font-weight: bold; }
  .holds { font-size: 12px; }
  .page { fill: #ffffff; }
  .floor { fill: #eef1f4; }
  .box { fill: #ffffff; stroke: #57606a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; }
    .floor { fill: #1c2128; }
    .box { fill: #0d1117; stroke: #8b949e; }
  }
"""


def read_layers():
    """Folder -> folders that it may include."""
    tree = ast.parse((ROOT / "tests" / "lint" / "check_layers.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS":
            return {folder: allowed.split() for folder, allowed in ast.literal_eval(node.value).items()}
    raise SystemExit("check_layers.py: no table LAYERS")


def floors_of(layers):
    """Lists of folders, the lowest floor first: each folder is one floor above the highest that it may include."""
    floor = {}
    for folder, allowed in layers.items():
        floor[folder] = 1 + max((floor[other] for other in allowed), default=-1)
    return [[folder for folder in layers if floor[folder] == level] for level in range(max(floor.values()) + 1)]


def draw_box(folder, left, top):
    middle = left + BOX_WIDTH // 2
    lines = textwrap.wrap(HOLDS[folder], 27)
    yield f'<rect class="box" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
    yield f'<text class="name" x="{middle}" y="{top + 22}" text-anchor="middle">{folder}</text>'
    for number, line in enumerate(lines):
        y = top + 42 + 16 * number
        yield f'<text class="holds" x="{middle}" y="{y}" text-anchor="middle">{html.escape(line)}</text>'


def draw():
    """The text of the SVG file."""
    layers = read_layers()
    if set(layers) != set(HOLDS):
        raise SystemExit(f"HOLDS and LAYERS differ in: {', '.join(sorted(set(layers) ^ set(HOLDS)))}")
    floors = floors_of(layers)
    widest = max(map(len, floors))
    width = 2 * MARGIN + widest * (BOX_WIDTH + GAP) + GAP
    floor_height = BOX_HEIGHT + 2 * GAP
    height = 2 * MARGIN + len(floors) * (floor_height + GAP) + 10
    size = f'width="{width}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}>',
             "<title>Folders of convllava/ in layers</title>", f"<style>{STYLE}</style>",
             f'<rect class="page" {size}/>']
    for level, folders in enumerate(floors):
        top = MARGIN + (len(floors) - 1 - level) * (floor_height + GAP)
        parts.append(f'<rect class="floor" x="{MARGIN}" y="{top}" width="{width - 2 * MARGIN}" '
                     f'height="{floor_height}" rx="8"/>')
        left = (width - len(folders) * (BOX_WIDTH + GAP) + GAP) // 2
        for number, folder in enumerate(folders):
            parts += draw_box(folder, left + number * (BOX_WIDTH + GAP), top + GAP)
    parts.append(f'<text class="holds" x="{MARGIN}" y="{height - MARGIN}">'
                 "A folder includes only folders of lower layers.</text>")
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    TARGET.write_text(draw())
