#!/usr/bin/env bash
# Sets up, builds and runs all tests, and lists the skipped tests with their reasons at the end.
# Arguments go to ctest: scripts/test.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."

./scripts/setup.sh
cmake --preset release
cmake --build --preset release
code=0
ctest --preset release --output-on-failure --parallel "$(nproc)" "$@" || code=$?
# Catch2 2 prints "skipped: reason", Catch2 3 "SKIPPED:" and the reason below; both wrap it, up to an empty line.
skipped=$(awk '/^ *skipped: / { text = ""; reading = 1 }
               / SKIPPED:$/ { text = "skipped:"; reading = 1; next }
               /^explicitly with message:$/ { next }
               reading && /^ *$/ { print text; reading = 0 }
               reading { sub(/^ */, ""); text = text (text == "" ? "" : " ") $0 }
              ' build/Testing/Temporary/LastTest.log 2>/dev/null | sort --unique) || true
if [[ -n $skipped ]]; then printf '\n%s\n' "$skipped"; fi
exit "$code"
