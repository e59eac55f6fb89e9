"""Documentation, headers of configurations and code agree: links lead somewhere, commands name programs, scripts, options and
files that exist, the configuration reference is the generated one, every page is in the index, and
configurations state the memory that `inspect` computes."""

import pathlib
import re
import subprocess
import sys

if len(sys.argv) < 3:
    sys.exit("usage: check_docs.py SOURCE BUILD")

ROOT, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
errors = []
pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "data" / "README.md",
         *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "configs").rglob("*.yaml"))]
NEEDS_OPENCV = {"make_demo_data"}
known_options = {}


def options_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z_-]*", text))


def check_options(page, program, file, command):
    """`file` is the program; nothing can be said of one that is not there."""
    wanted = options_in(command)
    if not wanted or not file.exists():
        return
    if program not in known_options:
        known_options[program] = options_in(subprocess.run([file, "--help"], capture_output=True, text=True).stdout)
    for option in sorted(wanted - known_options[program]):
        errors.append(f"{page.relative_to(ROOT)}: {program} has no {option}")


for page in pages:
    text = page.read_text()
    if page.suffix == ".yaml":
        text = "\n".join(re.findall(r"^# ?(.*)", text, re.MULTILINE))
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http") and not (page.parent / target).exists():
            errors.append(f"{page.relative_to(ROOT)}: link to {target}, which does not exist")
    for launcher, program, command in re.findall(r"(?:\btorchrun ([^\n`]*?))?build/bin/(\w+)([^\n`]*)", text):
        if not (BUILD / "bin" / program).exists() and program not in NEEDS_OPENCV:
            errors.append(f"{page.relative_to(ROOT)}: build/bin/{program} is not built")
        check_options(page, program, BUILD / "bin" / program, command)
        check_options(page, "torchrun", ROOT / ".venv" / "bin" / "torchrun", launcher)
    # The headers of configurations cite scripts of the reference implementation.
    folders = "configs" if page.suffix == ".yaml" else "configs|scripts|tests/benchmarks"
    for path in re.findall(rf"(?:{folders})/[A-Za-z0-9_./-]*\.(?:yaml|sh|py|txt)", text):
        if not (ROOT / path).exists():
            errors.append(f"{page.relative_to(ROOT)}: {path} does not exist")

def links_of(page):
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    return {(page.parent / target).resolve() for target in targets if not target.startswith("http")}


# docs/README.md links every page, or the README.md of its folder does.
INDEX = ROOT / "docs" / "README.md"
for page in sorted((ROOT / "docs").rglob("*.md")):
    local = page.parent / "README.md"
    listed = links_of(INDEX) | (links_of(local) if local.exists() and local.resolve() in links_of(INDEX) else set())
    if page != INDEX and page.resolve() not in listed:
        errors.append(f"{page.relative_to(ROOT)}: not linked in docs/README.md, nor in a README.md that is linked there")

# The C++ of the library's page is part of programs that the tests compile.
examples = sorted((ROOT / "docs" / "examples").glob("*.cpp"))
compiled = {line.strip() for file in examples for line in file.read_text().splitlines()}
for block in re.findall(r"^```cpp\n(.*?)^```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL | re.MULTILINE):
    for line in block.splitlines():
        if line.strip() not in compiled:
            errors.append(f"docs/library.md: not in docs/examples: {line.strip()}")

# The messages of the troubleshooting page are in the code. Adjacent string literals are one; …, N and M are arguments.
code = "\n".join(file.read_text() for file in sorted((ROOT / "convllava").rglob("*.cpp")))
code = re.sub(r'"\s*\n\s*"', "", code)
for row in re.findall(r"^\| ([^|]*`[^|]*)\|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE):
    for message in re.findall(r"`([^`]*)`", row):
        if "(LibTorch)" in row or "no message" in row:
            continue
        for part in re.split(r"…|\b[NM]\b|\w+: ", message):
            if part.strip() and part.strip() not in code:
                errors.append(f"docs/troubleshooting.md: no message of the code has: {part.strip()}")

for page in sorted((ROOT / "configs").glob("*.yaml")):
    needs = re.search(r"# Needs.*?(?=#   Time)", page.read_text(), re.DOTALL)
    dry_run = ["train", "--dry-run", "--ranks", "8", "--config"]
    command = dry_run if needs and " ".join(dry_run[:4]) in needs[0] else ["inspect", "--params"]
    told = subprocess.run([BUILD / "bin" / command[0], *command[1:], page], capture_output=True, text=True).stdout
    for size in re.findall(r"\d+\.\d GB", needs[0] if needs else "0.0 GB"):
        if not re.search(rf"(?<!\d){re.escape(size)}", told):
            errors.append(f"{page.relative_to(ROOT)}: {size} is not what `{' '.join(command)}` prints")

reference = subprocess.run([BUILD / "bin" / "inspect", "--reference"], capture_output=True, text=True, check=True).stdout
if reference not in (ROOT / "docs" / "configuration.md").read_text():
    errors.append("docs/configuration.md is not what `inspect --reference` prints: scripts/update_reference.sh")

print("\n".join(errors) or f"{len(pages)} pages agree with the code")
sys.exit(bool(errors))
