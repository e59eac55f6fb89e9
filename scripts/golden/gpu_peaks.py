"""Writes tests/golden/hardware/bf16_peaks.json: dense bf16 products a second of GPUs, from the parts of the chip:

    peak = SMs x boost clock x operations of an SM's tensor cores in a clock

    python scripts/golden/gpu_peaks.py

Needs nothing but Python. SMs, clocks and rates are those of NVIDIA's architecture whitepapers. The boost clocks of the NVL
cards do not give their datasheets' peaks, so half of the datasheet's number with sparsity counts for them.
"""

import json
import pathlib

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "hardware" / "bf16_peaks.json"

AMPERE = "NVIDIA A100 Tensor Core GPU Architecture, whitepaper V1.0, table of the data center GPUs"
HOPPER = "NVIDIA H100 Tensor Core GPU Architecture, whitepaper V1.04, table of A100 and H100"
# Four tensor cores an SM; each makes 256 (A100) or 512 (H100) fp16 or bf16 multiply-adds in a clock.
AMPERE_RATE = 4 * 256 * 2
HOPPER_RATE = 4 * 512 * 2

# Name as CUDA reports it, SMs, boost clock of tensor products in MHz, operations of an SM in a clock, source
CHIPS = [
    ("NVIDIA A100-SXM4-80GB", 108, 1410, AMPERE_RATE, AMPERE),
    ("NVIDIA A100 80GB PCIe", 108, 1410, AMPERE_RATE, AMPERE),
    ("NVIDIA A800-SXM4-80GB", 108, 1410, AMPERE_RATE, AMPERE + "; the A800 is an A100 with slower NVLink"),
    ("NVIDIA H100 80GB HBM3", 132, 1830, HOPPER_RATE, HOPPER),
    ("NVIDIA H100 PCIe", 114, 1620, HOPPER_RATE, HOPPER),
    ("NVIDIA H800", 132, 1830, HOPPER_RATE, HOPPER + "; the H800 is an H100 with slower NVLink"),
    ("NVIDIA H800 PCIe", 114, 1620, HOPPER_RATE, HOPPER + "; the H800 is an H100 with slower NVLink"),
    ("NVIDIA H200", 132, 1830, HOPPER_RATE, HOPPER + "; the H200 is an H100 SXM with other memory"),
]
# Name, teraFLOPS with sparsity, source
DATASHEETS = [
    ("NVIDIA H100 NVL", 1671, "https://www.nvidia.com/en-us/data-center/h100/"),
    ("NVIDIA H200 NVL", 1671, "https://www.nvidia.com/en-us/data-center/h200/"),
]


def main():
    gpus = [{"name": name, "flops": sms * mhz * 1e6 * rate, "source": source} for name, sms, mhz, rate, source in CHIPS]
    gpus += [{"name": name, "flops": sparse * 1e12 / 2, "source": source} for name, sparse, source in DATASHEETS]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("[\n" + ",\n".join(json.dumps(gpu) for gpu in gpus) + "\n]\n")


if __name__ == "__main__":
    main()
