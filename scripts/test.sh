#!/usr/bin/env bash
# Sets up, builds and runs all tests. Arguments go to ctest: scripts/test.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."

./scripts/setup.sh
cmake --preset release
cmake --build --preset release
ctest --preset release --output-on-failure "$@"
