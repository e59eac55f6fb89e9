#!/usr/bin/env python3
"""What Python's json module reads, and as which value.

    python3 scripts/golden/python_json.py

Needs nothing but Python. Written to tests/golden/core/python_json.json: a list of [text, value], where `value` is
json.dumps of what json.loads read, in a string, or null where it raised an error.
"""

import json
import pathlib

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/core/python_json.json"

CONSTANTS = ["NaN", "Infinity", "-Infinity"]
# Each @ stands for a constant.
PLACES = [
    "@", " @ ", "[@]", "[1,@,2]", '{"a":@}', '{"a": @, "b": "@"}', '["@", @]', '["\\"@", @]', '["\\\\", @, "\\\\@"]',
    "[@, @]", '{"a": [@, {"b": @}]}', "{@: 1}", '{@ : 1}', "[@ @]", "[@", "@]", "@1", "1@", "-@", "+@", "@x", "x@",
    '["a" @]', '{"a" @}', '{"a": @ "b": 1}', '[\n@\n]', "[1, @,]", '{"@": "@"}', "['@']", '["@]',
]
OTHERS = [
    "nan", "NAN", "Nan", "Na", "N", "infinity", "INFINITY", "Inf", "inf", "Infinit", "-inf", "- Infinity", "-NaN",
    "[NaN, nan]", '{"a": 1, "a": NaN}', '{"a": NaN, "a": 1}', "[1, 2", '{"a": 1,}', '"\u007f"', '"\u007f+inf."',
    "123456789012345678", "-5", "true", "null", "", " ",
]  # fmt: skip


def value_of(text: str) -> str | None:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return None


def main() -> None:
    texts = [place.replace("@", constant) for place in PLACES for constant in CONSTANTS] + OTHERS
    lines = [json.dumps([text, value_of(text)]) for text in texts]
    OUTPUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    accepted = sum(value_of(text) is not None for text in texts)
    print(f"{OUTPUT.name}: {len(texts)} texts, {accepted} read")


if __name__ == "__main__":
    main()
