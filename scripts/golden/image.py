"""Goldens of tests/unit/image: Pillow's resizing and CLIP's preprocessing in numpy. decode.py makes those of decoding.

    .venv/bin/pip install pillow==13.0.0 transformers==5.17.0
    .venv/bin/python scripts/golden/image.py            # rewrites tests/golden/image

Large inputs and outputs are not stored: both sides draw the same input from a seed (core/random.h's SplitMix64) and
compare the FNV-1a hash of the output. transformers only checks the numpy pipeline against its CLIPImageProcessorPil.
"""

import argparse
import pathlib

import numpy as np
import PIL
import transformers
from PIL import Image, features
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from decode import fnv1a
from decode_scene import split_mix

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
PAD_COLOR = (122, 116, 104)
VERSIONS = ", ".join([f"Pillow {PIL.__version__}", f"libjpeg-turbo {features.version('libjpeg_turbo')}",
                      f"libwebp {features.version('webp')}", f"numpy {np.__version__}",
                      f"transformers {transformers.__version__}"])


def draw(pattern: str, seed: int, width: int, height: int) -> Image.Image:
    """`noise`: any byte; `extreme`: 0 or 255, which overshoots as far as a cubic can."""
    count = width * height * 3
    pixels = split_mix(seed, (count + 7) // 8).astype("<u8").view(np.uint8)[:count].reshape(height, width, 3)
    if pattern == "extreme":
        pixels = (pixels & 1) * np.uint8(255)
    return Image.fromarray(pixels)


def resize_cases():
    sizes = [1, 2, 3, 5, 8, 17, 33, 64, 100, 127, 224, 257, 336]
    pairs = [((1, 1), (64, 64)), ((1, 1), (1, 1)), ((64, 64), (1, 1)), ((2, 3), (3, 2)),
             ((1, 100), (100, 1)), ((100, 1), (1, 100)), ((64, 48), (64, 48)), ((64, 48), (64, 96)),
             ((64, 48), (128, 48)), ((64, 48), (64, 5)), ((64, 48), (5, 48)), ((3000, 10), (64, 64)),
             ((10, 3000), (64, 64)), ((5, 4), (1000, 3)), ((4, 5), (3, 1000)), ((257, 193), (256, 192)),
             ((640, 480), (336, 252)), ((480, 640), (252, 336)), ((333, 500), (768, 1153)), ((1023, 767), (224, 224)),
             # Around twice as many rows as columns lost, where Pillow 13 changes the order of its passes.
             ((100, 100), (90, 81)), ((100, 100), (90, 80)), ((100, 100), (90, 79)),
             ((100, 257), (33, 100)), ((100, 257), (200, 100))]
    chosen = split_mix(2024, 4 * 40).reshape(40, 4) % np.uint64(len(sizes))
    pairs += [((sizes[a], sizes[b]), (sizes[c], sizes[d])) for a, b, c, d in chosen.tolist()]
    return pairs


def write_resize(folder: pathlib.Path) -> None:
    lines = [f"# Image.resize(..., BICUBIC), {VERSIONS}",
             "# pattern seed width height -> width height fnv1a | pixels in hexadecimal"]
    for seed, (source, target) in enumerate(resize_cases()):
        pattern = ("noise", "extreme")[seed % 2]
        made = draw(pattern, seed, *source).resize(target, Image.BICUBIC).tobytes()
        shown = made.hex() if len(made) <= 120 else "-"
        lines.append(f"{pattern} {seed} {source[0]} {source[1]} {target[0]} {target[1]} {fnv1a(made)} {shown}")
    (folder / "resize.txt").write_text("\n".join(lines) + "\n")


def pad_to_square(image: Image.Image) -> Image.Image:
    side = max(image.size)
    padded = Image.new("RGB", (side, side), PAD_COLOR)
    padded.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return padded


def short_side(image: Image.Image, size: int) -> Image.Image:
    short, long = min(image.size), max(image.size)
    scaled = int(size * long / short)
    return image.resize((size, scaled) if image.width <= image.height else (scaled, size), Image.BICUBIC)


def center_crop(image: Image.Image, size: int) -> Image.Image:
    left, top = (image.width - size) // 2, (image.height - size) // 2
    return image.crop((left, top, left + size, top + size))


def normalize(pixels: np.ndarray) -> np.ndarray:
    rescaled = (pixels.astype(np.float64) * 0.00392156862745098).astype(np.float32)
    return (rescaled - MEAN) / STD


PIPELINES = {
    "pad": lambda image, size: pad_to_square(image).resize((size, size), Image.BICUBIC),
    "native": short_side,
    "crop": lambda image, size: center_crop(short_side(image, size), size),
}


def check_against_transformers(aspect: str, image: Image.Image, size: int, expected: np.ndarray) -> None:
    processor = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size={"height": size, "width": size},
                                      do_center_crop=aspect == "crop")
    source = pad_to_square(image) if aspect == "pad" else image
    found = processor(source, return_tensors="np")["pixel_values"][0]
    assert np.array_equal(found.transpose(1, 2, 0), expected), (aspect, image.size, size)


def write_preprocess(folder: pathlib.Path) -> None:
    lines = [f"# CLIP preprocessing in numpy, equal to CLIPImageProcessorPil; {VERSIONS}",
             "# aspect size seed width height -> width height fnv1a(bytes)"]

    def add(aspect: str, size: int, seed: int, image: Image.Image) -> None:
        made = PIPELINES[aspect](image, size)
        check_against_transformers(aspect, image, size, normalize(np.asarray(made)))
        lines.append(" ".join(map(str, [aspect, size, seed, *image.size, *made.size, fnv1a(made.tobytes())])))

    sizes = [(1, 1), (64, 64), (65, 64), (64, 65), (100, 37), (37, 100), (200, 133), (133, 200), (7, 300), (300, 7),
             (257, 31), (640, 480), (81, 500)]
    for seed, (width, height) in enumerate(sizes, start=100):
        for aspect in PIPELINES:
            add(aspect, 64 if seed % 3 else 97, seed, draw("noise", seed, width, height))
    for seed, (width, height) in enumerate([(6000, 7), (7, 6000)], start=200):
        add("pad", 128, seed, draw("noise", seed, width, height))
    (folder / "preprocess.txt").write_text("\n".join(lines) + "\n")


def write_normalize(folder: pathlib.Path) -> None:
    table = normalize(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))
    lines = [f"# float32 bits of the red, green and blue value of each byte; {VERSIONS}"]
    lines += [" ".join(f"{bits:08x}" for bits in row) for row in table.astype("<f4").view("<u4").tolist()]
    (folder / "normalize.txt").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "image"
    parser.add_argument("--output", type=pathlib.Path, default=default)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    write_resize(folder)
    write_preprocess(folder)
    write_normalize(folder)


if __name__ == "__main__":
    main()
