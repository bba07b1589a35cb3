"""A machine that fails: full disks, folders that cannot be written, too little memory.

The first two need Linux, whose namespaces give a program a disk of its own without any right.
"""

import sys
from collections.abc import Callable
from typing import Any

from faults.laboratory import TEACHER, TWO_PHASES, Laboratory, replan
from faults.results import complaints, expect_refused
from pkdn.preloaded import LIBRARIES

STAGES = (
    "plan",
    "align labelled",
    "parser parser",
    "download download@synthetic",
    "align align@synthetic",
    "parse parse@synthetic",
    f"train {TEACHER}",
    f"train {TWO_PHASES}",
)
# The folder as it is, with a layer above it that takes so many KiB and is gone afterwards; at the
# end it tells what was written.
FULL = """
mount -t tmpfs -o size=$1k tmpfs /mnt && mkdir /mnt/new /mnt/aside || exit 99
mount -t overlay overlay -o lowerdir="$PWD",upperdir=/mnt/new,workdir=/mnt/aside "$PWD" || exit 99
cd "$PWD" && shift
"$@"
status=$?
find /mnt/new -name '*.tmp' | sed 's/^/half-written: /'
exit $status
"""
READ_ONLY = """
mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && cd "$PWD" && shift || exit 99
exec "$@"
"""
LIMITED = 'ulimit -v "$1" && shift && exec "$@"'
ROOM_KIB = 750_000
"""Too little to train a network of the paper's size on eight faces."""
IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmPeak:")))
"""
LARGE: dict[str, Any] = {"batch_size": 8, "size": "paper"}


def disk_full(laboratory: Laboratory) -> None:
    """The disk is full when a stage writes, after any number of kB."""
    _each_stage(laboratory, FULL, lambda: str(laboratory.random.choice([0, 4, 16, 60]) + 8))


def read_only(laboratory: Laboratory) -> None:
    """A stage finds the whole repository read-only."""
    _each_stage(laboratory, READ_ONLY, lambda: "")


def _each_stage(laboratory: Laboratory, script: str, amount: Callable[[], str]) -> None:
    """Run every stage once where the script leaves it; then as it is, which must succeed."""
    for stage in STAGES:
        with laboratory.trial() as trial:
            module, *run = stage.split()
            words = (sys.executable, "-m", f"stages.{module}", *run)
            unshared = ("unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh")
            done = trial.run(*unshared, amount(), *words)
            assert done.status != 99, f"no namespaces here: {done.output}"
            if done.status:  # there may have been just enough room
                expect_refused(trial, done, "")
            trial.expect("half-written" not in done.output, f"`{stage}`: {done.output[-300:]}")
            again = trial.run(*words)
            trial.expect(again.status == 0, f"`{stage}` fails afterwards: {again.output[-300:]}")
            for reason in complaints(trial.folder, laboratory.answer("fp32")):
                trial.expect(False, reason)


def out_of_memory(laboratory: Laboratory) -> None:
    """A training needs more memory than there is.

    It may take so many addresses as its libraries do, and some more. PyTorch for processors takes
    0.7 GiB, one that was built for CUDA 3.4 GiB.
    """
    for run in (TEACHER, TWO_PHASES):
        with laboratory.trial() as trial:
            replan(trial, **LARGE)
            imported = trial.run(sys.executable, "-c", IMPORTS, *LIBRARIES)
            assert imported.status == 0, imported.output
            limit = str(int(imported.output) + ROOM_KIB)
            stage = (sys.executable, "-m", "stages.train", run)
            done = trial.run("sh", "-c", LIMITED, "sh", limit, *stage)
            expect_refused(trial, done, "batch_size")
