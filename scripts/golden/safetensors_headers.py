#!/usr/bin/env python3
"""What the safetensors library makes of odd and damaged headers: fixture of tests/unit/checkpoint/safetensors_verdicts_test.cpp.

    python scripts/golden/safetensors_headers.py

Needs safetensors and numpy. Written to tests/golden/safetensors/verdicts.json: the library's version and, for each case, the bytes
of the header (as Latin-1; with "depth", an "@" in it stands for that many lists, one in the other), how many bytes of data follow it,
the header's length as the file gives it where that is not the true one, and the verdict: the tensors that are read
({name: [dtype, shape]}) and the metadata, or the error."""

import json
import pathlib
import struct
import tempfile

import safetensors

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "tests/golden/safetensors/verdicts.json"


def entry(dtype='"U8"', shape="[1]", offsets="[0,1]", extra=""):
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}{extra}}}'


def one(**parts):
    return f'{{"a":{entry(**parts)}}}'


def two(first, second):
    return f'{{"a":{first},"b":{second}}}'


# name -> header, bytes of data, and the header's length where the file lies about it
CASES = {
    "plain": (one(), 1),
    "no tensors": ("{}", 0),
    "only metadata": ('{"__metadata__":{"format":"pt"}}', 0),
    "metadata is null": (f'{{"__metadata__":null,"a":{entry()}}}', 1),
    "metadata is empty": (f'{{"__metadata__":{{}},"a":{entry()}}}', 1),
    "metadata is a list": (f'{{"__metadata__":[],"a":{entry()}}}', 1),
    "metadata is text": (f'{{"__metadata__":"pt","a":{entry()}}}', 1),
    "metadata holds a number": (f'{{"__metadata__":{{"a":1}},"a":{entry()}}}', 1),
    "metadata holds null": (f'{{"__metadata__":{{"a":null}},"a":{entry()}}}', 1),
    "metadata twice": (f'{{"__metadata__":{{"x":"1"}},"__metadata__":{{"x":"2"}},"a":{entry()}}}', 1),
    "a key of metadata twice": (f'{{"__metadata__":{{"x":"1","x":"2"}},"a":{entry()}}}', 1),
    "metadata behind the tensors": (f'{{"a":{entry()},"__metadata__":{{"x":"1"}}}}', 1),
    "padded with spaces": (one() + "     ", 1),
    "padded with line breaks": (one() + "\n\n", 1),
    "padded with NUL": (one() + "\0\0\0", 1),
    "spaces in front": ("   " + one(), 1),
    "spaces inside": ('{ "a" : {"dtype": "U8",\n\t"shape":[ 1 ], "data_offsets": [0, 1] } }', 1),
    "byte order mark": ("\xef\xbb\xbf" + one(), 1),
    "UTF-16": (one().encode("utf-16").decode("latin-1"), 1),
    "text behind the object": (one() + "x", 1),
    "two objects": (one() + one(), 1),
    "a comment": ("{/* */" + one()[1:], 1),
    "a comma too many": (one()[:-1] + ",}", 1),
    "cut off": (one()[:-1], 1),
    "a list": ("[]", 0),
    "null": ("null", 0),
    "empty": ("", 0),
    "bytes that are not UTF-8": ('{"\xff":' + entry() + "}", 1),
    "UTF-8 in a name": ('{"\xc3\xa4":' + entry() + "}", 1),
    "a surrogate alone in a name": ('{"\\ud800":' + entry() + "}", 1),
    "NUL in a name": ('{"a\\u0000b":' + entry() + "}", 1),
    "a line break in a name": ('{"a\\nb":' + entry() + "}", 1),
    "slashes in a name": ('{"../../a/b":' + entry() + "}", 1),
    "an empty name": ('{"":' + entry() + "}", 1),
    "a name twice": (f'{{"a":{entry()},"a":{entry()}}}', 1),
    "a name twice with other data": (f'{{"a":{entry()},"a":{entry(offsets="[1,2]")}}}', 2),
    "a field twice": ('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
    "a field more": (one(extra=',"more":[1,{}]'), 1),
    "a field more twice": (one(extra=',"more":1,"more":2'), 1),
    "a tensor as a list": ('{"a":["U8",[1],[0,1]]}', 1),
    "a tensor as null": ('{"a":null}', 0),
    "a tensor as a number": ('{"a":3}', 0),
    "no dtype": ('{"a":{"shape":[1],"data_offsets":[0,1]}}', 1),
    "no shape": ('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1),
    "no data_offsets": ('{"a":{"dtype":"U8","shape":[1]}}', 1),
    "dtype is null": (one(dtype="null"), 1),
    "dtype is a number": (one(dtype="4"), 4),
    "dtype is a list": (one(dtype='["U8"]'), 1),
    "dtype is an object": (one(dtype='{"U8":null}'), 1),
    "dtype in lower case": (one(dtype='"u8"'), 1),
    "unknown dtype": (one(dtype='"F128"', offsets="[0,16]"), 16),
    "F8_E8M0": (one(dtype='"F8_E8M0"'), 1),
    "F8_E4M3FNUZ": (one(dtype='"F8_E4M3FNUZ"'), 1),
    "F8_E5M2FNUZ": (one(dtype='"F8_E5M2FNUZ"'), 1),
    "F4": (one(dtype='"F4"', shape="[2]"), 1),
    "half a byte of F4": (one(dtype='"F4"', shape="[1]"), 1),
    "F6_E2M3": (one(dtype='"F6_E2M3"', shape="[4]", offsets="[0,3]"), 3),
    "shape is null": (one(shape="null"), 1),
    "shape is a number": (one(shape="1"), 1),
    "shape is text": (one(shape='"1"'), 1),
    "shape is an object": (one(shape="{}"), 1),
    "a scalar": (one(shape="[]"), 1),
    "a size of -1": (one(shape="[-1]"), 1),
    "a size of -0": (one(shape="[-0]", offsets="[0,0]"), 0),
    "a size of 1.0": (one(shape="[1.0]"), 1),
    "a size of 1e0": (one(shape="[1e0]"), 1),
    "a size of 1e999": (one(shape="[1e999]"), 1),
    "a size of 01": (one(shape="[01]"), 1),
    "a size of +1": (one(shape="[+1]"), 1),
    "a size of NaN": (one(shape="[NaN]"), 1),
    "a size of true": (one(shape="[true]"), 1),
    "a size of null": (one(shape="[null]"), 1),
    "a size as text": (one(shape='["1"]'), 1),
    "a size of 2^63": (one(shape="[9223372036854775808]"), 1),
    "a size of 2^64-1": (one(shape="[18446744073709551615]"), 1),
    "a size of 2^64": (one(shape="[18446744073709551616]"), 1),
    "a product of 2^64": (one(dtype='"F32"', shape="[4294967296,4294967296]", offsets="[0,4]"), 4),
    "a product of 2^64+1": (one(shape="[274177,67280421310721]"), 1),
    "nothing times 2^62": (one(shape="[0,4611686018427387904]", offsets="[0,0]"), 0),
    "nothing times 2^124": (one(shape="[0,4611686018427387904,4611686018427387904]", offsets="[0,0]"), 0),
    "2^124 times nothing": (one(shape="[4611686018427387904,4611686018427387904,0]", offsets="[0,0]"), 0),
    "nothing times 2^64-1": (one(shape="[0,18446744073709551615]", offsets="[0,0]"), 0),
    "empty tensors between others": (
        f'{{"a":{entry(shape="[4]", offsets="[0,4]")},"b":{entry(shape="[0,3]", offsets="[4,4]")},'
        f'"c":{entry(offsets="[4,5]")}}}', 5),
    "an empty tensor in the middle of another": (
        two(entry(shape="[4]", offsets="[0,4]"), entry(shape="[0]", offsets="[2,2]")), 4),
    "an empty tensor behind the data": (two(entry(), entry(shape="[0]", offsets="[9,9]")), 1),
    "offsets are null": (one(offsets="null"), 1),
    "one offset": (one(offsets="[0]"), 1),
    "three offsets": (one(offsets="[0,1,1]"), 1),
    "offsets in an object": (one(offsets='{"0":0,"1":1}'), 1),
    "offsets in reverse": (one(offsets="[1,0]"), 1),
    "a negative offset": (one(offsets="[-1,0]"), 1),
    "an offset of 0.0": (one(offsets="[0.0,1]"), 1),
    "an offset of 2^64-1": (one(offsets="[0,18446744073709551615]"), 1),
    "offsets that wrap": (one(offsets="[18446744073709551615,0]"), 1),
    "data outside of the file": (one(shape="[4]", offsets="[0,4]"), 3),
    "fewer bytes than the shape": (one(dtype='"F32"', shape="[2,3]", offsets="[0,20]"), 20),
    "more bytes than the shape": (one(offsets="[0,2]"), 2),
    "data twice": (two(entry(shape="[4]", offsets="[0,4]"), entry(shape="[4]", offsets="[0,4]")), 4),
    "data that overlap": (two(entry(shape="[4]", offsets="[0,4]"), entry(shape="[4]", offsets="[2,6]")), 6),
    "a hole": (two(entry(shape="[4]", offsets="[0,4]"), entry(shape="[4]", offsets="[6,10]")), 10),
    "a hole in front": (one(offsets="[1,2]"), 2),
    "data in another order": (two(entry(shape="[4]", offsets="[4,8]"), entry(shape="[4]", offsets="[0,4]")), 8),
    "bytes behind the data": (one(), 2),
    "data that are not aligned": (two(entry(), entry(dtype='"F32"', offsets="[1,5]")), 5),
    "a length of 0": (one(), 1, 0),
    "a length cut short": (one(), 1, len(one()) - 1),
    "a length beyond the file": (one(), 1, len(one()) + 2),
    "a length of 100 MB": (one(), 1, 100_000_000),
    "a length of 100 MB and a byte": (one(), 1, 100_000_001),
    "a length of 8 GB": (one(), 1, 8 << 30),
    "a length of 2^63": (one(), 1, 1 << 63),
    "a length of 2^64-1": (one(), 1, (1 << 64) - 1),
}  # fmt: skip

# name -> header in which "@" stands for lists in lists
NESTED = {
    "shape": one(shape="@"),
    "dtype": one(dtype="@"),
    "data_offsets": one(offsets="@"),
    "a field more": one(extra=',"more":@'),
    "metadata": f'{{"__metadata__":@,"a":{entry()}}}',
    "a tensor": '{"a":@}',
    "header": "@",
}
DEPTHS = (1, 100, 125, 126, 127, 128, 1000, 200_000)


def verdict(path):
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            tensors = {name: [part.get_dtype(), part.get_shape()] for name, part in slices.items()}
            return {"tensors": tensors, "metadata": file.metadata() or {}}
    except Exception as error:  # safetensors', the system's, or one of text that is no Unicode
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def judge(header, data_bytes, length=None):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "case.safetensors"
        stored = header.encode("latin-1")
        path.write_bytes(struct.pack("<Q", len(stored) if length is None else length) + stored + b"\1" * data_bytes)
        return verdict(path)


def main():
    cases = []
    for name, (header, data_bytes, *length) in CASES.items():
        case = {"name": name, "header": header, "data_bytes": data_bytes}
        if length:
            case["length"] = length[0]
        cases.append(case | judge(header, data_bytes, *length))
    for name, header in NESTED.items():
        for depth in DEPTHS:
            case = {"name": f"{name} {depth} deep", "header": header, "data_bytes": 1, "depth": depth}
            cases.append(case | judge(header.replace("@", "[" * depth + "]" * depth), 1))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUTPUT.write_text(f'{{"safetensors": "{safetensors.__version__}", "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
