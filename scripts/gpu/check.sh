#!/usr/bin/env bash
# What only a GPU can tell, by one command in at most nine minutes:
#
#   scripts/gpu/check.sh [--out FOLDER] [--device cuda|cpu] [SECTION...]
#
#   info      the GPU, its driver, the CPU, LibTorch
#   tests     the tests of label `gpu`, and others that LibTorch's CUDA build must not change
#   kernels   memory bandwidth, matrix products and the other operations of a step, at the 7B model's shapes
#   steps     whole training steps of the three stages: time, MFU, peak memory beside the expected one
#   trace     one step, added up by kernel
#   sanitize  the operations under compute-sanitizer, and the depthwise convolution under ncu, where these are
#
# FOLDER (default build-gpu/check) gets report.md, a log of each section and the traces. The programs are
# those of .gpu/ (scripts/gpu/pack.sh) or are built here. `--device cpu` runs every section with small sizes, so that CI
# notices when one breaks; its programs are those of build/ where the option --programs names no other folder.
# Results: docs/benchmarks.md.
set -uo pipefail
cd "$(dirname "$0")/../.."

out=build-gpu/check
device=cuda
programs=
sections=()
while (($#)); do
  case $1 in
    --out) out=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --programs) programs=$2; shift 2 ;;
    info | tests | kernels | steps | trace | sanitize) sections+=("$1"); shift ;;
    *) printf 'check.sh: there is no section or option %s\n' "$1" >&2; exit 2 ;;
  esac
done
((${#sections[@]})) || sections=(info tests kernels steps trace sanitize)
mkdir -p "$out"

# With the LibTorch of the python3 of this machine: .gpu/ has none.
use_packed_programs() {
  programs=.gpu/bin
  local torch
  torch=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2> /dev/null) || torch=
  export LD_LIBRARY_PATH=$PWD/.gpu/lib${torch:+:$torch/lib}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  # The tests look for their goldens where they were built.
  local source
  source=$(sed -n 's/^source //p' .gpu/build.txt)
  if [[ ! -e $source ]]; then mkdir -p "$(dirname "$source")" && ln -s "$PWD" "$source"; fi
}
if [[ -z $programs && $device == cpu ]]; then
  programs=build/bin
elif [[ $programs == .gpu/bin || (-z $programs && -d .gpu/bin) ]]; then
  use_packed_programs
elif [[ -z $programs ]]; then
  cmake --preset gpu && cmake --build --preset gpu || exit 1
  programs=build-gpu/bin
fi
tiny=()
if [[ $device == cpu ]]; then tiny=(--tiny); fi

info() {
  date -u '+%Y-%m-%d %H:%M UTC'
  if [[ $programs == .gpu/bin ]]; then grep -v '^source' .gpu/build.txt; else "$programs/train" --version; fi
  if [[ $device == cuda ]]; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv,noheader
  fi
  lscpu | grep -E '^(Model name|CPU\(s\)):'
  ldd --version | head -n 1
  # Starts, finds its libraries and the device.
  "$programs/benchmark_gpu_kernels" --device "$device" "${tiny[@]}" --only copy
}

tests() {
  local failed=0 program
  for program in test_gpu test_hardware test_nn test_parallel; do
    printf '\n== %s\n' "$program"
    "$programs/$program" || (($? == 4)) || failed=1  # 4: all of its tests were skipped
  done
  return "$failed"
}

kernels() { "$programs/benchmark_gpu_kernels" --device "$device" "${tiny[@]}"; }

# step FILE [option...]: the stage's own sizes on a GPU; a model of a few thousand parameters on a CPU.
step() {
  local file=$1
  shift
  if [[ $device == cpu ]]; then
    "$programs/benchmark_train_step" --config "configs/$file" --set model.size=tiny device=cpu dtype=fp32 \
      image.size=64 train.micro_batch_size=2 train.global_batch_size=4 data.max_length=64 --text 24 --steps 2 "$@"
  else
    "$programs/benchmark_train_step" --config "configs/$file" "$@"
  fi
}

steps() {
  if [[ $device == cpu ]]; then
    step stage1.yaml && step stage2.yaml --layers 1 && step stage3_1536.yaml
    return
  fi
  local failed=0
  # Stage 1 whole; of the others as many layers as fit: seconds are a + b * layers.
  step stage1.yaml --set train.global_batch_size=16 || failed=1
  step stage1_1536.yaml --set train.global_batch_size=8 || failed=1
  step stage2.yaml --layers 4 --set train.global_batch_size=8 || failed=1
  step stage2.yaml --layers 8 --set train.global_batch_size=8 || failed=1
  step stage2.yaml --layers 4 --set train.global_batch_size=32 || failed=1
  step stage2_1536.yaml --layers 4 --set train.global_batch_size=4 || failed=1
  step stage2_1536.yaml --layers 8 --set train.global_batch_size=4 || failed=1
  step stage3.yaml --layers 4 --set train.global_batch_size=16 || failed=1
  step stage3.yaml --layers 8 --set train.global_batch_size=16 || failed=1
  step stage3_1536.yaml --layers 4 --set train.global_batch_size=8 || failed=1
  return "$failed"
}

trace() {
  local failed=0 stage
  for stage in stage2 stage3_1536; do
    printf '\n== %s\n' "$stage"
    if [[ $device == cpu ]]; then
      step "$stage.yaml" --trace "$out/$stage.trace.json" || failed=1
    else
      step "$stage.yaml" --layers 4 --set train.global_batch_size=8 --steps 2 --trace "$out/$stage.trace.json" || failed=1
    fi
    if [[ -f $out/$stage.trace.json ]]; then gzip --force "$out/$stage.trace.json"; fi
  done
  return "$failed"
}

sanitize() {
  local failed=0
  if [[ $device == cpu ]]; then printf 'no GPU\n'; return 0; fi
  if command -v compute-sanitizer > /dev/null; then
    compute-sanitizer --error-exitcode 1 "$programs/benchmark_gpu_kernels" --tiny --only depthwise --only rms_norm \
      --only rope --only head || failed=1
  fi
  if command -v ncu > /dev/null; then
    ncu --kernel-name-base demangled --kernel-name 'regex:(?i)(conv|depthwise|wgrad|dgrad|fprop)' --launch-count 6 \
      --metrics gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed,sm__throughput.avg.pct_of_peak_sustained_elapsed \
      "$programs/benchmark_gpu_kernels" --only depthwise || failed=1
  fi
  return "$failed"
}

declare -A limit=([info]=60 [tests]=90 [kernels]=90 [steps]=170 [trace]=60 [sanitize]=60)
failures=()
for section in "${sections[@]}"; do
  begin=$SECONDS
  export -f "$section" step
  export out device programs
  timeout "${limit[$section]}" bash -c "tiny=(${tiny[*]}); set -uo pipefail; $section" > "$out/$section.log" 2>&1 ||
    failures+=("$section (exit code $?)")
  printf '%-9s %4d s\n' "$section" $((SECONDS - begin))
done
python3 scripts/gpu/report.py "$out" > "$out/report.md"
cat "$out/report.md"
if ((${#failures[@]})); then
  printf 'failed: %s\n' "${failures[@]}" >&2
  exit 1
fi
