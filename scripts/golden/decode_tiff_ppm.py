"""TIFF and PPM files of decode.py, whole ones and damaged ones."""

import struct
import zlib

import numpy as np
from PIL import Image

from decode_scene import (ALPHA, DEEP, GREY, HEIGHT, IMAGE, PALETTE_16, RGB, RGBA, WIDTH, noise, pack_rows, saved,
                            split_mix)


# --- TIFF

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
