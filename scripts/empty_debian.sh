#!/usr/bin/env bash
# An empty Debian in FOLDER, made by debootstrap (minbase); nothing is done where it is there already. For root.
#
#   scripts/empty_debian.sh bookworm|trixie FOLDER [MIRROR]
#
# MIRROR: a URL; default the one that this machine's apt uses.
set -euo pipefail
suite=$1 folder=$2 mirror=${3:-}

if [[ -e $folder/complete ]]; then exit; fi
command -v debootstrap >/dev/null || {
  echo "empty debian: debootstrap is not installed" >&2
  exit 1
}
rm -rf --one-file-system "$folder"
mkdir -p "$(dirname "$folder")"
: "${mirror:=$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)}"
debootstrap --variant=minbase "$suite" "$folder" ${mirror:+"$mirror"} >"$folder.log"
touch "$folder/complete"
