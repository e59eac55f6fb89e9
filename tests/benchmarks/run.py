"""Runs benchmark programs and their Python counterparts in turns, and prints how much faster and leaner ours are.

    cmake --preset release && cmake --build build --target benchmarks
    .venv/bin/python tests/benchmarks/run.py [NAME...] [--build build] [--rounds 2] [--threads 1]
    .venv/bin/python tests/benchmarks/run.py image_loading --arguments FOLDER_OF_IMAGES

A benchmark NAME is build/bin/benchmark_NAME and NAME.py. Its prepare(folder) may make input files and returns lists of
arguments; both sides run once for each list, in a process of its own, and print lines of JSON with `name`, `seconds`
and maybe `peak_bytes`, the largest resident memory of the process; lines of the same name are compared. The Python
sides need pillow and transformers beside scripts/requirements.txt.
"""

import argparse
import importlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BENCHMARKS = {
    "full_tower": "the paper's tower on one image of 1536x1536 and of 1536x2048, against transformers",
    "image_loading": "image files to square 8-bit images, against Pillow",
    "training": "tower, language model and whole training step, against transformers",
}
COLUMNS = ("ours [ms]", "Python [ms]", "ratio", "ours [MiB]", "Python [MiB]", "ratio")


def run_program(command: list[str], threads: int) -> list[dict]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def compare(ours: list[dict], python: list[dict], key: str, unit: float) -> list[str]:
    """Median of each side and the ratio, or blanks where one side does not measure it."""
    if not all(key in result for result in ours + python):
        return ["", "", ""]
    left, right = (statistics.median(result[key] for result in side) for side in (ours, python))
    return [f"{left / unit:.2f}", f"{right / unit:.2f}", f"{right / left:.2f}"]


def run_in_turns(name: str, arguments: list[str], options: argparse.Namespace) -> None:
    sides = (
        [str(options.build / "bin" / f"benchmark_{name}"), *arguments],
        [sys.executable, str(HERE / f"{name}.py"), *arguments],
    )
    results: dict[str, tuple[list, list]] = {}
    for _ in range(options.rounds):
        for side, command in enumerate(sides):
            for result in run_program(command, options.threads):
                results.setdefault(result["name"], ([], []))[side].append(result)
    for measurement, (ours, python) in results.items():
        if not ours or not python:
            raise SystemExit(f"{measurement}: only measured on one side")
        cells = compare(ours, python, "seconds", 1e-3) + compare(ours, python, "peak_bytes", 2**20)
        print(f"{measurement:36}" + "".join(f"{cell:>14}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(f"{k}: {v}" for k, v in BENCHMARKS.items()))
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build", help="build folder")
    parser.add_argument("--rounds", type=int, default=2, help="how often both sides run")
    parser.add_argument("--threads", type=int, default=1, help="threads of either side")
    parser.add_argument("--arguments", nargs="+", help="arguments instead of those that prepare() returns")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    sys.path.insert(0, str(HERE))
    print(f"{'measurement':36}" + "".join(f"{column:>14}" for column in COLUMNS))
    for name in options.names or BENCHMARKS:
        with tempfile.TemporaryDirectory() as folder:
            prepared = importlib.import_module(name).prepare(pathlib.Path(folder))
            for arguments in [options.arguments] if options.arguments else prepared:
                run_in_turns(name, arguments, options)


if __name__ == "__main__":
    main()
