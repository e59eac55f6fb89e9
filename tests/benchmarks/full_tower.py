"""The work of full_tower.cpp with transformers' ConvNextModel: python full_tower.py HEIGHT WIDTH"""

import sys
import time

import torch
from benchmark import peak_bytes, print_result
from transformers import ConvNextConfig, ConvNextModel


def prepare(folder):
    return [["1536", "1536"], ["1536", "2048"]]


def main() -> None:
    height, width = map(int, sys.argv[1:])
    config = ConvNextConfig(depths=[3, 3, 27, 3, 6], hidden_sizes=[192, 384, 768, 1536, 3072], num_stages=5,
                            out_features=["stage5"])
    model = ConvNextModel(config).eval()
    pixels = torch.randn(1, 3, height, width)
    with torch.no_grad():
        start = time.perf_counter()
        features = model(pixels).last_hidden_state
        seconds = time.perf_counter() - start
    print_result(f"full_tower/{height}x{width}", seconds, peak_bytes=peak_bytes(),
                 tokens=features.shape[2] * features.shape[3], channels=features.shape[1])


if __name__ == "__main__":
    main()
