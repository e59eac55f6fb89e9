"""Drawn images of every format, and what Pillow makes of them: tests/golden/image/decode.bin and decode.txt.

    .venv/bin/pip install -r scripts/golden/requirements.txt
    .venv/bin/python scripts/golden/decode.py                     # rewrites both files
    .venv/bin/python scripts/golden/decode.py --unpack FOLDER     # one file each, and Pillow's pixels as FILE.ppm

Each line of decode.txt names a file, where it lies in decode.bin, and the size and FNV-1a hash of Pillow's
`Image.open(file).convert("RGB")`, or why Pillow refuses it. Cut files are beginnings of whole ones, stored once.
"""

import argparse
import pathlib
import tempfile
import warnings

import PIL
from PIL import Image, features

from decode_bmp_gif import bmp_headers, bmp_masks, bmp_odd, gif_files
from decode_jpeg_png_webp import jpeg_files, png_damage, png_types, webp_files
from decode_tiff_ppm import ppm_files, tiff_files, tiff_layouts

VERSIONS = ", ".join([f"Pillow {PIL.__version__}", f"libjpeg-turbo {features.version('libjpeg_turbo')}",
                      f"libwebp {features.version('webp')}", f"libtiff {features.version('libtiff')}"])


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


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
    (options.output / "decode.bin").write_bytes(archive)
    (options.output / "decode.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
