#!/usr/bin/env bash
# Runs what scripts/gpu/pack.sh has packed in an empty Debian that has LibTorch's wheels and nothing else, by
# scripts/gpu/check.sh with small sizes on the CPU. What .gpu/ lacks shows here, and not on a GPU machine. For root,
# outside CI.
#
#   scripts/gpu/try_packed.sh [bookworm|trixie] [--folder FOLDER]
#
# FOLDER (default /var/tmp/convllava-machines) holds the empty Debian, as for scripts/try_fresh_machine.sh.
set -euo pipefail
fail() {
  printf 'try_packed.sh: %s\n' "$*" >&2
  exit 2
}

suite=bookworm folder=/var/tmp/convllava-machines
arguments=("$@")
while (($#)); do
  case $1 in
    bookworm | trixie) suite=$1 ;;
    --folder)
      (($# > 1)) || fail "--folder needs a value"
      folder=$(realpath --canonicalize-missing "$2")
      shift
      ;;
    *) fail "unknown argument $1" ;;
  esac
  shift
done
((EUID == 0)) || fail "chroot needs root"
# Mounts of its own, which end with this script.
if [[ -z ${CONVLLAVA_OWN_MOUNTS:-} ]]; then
  CONVLLAVA_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "${arguments[@]}"
fi

cd "$(dirname "$0")/../.."
[[ -d .gpu/bin ]] || fail "there is no .gpu: scripts/gpu/pack.sh makes it"
scripts/empty_debian.sh "$suite" "$folder/$suite.base"
root=$folder/packed
rm -rf --one-file-system "$root"
cp -a "$folder/$suite.base" "$root"
mkdir -p "$root/srv/convllava" "$root/opt/python"
cp -r .gpu configs scripts tests "$root/srv/convllava/"
# Not where the programs were linked: they have to find it by LD_LIBRARY_PATH.
mount --bind -o ro "$(echo .venv/lib/python3*/site-packages)" "$root/opt/python"
# The programs of a machine with Python find torch by it; this one has none.
unshare --pid --fork --kill-child --mount-proc="$root/proc" \
  chroot "$root" /usr/bin/env --ignore-environment --chdir=/srv/convllava PATH=/usr/bin:/bin HOME=/root \
  LD_LIBRARY_PATH=/opt/python/torch/lib \
  scripts/gpu/check.sh --device cpu --programs .gpu/bin --out /tmp/check info tests kernels steps trace || code=$?
cat "$root"/tmp/check/*.log
exit "${code:-0}"
