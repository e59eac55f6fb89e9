"""Documentation and code agree: links lead somewhere, commands name programs, scripts, options and files that exist, and the
configuration reference is the generated one."""

import pathlib
import re
import subprocess
import sys

ROOT, BUILD = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
errors = []
pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
help_of = {}


def options_of(program):
    if program not in help_of:
        shown = subprocess.run([BUILD / "bin" / program, "--help"], capture_output=True, text=True)
        help_of[program] = shown.stdout
    return help_of[program]


for page in pages:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith("http") and not (page.parent / target).exists():
            errors.append(f"{page.relative_to(ROOT)}: link to {target}, which does not exist")
    for command in re.findall(r"build/bin/[^\n`]+", text):
        words = command.replace("\\", " ").split()
        program = words[0].split("/")[-1]
        if not (BUILD / "bin" / program).exists():
            errors.append(f"{page.relative_to(ROOT)}: {words[0]} is not built")
            continue
        for option in re.findall(r"(--[a-z][a-z-]+)", command):
            if option not in options_of(program):
                errors.append(f"{page.relative_to(ROOT)}: {program} has no {option}")
    for path in re.findall(r"(?:configs|scripts|tests/benchmarks)/[A-Za-z0-9_./-]*\.(?:yaml|sh|py|txt)", text):
        if not (ROOT / path).exists():
            errors.append(f"{page.relative_to(ROOT)}: {path} does not exist")

reference = subprocess.run([BUILD / "bin" / "inspect", "--reference"], capture_output=True, text=True, check=True).stdout
if reference not in (ROOT / "docs" / "configuration.md").read_text():
    errors.append("docs/configuration.md is not what `inspect --reference` prints: scripts/update_reference.sh")

print("\n".join(errors) or f"{len(pages)} pages agree with the code")
sys.exit(bool(errors))
