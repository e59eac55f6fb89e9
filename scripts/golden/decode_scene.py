"""What the files of decode.py show, in every form that a format stores."""

import io

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 33, 21


def split_mix(seed: int, count: int) -> np.ndarray:
    """The first `count` numbers of convllava::core::Random(seed)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A gradient with a disc and a little noise: smooth parts, an edge and texture for the decoders."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = x / max(width - 1, 1), y / max(height - 1, 1)
    rgb = np.stack([across * 255, down * 255, 255 - (across + down) * 127.5], axis=-1)
    rgb[(x - width * 0.7) ** 2 + (y - height * 0.4) ** 2 < (height * 0.3) ** 2] = (250, 20, 30)
    noise = split_mix(7, rgb.size).reshape(rgb.shape) % np.uint64(25)
    return np.clip(rgb + noise.astype(np.float64) - 12, 0, 255).astype(np.uint8)


def noise(*shape: int) -> np.ndarray:
    return (split_mix(8, int(np.prod(shape))).reshape(shape) % np.uint64(256)).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pack_bits(samples: np.ndarray, bits: int) -> bytes:
    """Rows of samples, the first in the highest bits, each row filled up to a byte."""
    planes = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return b"".join(np.packbits(row.astype(np.uint8).reshape(-1)).tobytes() for row in planes)


def pack_rows(samples: np.ndarray, bits: int) -> list[bytes]:
    return [pack_bits(row[None], bits) for row in samples]


RGB = scene()
IMAGE = Image.fromarray(RGB)
GREY = IMAGE.convert("L")
ALPHA = Image.fromarray((np.arange(WIDTH) * 8 % 256 * np.ones((HEIGHT, 1))).astype(np.uint8))
RGBA = Image.merge("RGBA", (*IMAGE.split(), ALPHA))
PALETTE_16 = IMAGE.quantize(16)
PALETTE_256 = Image.fromarray(scene(64, 48)).quantize(256)
DEEP = RGB.astype(np.uint16) * 256 + noise(HEIGHT, WIDTH, 3)
