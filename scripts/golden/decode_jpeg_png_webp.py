"""JPEG, PNG and WebP files of decode.py, whole ones and damaged ones."""

import struct
import zlib

import numpy as np
from PIL import Image

from decode_scene import DEEP, GREY, HEIGHT, IMAGE, RGB, RGBA, WIDTH, noise, pack_rows, saved, scene


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
        "two_images.mpo.jpg": saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)]),
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
