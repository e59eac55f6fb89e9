#!/usr/bin/env bash
# Runs both commands of README.md on a fresh Debian: debootstrap into a folder, a clone of HEAD, an empty home. For root,
# outside CI: minutes for the downloads, an hour or more for the builds on two cores.
#
#   scripts/try_fresh_machine.sh bookworm|trixie [--user] [--interrupted] [--no-terminal] [--setup-only] [--path PATH]
#                                [--folder FOLDER] [--mirror URL]
#
#   --user          as a user without root; the packages that set-up asks for are installed by root
#   --interrupted   set-up is killed at each of its steps before
#   --no-terminal   without /dev/pts, as in many containers: tests that need a terminal skip
#   --setup-only    set-up and the options above; no build
#   --path PATH     of the checkout on that machine; default "/srv/conv llava", with a space
#   --folder FOLDER for the machines, default /var/tmp/convllava-machines; SUITE.base in it is debootstrap's, used again
#   --mirror URL    of Debian, default that of this machine
#
# apt's network settings, certificates and pip's configuration are those of this machine, PIP_* and
# CMAKE_BUILD_PARALLEL_LEVEL those of the environment.
set -euo pipefail
source_root=$(cd "$(dirname "$0")/.." && pwd)

fail() {
  echo "fresh machine: $*" >&2
  exit 1
}

suite=${1:-}
[[ $suite == bookworm || $suite == trixie ]] || fail "the first argument is bookworm or trixie"
arguments=("$@")
shift
user=root interrupted=0 terminal=1 setup_only=0 path="/srv/conv llava" folder=/var/tmp/convllava-machines mirror=
while (($#)); do
  case $1 in
    --user) user=somebody ;;
    --interrupted) interrupted=1 ;;
    --no-terminal) terminal=0 ;;
    --setup-only) setup_only=1 ;;
    --path | --folder | --mirror)
      (($# > 1)) || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    *) fail "unknown argument $1" ;;
  esac
  shift
done
((EUID == 0)) || fail "chroot needs root"
# Its own mounts, which end with this script.
if [[ -z ${CONVLLAVA_OWN_MOUNTS:-} ]]; then
  CONVLLAVA_OWN_MOUNTS=1 exec unshare --mount --propagation private "$0" "${arguments[@]}"
fi

machine=$folder/$suite
log=$folder/$suite.log
started=$SECONDS
step() { printf '\n== %s, %d s: %s\n' "$suite" $((SECONDS - started)) "$*"; }

make_machine() {
  step "debootstrap"
  "$source_root/scripts/empty_debian.sh" "$suite" "$machine.base" ${mirror:+"$mirror"}
  step "a fresh copy in $machine"
  rm -rf --one-file-system "$machine"
  cp -a "$machine.base" "$machine"
  cp /etc/resolv.conf /etc/hosts "$machine/etc/"
  apt-config dump Acquire >"$machine/etc/apt/apt.conf.d/80host"
  mkdir -p "$machine/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$machine/usr/local/share/ca-certificates/" 2>/dev/null || true
  cp /etc/pip.conf "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" "$machine/etc/" 2>/dev/null || true
  # A small /tmp in memory, as Debian 13 has it.
  mount -t tmpfs -o size=1g,mode=1777 tmpfs "$machine/tmp"
  mount -t tmpfs -o mode=1777 tmpfs "$machine/dev/shm"
  ((!terminal)) || mount -t devpts -o newinstance,ptmxmode=0666 devpts "$machine/dev/pts"

  git clone --quiet "$source_root" "$machine$path"
  echo "commit $(git -C "$machine$path" log -1 --format='%h %s')"
  if [[ $user == root ]]; then
    home=/home/fresh
    mkdir "$machine$home"
  else
    home=/home/$user
    chroot "$machine" useradd --create-home --skel /nonexistent "$user"
    chroot "$machine" chown -R "$user:" "$path"
  fi
}

# as USER COMMAND...: in the checkout, without this machine's environment, except the variables in the head of this file.
# With exec=exec it takes the place of the shell; killed then, it takes with it all that it started, as a power cut does.
as() {
  local who=$1 variable environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "HOME=$home")
  shift
  for variable in $(compgen -e PIP_) CMAKE_BUILD_PARALLEL_LEVEL; do
    [[ -z ${!variable:-} ]] || environment+=("$variable=${!variable}")
  done
  ${exec:-} unshare --pid --fork --kill-child --mount-proc="$machine/proc" \
    chroot --userspec="$who" "$machine" /usr/bin/env --ignore-environment --chdir="$path" "${environment[@]}" "$@"
}

# killed_when CONDITION...: starts set-up and kills it when the condition holds.
killed_when() {
  step "set-up killed when: $*"
  exec=exec as "$user" ./scripts/setup.sh >"$log.setup" 2>&1 &
  local setup=$!
  until "$@"; do
    sleep 0.3
    kill -0 $setup 2>/dev/null || fail "set-up ended before: $(tail -n 5 "$log.setup")"
  done
  kill -KILL $setup
  wait $setup 2>/dev/null || true
  tail -n 1 "$log.setup"
}
said() { grep -qs "$1" "$log.setup"; }
there() { compgen -G "$machine$path/$1" >/dev/null; }
downloaded() { (($(du -sm "$machine$path/.venv/tmp" 2>/dev/null | cut -f1) > $1)); }

interrupt() {
  if [[ $user == root ]]; then
    killed_when said '^Get:20 '
    killed_when said '^Unpacking libopencv'
    killed_when said '^Setting up g++'
    killed_when said '^Setting up libopencv'
  fi
  killed_when there '.venv/bin/python3'
  killed_when there '.venv/lib/python*/site-packages/pip'
  killed_when downloaded 300
  killed_when there '.venv/lib/python*/site-packages/torch/lib/libtorch_cpu.so'
  killed_when there '.venv/lib/python*/site-packages/torch-*/METADATA'
}

# The set-up names the missing packages to an ordinary user. Only these are installed.
install_asked_for() {
  step "set-up without root names the missing packages"
  local command
  as "$user" ./scripts/setup.sh >"$log.setup" 2>&1 && fail "set-up went on without packages"
  cat "$log.setup"
  command=$(grep -o 'apt-get install .*' "$log.setup") || fail "no apt-get command named"
  as root apt-get -qq update
  as root env DEBIAN_FRONTEND=noninteractive $command -y -qq >"$log"
}

check_build() {
  local warnings
  warnings=$(grep -c 'warning:' "$log" || true)
  echo "$warnings warnings of the compiler"
  ! grep -m 3 'Winvalid-pch' "$log" || fail "the precompiled header was not used"
}

make_machine
[[ $user == root ]] || install_asked_for
((!interrupted)) || interrupt
step "set-up"
as "$user" ./scripts/setup.sh
as "$user" .venv/bin/python -c 'import torch; print("torch", torch.__version__)'
step "set-up again"
as "$user" ./scripts/setup.sh
du -sh "$machine$path/.venv" "$machine$home"
if ((setup_only)); then exit; fi
for command in ./scripts/quickstart.sh ./scripts/test.sh; do
  step "$command, log in $log"
  as "$user" $command >"$log" 2>&1 </dev/null || {
    tail -n 40 "$log"
    fail "$command failed"
  }
  tail -n 12 "$log"
  check_build
done
du -sh "$machine$path/build" "$machine$path"
step "both commands passed"
