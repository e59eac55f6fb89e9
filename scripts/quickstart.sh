#!/usr/bin/env bash
# The main job on a small demo data set: set-up, build, and scripts/demo.sh. A second run uses the output of the first.
set -euo pipefail
cd "$(dirname "$0")/.."

printf '\n== set-up\n'
./scripts/setup.sh
printf '\n== build\n'
cmake --preset release | grep -E '^-- (LibTorch|CUDA)'
cmake --build --preset release --target train eval chat inspect make_demo_data
./scripts/demo.sh
