#!/usr/bin/env bash
# Installs what the build and the tests need: system packages, and LibTorch as the pinned torch wheel in .venv (5 GB).
# Can be run again at any time; what is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(build-essential ccache cmake git libcli11-dev libfmt-dev libicu-dev libjpeg-dev libopencv-dev libsentencepiece-dev
          libspdlog-dev libtiff-dev libwebp-dev libyaml-cpp-dev mold ninja-build nlohmann-json3-dev pkg-config python3
          python3-venv catch2 zlib1g-dev)

missing=()
for package in "${packages[@]}"; do
  dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  as_root=()
  if ((EUID != 0)); then
    as_root=(sudo)
    if ! command -v sudo >/dev/null || ! sudo -l apt-get >/dev/null; then
      echo "setup: system packages are missing; run as root: apt-get install ${missing[*]}" >&2
      exit 1
    fi
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# The stamp holds the requirements that .venv was made from.
stamp=.venv/requirements.installed
if ! cmp -s scripts/requirements.txt "$stamp"; then
  echo "setup: installing LibTorch into .venv (a few minutes, 5 GB)"
  python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
  cp scripts/requirements.txt "$stamp"
fi
echo "setup: done"
