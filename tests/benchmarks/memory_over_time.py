"""Trains the demo's second stage for a while, with validation and checkpoints, and shows whether its memory stays flat.

    ./scripts/demo.sh   # in the repository's folder, as all of this
    .venv/bin/python tests/benchmarks/memory_over_time.py [--minutes 30] [--build build]

Prints the median resident memory of ten equal spans of steps. Exit code 1 where the last span needs over 5 per cent
more than the second; the first fills caches.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPANS = 10
MOST_GROWTH = 1.05
SETTINGS = (
    "train.max_steps=0",
    "train.epochs=1e6",
    "train.warmup_ratio=0",
    "report.validate_every=500",
    "checkpoint.every_minutes=2",
)


def train(binary: pathlib.Path, run: pathlib.Path, minutes: float) -> None:
    """Trains into `run` and stops with SIGTERM, as a cluster would."""
    command = [binary, "--config", ROOT / "configs/demo/stage2.yaml", "--set", f"output_dir={run}"]
    for setting in SETTINGS:
        command += ["--set", setting]
    process = subprocess.Popen(command)
    try:
        code = process.wait(60 * minutes)
        sys.exit(f"train ended by itself with {code}")
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()


def resident_mib(run: pathlib.Path) -> tuple[list[float], int]:
    """Of every entry of the log, and the last entry's step."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    memory = [line["memory/resident_bytes"] / 2**20 for line in lines if "memory/resident_bytes" in line]
    return memory, lines[-1]["step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder, "run")
        train(options.build / "bin" / "train", run, options.minutes)
        memory, steps = resident_mib(run)
    if len(memory) < SPANS:
        sys.exit(f"only {len(memory)} entries in the log; expected at least {SPANS}: more minutes")
    edges = [i * len(memory) // SPANS for i in range(SPANS + 1)]
    medians = [statistics.median(memory[a:b]) for a, b in zip(edges, edges[1:])]
    print(" ".join(f"{median:.1f}" for median in medians), "MiB")
    growth = medians[-1] / medians[1]
    print(f"the last span needs {growth:.3f} times the second, over {steps} steps")
    sys.exit(growth > MOST_GROWTH)


if __name__ == "__main__":
    main()
