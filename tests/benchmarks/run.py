"""Runs benchmark programs and their Python counterparts in turns, and prints how much faster ours are.

    cmake --preset release && cmake --build build --target benchmarks
    .venv/bin/python tests/benchmarks/run.py [NAME...] [--build build] [--rounds 2] [--threads 1]
    .venv/bin/python tests/benchmarks/run.py image_loading --arguments FOLDER_OF_PICTURES

A benchmark NAME is build/bin/benchmark_NAME and NAME.py. Both get the same arguments and print lines of JSON with
`name` and `seconds`; lines of the same name are compared. NAME.py may define prepare(folder), which makes input files
and returns the arguments. The Python sides need pillow and transformers beside scripts/requirements.txt.
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
    "image_loading": "picture files to normalised floats, against Pillow and numpy",
    "training": "tower, language model and whole training step, against transformers",
}


def run_program(command: list[str], threads: int) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    output = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout
    results = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {result["name"]: result["seconds"] for result in results}


def run_in_turns(name: str, arguments: list[str], options: argparse.Namespace) -> None:
    programs = {
        "ours": [str(options.build / "bin" / f"benchmark_{name}"), *arguments],
        "python": [sys.executable, str(HERE / f"{name}.py"), *arguments],
    }
    seconds: dict[str, dict[str, list[float]]] = {}
    for _ in range(options.rounds):
        for side, command in programs.items():
            for measurement, value in run_program(command, options.threads).items():
                seconds.setdefault(measurement, {"ours": [], "python": []})[side].append(value)
    for measurement, sides in seconds.items():
        ours, python = (statistics.median(sides[side]) if sides[side] else None for side in programs)
        if ours is None or python is None:
            print(f"{measurement:44} only measured on one side")
        else:
            print(f"{measurement:44} {ours * 1e3:12.2f} {python * 1e3:12.2f} {python / ours:8.2f}")


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
    print(f"{'measurement':44} {'ours [ms]':>12} {'Python [ms]':>12} {'ratio':>8}")
    for name in options.names or BENCHMARKS:
        prepare = getattr(importlib.import_module(name), "prepare", lambda folder: [])
        with tempfile.TemporaryDirectory() as folder:
            arguments = options.arguments or prepare(pathlib.Path(folder))
            run_in_turns(name, arguments, options)


if __name__ == "__main__":
    main()
