#!/usr/bin/env python3
"""Fixtures of tests/unit/core: how Python's `str` sees every code point, and texts whose letters depend on each other.

    python scripts/golden/unicode.py

Needs nothing but Python, whose Unicode version it records. Written to tests/golden/core/unicode.json:
    assigned     [first, last] code points that this Unicode version knows: others may differ in a newer one
    space        [first, last] of `str.isspace()`
    decimal      [first, last] of `str.isdecimal()`, the `\\d` of `re`
    lower, upper, capitalize
                 [code point, result] where the method changes a lone one
    texts        [text, lower, upper, capitalize, strip, split]
    bytes        [bytes in hexadecimal, `decode(errors="replace")`]
"""

import itertools
import json
import pathlib
import platform
import random
import re
import sys
import unicodedata

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/core/unicode.json"
SEED = 20240525
CODE_POINTS = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]

# What surrounds a capital sigma decides its lower case: cased letters, what is ignored between them, anything else.
SIGMA_NEIGHBOURS = ("", "a", "Α", "ʰ", "\u0345", "'", ".", "\u0301", "\u00ad", ":", "’", " ", "1", "日", "ª", "Ⅳ", "Σ")
PARTS = (
    "Σ", "σ", "ς", "İ", "I", "ı", "i̇", "ß", "ẞ", "ﬁ", "ﬃ", "ŉ", "ǰ", "ǆ", "ǅ", "Ǆ", "ᾳ", "ᾼ", "ΐ", "և", "Ა", "ა", "Å",
    "Å", "A\u030a", "å", "K", "Ω", "é", "e\u0301", "É", "ａ", "Ａ", "１", "٣", "Ⅳ", "ⓐ", "𐐀", "𝐀", "日", "ー", "한", "ᄒ",
    "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u0345", "\u0300", "\ufe0f", "👍🏽", "ꙋ", "Ꙋ", "Ꭰ", "ꭰ",
    "a", "Z", "'", ".", "-", "_", "\0",
)  # fmt: skip
SPACES = [chr(c) for c in CODE_POINTS if chr(c).isspace()]
RANDOM_TEXTS = 600
BYTES = (
    "41c3a97a", "e697a5f09fa699", "61ff7a", "c3", "e697", "e69741", "c080", "e080af", "eda080", "f09fa6", "f09f41",
    "f4908080", "f8888080", "8080", "20c32020", "c385c3", "e38080", "e380", "f0808080", "fe", "c2a0c2",
)  # fmt: skip


def ranges(holds):
    """[first, last] of each run of code points for which `holds`."""
    runs = []
    for code_point in filter(holds, CODE_POINTS):
        if runs and runs[-1][1] == code_point - 1:
            runs[-1][1] = code_point
        else:
            runs.append([code_point, code_point])
    return runs


def changes(method):
    return [[c, method(chr(c))] for c in CODE_POINTS if method(chr(c)) != chr(c)]


def texts():
    rng = random.Random(SEED)
    yield from ("", " ", "what IS this?", "élan", "1st", "ÿ", "ώρα", "Ёлка ЁЛКА", "źle ŹLE", " lead", "ΟΔΟΣ ΣΑΣ Σ ΣΣ")
    for before, after in itertools.product(SIGMA_NEIGHBOURS, repeat=2):
        yield f"{before}Σ{after}"
        yield f"x{before}Σ{after}Α"
    for space in SPACES:
        yield f"{space}a{space}{space}b{space}\u200b{space}"
        yield f"{space}"
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield unicodedata.normalize(form, "ĐƯỜNG Şişli ﬁancée Å Ω 한국어 ①½ ﷺ ｶﾞ")
    for _ in range(RANDOM_TEXTS):
        yield "".join(rng.choice((*PARTS, rng.choice(SPACES))) for _ in range(rng.randint(1, 9)))


def member(name, value):
    """One line for a table, one for each text."""

    def dump(item):
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))

    in_rows = name in ("texts", "bytes")
    return f" {dump(name)}: " + ("[\n  " + ",\n  ".join(map(dump, value)) + "\n ]" if in_rows else dump(value))


def main():
    fixture = {
        "made_by": f"scripts/golden/unicode.py, seed {SEED}, Python {platform.python_version()}",
        "unicode_version": unicodedata.unidata_version,
        "assigned": ranges(lambda c: unicodedata.category(chr(c)) != "Cn"),
        "space": ranges(lambda c: chr(c).isspace()),
        "decimal": ranges(lambda c: chr(c).isdecimal()),
        "lower": changes(str.lower),
        "upper": changes(str.upper),
        "capitalize": changes(str.capitalize),
        "texts": [[t, t.lower(), t.upper(), t.capitalize(), t.strip(), t.split()] for t in texts()],
        "bytes": [[text, bytes.fromhex(text).decode(errors="replace")] for text in BYTES],
    }
    digit = re.compile(r"\d")
    assert all((digit.match(chr(c)) is not None) == chr(c).isdecimal() for c in CODE_POINTS)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text("{\n" + ",\n".join(map(member, fixture, fixture.values())) + "\n}\n", encoding="utf-8")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
