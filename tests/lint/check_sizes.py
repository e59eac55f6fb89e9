"""Small files: headers of at most 120 lines, sources of 400, functions of 60; no TODO; no tracked file above 1 MiB."""

import pathlib
import re
import subprocess
import sys

if len(sys.argv) < 2:
    sys.exit("usage: check_sizes.py SOURCE")

ROOT = pathlib.Path(sys.argv[1])
LIMITS = {".h": 120, ".cpp": 400, ".cu": 400}
FUNCTION_LIMIT = 60
# What else ends in a lone brace: statements, and test cases, which are macros.
NO_FUNCTION = re.compile(r"\s*(\W*$|\}|(if|for|while|switch|case|default|do|try|namespace|extern)\b|[A-Z][A-Z_]+\()")


def tracked():
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.splitlines()]
    except (OSError, subprocess.CalledProcessError):  # a source archive
        return [p for d in ("convllava", "data", "docs", "tests", "scripts") for p in (ROOT / d).rglob("*") if p.is_file()]


def functions(lines):
    """(first line, length) of each function definition. In formatted sources its head is the last line before its lone
    closing brace that is indented as that is; classes, tables and lambdas close with a semicolon or more."""
    heads = {}  # indentation -> the last line that had it
    raw_string_end = None
    for number, line in enumerate(lines, 1):
        if raw_string_end:
            if raw_string_end in line:
                raw_string_end = None
            continue
        opened = re.search(r'R"(\w*)\((?!.*\)\1")', line)
        if opened:
            raw_string_end = f'){opened[1]}"'
        if not line.strip() or line.startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        if line.strip() == "}" and indent in heads and not NO_FUNCTION.match(lines[heads[indent] - 1]):
            yield heads[indent], number - heads[indent] + 1
        heads[indent] = number


errors = []
files = [f for f in tracked() if f.exists()]
for file in files:
    name = file.relative_to(ROOT)
    if file.stat().st_size > 1 << 20:
        errors.append(f"{name}: {file.stat().st_size} bytes")
    if file.suffix not in LIMITS:
        continue
    lines = file.read_text().splitlines()
    if len(lines) > LIMITS[file.suffix]:
        errors.append(f"{name}: {len(lines)} lines, at most {LIMITS[file.suffix]}")
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            errors.append(f"{name}:{number}: left open")
    for start, length in functions(lines):
        if length > FUNCTION_LIMIT:
            errors.append(f"{name}:{start}: a function of {length} lines, at most {FUNCTION_LIMIT}")

print("\n".join(errors) or f"{len(files)} files are small enough")
sys.exit(bool(errors) or len(files) < 100)
