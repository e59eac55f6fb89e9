"""check_demo.py SOURCE BINARY: the demo learns to answer questions of several kinds, and its second run trains nothing."""

import json
import pathlib
import subprocess
import sys
import tempfile

SOURCE, BINARY = map(pathlib.Path, sys.argv[1:])
KINDS, ACCURACY = 4, 60  # guessing gives below 15 per cent
errors = []


def demo(folder):
    outcome = subprocess.run([SOURCE / "scripts" / "demo.sh", BINARY], cwd=folder, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    print(outcome.stdout)
    if outcome.returncode != 0:
        sys.exit(f"scripts/demo.sh: exit code {outcome.returncode}")
    return outcome.stdout


with tempfile.TemporaryDirectory() as folder:
    first = demo(folder)
    stage3 = pathlib.Path(folder, "runs/demo/stage3")
    for path in [line.split()[1] for line in first.splitlines() if line.startswith(("checkpoint: ", "report: "))]:
        if not pathlib.Path(folder, path).exists():
            errors.append(f"{path} does not exist")
    scores = json.loads(next(stage3.glob("checkpoint-*/eval/textvqa/*/scores.json")).read_text())
    kinds = [name for name in scores if name.startswith("accuracy/")]
    if len(kinds) < KINDS or scores["accuracy"] < ACCURACY:
        errors.append(f"{scores}: expected {ACCURACY} per cent or more over {KINDS} kinds of questions")
    if demo(folder).count("nothing to do") != 4:
        errors.append("the second run trained again")

print("\n".join(errors) or f"accuracy {scores['accuracy']:.1f} per cent over {len(kinds)} kinds of questions")
sys.exit(bool(errors))
