"""Goldens of tests/unit/image: Pillow's resizing, CLIP's preprocessing in numpy, and small pictures of every kind.

    .venv/bin/pip install pillow==13.0.0 transformers==5.17.0
    .venv/bin/python scripts/golden/image.py            # rewrites tests/golden/image

Large inputs and outputs are not stored: both sides draw the same input from a seed (core/random.h's SplitMix64) and
compare the FNV-1a hash of the output. transformers only checks the numpy pipeline against its CLIPImageProcessorPil.
"""

import argparse
import io
import itertools
import pathlib
import struct
import zlib

import numpy as np
import PIL
import transformers
from PIL import Image, features
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
PAD_COLOR = (122, 116, 104)
VERSIONS = ", ".join([f"Pillow {PIL.__version__}", f"libjpeg-turbo {features.version('libjpeg_turbo')}",
                      f"libwebp {features.version('webp')}", f"numpy {np.__version__}",
                      f"transformers {transformers.__version__}"])


def split_mix(seed: int, count: int) -> np.ndarray:
    """The first `count` numbers of convllava::core::Random(seed)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def draw(pattern: str, seed: int, width: int, height: int) -> Image.Image:
    """`noise`: any byte; `extreme`: 0 or 255, which overshoots as far as a cubic can."""
    count = width * height * 3
    pixels = split_mix(seed, (count + 7) // 8).astype("<u8").view(np.uint8)[:count].reshape(height, width, 3)
    if pattern == "extreme":
        pixels = (pixels & 1) * np.uint8(255)
    return Image.fromarray(pixels)


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


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


def scene(width: int, height: int) -> np.ndarray:
    """A gradient with a disc and a little noise: smooth parts, an edge and texture for the decoders."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = x / (width - 1), y / (height - 1)
    rgb = np.stack([across * 255, down * 255, 255 - (across + down) * 127.5], axis=-1)
    rgb[(x - width * 0.7) ** 2 + (y - height * 0.4) ** 2 < (height * 0.3) ** 2] = (250, 20, 30)
    noise = split_mix(7, rgb.size).reshape(rgb.shape) % np.uint64(25)
    return np.clip(rgb + noise.astype(np.float64) - 12, 0, 255).astype(np.uint8)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, color: int, rows: bytes, extra: bytes = b"",
        interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_rows(pixels: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def adam7_rows(pixels: np.ndarray) -> bytes:
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    return b"".join(png_rows(pixels[y::dy, x::dx]) for y, x, dy, dx in passes)


def run_length_bmp(indices: np.ndarray, palette: bytes) -> bytes:
    coded = b""
    for row in indices[::-1].tolist():
        coded += b"".join(bytes([len(list(run)), value]) for value, run in itertools.groupby(row)) + b"\0\0"
    coded += b"\0\1"
    colors = b"".join(palette[i:i + 3][::-1] + b"\0" for i in range(0, len(palette), 3))
    offset = 54 + len(colors)
    height, width = indices.shape
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(coded), 0, 0, len(colors) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(coded), 0, 0, offset) + info + colors + coded


def rotated_exif_with_thumbnail(image: Image.Image) -> bytes:
    thumbnail = io.BytesIO()
    image.resize((8, 6)).save(thumbnail, "JPEG")
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes() + thumbnail.getvalue()


def files_to_decode(rgb: np.ndarray) -> dict[str, bytes]:
    image = Image.fromarray(rgb)
    height, width = rgb.shape[:2]
    grey = image.convert("L")
    alpha = Image.fromarray((np.arange(width) * 8 % 256 * np.ones((height, 1))).astype(np.uint8))
    rgba = Image.merge("RGBA", (*image.split(), alpha))
    palette = image.quantize(16)
    low_bytes = (split_mix(8, rgb.size).reshape(rgb.shape) % np.uint64(256)).astype(np.uint16)
    deep = rgb.astype(np.uint16) * 256 + low_bytes
    color_key = png_chunk(b"tRNS", struct.pack(">HHH", *rgb[0, 0].tolist()))
    bad_profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))
    thousand = (deep.astype(np.uint32) * 1000 // 65535).astype(">u2")
    hundred = (rgb.astype(np.uint16) * 100 // 255).astype(np.uint8)

    def saved(source: Image.Image, kind: str, **options) -> bytes:
        buffer = io.BytesIO()
        source.save(buffer, kind, **options)
        return buffer.getvalue()

    return {
        "420.jpg": saved(image, "JPEG", quality=90, subsampling="4:2:0"),
        "422.jpg": saved(image, "JPEG", quality=90, subsampling="4:2:2"),
        "444.jpg": saved(image, "JPEG", quality=90, subsampling="4:4:4"),
        "low_quality.jpg": saved(Image.fromarray(scene(97, 71)), "JPEG", quality=40),
        "progressive.jpg": saved(image, "JPEG", quality=85, progressive=True),
        "restart_markers.jpg": saved(image, "JPEG", restart_marker_blocks=1),
        "grey.jpg": saved(grey, "JPEG"),
        "cmyk.jpg": saved(image.convert("CMYK"), "JPEG", quality=90),
        "exif_rotated_thumbnail.jpg": saved(image, "JPEG", exif=rotated_exif_with_thumbnail(image)),
        "rgb.png": saved(image, "PNG"),
        "rgba.png": saved(rgba, "PNG"),
        "grey.png": saved(grey, "PNG"),
        "grey_alpha.png": saved(Image.merge("LA", (grey, alpha)), "PNG"),
        "palette.png": saved(palette, "PNG"),
        "palette_transparent.png": saved(palette, "PNG", transparency=3),
        "one_bit.png": saved(image.convert("1"), "PNG"),
        "rgb16.png": png(width, height, 16, 2, png_rows(deep.astype(">u2"))),
        "grey16.png": png(width, height, 16, 0, png_rows(deep[..., 1].astype(">u2"))),
        "grey_alpha16.png": png(width, height, 16, 4, png_rows(deep[..., :2].astype(">u2"))),
        "interlaced.png": png(width, height, 8, 2, adam7_rows(rgb), interlaced=True),
        "color_key.png": png(width, height, 8, 2, png_rows(rgb), color_key),
        "bad_profile.png": png(width, height, 8, 2, png_rows(rgb), bad_profile),
        "rgb.bmp": saved(image, "BMP"),
        "palette.bmp": saved(palette, "BMP"),
        "one_bit.bmp": saved(image.convert("1"), "BMP"),
        "rgba.bmp": saved(rgba, "BMP"),
        "run_length.bmp": run_length_bmp(np.asarray(palette), bytes(palette.getpalette())),
        "lossless.webp": saved(image, "WEBP", lossless=True),
        "lossless_alpha.webp": saved(rgba, "WEBP", lossless=True, exact=True),
        "lossy.webp": saved(image, "WEBP", quality=80),
        "lossy_alpha.webp": saved(rgba, "WEBP", quality=80),
        "one_pixel.png": saved(image.crop((0, 0, 1, 1)), "PNG"),
        "maximum_1000.ppm": b"P6\n# two bytes a sample\n33 21\n1000\n" + thousand.tobytes(),
        "maximum_100.ppm": b"P6 33 21 100\n" + hundred.tobytes(),
    }


def write_decode(folder: pathlib.Path) -> None:
    """Each picture, and what Pillow's convert("RGB") makes of it as a PPM file."""
    (folder / "decode").mkdir(exist_ok=True)
    (folder / "decode" / "VERSIONS").write_text(VERSIONS + "\n")
    for name, data in files_to_decode(scene(33, 21)).items():
        opened = Image.open(io.BytesIO(data))
        if opened.mode == "I;16":
            # convert("RGB") of Pillow clips 16-bit grey to 255, which makes this picture white; the high byte is meant.
            high = (np.asarray(opened) >> 8).astype(np.uint8)
            rgb = np.repeat(high[..., None], 3, axis=2)
        else:
            rgb = np.asarray(opened.convert("RGB"))
        (folder / "decode" / name).write_bytes(data)
        (folder / "decode" / f"{name}.expected.ppm").write_bytes(b"P6 %d %d 255\n" % opened.size + rgb.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "image"
    parser.add_argument("--output", type=pathlib.Path, default=default)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    write_resize(folder)
    write_preprocess(folder)
    write_normalize(folder)
    write_decode(folder)


if __name__ == "__main__":
    main()
