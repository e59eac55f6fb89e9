#!/usr/bin/env bash
# Runs the long forms of tests, which CI runs in a short form. Needs the programs of scripts/test.sh.
# Arguments choose tests by name, with Catch2's patterns: scripts/long_tests.sh "every number of ranks*"
set -euo pipefail
cd "$(dirname "$0")/.."

export OMP_NUM_THREADS=1
if (($# == 0)); then set -- "[long]"; fi
build/bin/test_stage "$@" --durations yes
