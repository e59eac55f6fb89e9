#!/usr/bin/env bash
# The demo with the programs of build/, or of the build folder given: data, a warm-up and the paper's three stages,
# evaluation, one question. Works below the current folder, and uses earlier output there: finished stages are
# skipped, an interrupted stage resumes.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
bin=${1:-$root/build}/bin
runs=runs/demo
started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }

if [[ ! -f $runs/data/complete ]]; then
  step "demo data"
  "$bin/make_demo_data" --out $runs/data
  touch $runs/data/complete
fi
for stage in warmup stage1 stage2 stage3; do
  step "$stage"
  "$bin/train" --config "$root/configs/demo/$stage.yaml"
done
step "evaluation on held-out images"
"$bin/eval" --bench textvqa --model $runs/stage3 --data $runs/data
step "one question"
images=($runs/data/train_images/*.jpg)
image=${images[0]}
question="What is the color of the shape?"
echo "$image: $question"
"$bin/chat" --model $runs/stage3 --image "$image" --prompt "$question"
step "done"
echo "checkpoint: $(ls -d $runs/stage3/checkpoint-* | sort --version-sort | tail -n 1)"
echo "report:     $runs/stage3/report.html"
