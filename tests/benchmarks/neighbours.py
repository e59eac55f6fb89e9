"""Seconds of a small training step alone, beside two busy processes, and with a limit of one core; with the way threads
wait and count that the programs choose, and with LibTorch's own.

    cmake --preset release && cmake --build build --target benchmark_train_step
    .venv/bin/python tests/benchmarks/neighbours.py [--build build] [--rounds 3]

The step is that of the demo's warm-up. The limit is that of a control group, which only root can make; without root its
lines are left out. On two cores, beside two busy processes, the fair share of each of two threads is half a core.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = ("--config", ROOT / "configs/demo/warmup.yaml", "--text", "32", "--steps", "40")
# What libgomp does without a setting (GCC's libgomp manual, GOMP_SPINCOUNT).
LIBTORCH_SPINS = "300000"
GROUPS = (pathlib.Path("/sys/fs/cgroup"), pathlib.Path("/sys/fs/cgroup/cpu"))


@contextlib.contextmanager
def busy_processes(count: int):
    processes = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def one_core():
    """Yields a control group that allows one core, or None where none can be made."""
    for root in GROUPS:
        group = root / "convllava_benchmark"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / "cpu.max").exists():
                (group / "cpu.max").write_text("100000 100000")
            elif (group / "cpu.cfs_quota_us").exists():
                (group / "cpu.cfs_quota_us").write_text("100000")
            else:
                continue
            yield group
            return
        finally:
            group.rmdir()
    yield None


def step_seconds(build: pathlib.Path, settings: dict, group: pathlib.Path | None = None) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_", "MKL_"))}
    enter = (lambda: (group / "cgroup.procs").write_text(str(os.getpid()))) if group else None
    output = subprocess.run([build / "bin" / "benchmark_train_step", *COMMAND], check=True, env=environment | settings,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=enter).stdout
    return json.loads(output.splitlines()[0])


def measure(title: str, options: argparse.Namespace, settings: dict, group: pathlib.Path | None = None) -> None:
    results = [step_seconds(options.build, settings, group) for _ in range(options.rounds)]
    median = statistics.median(result["seconds"] for result in results)
    slowest = max(result["slowest"] for result in results)
    print(f"{title:52}{median:10.4f}{slowest:10.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spins", nargs="*", default=[], help="further values of GOMP_SPINCOUNT")
    options = parser.parse_args()
    ways = {"LibTorch": {"GOMP_SPINCOUNT": LIBTORCH_SPINS}, "ours": {}}
    ways |= {f"{spins} spins": {"GOMP_SPINCOUNT": spins} for spins in options.spins}
    print(f"{'seconds of a step':52}{'median':>10}{'slowest':>10}")
    for count in (0, 2):
        with busy_processes(count):
            for threads in ("1", "2"):
                for way, settings in ways.items():
                    measure(f"{count} neighbours, threads {threads}, {way}", options, settings | {"OMP_NUM_THREADS": threads})
    with one_core() as group:
        if group:
            measure("limit of one core, LibTorch", options, ways["LibTorch"] | {"OMP_NUM_THREADS": "2"}, group)
            measure("limit of one core, ours", options, {}, group)


if __name__ == "__main__":
    main()
