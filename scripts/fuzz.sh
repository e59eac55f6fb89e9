#!/usr/bin/env bash
# Gives mutated inputs to the readers of files, built with AddressSanitizer and UndefinedBehaviorSanitizer:
#
#     scripts/fuzz.sh [INPUTS [READER...]]      100000 inputs for each of annotations, image, json, safetensors, yaml
#
# An input that a reader does not survive is written to build-asan/ and named with the command that runs it again.
set -euo pipefail
cd "$(dirname "$0")/.."

inputs=${1:-100000}
readers=("${@:2}")
if ((${#readers[@]} == 0)); then readers=(annotations image json safetensors yaml); fi
cmake --preset asan
cmake --build --preset asan --target "${readers[@]/#/fuzz_}"
export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp
cd build-asan
code=0
for reader in "${readers[@]}"; do
  echo "$reader:"
  "bin/fuzz_$reader" "$inputs" || code=1
done
exit "$code"
