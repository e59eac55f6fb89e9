"""check_setup.py SOURCE: scripts/setup.sh with stand-ins for apt, dpkg, sudo, df and Python: what it asks for, what it says when
something is missing, and what it makes of a set-up that was interrupted."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(sys.argv[1])
TOOLS = "bash cat cmp cp cut dirname du env grep ls mkdir rm sh sleep tail tr".split()
PROGRAMS = "g++ cmake git ninja ccache mold".split()
# Each writes down how it was called. `absent` holds packages that are not installed.
STAND_INS = {
    "dpkg-query": 'for package; do :; done; grep -qx "$package" absent || echo install ok installed',
    "dpkg": 'echo "dpkg $*" >>calls; if [ "$1" = --audit ]; then cat audit; fi',
    "apt-get": 'echo "apt-get $*" >>calls; exit $(cat apt_code)',
    "sudo": 'if [ "$1" = --non-interactive ]; then shift; fi; if [ "$1" = --list ]; then exit $(cat sudo_code); fi; exec "$@"',
    "df": 'echo Avail; cat free',
    "python3": 'case $1 in -c) exit 0 ;; esac\n'
               'echo "python3 $*" >>calls; mkdir -p .venv/bin .venv/lib; cp venv_python .venv/bin/python',
}
VENV_PYTHON = '#!/bin/sh\ncase $1 in -c) exit 0 ;; esac\necho "pip $TMPDIR" >>calls; exit $(cat pip_code)\n'
errors = []


def check(condition, message):
    if not condition:
        errors.append(message)


class Machine:
    """A checkout of two files, and a PATH of stand-ins. Everything is installed, and commands succeed, unless said otherwise."""

    def __init__(self, folder, **files):
        self.folder = pathlib.Path(folder, "a checkout")
        (self.folder / "scripts").mkdir(parents=True)
        for name in ("setup.sh", "requirements.txt"):
            shutil.copy(SOURCE / "scripts" / name, self.folder / "scripts")
        self.bin = pathlib.Path(folder, "bin")
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, script in {**STAND_INS, **{program: "exit 0" for program in PROGRAMS}}.items():
            self.program(self.bin / name, "#!/bin/sh\n" + script + "\n")
        self.program(self.folder / "venv_python", VENV_PYTHON)
        for name, text in {"absent": "", "audit": "", "free": "9000M", "apt_code": "0", "pip_code": "0", "sudo_code": "0",
                           "calls": "", **files}.items():
            (self.folder / name).write_text(text)

    @staticmethod
    def program(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def without(self, *programs):
        for program in programs:
            (self.bin / program).unlink()
        return self

    def with_venv(self, stamp):
        (self.folder / ".venv/bin").mkdir(parents=True)
        (self.folder / ".venv/lib").mkdir()
        shutil.copy(self.folder / "venv_python", self.folder / ".venv/bin/python")
        if stamp is not None:
            (self.folder / ".venv/requirements.installed").write_text(stamp)
        return self

    def set_up(self, expected_code=0, *expected):
        """Output of set-up, run by a user who is not root, and the calls of the stand-ins."""
        (self.folder / "calls").write_text("")
        user = {}
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "65534", self.folder.parent], check=True)
            user = {"user": 65534}
        outcome = subprocess.run([self.folder / "scripts/setup.sh"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, env={"PATH": str(self.bin)}, **user)
        check(outcome.returncode == expected_code, f"exit code {outcome.returncode}: {outcome.stdout}")
        for text in expected:
            check(text in outcome.stdout, f'expected "{text}", got {outcome.stdout}')
        return outcome.stdout, (self.folder / "calls").read_text()


def on_a_machine(**files):
    folder = tempfile.mkdtemp(prefix="convllava_setup_")
    os.chmod(folder, 0o755)
    folders.append(folder)
    return Machine(folder, **files)


folders = []
WANTED = (SOURCE / "scripts/requirements.txt").read_text()

# Where all is there, nothing is called: no root, no network.
output, calls = on_a_machine(free="0M").with_venv(WANTED).set_up()
check((output, calls) == ("setup: done\n", ""), f"a complete machine: {output} {calls}")

# Without root, the packages are named; without sudo as well as where it refuses.
for machine in (on_a_machine(absent="libfmt-dev\nccache\n").without("sudo", "ccache"),
                on_a_machine(absent="libfmt-dev\nccache\n", sudo_code="1").without("ccache")):
    _, calls = machine.set_up(1, "setup: packages are missing, and only root can install them. Ask for: "
                                 "apt-get install --no-install-recommends libfmt-dev ccache\n")
    check(calls == "", f"called without root: {calls}")

# What only makes builds quicker is no reason to stop, and a program from elsewhere is one.
output, _ = on_a_machine(absent="ccache\nmold\n").without("sudo", "ccache").with_venv(WANTED).set_up(
    0, "setup: builds would be quicker with: apt-get install ccache\n")
output, _ = on_a_machine(absent="cmake\nninja-build\n").without("sudo").with_venv(WANTED).set_up()
check(output == "setup: done\n", f"programs from elsewhere: {output}")

_, calls = on_a_machine(free="8999M").set_up(1, "setup: LibTorch and the build need about 9 GB of disk", "8999 MB are free")
check(calls == "", f"called without disk: {calls}")

# Packages through sudo; an interrupted installation is finished first.
_, calls = on_a_machine(absent="libfmt-dev\n").with_venv(WANTED).set_up(0, "setup: installing libfmt-dev\n")
check("install -y --no-install-recommends libfmt-dev\n" in calls and "--configure" not in calls, calls)
_, calls = on_a_machine(absent="libfmt-dev\n", audit="half configured\n").with_venv(WANTED).set_up(
    0, "setup: an installation was interrupted; finishing it\n")
check(0 < calls.find("dpkg --configure -a") < calls.find("install -y"), calls)
on_a_machine(absent="libfmt-dev\n", apt_code="100").set_up(
    1, "setup: apt-get update failed, see above; going on", "setup: apt-get could not install the packages, see above.")
on_a_machine().without("dpkg-query").set_up(1, "setup: this is neither Debian nor Ubuntu; docs/install.md")

# LibTorch: downloads stay out of /tmp; .venv without its stamp is made anew, one of other requirements is changed.
machine = on_a_machine()
_, calls = machine.set_up(0, "setup: installing LibTorch into .venv")
check(calls == f"python3 -m venv --clear .venv\npip {machine.folder}/.venv/tmp\n", calls)
check(machine.set_up() == ("setup: done\n", ""), "the second set-up does something")
check(not (machine.folder / ".venv/tmp").exists(), ".venv/tmp is left")
_, calls = on_a_machine().with_venv(None).set_up()
check("-m venv --clear .venv" in calls, calls)
_, calls = on_a_machine().with_venv("torch==1.0\n").set_up()
check("-m venv .venv" in calls, calls)
machine = on_a_machine(pip_code="1").with_venv("torch==1.0\n")
machine.set_up(1, "setup: pip could not install LibTorch, see above.")
check("--clear" in machine.set_up(1)[1], "a failed change of .venv is taken for a whole one")

for folder in folders:
    shutil.rmtree(folder)
print("\n".join(errors) or "set-up does what it should")
sys.exit(bool(errors))
