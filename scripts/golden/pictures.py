"""Drawn pictures of every format, and what Pillow makes of them: tests/golden/image/pictures.bin and pictures.txt.

    .venv/bin/pip install -r scripts/golden/requirements.txt
    .venv/bin/python scripts/golden/pictures.py                     # rewrites both files
    .venv/bin/python scripts/golden/pictures.py --unpack FOLDER     # one file each, and Pillow's pixels as FILE.ppm

Each line of pictures.txt names a file, where it lies in pictures.bin, and the size and FNV-1a hash of Pillow's
`Image.open(file).convert("RGB")`, or why Pillow refuses it. Cut files are beginnings of whole ones, stored once.
"""

import argparse
import io
import itertools
import pathlib
import struct
import tempfile
import warnings
import zlib

import numpy as np
import PIL
from PIL import Image, features

WIDTH, HEIGHT = 33, 21
VERSIONS = ", ".join([f"Pillow {PIL.__version__}", f"libjpeg-turbo {features.version('libjpeg_turbo')}",
                      f"libwebp {features.version('webp')}", f"libtiff {features.version('libtiff')}"])


def split_mix(seed: int, count: int) -> np.ndarray:
    """The first `count` numbers of convllava::core::Random(seed)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


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


# --- JPEG

def segments(jpeg: bytes) -> list[tuple[int, bytes]]:
    """(marker, whole segment) up to the first scan, which takes the rest of the file."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        found.append((jpeg[at + 1], jpeg[at:at + length]))
        at += length
    return found + [(0xDA, jpeg[at:])]


def with_adobe(jpeg: bytes, transform: int | None, keep_jfif: bool = False) -> bytes:
    """The file with this Adobe marker, or none, in place of what it had."""
    kept = [data for marker, data in segments(jpeg) if marker != 0xEE and (keep_jfif or marker != 0xE0)]
    adobe = b"" if transform is None else b"\xff\xee\x00\x0eAdobe\0d\0\0\0\0" + bytes([transform])
    return b"\xff\xd8" + adobe + b"".join(kept)


def with_sampling(jpeg: bytes, old: int, new: int) -> bytes:
    return jpeg.replace(b"\x08" + struct.pack(">HH", 32, 32) + bytes([3, 1, old]),
                        b"\x08" + struct.pack(">HH", 32, 32) + bytes([3, 1, new]))


def rotated_exif_with_thumbnail(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes() + saved(image.resize((8, 6)), "JPEG")


def jpeg_files() -> dict[str, bytes]:
    files = {f"{name.replace(':', '')}.jpg": saved(IMAGE, "JPEG", quality=90, subsampling=name)
             for name in ("4:4:4", "4:2:2", "4:2:0", "4:1:1")}
    cmyk = saved(IMAGE.convert("CMYK"), "JPEG", quality=90)
    square = Image.fromarray(scene(32, 32))
    full = files["444.jpg"]
    files |= {
        "440.jpg": with_sampling(saved(square, "JPEG", subsampling="4:2:2"), 0x21, 0x12),
        "low_quality.jpg": saved(Image.fromarray(scene(97, 71)), "JPEG", quality=40),
        "best_quality.jpg": saved(IMAGE, "JPEG", quality=100, optimize=True),
        "progressive.jpg": saved(Image.fromarray(scene(97, 71)), "JPEG", quality=85, progressive=True),
        "progressive_444.jpg": saved(IMAGE, "JPEG", progressive=True, subsampling="4:4:4"),
        "progressive_grey.jpg": saved(GREY, "JPEG", progressive=True),
        "progressive_cmyk.jpg": saved(IMAGE.convert("CMYK"), "JPEG", progressive=True),
        "restart_markers.jpg": saved(IMAGE, "JPEG", restart_marker_blocks=1),
        "grey.jpg": saved(GREY, "JPEG"),
        "one_pixel.jpg": saved(IMAGE.crop((5, 5, 6, 6)), "JPEG"),
        "one_row.jpg": saved(IMAGE.crop((0, 0, 33, 1)), "JPEG"),
        "one_column.jpg": saved(IMAGE.crop((0, 0, 1, 21)), "JPEG"),
        "cmyk.jpg": cmyk,
        "cmyk_one_color.jpg": saved(Image.new("CMYK", (16, 16), (253, 253, 253, 255)), "JPEG", quality=100),
        "cmyk_without_marker.jpg": with_adobe(cmyk, None),
        "ycck.jpg": with_adobe(cmyk, 2),
        "cmyk_unknown_transform.jpg": with_adobe(cmyk, 7),
        "rgb_stored_as_rgb.jpg": saved(IMAGE, "JPEG", keep_rgb=True),
        "adobe_rgb.jpg": with_adobe(full, 0),
        "adobe_ycc.jpg": with_adobe(full, 1),
        "adobe_beside_jfif.jpg": with_adobe(full, 0, keep_jfif=True),
        "no_jfif.jpg": with_adobe(full, None),
        "exif_rotated_thumbnail.jpg": saved(IMAGE, "JPEG", exif=rotated_exif_with_thumbnail(IMAGE)),
        "two_pictures.mpo.jpg": saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)]),
        "bytes_behind.jpg": full + b"garbage",
        "no_end_marker.jpg": full[:-2],
        "no_end_marker_zeros.jpg": full[:-2] + bytes(30),
        "no_end_marker_progressive.jpg": saved(IMAGE, "JPEG", progressive=True)[:-2],
        "fill_bytes.jpg": full[:2] + b"\xff\xff\xff" + full[2:],
        "no_height.jpg": full.replace(struct.pack(">BHH", 8, HEIGHT, WIDTH), struct.pack(">BHH", 8, 0, WIDTH)),
        "twelve_bits.jpg": full.replace(struct.pack(">BHH", 8, HEIGHT, WIDTH), struct.pack(">BHH", 12, HEIGHT, WIDTH)),
        "too_large.jpg": full.replace(struct.pack(">BHH", 8, HEIGHT, WIDTH), struct.pack(">BHH", 8, 20000, 20000)),
        "damaged_scan.jpg": full[:-400] + noise(300).tobytes().replace(b"\xff", b"\xfe") + full[-100:],
        "tables_only.jpg": full[:full.index(b"\xff\xc0")] + b"\xff\xd9",
        "start_and_end.jpg": b"\xff\xd8\xff\xd9",
    }
    for i in range(1, 20):
        for name in ("420.jpg", "progressive.jpg"):
            files[f"cut_{i:02}_of_20_{name}"] = files[name][:len(files[name]) * i // 20]
    return files


# --- PNG

PNG_START = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(
        ">I", zlib.crc32(kind + data) if checksum is None else checksum)


def png_header(width: int, height: int, bits: int, color: int, interlaced: int = 0, filters: int = 0) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, filters, interlaced))


def png(width: int, height: int, bits: int, color: int, rows: bytes, extra: bytes = b"", interlaced: int = 0) -> bytes:
    return b"".join([PNG_START, png_header(width, height, bits, color, interlaced), extra,
                     png_chunk(b"IDAT", zlib.compress(rows, 9)), png_chunk(b"IEND", b"")])


def png_rows(pixels: np.ndarray, bits: int) -> bytes:
    """Samples [rows, columns, channels], unfiltered."""
    if bits == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"".join(b"\0" + row for row in pack_rows(pixels.reshape(len(pixels), -1), bits))


def adam7_rows(pixels: np.ndarray, bits: int) -> bytes:
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    return b"".join(png_rows(pixels[y::dy, x::dx], bits) for y, x, dy, dx in passes if pixels[y::dy, x::dx].size)


def filtered_rows(pixels: np.ndarray) -> bytes:
    """RGB rows that take each filter in turn: the decoder adds, whatever the bytes are."""
    return b"".join(bytes([i % 5]) + row.tobytes() for i, row in enumerate(pixels))


def png_types() -> dict[str, bytes]:
    """Every colour type and depth, plain and interlaced."""
    files = {}
    colors = png_chunk(b"PLTE", noise(256, 3).tobytes())
    for color, name, channels, depths in [(0, "grey", 1, (1, 2, 4, 8, 16)), (2, "rgb", 3, (8, 16)),
                                          (3, "palette", 1, (1, 2, 4, 8)), (4, "grey_alpha", 2, (8, 16)),
                                          (6, "rgba", 4, (8, 16))]:
        deep = np.dstack([DEEP, noise(HEIGHT, WIDTH).astype(np.uint16) * 257])[..., :channels]
        for bits in depths:
            samples = deep >> (16 - bits)
            plte = b""
            if color == 3:
                plte = png_chunk(b"PLTE", noise(1 << bits, 3).tobytes())
            files[f"{name}_{bits}.png"] = png(WIDTH, HEIGHT, bits, color, png_rows(samples, bits), plte)
            files[f"{name}_{bits}_interlaced.png"] = png(WIDTH, HEIGHT, bits, color, adam7_rows(samples, bits), plte, 1)
    samples = DEEP[..., :1]
    files |= {
        "grey_16_dark.png": png(WIDTH, HEIGHT, 16, 0, png_rows(samples >> 7, 16)),
        "grey_1_key.png": png(WIDTH, HEIGHT, 1, 0, png_rows(samples >> 15, 1), png_chunk(b"tRNS", b"\0\1")),
        "grey_8_key.png": png(WIDTH, HEIGHT, 8, 0, png_rows(samples >> 8, 8), png_chunk(b"tRNS", b"\0\x40")),
        "grey_16_key.png": png(WIDTH, HEIGHT, 16, 0, png_rows(samples, 16), png_chunk(b"tRNS", b"\xff\xff")),
        "rgb_8_key.png": png(WIDTH, HEIGHT, 8, 2, png_rows(RGB, 8), png_chunk(b"tRNS", RGB[0, 0].astype(">u2").tobytes())),
        "rgb_16_key.png": png(WIDTH, HEIGHT, 16, 2, png_rows(DEEP, 16), png_chunk(b"tRNS", DEEP[0, 0].astype(">u2").tobytes())),
        "palette_alpha.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8), colors + png_chunk(b"tRNS", noise(40).tobytes())),
        "palette_one_transparent.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8), colors + png_chunk(b"tRNS", b"\xff\0")),
        "key_too_short.png": png(WIDTH, HEIGHT, 8, 2, png_rows(RGB, 8), png_chunk(b"tRNS", b"\0\0\0")),
        "palette_short.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8), png_chunk(b"PLTE", noise(40, 3).tobytes())),
        "palette_missing.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8)),
        "palette_too_long.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8), png_chunk(b"PLTE", noise(257, 3).tobytes())),
        "palette_odd_length.png": png(WIDTH, HEIGHT, 8, 3, png_rows(samples >> 8, 8), png_chunk(b"PLTE", noise(100).tobytes())),
        "unknown_depth.png": png(WIDTH, HEIGHT, 3, 0, png_rows(samples >> 12, 4)),
        "unknown_color_type.png": png(WIDTH, HEIGHT, 8, 5, png_rows(samples >> 8, 8)),
        "unknown_combination.png": png(WIDTH, HEIGHT, 16, 3, png_rows(samples, 16), colors),
        "no_width.png": png(0, HEIGHT, 8, 2, png_rows(RGB, 8)),
        "one_pixel.png": png(1, 1, 8, 2, png_rows(RGB[:1, :1], 8)),
        "one_pixel_interlaced.png": png(1, 1, 8, 2, adam7_rows(RGB[:1, :1], 8), interlaced=1),
        "three_pixels_interlaced.png": png(3, 1, 8, 2, adam7_rows(RGB[:1, :3], 8), interlaced=1),
        "filters_rgb.png": png(WIDTH, HEIGHT, 8, 2, filtered_rows(RGB)),
        "filters_grey.png": png(99, HEIGHT, 8, 0, filtered_rows(RGB)),
        "filters_rgba_16.png": png(12, HEIGHT, 16, 6, filtered_rows(RGB[:, :32])),
        "filters_grey_alpha.png": png(49, HEIGHT, 8, 4, filtered_rows(noise(HEIGHT, 98))),
        "filters_grey_2.png": png(WIDTH, HEIGHT, 2, 0, filtered_rows(noise(HEIGHT, 9))),
        "filters_rgb_16.png": png(11, HEIGHT, 16, 2, filtered_rows(noise(HEIGHT, 66))),
        "pillow.png": saved(Image.fromarray(scene(97, 71)), "PNG"),
    }
    return files


def png_damage() -> dict[str, bytes]:
    rows = png_rows(RGB, 8)
    stream = zlib.compress(rows, 9)
    header, idat, end = png_header(WIDTH, HEIGHT, 8, 2), png_chunk(b"IDAT", stream), png_chunk(b"IEND", b"")
    whole = PNG_START + header + idat + end
    short = zlib.compress(rows[:-(3 * WIDTH + 1)], 9)
    text = png_chunk(b"tEXt", b"Comment\0some words")
    interlaced = adam7_rows(RGB, 8)
    bomb = zlib.compress(bytes(2 << 20), 9)
    raw = zlib.compressobj(9, zlib.DEFLATED, 9)
    small_window = raw.compress(rows) + raw.flush()

    def around(*chunks: bytes) -> bytes:
        return PNG_START + b"".join(chunks)

    files = {
        "whole.png": whole,
        "idat_wrong_checksum.png": around(header, png_chunk(b"IDAT", stream, 1), end),
        "header_wrong_checksum.png": around(png_chunk(b"IHDR", header[8:-4], 1), idat, end),
        "text_wrong_checksum.png": around(header, png_chunk(b"tEXt", b"a\0b", 1), idat, end),
        "text_behind_wrong_checksum.png": around(header, idat, png_chunk(b"tEXt", b"a\0b", 1), end),
        "wrong_adler.png": around(header, png_chunk(b"IDAT", stream[:-4] + b"abcd"), end),
        "no_adler.png": around(header, png_chunk(b"IDAT", stream[:-4]), end),
        "half_adler.png": around(header, png_chunk(b"IDAT", stream[:-2]), end),
        "last_row_missing.png": around(header, png_chunk(b"IDAT", short), end),
        "last_row_missing_split.png": around(header, png_chunk(b"IDAT", short[:-5]), png_chunk(b"IDAT", short[-5:]), end),
        "ten_rows_missing.png": around(header, png_chunk(b"IDAT", zlib.compress(rows[:11 * 100], 9)), end),
        "half_row_missing.png": around(header, png_chunk(b"IDAT", zlib.compress(rows[:-50], 9)), end),
        "passes_missing.png": around(png_header(WIDTH, HEIGHT, 8, 2, 1), png_chunk(b"IDAT", zlib.compress(interlaced[:16 * 5 * 3], 9)), end),
        "more_rows.png": around(header, png_chunk(b"IDAT", zlib.compress(rows + rows, 9)), end),
        "no_end_chunk.png": around(header, idat),
        "no_end_chunk_nor_checksum.png": around(header, idat)[:-4],
        "end_chunk_cut.png": whole[:-4],
        "end_chunk_cut_in_name.png": whole[:-6],
        "window_lies.png": around(header, png_chunk(b"IDAT", b"\x08\x1d" + stream[2:]), end),
        "small_window.png": around(header, png_chunk(b"IDAT", small_window), end),
        "unknown_filter.png": around(header, png_chunk(b"IDAT", zlib.compress(b"\5" + rows[1:], 9)), end),
        "many_idats.png": around(header, *[png_chunk(b"IDAT", stream[i:i + 100]) for i in range(0, len(stream), 100)], end),
        "empty_idats.png": around(header, png_chunk(b"IDAT", b""), idat, png_chunk(b"IDAT", b""), end),
        "idats_apart.png": around(header, png_chunk(b"IDAT", stream[:500]), text, png_chunk(b"IDAT", stream[500:]), end),
        "junk_in_idat.png": around(header, png_chunk(b"IDAT", stream + b"junk"), end),
        "idat_twice.png": around(header, idat, idat, end),
        "not_deflated.png": around(header, png_chunk(b"IDAT", b"\x79\x01" + rows), end),
        "damaged_stream.png": around(header, png_chunk(b"IDAT", stream[:200] + noise(100).tobytes() + stream[300:]), end),
        "no_idat.png": around(header, end),
        "no_header.png": around(idat, end),
        "two_headers.png": around(png_header(5, 5, 8, 0), header, idat, end),
        "header_too_short.png": around(png_chunk(b"IHDR", header[8:18]), idat, end),
        "filter_method_1.png": around(png_header(WIDTH, HEIGHT, 8, 2, 0, 1), idat, end),
        "interlace_method_2.png": around(png_header(WIDTH, HEIGHT, 8, 2, 2), png_chunk(b"IDAT", zlib.compress(interlaced, 9)), end),
        "unknown_chunk.png": around(header, png_chunk(b"abCd", b"private"), png_chunk(b"QRST", b"critical"), idat, end),
        "chunk_name_with_space.png": around(header, png_chunk(b"ab d", b"private"), idat, end),
        "bad_profile.png": around(header, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile")), idat, end),
        "damaged_profile.png": around(header, png_chunk(b"iCCP", b"x\0\0nothing"), idat, end),
        "profile_of_method_1.png": around(header, png_chunk(b"iCCP", b"x\0\1" + zlib.compress(b"x")), idat, end),
        "profile_expands.png": around(header, png_chunk(b"iCCP", b"x\0\0" + bomb), idat, end),
        "text_expands.png": around(header, png_chunk(b"zTXt", b"x\0\0" + bomb), idat, end),
        "text_expands_behind.png": around(header, idat, png_chunk(b"iTXt", b"x\0\1\0\0\0" + bomb), end),
        "text_of_1_mib.png": around(header, png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 20), 9)), idat, end),
        "text_cut_behind.png": around(header, idat, text)[:-10],
        "gamma_too_short.png": around(header, png_chunk(b"gAMA", b"\0"), idat, end),
        "resolution_too_short.png": around(header, png_chunk(b"pHYs", b"\0\0\0"), idat, end),
        "resolution_too_short_behind.png": around(header, idat, png_chunk(b"pHYs", b"\0\0\0"), end),
        "chromaticity_odd.png": around(header, png_chunk(b"cHRM", b"\0\0\0"), idat, end),
        "intent_empty.png": around(header, png_chunk(b"sRGB", b""), idat, end),
        "animated.png": saved(IMAGE, "PNG", save_all=True, append_images=[IMAGE.rotate(180)]),
        "animated_default_image.png": saved(IMAGE, "PNG", save_all=True, default_image=True, append_images=[IMAGE.rotate(180), IMAGE]),
        "animated_small_frame.png": around(header, png_chunk(b"acTL", struct.pack(">II", 2, 0)),
                                           png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 10, 5, 3, 2, 1, 1, 0, 0)),
                                           png_chunk(b"IDAT", zlib.compress(png_rows(RGB[:5, :10], 8), 9)), end),
        "animated_frame_outside.png": around(header, png_chunk(b"acTL", struct.pack(">II", 2, 0)),
                                             png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 33, 21, 1, 0, 1, 1, 0, 0)), idat, end),
        "animated_wrong_number.png": around(header, png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 33, 21, 0, 0, 1, 1, 0, 0)), idat, end),
        "bytes_behind.png": whole + b"garbage",
        "too_large.png": png(16000, 16000, 1, 0, b"\0"),
        "too_large_by_one_column.png": png(13380, 13377, 1, 0, b"\0"),
    }
    for cut in (8, 20, 33, 60, 200, 700, 1200, len(whole) - 30, len(whole) - 20, len(whole) - 12):
        files[f"cut_at_{cut}.png"] = whole[:cut]
    return files


# --- WebP

def webp_files() -> dict[str, bytes]:
    turned = IMAGE.rotate(180)
    lossy = saved(IMAGE, "WEBP", quality=80)
    animated = saved(IMAGE, "WEBP", save_all=True, append_images=[turned], lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    canvas = animated.index(b"VP8X") + 12
    larger = animated[:canvas] + (39).to_bytes(3, "little") + (29).to_bytes(3, "little") + animated[canvas + 6:]
    frame = larger.index(b"ANMF") + 8
    return {
        "lossy.webp": lossy,
        "lossy_odd.webp": saved(Image.fromarray(scene(97, 71)), "WEBP", quality=30),
        "lossless.webp": saved(IMAGE, "WEBP", lossless=True),
        "lossy_alpha.webp": saved(RGBA, "WEBP", quality=80),
        "lossless_alpha.webp": saved(RGBA, "WEBP", lossless=True, exact=True),
        "one_pixel.webp": saved(IMAGE.crop((0, 0, 1, 1)), "WEBP"),
        "rotated.webp": saved(IMAGE, "WEBP", exif=exif),
        "profile.webp": saved(IMAGE, "WEBP", icc_profile=b"no profile"),
        "animated.webp": animated,
        "animated_lossy.webp": saved(IMAGE, "WEBP", save_all=True, append_images=[turned], quality=70),
        "animated_alpha.webp": saved(RGBA, "WEBP", save_all=True, append_images=[RGBA.rotate(180)], lossless=True),
        "animated_canvas_larger.webp": larger,
        "animated_frame_moved.webp": larger[:frame] + b"\2\0\0\3\0\0" + larger[frame + 6:],
        "animated_frame_outside.webp": larger[:frame] + b"\7\0\0\3\0\0" + larger[frame + 6:],
        "animated_second_cut.webp": animated[:-100],
        "bytes_behind.webp": lossy + b"garbage",
        "size_too_large.webp": lossy[:4] + struct.pack("<I", len(lossy)) + lossy[8:],
        "size_too_small.webp": lossy[:4] + struct.pack("<I", len(lossy) - 40) + lossy[8:],
        "damaged.webp": lossy[:24] + noise(100).tobytes() + lossy[124:],
        "unknown_kind.webp": lossy.replace(b"VP8 ", b"VP9 "),
        **{f"cut_{i}_of_6_lossy.webp": lossy[:len(lossy) * i // 6] for i in range(1, 6)},
        "last_byte_missing.webp": lossy[:-1],
    }


# --- BMP

def bmp(header: int, bits: int, width: int, height: int, pixels: bytes, *, compression: int = 0, colors: bytes = b"",
        used: int = 0, masks: tuple[int, ...] = (), offset: int | None = None) -> bytes:
    """`masks` go into headers that have room for them, and behind one of 40 bytes."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(pixels), 2835, 2835, used, 0)
        packed = struct.pack(f"<{len(masks)}I", *masks)
        info = struct.pack("<I", header) + info[4:] + (packed.ljust(header - 40, b"\0") if header > 40 else packed)
    start = 14 + len(info) + len(colors)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start if offset is None else offset) + info + colors + pixels


def bmp_rows(rows: list[bytes]) -> bytes:
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


def bmp_pixels(bits: int) -> bytes:
    """The scene from the bottom up."""
    rgb = RGB[::-1]
    if bits <= 8:
        return bmp_rows(pack_rows(rgb[..., 0] >> (8 - bits), bits))
    if bits == 16:
        deep = rgb.astype(np.uint16) >> 3
        return bmp_rows([row.astype("<u2").tobytes() for row in deep[..., 0] << 10 | deep[..., 1] << 5 | deep[..., 2]])
    if bits == 24:
        return bmp_rows([row.tobytes() for row in rgb[..., ::-1]])
    return np.dstack([rgb[..., ::-1], noise(HEIGHT, WIDTH)]).tobytes()


def bmp_palette(count: int, entry: int) -> bytes:
    return np.pad(noise(count, 3), ((0, 0), (0, entry - 3))).tobytes()


def run_length(indices: np.ndarray) -> bytes:
    """Runs of 8-bit indices, from the bottom up."""
    coded = b""
    for row in indices[::-1].tolist():
        coded += b"".join(bytes([len(list(run)), value]) for value, run in itertools.groupby(row)) + b"\0\0"
    return coded + b"\0\1"


def bmp_headers() -> dict[str, bytes]:
    files = {}
    for header in (12, 40, 52, 56, 64, 108, 124):
        for bits in (1, 4, 8, 16, 24, 32):
            colors = bmp_palette(1 << bits, 3 if header == 12 else 4) if bits <= 8 else b""
            files[f"header_{header}_bits_{bits}.bmp"] = bmp(header, bits, WIDTH, HEIGHT, bmp_pixels(bits), colors=colors)
    for bits in (1, 4, 8, 16, 24, 32):
        colors = bmp_palette(1 << bits, 4) if bits <= 8 else b""
        files[f"top_down_bits_{bits}.bmp"] = bmp(40, bits, WIDTH, -HEIGHT, bmp_pixels(bits), colors=colors)
    return files


def bmp_masks() -> dict[str, bytes]:
    byte = {"r": 0, "g": 1, "b": 2, "a": 3}
    files = {}
    # Letters name the bytes of a pixel from the lowest address.
    for order in ("bgrx", "xbgr", "bxgr", "abgr", "rgba", "bgra", "bagr", "bgar", "rgbx", "grba", "argb"):
        masks = [0, 0, 0, 0]
        for place, letter in enumerate(order):
            if letter in byte:
                masks[byte[letter]] = 0xFF << 8 * place
        files[f"mask_{order}.bmp"] = bmp(108, 32, WIDTH, HEIGHT, noise(HEIGHT, WIDTH, 4).tobytes(), compression=3, masks=tuple(masks))
    wide = noise(HEIGHT, WIDTH, 4).tobytes()
    sixteen = bmp_rows([row.tobytes() for row in noise(HEIGHT, 2 * WIDTH)])
    for name, masks in {"565": (0xF800, 0x7E0, 0x1F), "555": (0x7C00, 0x3E0, 0x1F), "444": (0xF00, 0xF0, 0xF),
                        "565_swapped": (0x1F, 0x7E0, 0xF800)}.items():
        for header in (40, 52, 56, 124):
            files[f"mask_{name}_header_{header}.bmp"] = bmp(header, 16, WIDTH, HEIGHT, sixteen, compression=3, masks=masks)
    files |= {
        "mask_bgrx_header_40.bmp": bmp(40, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0xFF0000, 0xFF00, 0xFF)),
        "mask_xbgr_header_40.bmp": bmp(40, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00)),
        "mask_abgr_header_124.bmp": bmp(124, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        "mask_xbgr_header_52.bmp": bmp(52, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00)),
        "mask_abgr_header_56.bmp": bmp(56, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        "mask_none.bmp": bmp(108, 32, WIDTH, HEIGHT, wide, compression=3),
        "mask_10_bits.bmp": bmp(108, 32, WIDTH, HEIGHT, wide, compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF)),
        "mask_24_bits.bmp": bmp(108, 24, WIDTH, HEIGHT, bmp_pixels(24), compression=3, masks=(0xFF0000, 0xFF00, 0xFF)),
        "mask_24_bits_swapped.bmp": bmp(108, 24, WIDTH, HEIGHT, bmp_pixels(24), compression=3, masks=(0xFF, 0xFF00, 0xFF0000)),
        "mask_8_bits.bmp": bmp(108, 8, WIDTH, HEIGHT, bmp_pixels(8), compression=3, colors=bmp_palette(256, 4)),
        "pillow_rgba.bmp": saved(RGBA, "BMP"),
        "pillow_one_bit.bmp": saved(IMAGE.convert("1"), "BMP"),
        "pillow_grey.bmp": saved(GREY, "BMP"),
    }
    return files


def bmp_odd() -> dict[str, bytes]:
    indices = np.asarray(PALETTE_16)
    colors = bmp_palette(16, 4)
    ramp = b"".join(bytes([i, i, i, 0]) for i in range(256))
    runs = run_length(indices)
    tall = bytes([5, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 2, 4, 1, 40, 7, 0, 0, 0, 4, 9, 8, 7, 6, 0, 2, 1, 0, 3, 5, 0, 1])
    four = bytes([33, 0x12, 0, 0, 0, 6, 0x34, 0x56, 0x78, 0, 20, 0x9A, 0, 0, 0, 5, 0x12, 0x34, 9, 0xBC, 0, 0, 0, 2, 4, 1]) + bytes(
        [7, 0x11] * 90) + b"\0\1"
    twenty_four = bmp(40, 24, WIDTH, HEIGHT, bmp_pixels(24))

    def eight(**options) -> bytes:
        return bmp(options.pop("header", 40), options.pop("bits", 8), WIDTH, options.pop("height", HEIGHT),
                   options.pop("pixels", bmp_pixels(8)), **options)

    return {
        "run_length_8.bmp": eight(pixels=runs, compression=1, colors=colors, used=16),
        "run_length_8_top_down.bmp": eight(height=-HEIGHT, pixels=runs, compression=1, colors=colors, used=16),
        "run_length_8_grey.bmp": eight(pixels=runs, compression=1, colors=ramp),
        "run_length_8_two_colors.bmp": eight(pixels=runs, compression=1, colors=b"\0\0\0\0\xff\xff\xff\0", used=2),
        "run_length_8_cut.bmp": eight(pixels=runs[:len(runs) // 2], compression=1, colors=colors, used=16),
        "run_length_8_no_end.bmp": eight(pixels=runs[:-4], compression=1, colors=colors, used=16),
        "run_length_8_jumps.bmp": bmp(40, 8, 12, 5, tall + bytes([30, 3, 0, 0] * 5), compression=1, colors=colors, used=16),
        "run_length_8_of_24_bits.bmp": eight(bits=24, pixels=runs, compression=1),
        "run_length_4.bmp": bmp(40, 4, WIDTH, HEIGHT, four, compression=2, colors=colors),
        "run_length_4_odd.bmp": bmp(40, 4, 7, 3, bytes([0, 5, 0x12, 0x34, 0x50, 0, 2, 0x67, 0, 0, 0, 7, 0x89, 0xAB, 0xCD, 0xE0, 0, 0, 7, 0x1F, 0, 1]),
                                    compression=2, colors=colors),
        "run_length_4_literal_at_end.bmp": bmp(40, 4, 7, 1, bytes([4, 0x12, 0, 5, 0x34, 0x56, 0x70, 0]), compression=2, colors=colors),
        "run_length_4_of_8_bits.bmp": eight(pixels=four, compression=2, colors=colors, used=16),
        "run_length_8_of_4_bits.bmp": bmp(40, 4, WIDTH, HEIGHT, runs, compression=1, colors=colors),
        "palette_of_16.bmp": eight(colors=colors, used=16),
        "palette_of_2.bmp": eight(colors=colors[:8], used=2),
        "palette_black_white.bmp": eight(colors=b"\0\0\0\0\xff\xff\xff\0", used=2),
        "palette_white_black.bmp": bmp(40, 1, WIDTH, HEIGHT, bmp_pixels(1), colors=b"\xff\xff\xff\0\0\0\0\0"),
        "palette_grey_ramp.bmp": eight(colors=ramp),
        "palette_grey_ramp_4.bmp": bmp(40, 4, WIDTH, HEIGHT, bmp_pixels(4), colors=ramp[:64]),
        "palette_grey_ramp_4_narrow.bmp": bmp(40, 4, 3, 2, bytes([1, 2, 3, 0, 4, 5, 6, 0]), colors=ramp[:64]),
        "palette_of_300.bmp": eight(colors=bmp_palette(300, 4), used=300),
        "palette_of_70000.bmp": eight(colors=colors, used=70000),
        "palette_missing.bmp": eight(used=256, offset=54),
        "palette_os2_grey.bmp": bmp(12, 8, WIDTH, HEIGHT, bmp_pixels(8), colors=b"".join(bytes([i] * 3) for i in range(256))),
        "offset_zero.bmp": eight(colors=bmp_palette(256, 4), offset=0),
        "offset_at_palette.bmp": eight(colors=bmp_palette(256, 4), offset=54),
        "offset_behind.bmp": eight(colors=bmp_palette(256, 4), offset=1 << 20),
        "no_last_padding.bmp": twenty_four[:-1],
        "last_byte_missing.bmp": twenty_four[:-2],
        "half.bmp": twenty_four[:len(twenty_four) // 2],
        "header_cut.bmp": twenty_four[:40],
        "bytes_behind.bmp": twenty_four + b"garbage",
        "header_of_41.bmp": twenty_four[:14] + struct.pack("<I", 41) + twenty_four[18:],
        "two_bits.bmp": bmp(40, 2, WIDTH, HEIGHT, bmp_pixels(8), colors=colors[:16]),
        "compression_4.bmp": bmp(40, 24, WIDTH, HEIGHT, saved(IMAGE, "JPEG"), compression=4),
        "compression_5.bmp": bmp(40, 24, WIDTH, HEIGHT, saved(IMAGE, "PNG"), compression=5),
        "negative_width.bmp": bmp(40, 24, -WIDTH, HEIGHT, bmp_pixels(24)),
        "no_height.bmp": bmp(40, 24, WIDTH, 0, bmp_pixels(24)),
        "too_large.bmp": bmp(40, 1, 1 << 20, 1 << 20, bytes(100), colors=ramp[:8]),
        "one_pixel.bmp": bmp(40, 24, 1, 1, b"\1\2\3\0"),
    }


# --- GIF

def gif(frames: bytes, *, palette: bytes = b"", screen: tuple[int, int] = (WIDTH, HEIGHT), end: bytes = b";") -> bytes:
    flags = 0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0
    return b"GIF89a" + struct.pack("<HHBBB", *screen, flags, 0, 0) + palette + frames + end


def gif_frame(indices: np.ndarray, bits: int = 8, *, left: int = 0, top: int = 0, palette: bytes = b"",
              interlaced: bool = False, stop: int | None = None) -> bytes:
    """Codes of a fixed width, with a clear code before the table would grow."""
    height, width = indices.shape
    rows = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
    values = (indices[rows] if interlaced else indices).reshape(-1).tolist()[:stop]
    codes = []
    for i, value in enumerate(values):
        if i % ((1 << bits) - 2) == 0:
            codes.append(1 << bits)
        codes.append(value)
    codes.append((1 << bits) + 1)
    number = sum(code << i * (bits + 1) for i, code in enumerate(codes))
    data = number.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"
    flags = (0x40 if interlaced else 0) | (0x80 | (len(palette) // 3).bit_length() - 2 if palette else 0)
    return b"," + struct.pack("<HHHHB", left, top, width, height, flags) + palette + bytes([bits]) + blocks


def gif_files() -> dict[str, bytes]:
    indices = np.asarray(GREY)
    low = indices >> 4
    colors, few = noise(256, 3).tobytes(), noise(16, 3).tobytes()
    ramp = b"".join(bytes([i] * 3) for i in range(256))
    frame, small = gif_frame(indices), gif_frame(indices[:9, :11], left=7, top=5)
    whole = saved(PALETTE_256, "GIF")
    control = b"!\xf9\x04\x01\x0a\x00\x05\x00"
    animated = saved(PALETTE_16, "GIF", save_all=True, append_images=[PALETTE_16.rotate(180)], duration=50)
    return {
        "pillow.gif": whole,
        "pillow_named.jpg": saved(PALETTE_16, "GIF"),
        "pillow_interlaced.gif": saved(PALETTE_256, "GIF", interlace=1),
        "pillow_grey.gif": saved(GREY, "GIF"),
        "pillow_one_bit.gif": saved(IMAGE.convert("1"), "GIF"),
        "pillow_transparent.gif": saved(PALETTE_16, "GIF", transparency=3),
        "animated.gif": animated,
        "one_pixel.gif": saved(IMAGE.crop((0, 0, 1, 1)).quantize(4), "GIF"),
        "global_palette.gif": gif(frame, palette=colors),
        "global_palette_16.gif": gif(gif_frame(low, 4), palette=few),
        "local_palette.gif": gif(gif_frame(indices, palette=colors)),
        "local_palette_over_global.gif": gif(gif_frame(indices, palette=colors), palette=colors[::-1]),
        "local_ramp_over_global.gif": gif(gif_frame(indices, palette=ramp), palette=colors),
        "no_palette.gif": gif(frame),
        "ramp.gif": gif(frame, palette=ramp),
        "index_beyond_palette.gif": gif(frame, palette=few),
        "interlaced.gif": gif(gif_frame(indices, interlaced=True), palette=colors),
        "interlaced_two_rows.gif": gif(gif_frame(indices[:2], interlaced=True), palette=colors, screen=(WIDTH, 2)),
        "small_frame.gif": gif(small, palette=colors),
        "small_frame_transparent.gif": gif(control + small, palette=colors),
        "small_frame_grey_transparent.gif": gif(control + small),
        "small_frame_not_transparent.gif": gif(control.replace(b"\x04\x01", b"\x04\x00") + small, palette=colors),
        "frame_beyond_screen.gif": gif(frame, palette=colors, screen=(20, 10)),
        "no_screen.gif": gif(frame, palette=colors, screen=(0, 0)),
        "empty_frame.gif": gif(b",\0\0\0\0\0\0\x05\0\0\x08\x02\0\1\0", palette=colors),
        "comment.gif": gif(b"!\xfe\x05words\0!\xff\x0bNETSCAPE2.0\x03\1\0\0\0" + frame, palette=colors),
        "junk_before_frame.gif": gif(b"junk" + frame, palette=colors),
        "empty_extension.gif": gif(b"!\x01\x00" + frame, palette=colors),
        "empty_comment.gif": gif(b"!\xfe\x00" + frame, palette=colors),
        "short_control.gif": gif(b"!\xf9\x02\x01\x0a\x00" + frame, palette=colors),
        "no_frame.gif": gif(b"", palette=colors),
        "no_trailer.gif": gif(frame, palette=colors, end=b""),
        "last_block_cut.gif": gif(frame, palette=colors, end=b"")[:-3],
        "terminator_missing.gif": gif(frame, palette=colors, end=b"")[:-1],
        "pixels_missing.gif": gif(gif_frame(indices, stop=600), palette=colors),
        "more_pixels.gif": gif(b"," + struct.pack("<HHHHB", 0, 0, WIDTH, 9, 0) + frame[10:], palette=colors),
        "wrong_code.gif": gif(b",\0\0\0\0\x05\0\x05\0\0\x02\x02\x3c\x00\0", palette=few),
        "first_code_too_large.gif": gif(b",\0\0\0\0\x05\0\x05\0\0\x02\x03\xfc\xff\x7f\0", palette=few),
        "codes_of_13_bits.gif": gif(frame[:10] + b"\x0d" + frame[11:], palette=colors),
        "gif87a.gif": b"GIF87a" + gif(frame, palette=colors)[6:],
        "bytes_behind.gif": gif(frame, palette=colors) + b"garbage",
        **{f"cut_{i}_of_6.gif": whole[:len(whole) * i // 6] for i in range(1, 6)},
    }


# --- TIFF

TIFF_SIZES = {1: 1, 3: 2, 4: 4, 5: 8, 16: 8}


def tiff(blocks: list[bytes], tags: dict[int, tuple[int, list[int]]], order: str = "<", tiled: bool = False,
         start: bytes | None = None) -> bytes:
    """One directory behind the blocks. A tag's value is (type, numbers)."""
    data, offsets = b"", []
    for block in blocks:
        offsets.append(8 + len(data))
        data += block + bytes(len(block) % 2)
    tags = dict(tags)
    tags[324 if tiled else 273] = (4, offsets)
    tags[325 if tiled else 279] = (4, [len(block) for block in blocks])
    entries, behind = b"", 8 + len(data) + 2 + 12 * len(tags) + 4
    values = b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = b"".join(struct.pack(order + {1: "B", 3: "H", 4: "I"}[kind], number) for number in numbers)
        if len(packed) > 4:
            entries += struct.pack(order + "HHII", tag, kind, len(numbers), behind + len(values))
            values += packed + bytes(len(packed) % 2)
        else:
            entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    magic = start or (b"II\x2a\0" if order == "<" else b"MM\0\x2a")
    return magic + struct.pack(order + "I", 8 + len(data)) + data + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def tiff_tags(samples: int, bits: int, photometric: int, **more) -> dict[int, tuple[int, list[int]]]:
    """`t284=2` adds tag 284 with the short number 2."""
    tags = {256: (4, [more.pop("width", WIDTH)]), 257: (4, [more.pop("height", HEIGHT)]), 258: (3, [bits] * samples),
            262: (3, [photometric]), 277: (3, [samples]), 278: (4, [more.pop("rows", HEIGHT)])}
    for name, value in more.items():
        tags[int(name[1:])] = (3, value if isinstance(value, list) else [value])
    return tags


def strips(rows: list[bytes], count: int) -> list[bytes]:
    return [b"".join(rows[i:i + count]) for i in range(0, len(rows), count)]


def sample_rows(pixels: np.ndarray, order: str = "<") -> list[bytes]:
    kind = {1: "u1", 2: "u2", 4: "u4"}[pixels.dtype.itemsize] if pixels.dtype.kind == "u" else pixels.dtype.str[1:]
    return [row.astype(order + kind).tobytes() for row in pixels]


def tiff_layouts() -> dict[str, bytes]:
    """Every depth and meaning of samples, uncompressed."""
    files = {}
    grey = DEEP[..., 0]
    for order, name in (("<", "little"), (">", "big")):
        def one(pixels: np.ndarray, samples: int, bits: int, photometric: int, order: str = order, **more) -> bytes:
            rows = sample_rows(pixels, order) if bits in (8, 16, 32) else pack_rows(pixels, bits)
            return tiff([b"".join(rows)], tiff_tags(samples, bits, photometric, **more), order)

        small = grey >> 6
        files |= {
            f"{name}_grey_16.tif": one(grey, 1, 16, 1),
            f"{name}_grey_16_dark.tif": one(small, 1, 16, 1),
            f"{name}_grey_16_inverted.tif": one(small, 1, 16, 0),
            f"{name}_grey_16_signed.tif": one((small.astype(np.int32) - 300).astype(np.int16), 1, 16, 1, t339=2),
            f"{name}_grey_32.tif": one((small.astype(np.uint32) << 1), 1, 32, 1),
            f"{name}_grey_32_signed.tif": one(small.astype(np.int32) - 300, 1, 32, 1, t339=2),
            f"{name}_float.tif": one((small / 3.0 - 20).astype(np.float32), 1, 32, 1, t339=3),
            f"{name}_float_inverted.tif": one((small / 3.0).astype(np.float32), 1, 32, 0, t339=3),
            f"{name}_rgb_16.tif": one(DEEP, 3, 16, 2),
            f"{name}_rgba_16.tif": one(np.dstack([DEEP, grey]), 4, 16, 2, t338=2),
            f"{name}_rgb_16_premultiplied.tif": one(np.dstack([DEEP // 2, grey]), 4, 16, 2, t338=1),
            f"{name}_cmyk_16.tif": one(np.dstack([DEEP, grey]), 4, 16, 5),
            f"{name}_rgb_8.tif": one(RGB, 3, 8, 2),
        }
    for bits in (1, 2, 4, 8):
        values = (grey >> (16 - bits)).astype(np.uint8)
        rows = pack_rows(values, bits)
        ramp = (split_mix(9, 3 << bits) % np.uint64(65536)).tolist()
        files |= {
            f"grey_{bits}.tif": tiff([b"".join(rows)], tiff_tags(1, bits, 1)),
            f"grey_{bits}_inverted.tif": tiff([b"".join(rows)], tiff_tags(1, bits, 0)),
            f"palette_{bits}.tif": tiff([b"".join(rows)], tiff_tags(1, bits, 3, t320=ramp)),
            f"grey_{bits}_low_bit_first.tif": tiff([b"".join(rows)], tiff_tags(1, bits, 1, t266=2)),
        }
    alpha = np.asarray(ALPHA)
    five = np.dstack([RGB, alpha, noise(HEIGHT, WIDTH)])
    wide = noise(256, 3).astype(np.int64) << 8
    files |= {
        "grey_12.tif": tiff([b"".join(pack_rows(grey >> 4, 12))], tiff_tags(1, 12, 1)),
        "grey_12_dark.tif": tiff([b"".join(pack_rows(grey >> 7, 12))], tiff_tags(1, 12, 1)),
        "grey_8_signed.tif": tiff([GREY.tobytes()], tiff_tags(1, 8, 1, t339=2)),
        "grey_8_no_photometric.tif": tiff([GREY.tobytes()], {k: v for k, v in tiff_tags(1, 8, 1).items() if k != 262}),
        "grey_alpha.tif": tiff([np.dstack([GREY, alpha]).tobytes()], tiff_tags(2, 8, 1, t338=2)),
        "grey_alpha_premultiplied.tif": tiff([np.dstack([GREY, alpha]).tobytes()], tiff_tags(2, 8, 1, t338=1)),
        "grey_alpha_unspecified.tif": tiff([np.dstack([GREY, alpha]).tobytes()], tiff_tags(2, 8, 1, t338=0)),
        "palette_alpha.tif": tiff([np.dstack([GREY, alpha]).tobytes()], tiff_tags(2, 8, 3, t338=2, t320=wide.T.reshape(-1).tolist())),
        "palette_of_8_bits.tif": tiff([GREY.tobytes()], tiff_tags(1, 8, 3, t320=list(range(256)) * 3)),
        "palette_missing.tif": tiff([GREY.tobytes()], tiff_tags(1, 8, 3)),
        "rgba.tif": tiff([five[..., :4].tobytes()], tiff_tags(4, 8, 2, t338=2)),
        "rgbx.tif": tiff([five[..., :4].tobytes()], tiff_tags(4, 8, 2, t338=0)),
        "rgba_premultiplied.tif": tiff([five[..., :4].tobytes()], tiff_tags(4, 8, 2, t338=1)),
        "rgba_not_declared.tif": tiff([five[..., :4].tobytes()], tiff_tags(4, 8, 2)),
        "rgb_two_extra.tif": tiff([five.tobytes()], tiff_tags(5, 8, 2, t338=[0, 0])),
        "rgba_two_extra.tif": tiff([five.tobytes()], tiff_tags(5, 8, 2, t338=[2, 0])),
        "rgb_low_bit_first.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 2, t266=2)),
        "cmyk.tif": tiff([five[..., :4].tobytes()], tiff_tags(4, 8, 5)),
        "cmyk_extra.tif": tiff([five.tobytes()], tiff_tags(5, 8, 5, t338=0)),
        "lab.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 8)),
        "ycbcr_uncompressed.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 6, t530=[1, 1])),
        "rgb_5_bits.tif": tiff([RGB.tobytes()], tiff_tags(3, 5, 2)),
        "grey_64.tif": tiff([bytes(8 * WIDTH * HEIGHT)], tiff_tags(1, 64, 1)),
    }
    return files


def tiff_files() -> dict[str, bytes]:
    rows = sample_rows(RGB)
    deep_rows = sample_rows(DEEP)
    strip_rows = [zlib.compress(strip) for strip in strips(rows, 5)]
    padded = np.pad(RGB, ((0, 11), (0, 15), (0, 0)))
    tiles = [padded[y:y + 16, x:x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)]
    planes = [np.ascontiguousarray(RGB[..., i]).tobytes() for i in range(3)]
    deep_planes = [zlib.compress(DEEP[..., i].astype("<u2").tobytes()) for i in range(3)]
    pages = saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(180)])
    whole = saved(IMAGE, "TIFF", compression="tiff_lzw")
    bits = IMAGE.convert("1")
    files = {f"{name}_{mode}.tif": saved(image, "TIFF", compression=compression)
             for name, compression in (("raw", None), ("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"),
                                       ("packbits", "packbits"))
             for mode, image in (("one_bit", bits), ("grey", GREY), ("rgb", IMAGE), ("rgba", RGBA), ("palette", PALETTE_16),
                                 ("cmyk", IMAGE.convert("CMYK")), ("grey_alpha", Image.merge("LA", (GREY, ALPHA))))}
    files |= {
        "group3.tif": saved(bits, "TIFF", compression="group3"),
        "group4.tif": saved(bits, "TIFF", compression="group4"),
        "ccitt.tif": saved(bits, "TIFF", compression="tiff_ccitt"),
        "jpeg_rgb.tif": saved(IMAGE, "TIFF", compression="jpeg"),
        "jpeg_grey.tif": saved(GREY, "TIFF", compression="jpeg"),
        "jpeg_ycbcr.tif": saved(IMAGE.convert("YCbCr"), "TIFF", compression="jpeg"),
        "jpeg_cmyk.tif": saved(IMAGE.convert("CMYK"), "TIFF", compression="jpeg"),
        "lzw_ycbcr.tif": saved(IMAGE.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        "zstd.tif": saved(IMAGE, "TIFF", compression="zstd"),
        "lzma.tif": saved(IMAGE, "TIFF", compression="lzma"),
        "big_tiff.tif": saved(IMAGE, "TIFF", big_tiff=True),
        "big_tiff_lzw.tif": saved(IMAGE, "TIFF", big_tiff=True, compression="tiff_lzw"),
        "two_pages.tif": pages,
        "predictor.tif": saved(IMAGE, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}),
        "predictor_16.tif": tiff([zlib.compress(np.diff(DEEP, axis=1, prepend=np.uint16(0)).astype("<u2").tobytes())], tiff_tags(3, 16, 2, t259=8, t317=2)),
        "strips.tif": tiff(strips(rows, 5), tiff_tags(3, 8, 2, rows=5)),
        "strips_deflate.tif": tiff(strip_rows, tiff_tags(3, 8, 2, rows=5, t259=8)),
        "strips_deflate_rgb_16.tif": tiff([zlib.compress(strip) for strip in strips(deep_rows, 4)], tiff_tags(3, 16, 2, rows=4, t259=8)),
        "tiles.tif": tiff(tiles, tiff_tags(3, 8, 2, t322=16, t323=16), tiled=True),
        "tiles_deflate.tif": tiff([zlib.compress(tile) for tile in tiles], tiff_tags(3, 8, 2, t322=16, t323=16, t259=8), tiled=True),
        "planes.tif": tiff(planes, tiff_tags(3, 8, 2, t284=2)),
        "planes_deflate.tif": tiff([zlib.compress(plane) for plane in planes], tiff_tags(3, 8, 2, t284=2, t259=8)),
        "planes_16.tif": tiff([DEEP[..., i].astype("<u2").tobytes() for i in range(3)], tiff_tags(3, 16, 2, t284=2)),
        "planes_16_deflate.tif": tiff(deep_planes, tiff_tags(3, 16, 2, t284=2, t259=8)),
        "planes_premultiplied.tif": tiff([zlib.compress(plane) for plane in [*planes, ALPHA.tobytes()]], tiff_tags(4, 8, 2, t284=2, t259=8, t338=1)),
        "planes_rgba.tif": tiff([zlib.compress(plane) for plane in [*planes, ALPHA.tobytes()]], tiff_tags(4, 8, 2, t284=2, t259=8, t338=2)),
        "one_bit_low_bit_first_lzw.tif": saved(bits, "TIFF", compression="group4", tiffinfo={266: 2}),
        "wrong_magic.tif": tiff(strips(rows, 21), tiff_tags(3, 8, 2), start=b"II\0\x2a"),
        "unknown_compression.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 2, t259=12345)),
        "no_width.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 2, width=0)),
        "too_large.tif": tiff([RGB.tobytes()], tiff_tags(3, 8, 2, width=20000, height=20000)),
        "tile_too_large.tif": tiff([zlib.compress(b"")], tiff_tags(3, 8, 2, t322=65520, t323=65520, t259=8), tiled=True),
        "strip_cut.tif": tiff(strips(rows, 21), tiff_tags(3, 8, 2), start=b"II\x2a\0")[:1200],
        "samples_cut_deflate.tif": tiff([zlib.compress(RGB.tobytes())[:-300]], tiff_tags(3, 8, 2, t259=8)),
        "no_directory.tif": b"II\x2a\0\0\0\0\0",
        "directory_behind_end.tif": b"II\x2a\0\xff\xff\0\0" + bytes(100),
        **{f"orientation_{i}.tif": saved(IMAGE, "TIFF", tiffinfo={274: i}) for i in range(1, 10)},
        "orientation_6_lzw.tif": saved(IMAGE, "TIFF", compression="tiff_lzw", tiffinfo={274: 6}),
        **{f"cut_{i}_of_4.tif": whole[:len(whole) * i // 4] for i in range(1, 4)},
    }
    return files


# --- PPM

def ppm_files() -> dict[str, bytes]:
    grey = np.asarray(GREY)
    text = " ".join(map(str, RGB.reshape(-1).tolist())).encode()
    size = b"%d %d" % (WIDTH, HEIGHT)
    bits = np.asarray(IMAGE.convert("1"))
    whole = b"P6 " + size + b" 255\n" + RGB.tobytes()
    return {
        "p1.pbm": b"P1 " + size + b"\n" + b"".join(b"1" if bit else b"0 " for bit in bits.reshape(-1)),
        "p2.pgm": b"P2 " + size + b" 255\n" + " ".join(map(str, grey.reshape(-1).tolist())).encode(),
        "p2_maximum_1000.pgm": b"P2 " + size + b" 1000\n" + " ".join(map(str, grey.reshape(-1).tolist())).encode(),
        "p3.ppm": b"P3\n" + size + b"\n255\n" + text,
        "p3_maximum_300.ppm": b"P3 " + size + b" 300\n" + text,
        "p3_comments.ppm": b"P3 # a\n" + size + b" 255\n" + text.replace(b" ", b"# joined?\n ", 3),
        "p3_joined_by_comment.ppm": b"P3 2 1 255\n1 2 3 4 5 6#\n7 8",
        "p3_too_few.ppm": b"P3 " + size + b" 255\n" + text[:-20],
        "p3_too_large.ppm": b"P3 2 1 99\n1 2 3 4 5 100",
        "p3_word.ppm": b"P3 2 1 99\n1 2 3 4 5 x",
        "p4.pbm": b"P4 " + size + b"\n" + np.packbits(bits, axis=1).tobytes(),
        "p5.pgm": b"P5 " + size + b" 255\n" + grey.tobytes(),
        "p5_maximum_31.pgm": b"P5 " + size + b" 31\n" + (grey >> 3).tobytes(),
        "p5_maximum_65535.pgm": b"P5 " + size + b" 65535\n" + (DEEP[..., 0] >> 7).astype(">u2").tobytes(),
        "p5_maximum_1000.pgm": b"P5 " + size + b" 1000\n" + grey.astype(">u2").tobytes(),
        "p6.ppm": whole,
        "p6_comments.ppm": b"P6\n# by hand\n" + size + b" # wide\r255\n" + RGB.tobytes(),
        "p6_maximum_100.ppm": b"P6 " + size + b" 100\n" + (RGB.astype(np.uint16) * 100 // 255).astype(np.uint8).tobytes(),
        "p6_maximum_1000.ppm": b"P6\n# two bytes a sample\n" + size + b"\n1000\n" + (DEEP.astype(np.uint32) * 1000 // 65535).astype(">u2").tobytes(),
        "p6_above_maximum.ppm": b"P6 " + size + b" 100\n" + RGB.tobytes(),
        "p6_maximum_0.ppm": b"P6 " + size + b" 0\n" + RGB.tobytes(),
        "p6_maximum_65536.ppm": b"P6 " + size + b" 65536\n" + RGB.tobytes(),
        "p6_maximum_65535.ppm": b"P6 " + size + b" 65535\n" + DEEP.astype(">u2").tobytes(),
        "p6_last_byte_missing.ppm": whole[:-1],
        "p6_bytes_behind.ppm": whole + b"garbage",
        "p6_header_cut.ppm": b"P6 33",
        "p6_no_width.ppm": b"P6 0 21 255\n" + RGB.tobytes(),
        "p6_too_large.ppm": b"P6 20000 20000 255\n" + RGB.tobytes(),
        "p7.ppm": b"P7 " + whole[3:],
        "pf_little.pfm": b"Pf " + size + b" -1.0\n" + (DEEP[::-1, :, 0] / 200.0 - 30).astype("<f4").tobytes(),
        "pf_big.pfm": b"Pf " + size + b" 2.5\n" + (DEEP[::-1, :, 0] / 200.0).astype(">f4").tobytes(),
        "pf_scale_0.pfm": b"Pf " + size + b" 0\n" + bytes(4 * WIDTH * HEIGHT),
    }


def all_files() -> dict[str, bytes]:
    files = {}
    for group in (jpeg_files, png_types, png_damage, webp_files, bmp_headers, bmp_masks, bmp_odd, gif_files, tiff_layouts,
                  tiff_files, ppm_files):
        made = group()
        assert not files.keys() & made.keys(), files.keys() & made.keys()
        files |= made
    return files


def verdict(path: pathlib.Path) -> Image.Image | str:
    """What LLaVA gets: the file is opened by its path. Or the reason why it gets nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(path).convert("RGB")
    except Exception as error:  # Pillow refuses with a dozen types
        return f"{type(error).__name__}: {error}".replace(str(path), "").splitlines()[0][:60]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "image"
    parser.add_argument("--output", type=pathlib.Path, default=default)
    parser.add_argument("--unpack", type=pathlib.Path)
    options = parser.parse_args()
    lines = [f"# Image.open(file).convert(\"RGB\"), {VERSIONS}",
             "# name offset size -> width height fnv1a, or \"refused\" and Pillow's reason"]
    archive = b""
    folder = options.unpack or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in all_files().items():
        path = folder / name
        path.write_bytes(data)
        made = verdict(path)
        offset = archive.find(data) if len(data) > 64 else -1
        if offset < 0:
            offset = len(archive)
            archive += data
        found = f"refused {made}" if isinstance(made, str) else f"{made.width} {made.height} {fnv1a(made.tobytes())}"
        lines.append(f"{name} {offset} {len(data)} {found}")
        if not options.unpack:
            path.unlink()
        elif not isinstance(made, str):
            made.save(folder / f"{name}.ppm")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "pictures.bin").write_bytes(archive)
    (options.output / "pictures.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
