"""Image files -> square 8-bit arrays with Pillow: LLaVA's padding, then the bicubic resize of CLIPImageProcessor.

    python image_loading.py FOLDER...

Python side of image_loading.cpp. Without transformers' conversions between arrays and images, which only cost time.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

from benchmark import median_seconds, print_result

PAD_COLOR = (122, 116, 104)


def load(path: pathlib.Path, size: int) -> np.ndarray:
    image = Image.open(path).convert("RGB")
    side = max(image.size)
    padded = Image.new("RGB", (side, side), PAD_COLOR)
    padded.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(padded.resize((size, size), Image.BICUBIC))


def photo(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Clouds of every scale, some edges and sensor noise: compresses about as well as a photograph."""
    canvas = np.full((height, width, 3), 128.0)
    for octave in range(1, 8):
        cells = random.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(cells).resize((width, height), Image.BICUBIC))
        canvas += (smooth - 128.0) * 1.2 * 0.75**octave
    for _ in range(25):
        left, top = int(random.integers(width)), int(random.integers(height))
        right, bottom = left + int(random.integers(20, width // 4)), top + int(random.integers(20, height // 4))
        canvas[top:bottom, left:right] = canvas[top:bottom, left:right] * 0.5 + random.integers(0, 128, 3)
    canvas += random.normal(0, 6, canvas.shape)
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def prepare(folder: pathlib.Path) -> list[list[str]]:
    """Draws 1.4 and 0.3 megapixel photographs."""
    random = np.random.default_rng(0)
    groups = {
        "photos_1.4mp": [(1365, 1000), (1000, 1365)],
        "photos_0.3mp": [(640, 480), (480, 640), (640, 427), (500, 640)],
    }
    for group, sizes in groups.items():
        (folder / group).mkdir(parents=True, exist_ok=True)
        for i, (width, height) in enumerate(sizes):
            photo(random, width, height).save(folder / group / f"{i}.jpg", quality=90)
    return [[str(folder / group)] for group in groups]


def main() -> None:
    for folder in map(pathlib.Path, sys.argv[1:]):
        files = sorted(folder.iterdir())
        for size in (768, 1536):
            seconds = median_seconds(lambda: [load(file, size) for file in files]) / len(files)
            print_result(f"image_loading/{folder.name}/{size}", seconds, images_per_second=1 / seconds)


if __name__ == "__main__":
    main()
