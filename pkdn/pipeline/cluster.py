"""SLURM: what its jobs are called and ask for, and what its queue says of them."""

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from pkdn.errors import UserError
from pkdn.pipeline.devices import ALONE, COMPUTING, is_one_of
from pkdn.pipeline.node import PLACE, Place, StageJob
from pkdn.runs import TRAININGS
from pkdn.tracking.live import LIVE_VARIABLE
from pkdn.tracking.place import SQLITE

ENDED = (
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
    *("DEADLINE", "OUT_OF_MEMORY", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL"),
)
"""States of jobs that are over. In all others, such as SIGNALING, a job runs or may run yet."""
NETWORK_FILE_SYSTEMS = ("nfs", "lustre", "gpfs", "beegfs", "ceph", "cifs", "smb", "fuse.", "9p")
FIELDS = "%i|%j|%T|%N|%r"
SECONDS_TO_SAVE = 90
"""How long before its time is up a job is warned; SLURM may do so up to a minute earlier."""
RESUMED = ("parser", *TRAININGS)
"""Stages that start again where they were."""
MOST_TIMEOUTS, MOST_TIMEOUTS_OF_RESUMED = 2, 10**6
"""How often a job may run out of its time and go back into the queue."""


class Request(NamedTuple):
    """What a job asks SLURM for.

    Attributes:
        cores: of the processor.
        memory_gb: in GB.
        minutes: after which it is ended, and started again where it was.
    """

    cores: int
    memory_gb: float
    minutes: int


# Not stated in the paper; chosen because a training goes on where its time was up, and faces are
# streamed. How long one takes was not measured on any GPU.
COMPUTES, OTHER = Request(4, 16, 24 * 60), Request(4, 8, 6 * 60)


class Options(NamedTuple):
    """What the user says of the cluster; None: as SLURM, or this file, has it.

    Attributes:
        partition: where jobs go.
        account: who pays.
        gres: what a stage that computes with networks gets, such as ``gpu:1``; ``none``: nothing.
        cores: of every job.
        memory_gb: of every job.
        minutes: of every job.
    """

    partition: str | None = None
    account: str | None = None
    gres: str = "gpu:1"
    cores: int | None = None
    memory_gb: float | None = None
    minutes: int | None = None

    def parameters(self, stage: str) -> dict[str, Any]:
        """Return what submitit is told of a stage."""
        computes = is_one_of(stage, (*COMPUTING, *ALONE))
        usual = COMPUTES if computes else OTHER
        found = {
            "slurm_partition": self.partition,
            "slurm_account": self.account,
            "slurm_gres": self.gres if computes and self.gres != "none" else None,
            "cpus_per_task": self.cores or usual.cores,
            "mem_gb": self.memory_gb or usual.memory_gb,
            "timeout_min": self.minutes or usual.minutes,
            "slurm_exclusive": True if is_one_of(stage, ALONE) else None,
        }
        return {name: value for name, value in found.items() if value is not None}


class Queued(NamedTuple):
    """A job as SLURM's queue shows it.

    Attributes:
        number: SLURM's.
        name: of :meth:`Cluster.name`.
        state: such as ``RUNNING``.
        node: where; empty: nowhere yet.
        reason: why it waits.
    """

    number: str
    name: str
    state: str
    node: str
    reason: str

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or may run yet."""
        return self.state not in ENDED


class Cluster:
    """SLURM, for the jobs of one place.

    Args:
        place: whose jobs.
        options: of the user.
        cache: DVC's.
    """

    def __init__(self, place: Place, options: Options, cache: Path) -> None:
        self.place, self.options, self.cache = place, options, cache
        mine = hashlib.sha256(str(place.workspace).encode()).hexdigest()[:8]
        self.prefix = f"pkdn-{mine}-"

    def name(self, stage: str) -> str:
        """Return what a stage's job is called."""
        return f"{self.prefix}{self.place.tree}-{stage}"

    def queue(self) -> dict[str, Queued]:
        """Return this workspace's jobs by their names, of several the newest."""
        text = _ask(
            "squeue", "--me", "--states=all", "--noheader", "--sort=i", f"--format={FIELDS}"
        )
        jobs = [Queued(*line.split("|", 4)) for line in text.splitlines() if line.count("|") >= 4]
        return {job.name: job for job in jobs if job.name.startswith(self.prefix)}

    def end_old(self) -> None:
        """Cancel the jobs of this workspace whose files were others, and delete what is left."""
        for name, job in self.queue().items():
            if not name.startswith(f"{self.prefix}{self.place.tree}-") and job.is_alive:
                stage = name.removeprefix(self.prefix).partition("-")[2]
                print(f"{stage}: job {job.number} ended, since code or parameters are others now")
                _ask("scancel", job.number)
        self.place.forget_others()

    def submit(self, stage: str, after: Iterable[str]) -> str:
        """Submit a stage that starts when other jobs have succeeded; return SLURM's number."""
        import submitit
        from submitit.slurm.slurm import SlurmJobEnvironment

        most = MOST_TIMEOUTS_OF_RESUMED if is_one_of(stage, RESUMED) else MOST_TIMEOUTS
        # B: the signal is for the batch script alone; by exec that is Python, and no shell.
        executor = submitit.AutoExecutor(
            self.place.workspace / PLACE / "jobs",
            cluster="slurm",
            slurm_python=f"exec {shlex.quote(sys.executable)}",
            slurm_max_num_timeout=most,
        )
        warning = f"B:{SlurmJobEnvironment.USR_SIG}@{SECONDS_TO_SAVE}"
        more: dict[str, Any] = {
            "requeue": True,
            "kill-on-invalid-dep": "yes",
            "signal": warning,
        }
        if numbers := ":".join(after):
            more["dependency"] = f"afterok:{numbers}"
        executor.update_parameters(
            name=self.name(stage),
            slurm_use_srun=False,
            slurm_additional_parameters=more,
            **self.options.parameters(stage),
        )
        live = {} if _has_server() else {LIVE_VARIABLE: "no"}
        try:
            job = executor.submit(StageJob(stage, self.place, self.cache, live))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            reason = " ".join(str(error).split())[-300:]
            raise UserError(
                f"{stage}: SLURM takes no job: {reason}; see the --slurm options"
            ) from error
        return str(job.job_id)


def _ask(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError as error:
        raise UserError(
            f"--slurm: expected the command {words[0]} of SLURM, found none; run this on a machine "
            "from which jobs are submitted"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"--slurm: {words[0]} does not answer; try again later") from error
    if done.returncode:
        raise UserError(f"--slurm: {words[0]}: {' '.join(done.stderr.split())}")
    return done.stdout


def _has_server() -> bool:
    return os.environ.get("MLFLOW_TRACKING_URI", "").startswith(("http://", "https://"))


def check_tracking(workspace: Path) -> None:
    """Refuse MLflow's database on a disk of the network, where SQLite's locks do not hold.

    Raises:
        UserError: it would be there.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    path = workspace / uri.removeprefix(SQLITE) if uri.startswith(SQLITE) else workspace
    disks = [d for d in psutil.disk_partitions(all=True) if path.is_relative_to(d.mountpoint)]
    # Of two at one place, such as an automounter's and the disk itself, the later is in use.
    disk = max(reversed(disks), key=lambda one: len(one.mountpoint), default=None)
    if not _has_server() and disk and disk.fstype.startswith(NETWORK_FILE_SYSTEMS):
        raise UserError(
            f"--slurm: expected MLflow's database on a local disk, got {path} on {disk.fstype}; "
            "set MLFLOW_TRACKING_URI to a server (http://…), or to sqlite:///FILE on a local disk"
        )
