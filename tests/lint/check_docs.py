"""Documentation, headers of configurations and code agree: links lead somewhere, commands name programs, scripts, options and
files that exist, the configuration reference is the generated one, and configurations state the memory that `inspect` computes."""

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

for page in sorted((ROOT / "configs").glob("*.yaml")):
    needs = re.search(r"# Needs.*?(?=#   Time)", page.read_text(), re.DOTALL)
    told = subprocess.run([BUILD / "bin" / "inspect", "--params", page], capture_output=True, text=True).stdout
    for size in re.findall(r"\d+\.\d GB", needs[0] if needs else "0.0 GB"):
        if not re.search(rf"(?<!\d){re.escape(size)}", told):
            errors.append(f"{page.relative_to(ROOT)}: {size} is not what `inspect --params` prints")

reference = subprocess.run([BUILD / "bin" / "inspect", "--reference"], capture_output=True, text=True, check=True).stdout
if reference not in (ROOT / "docs" / "configuration.md").read_text():
    errors.append("docs/configuration.md is not what `inspect --reference` prints: scripts/update_reference.sh")

print("\n".join(errors) or f"{len(pages)} pages agree with the code")
sys.exit(bool(errors))
