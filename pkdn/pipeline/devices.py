"""The GPUs of this machine, and which stages need one."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from pkdn.errors import UserError
from pkdn.provenance import VISIBLE_GPUS
from pkdn.runs import TRAININGS

DRIVERS = ("nvidia[0-9]*", "kfd", "dxg")
"""What is in ``/dev`` where there may be a GPU: NVIDIA's, AMD's, and Windows' for Linux."""
ASK = """
import json, torch, warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
built = torch.version.cuda or torch.version.hip
why = str(told[0].message) if told else "it sees none" if built else "it was built without CUDA"
print(json.dumps([count, f"PyTorch {torch.__version__}: {why}"]))
"""
NO_REASON = "PyTorch cannot be imported"
ANOTHER_BUILD = (
    "install a PyTorch that was built for this machine's driver (`nvidia-smi` names the newest "
    "CUDA that it knows), as https://pytorch.org/get-started says"
)
COMPUTING = ("parser", "parse", *TRAININGS, "evaluate")
"""Stages that compute with networks: one of them at a time on a GPU. ``complexity`` does, too; it
runs alone."""
ALONE = ("complexity",)
"""Stages that measure time: nothing runs beside them."""


def is_one_of(stage: str, groups: Sequence[str]) -> bool:
    """Return whether a stage, such as ``evaluate_teacher@helen-full-0``, is of one of these groups.

    The first word of its name is its group.
    """
    return stage.partition("@")[0].partition("_")[0] in groups


def have_driver() -> bool:
    """Return whether this machine has the driver of a GPU, by its files or NVIDIA's program."""
    files = any(file for pattern in DRIVERS for file in Path("/dev").glob(pattern))
    return files or bool(which("nvidia-smi"))


def found() -> tuple[list[str], str]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    Which they are is believed of that variable, such as a scheduler's choice. Where the machine has
    the driver of a GPU, PyTorch is asked, in a process of its own, whether it can use any.

    Returns:
        Their names; and where there are none, though there is a driver and nobody has hidden them,
        why, in a line.

    Raises:
        UserError: the variable has the number of a GPU that is not here.
    """
    by_name = named()
    if by_name == [] or not have_driver():
        return by_name or [], ""
    count, why = _asked()
    if not count:
        return [], why
    if by_name and all(name.isdecimal() for name in by_name) and count < len({*by_name}):
        raise UserError(
            f"{VISIBLE_GPUS}: expected numbers of GPUs that are here, got {','.join(by_name)}, of "
            f"which PyTorch sees {count}: correct or unset it"
        )
    return [str(number) for number in range(count)] if by_name is None else by_name, ""


def named() -> list[str] | None:
    """Return what the variable names, None where it is not set."""
    if VISIBLE_GPUS not in os.environ:
        return None
    names = [name.strip() for name in os.environ[VISIBLE_GPUS].split(",")]
    stop = next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:stop]


def _asked() -> tuple[int, str]:
    """Return how many GPUs PyTorch can use, and what it says where that is none."""
    ask = [sys.executable, "-c", ASK]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    if done.returncode:
        return 0, NO_REASON
    count, why = json.loads(done.stdout.splitlines()[-1])
    return count, " ".join(why.partition(" (Triggered")[0].split())


def chosen(asked: str | None) -> list[str]:
    """Return the GPUs to use: all, or those that the user names.

    Args:
        asked: names with commas between them, or None. One that is named twice may have two
            stages at a time.

    Raises:
        UserError: one of them is not here.
    """
    here, why = found()
    if here and not have_driver():
        print(
            f"{VISIBLE_GPUS} names GPU {','.join(here)}, and no driver of a GPU is here: it is "
            "believed; unset it to use all cores of the processor",
            flush=True,
        )
    if asked is None:
        if why:
            print(f"no GPU is used, though there is a driver: {why}; {ANOTHER_BUILD}", flush=True)
        return here
    names = [name.strip() for name in asked.split(",")]
    if not here:
        raise UserError(
            f"--gpus: expected a machine with GPUs for {asked}, found none that PyTorch can use"
            f"{f' ({why}); {ANOTHER_BUILD}, or' if why else ';'} leave --gpus out to train on the "
            "processor"
        )
    if not {*names} <= {*here}:
        raise UserError(f"--gpus: expected some of {','.join(here)}, got {asked}")
    return names
