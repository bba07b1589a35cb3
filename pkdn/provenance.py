"""Where a number comes from: code, revision, machine, versions, inputs; and curves as CSV."""

import csv
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from pkdn.files import UNFINISHED, atomic_file, reading, sha256
from pkdn.runs import PLACES

PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "dvc", "mlflow")
CODE = ("pkdn", "stages", "drawing", "dvc.yaml")
"""What computes results."""
ROOT = Path(__file__).parents[1]
SMALL_FILES = (".csv", ".json", ".txt")
DIGEST_LETTERS = 16
MANIFEST = "manifest.json"
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
"""Names the GPUs that a process may use."""

Curve = list[dict[str, float]]


def main_repository() -> Path:
    """Return the root of the main repository, also from within an experiment's workspace."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def place_of_stages(folder: Path) -> Path | None:
    """Return where stages write that a folder lies in, or that lies in it; None: nowhere there."""
    wanted = folder.resolve()
    for root in (main_repository(), Path.cwd()):
        for place in PLACES:
            there = (root / place).resolve()
            if wanted.is_relative_to(there) or there.is_relative_to(wanted):
                return place
    return None


def git(*arguments: str) -> str:
    """Return what git says, stripped; nothing where it fails or is missing."""
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def revision(code: Iterable[str] = CODE) -> str:
    """Return the git revision, with ``-dirty`` where code differs from it, or is not in it.

    Parameters do not count, which a record has itself, nor does what DVC writes while it runs.

    Args:
        code: files and folders of it.
    """
    commit = git("rev-parse", "--short=10", "HEAD")
    if not commit:
        return "unknown"
    return commit + ("-dirty" if git("status", "--porcelain", "--", *code) else "")


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores, memory in GiB, the GPU in use, which were visible."""
    import psutil

    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    torch = sys.modules.get("torch")
    gpu = torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
        "visible_gpus": os.environ.get(VISIBLE_GPUS, ""),
    }


def peak_mib(*, of_workers: bool = False) -> float:
    """Return the most memory that this process has held at once, in MiB.

    Args:
        of_workers: Of any one of its worker processes that have ended, instead.
    """
    import resource

    status = Path("/proc/self/status")
    if not of_workers and status.exists():  # getrusage counts what the process was forked from, too
        peak = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text("utf-8"), flags=re.M)
        if peak:
            return round(int(peak[1]) / 1024, 1)
    who = resource.RUSAGE_CHILDREN if of_workers else resource.RUSAGE_SELF
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return round(resource.getrusage(who).ru_maxrss * unit / 2**20, 1)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that make results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def fingerprint(
    name: str, params: Mapping[str, Any], code: Iterable[Path], inputs: Iterable[Path]
) -> str:
    """Identify what a run computes: its name and parameters, its code and PyTorch's, its data.

    Args:
        name: Of the run.
        params: All that decides about its results.
        code: Files of :func:`pkdn.closure.code`.
        inputs: Files and folders that it reads.
    """
    known = hashlib.sha256()
    told = [name, dict(params), versions().get("torch")]
    known.update(json.dumps(told, sort_keys=True).encode())
    for file in sorted(code):
        known.update(f"{file.relative_to(ROOT)} {sha256(file)}".encode())
    for path in sorted(inputs):
        known.update(f"{path} {content(path)}".encode())
    return known.hexdigest()[:DIGEST_LETTERS]


def content(path: Path) -> str:
    """Return what identifies a file, or a folder by its manifest or else by its small files."""
    if path.is_file():
        return sha256(path)
    manifest = path / MANIFEST
    small = (f for f in path.rglob("*") if f.suffix in SMALL_FILES and f.is_file())
    files = [manifest] if manifest.is_file() else sorted(small)
    return " ".join(f"{file.relative_to(path)} {sha256(file)}" for file in files)


def digest(path: Path) -> str:
    """Return :func:`content` in few letters."""
    return hashlib.sha256(content(path).encode()).hexdigest()[:DIGEST_LETTERS]


class Watch:
    """Notes which data a process opens to read, while it is on.

    Args:
        allowed: Files and folders that may be read.

    Raises:
        RuntimeError: at its end, where others were of those that stages write.
    """

    current: "Watch | None" = None
    installed = False

    def __init__(self, allowed: Iterable[Path]) -> None:
        self.allowed = [_absolute(path) for path in allowed]
        self.undeclared: set[Path] = set()

    def note(self, path: Path) -> None:
        """Take notice of a file that is opened to read."""
        if not any(_absolute(place) in path.parents for place in PLACES):
            return  # nor is the folder itself read: so is called what lies in a deleted model
        if any(part.endswith(UNFINISHED) for part in path.parts):
            return  # what this process is writing
        if not any(path.is_relative_to(place) for place in self.allowed):
            self.undeclared.add(path)

    def __enter__(self) -> Self:
        """Start to look."""
        if not Watch.installed:
            sys.addaudithook(_opened)
            Watch.installed = True
        Watch.current = self
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop to look, and complain."""
        Watch.current = None
        if kind is None and self.undeclared:
            found = ", ".join(map(str, sorted(self.undeclared)))
            raise RuntimeError(f"data were read that the plan does not name: {found}")


def _opened(event: str, arguments: tuple[Any, ...]) -> None:
    """Tell the watch of a file that is opened to read; Python calls it at every event."""
    if event != "open" or Watch.current is None or not isinstance(arguments[0], str | bytes):
        return
    if not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        Watch.current.note(_absolute(os.fsdecode(arguments[0])))


def _absolute(path: Path | str) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link is what it is called


def write_curve(path: Path, curve: Curve) -> None:
    """Write a curve as CSV, one column a name, empty where a row lacks it."""
    names = ["epoch", "step", "seconds", "learning_rate"]
    names += [name for row in curve for name in row if name not in names]
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(names)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(curve)


def read_curve(path: Path) -> Curve:
    """Read what :func:`write_curve` wrote."""
    with reading(path), path.open(encoding="utf-8", newline="") as stream:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(stream)
        ]
