"""Where a number comes from: code, revision, machine, versions, inputs; and curves as CSV."""

import csv
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pkdn.files import atomic_file, sha256

PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "dvc", "mlflow")
# Modules that cannot change a result.
NEUTRAL = ("tracking.py", "provenance.py", "params.py", "command.py", "errors.py")

Curve = list[dict[str, float]]


def main_repository() -> Path:
    """Return the root of the main repository, also from within an experiment's workspace."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def revision() -> str:
    """Return the git revision, with ``-dirty`` where tracked files differ from it."""
    commit = _git("rev-parse", "--short=10", "HEAD")
    if not commit:
        return "unknown"
    return commit + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")


def machine() -> dict[str, Any]:
    """Describe the machine: processor, cores, memory in GiB, and the GPU in use."""
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
    }


def peak_mib(*, of_workers: bool = False) -> float:
    """Return the most memory that this process has held at once, in MiB.

    Args:
        of_workers: Of any one of its worker processes that have ended, instead.
    """
    import resource

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


def fingerprint(name: str, params: Mapping[str, Any], inputs: Iterable[Path]) -> str:
    """Identify what a stage computes: its name and parameters, its code, its input files.

    The code is every module of this project that is loaded now, so call it after the imports.
    """
    digest = hashlib.sha256()
    digest.update(json.dumps([name, dict(params)], sort_keys=True).encode())
    package = Path(__file__).parent
    rooms = (package, package.parent / "stages")
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for file in sorted(Path(file) for file in loaded if file):
        if file.name not in NEUTRAL and any(file.is_relative_to(room) for room in rooms):
            digest.update(f"{file.relative_to(package.parent)} {sha256(file)}".encode())
    for path in sorted(inputs):
        digest.update(f"{path} {sha256(path)}".encode())
    return digest.hexdigest()[:16]


def write_curve(path: Path, curve: Curve) -> None:
    """Write a curve as CSV, one column a name, empty where a row lacks it."""
    names = list(dict.fromkeys(["epoch", "step", "seconds", "learning_rate"]))
    names += [name for row in curve for name in row if name not in names]
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(names)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(curve)


def read_curve(path: Path) -> Curve:
    """Read what :func:`write_curve` wrote."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            {name: float(value) for name, value in row.items() if value}
            for row in csv.DictReader(stream)
        ]
