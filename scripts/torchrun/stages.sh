#!/usr/bin/env bash
# Trains the three stages one after the other with torchrun, on one machine or on several. On several, start it on each:
#
#     scripts/torchrun/stages.sh                                                              # 8 GPUs
#     scripts/torchrun/stages.sh --nnodes=2 --rdzv-backend=c10d --rdzv-endpoint=HOST:29500    # 16 GPUs
#     STAGES="configs/stage2_1536.yaml configs/stage3_1536.yaml" scripts/torchrun/stages.sh
#
# Arguments go to torchrun. When a rank fails, torchrun starts all of them again from the newest checkpoint, up to three
# times in a stage. After an interruption the same command continues; a complete stage is passed over.
set -euo pipefail
cd "$(dirname "$0")/../.."

for config in ${STAGES:-configs/stage1.yaml configs/stage2.yaml configs/stage3.yaml}; do
  .venv/bin/torchrun --nproc-per-node=8 --max-restarts=3 --no-python "$@" build/bin/train --config "$config"
done
