"""Small files: headers of at most 120 lines, sources of 500, functions of 60; no TODO; no tracked file above 1 MiB."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
LIMITS = {".h": 120, ".cpp": 500, ".cu": 500}
FUNCTION_LIMIT = 60


def tracked():
    try:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.splitlines()]
    except (OSError, subprocess.CalledProcessError):  # a source archive
        return [p for d in ("convllava", "data", "docs", "tests", "scripts") for p in (ROOT / d).rglob("*") if p.is_file()]


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
    start = None
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
            errors.append(f"{name}:{number}: left open")
        # Formatted sources start a function in column 0 and end it with a lone brace there.
        if start is None and 'R"' not in line and re.match(r"[A-Za-z].*[{,(]$", line) and not re.match(r"(namespace|class|struct|enum|using|extern|TEST_CASE|template)", line):
            start = number
        elif line == "}" or line.startswith("};"):
            if start and number - start + 1 > FUNCTION_LIMIT:
                errors.append(f"{name}:{start}: a function of {number - start + 1} lines, at most {FUNCTION_LIMIT}")
            start = None

print("\n".join(errors) or f"{len(files)} files are small enough")
sys.exit(bool(errors) or len(files) < 100)
