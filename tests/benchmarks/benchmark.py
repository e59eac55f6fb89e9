"""Timing for the Python side of the benchmarks; measures as benchmark.h does and prints the same lines of JSON."""

import json
import resource
import statistics
import time


def median_seconds(body) -> float:
    """Seconds of one call of `body`: the median over at least 5 calls and 1 second, after one that does not count."""
    body()
    seconds = []
    while len(seconds) < 5 or sum(seconds) < 1:
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
    return statistics.median_high(seconds)


def peak_bytes() -> int:
    """The largest resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def print_result(name: str, seconds: float, **numbers: float) -> None:
    print(json.dumps({"name": name, "seconds": seconds, **numbers}), flush=True)
