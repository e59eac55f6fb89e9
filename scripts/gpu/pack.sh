#!/usr/bin/env bash
# Builds the programs of scripts/gpu/check.sh (CMake preset `gpu`) and puts them into .gpu/, which git ignores, with the
# libraries that they need beside LibTorch and those of the C and C++ compiler. A GPU machine with nothing but LibTorch
# of the same version then runs them from a copy of this folder: scripts/gpu/check.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."

programs=(train benchmark_gpu_kernels benchmark_train_step test_gpu test_hardware test_nn test_parallel)
cmake --preset gpu
cmake --build --preset gpu --target "${programs[@]}"

rm -rf .gpu
mkdir -p .gpu/bin .gpu/lib
for program in "${programs[@]}"; do
  strip -o ".gpu/bin/$program" "build-gpu/bin/$program"
done
# Of the system's folders only: LibTorch's own are in .venv or wherever CMAKE_PREFIX_PATH says.
ldd .gpu/bin/* | awk '$3 ~ "^/(usr/)?lib" { print $3 }' | sort --unique |
  grep -Ev '/(libc|libm|libdl|librt|libutil|libpthread|libgcc_s|libstdc\+\+)\.so' |
  while read -r library; do
    cp --dereference "$library" .gpu/lib/
  done
{
  printf 'commit %s\n' "$(git describe --always --dirty 2> /dev/null || printf unknown)"
  build-gpu/bin/train --version
  printf 'source %s\n' "$PWD"
} > .gpu/build.txt
du -sh .gpu/bin .gpu/lib
du -sm .gpu | awk '{ print ".gpu holds " $1 " MiB" }'
