#!/usr/bin/env bash
# Installs what the build and the tests need: Debian packages, and LibTorch as the pinned torch wheel in .venv.
# Can be run again at any time, also after it was interrupted; installed parts are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }
fail() {
  say "$@" >&2
  exit 1
}

# `package:program` is not missing where the program comes from elsewhere. The second list only makes builds quicker.
packages=(build-essential:g++ cmake:cmake git:git libcli11-dev libfmt-dev libicu-dev libjpeg-dev libopencv-dev
          libsentencepiece-dev libspdlog-dev libtiff-dev libwebp-dev libyaml-cpp-dev ninja-build:ninja nlohmann-json3-dev
          pkg-config:pkg-config python3:python3 python3-venv catch2 zlib1g-dev)
quicker=(ccache:ccache mold:mold)

# A Python that can make virtual environments: the one in use, or Debian's.
python=python3
good_python() { "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }
good_python || python=/usr/bin/python3

# Names those of the packages given that are missing.
missing_of() {
  local entry package program
  for entry in "$@"; do
    package=${entry%%:*} program=${entry#"$package"}
    if [[ $package == python3-venv ]] && good_python; then continue; fi
    if [[ -n $program ]] && command -v "${program#:}" >/dev/null; then continue; fi
    dpkg-query --show --showformat='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
  done
}

# Sets as_root to the prefix that runs a command as root.
become_root() {
  local ask=()
  as_root=(env)
  if ((EUID != 0)); then
    as_root=(sudo env)
    [[ -t 0 ]] || ask=(--non-interactive)
    sudo "${ask[@]}" --list env >/dev/null 2>&1
  fi
}

install_packages() {
  local apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  say "installing $*"
  "${apt[@]}" update --error-on=any || say "apt-get update failed, see above; going on with the package lists that are there" >&2
  if [[ -n $(dpkg --audit) || -n $(ls -A /var/lib/dpkg/updates) ]]; then
    say "an installation was interrupted; finishing it"
    "${as_root[@]}" dpkg --configure -a || "${apt[@]}" install -y --fix-broken
  fi
  "${apt[@]}" install -y --no-install-recommends "$@" ||
    fail "apt-get could not install the packages, see above. No network? Names are those of Debian 12 and 13;" \
         "docs/install.md says what else will do."
}

require_packages() {
  command -v dpkg-query >/dev/null || fail "this is neither Debian nor Ubuntu; docs/install.md says what has to be there"
  local needed useful
  mapfile -t needed < <(missing_of "${packages[@]}")
  mapfile -t useful < <(missing_of "${quicker[@]}")
  if ((${#needed[@]} + ${#useful[@]} == 0)); then return; fi
  if become_root; then
    install_packages "${needed[@]}" "${useful[@]}"
  elif ((${#needed[@]})); then
    fail "packages are missing, and only root can install them. Ask for:" \
         "apt-get install --no-install-recommends ${needed[*]} ${useful[*]}"
  else
    say "builds would be quicker with: apt-get install ${useful[*]}"
  fi
}

# Megabytes that a folder holds, or 0.
size_of() {
  local size
  size=$(du -sm "$1" 2>/dev/null | cut -f1) || true
  echo "${size:-0}"
}

# pip shows no progress where its output is no terminal, and none while it unpacks.
report_sizes() {
  while sleep 10 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    say "LibTorch: $(size_of .venv/tmp) of 2700 MB downloaded, $(size_of .venv/lib) of 4600 MB unpacked"
  done
}

# The stamp holds the requirements that .venv was made from. It is written last: without it .venv may be half made, and pip
# takes a package of which it was unpacking the files for a whole one.
stamp=.venv/requirements.installed
complete() {
  cmp -s scripts/requirements.txt "$stamp" &&
    .venv/bin/python -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' 2>/dev/null
}

require_space() {
  local free
  free=$(df --output=avail -BM . | tail -n 1 | tr -dc 0-9)
  free=$((free + $(size_of .venv)))
  ((free >= 9000)) || fail "LibTorch and the build need about 9 GB of disk in $PWD, 7 GB of it to stay; $free MB are free"
}

install_libtorch() {
  local clear=(--clear)
  if [[ -e $stamp ]] && .venv/bin/python -c '' 2>/dev/null; then clear=(); fi
  rm -f "$stamp"
  say "installing LibTorch into .venv: 2.7 GB to download, a few minutes"
  "$python" -m venv "${clear[@]}" .venv
  # Not /tmp, which is in memory on many machines.
  mkdir -p .venv/tmp
  report_sizes &
  local reporter=$!
  trap "kill $reporter 2>/dev/null || true" EXIT
  TMPDIR=$PWD/.venv/tmp PIP_USER=0 .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -r scripts/requirements.txt ||
    fail "pip could not install LibTorch, see above. No network? Run this again when it is there."
  rm -rf .venv/tmp
  cp scripts/requirements.txt "$stamp"
}

if ! complete; then require_space; fi
require_packages
if ! complete; then install_libtorch; fi
say "done"
