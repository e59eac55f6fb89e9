"""Makes a page of what scripts/gpu/check.sh measured: report.py FOLDER > report.md."""

import json
import pathlib
import sys

STEP_COLUMNS = {
    "seconds": "s", "fastest": "fastest", "slowest": "slowest", "ms_per_sample": "ms/sample",
    "tokens_per_second": "tokens/s", "TFLOP/s": "TFLOP/s", "MFU": "MFU", "peak_GB": "peak GB",
    "expected_GB": "expected GB", "first_loss": "first loss",
}


def results(folder: pathlib.Path, section: str) -> list[dict]:
    log = folder / f"{section}.log"
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith("{")]


def other_lines(folder: pathlib.Path, section: str) -> str:
    lines = (folder / f"{section}.log").read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if not line.startswith("{")).strip()


def cell(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def kernel_table(rows: list[dict]) -> str:
    lines = ["| operation | ms | TB/s | TFLOP/s |", "|---|---|---|---|"]
    for row in rows:
        flops = cell(row["TFLOP/s"]) if row["TFLOP/s"] else ""
        lines.append(f"| {row['name']} | {row['seconds'] * 1e3:.4f} | {cell(row['TB/s'])} | {flops} |")
    return "\n".join(lines)


def step_table(rows: list[dict]) -> str:
    lines = ["| step | " + " | ".join(STEP_COLUMNS.values()) + " |", "|---" * (len(STEP_COLUMNS) + 1) + "|"]
    for row in rows:
        lines.append(f"| {row['name']} | " + " | ".join(cell(row[key]) for key in STEP_COLUMNS) + " |")
    return "\n".join(lines)


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for section, title in {
        "info": "Machine", "tests": "Tests", "kernels": "Operations", "steps": "Training steps",
        "trace": "Where the time of a step goes", "sanitize": "Sanitizer and profiler",
    }.items():
        if not (folder / f"{section}.log").exists():
            continue
        print(f"\n## {title}\n")
        if section == "kernels":
            print(kernel_table(results(folder, section)) + "\n")
        elif section in ("steps", "trace"):
            print(step_table(results(folder, section)) + "\n")
        text = other_lines(folder, section)
        if text:
            print(f"```\n{text}\n```")


if __name__ == "__main__":
    main()
