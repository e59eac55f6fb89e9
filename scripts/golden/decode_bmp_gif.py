"""BMP and GIF files of decode.py, whole ones and damaged ones."""

import itertools
import struct

import numpy as np

from decode_scene import GREY, HEIGHT, IMAGE, PALETTE_16, PALETTE_256, RGB, RGBA, WIDTH, noise, pack_rows, saved


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
