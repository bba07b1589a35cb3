"""The GPUs of this machine, and which stages need one."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pkdn.errors import UserError

VARIABLE = "CUDA_VISIBLE_DEVICES"
DRIVERS = ("nvidia[0-9]*", "kfd", "dxg")
"""What is in ``/dev`` where there may be a GPU: NVIDIA's, AMD's, and Windows' for Linux."""
COUNT = "import torch; print(torch.cuda.device_count())"
COMPUTING = ("parser", "parse", "teacher", "student", "baseline", "authors", "evaluate")
"""Stages that compute with networks: one of them at a time on a GPU. ``complexity`` does, too; it
runs alone."""
ALONE = ("complexity",)
"""Stages that measure time: nothing runs beside them."""


def is_one_of(stage: str, groups: Sequence[str]) -> bool:
    """Return whether a stage, such as ``evaluate_teacher@helen-full-0``, is of one of these groups.

    The first word of its name is its group.
    """
    return stage.partition("@")[0].partition("_")[0] in groups


def found() -> list[str]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    What that variable says, such as a scheduler's choice, is believed. Without it PyTorch is asked,
    in a process of its own, where the machine has the driver of a GPU.
    """
    if VARIABLE in os.environ:
        names = [name.strip() for name in os.environ[VARIABLE].split(",")]
        stop = next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))
        return names[:stop]
    if not any(file for pattern in DRIVERS for file in Path("/dev").glob(pattern)):
        return []
    ask = [sys.executable, "-c", COUNT]
    count = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    return [str(number) for number in range(int(count))] if count.isdecimal() else []


def chosen(asked: str | None) -> list[str]:
    """Return the GPUs to use: all, or those that the user names.

    Args:
        asked: names with commas between them, or None. One that is named twice may have two
            stages at a time.

    Raises:
        UserError: one of them is not here.
    """
    here = found()
    if asked is None:
        return here
    names = [name.strip() for name in asked.split(",")]
    if not here:
        raise UserError(
            f"--gpus: expected a machine with GPUs for {asked}, found none that PyTorch can use; "
            "leave --gpus out to train on the processor"
        )
    if not {*names} <= {*here}:
        raise UserError(f"--gpus: expected some of {','.join(here)}, got {asked}")
    return names
