#!/usr/bin/env bash
# The main job on a small demo data set: set-up, build, data, the paper's three stages, evaluation, one question.
# A second run takes up what is there: finished stages are left as they are, an interrupted one goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=runs/demo
started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }

step "set-up"
./scripts/setup.sh
step "build"
cmake --preset release >/dev/null
cmake --build --preset release --target train eval chat inspect make_demo_data
started=$SECONDS

if [[ ! -f $runs/data/complete ]]; then
  step "demo data"
  build/bin/make_demo_data --out $runs/data
  touch $runs/data/complete
fi
for stage in warmup stage1 stage2 stage3; do
  step "$stage"
  build/bin/train --config "configs/demo/$stage.yaml"
done
step "evaluation on held-out pictures"
build/bin/eval --bench textvqa --model $runs/stage3 --data $runs/data
step "one question"
pictures=($runs/data/train_images/*.jpg)
picture=${pictures[0]}
question="What is the color of the shape?"
echo "$picture: $question"
build/bin/chat --model $runs/stage3 --image "$picture" --prompt "$question"
step "done"
echo "checkpoint: $(ls -d $runs/stage3/checkpoint-* | sort --version-sort | tail -n 1)"
echo "report:     $runs/stage3/report.html"
