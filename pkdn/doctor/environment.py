"""Python, PATH and the versions of packages."""

import platform
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkdn.doctor.finding import Finding
from pkdn.files import reading
from pkdn.pipeline import devices


def interpreter(folder: Path) -> Iterator[Finding]:
    """Check that this Python is new enough, and the one of the folder's environment."""
    needed = SpecifierSet(_project(folder).get("requires-python", ""))
    what = f"Python {platform.python_version()} of {sys.prefix}"
    own = folder / ".venv"
    if platform.python_version() not in needed:
        yield Finding(f"{what}, expected {needed}", "run `make check PYTHON=python3.12`, or newer")
    elif own.is_dir() and Path(sys.prefix).resolve() != own.resolve():
        yield Finding(f"{what}, expected {own}", f"run `. {own}/bin/activate`")
    else:
        yield Finding(what)


def path(folder: Path) -> Iterator[Finding]:
    """Check that the commands that plain DVC calls are those of this environment."""
    own = Path(sys.executable).parent
    activate = f". {own}/activate"
    if not (own / "activate").is_file():  # a system's Python, such as /usr/bin/python3
        activate = f"make .venv/.ready && . {folder}/.venv/bin/activate"
    advice = f"run `{activate}`; `python -m pkdn repro` copes, plain `dvc repro` does not"
    for name in ("python", "dvc"):
        found = shutil.which(name)
        if found and Path(found).parent == own:
            yield Finding(f"{name} on PATH is {found}")
        else:
            yield Finding(f"{name} on PATH is {found or 'missing'}, expected {own / name}", advice)


def versions(folder: Path) -> Iterator[Finding]:
    """Check that the packages are there, in versions that pyproject.toml allows."""
    right, wrong = 0, list[str]()
    for text in _project(folder).get("dependencies", []):
        needed = Requirement(text)
        found = _version(needed.name)
        if found and needed.specifier.contains(found, prereleases=True):
            right += 1
        else:
            wrong.append(f"{needed} (found {found or 'none'})")
    if wrong:
        yield Finding(
            f"packages: expected {', '.join(wrong)}",
            f"run `{sys.executable} -m pip install --constraint constraints.txt --editable .`",
        )
    else:
        yield Finding(f"{right} packages, in the versions that pyproject.toml allows")


def gpus(folder: Path) -> Iterator[Finding]:  # noqa: ARG001
    """Check that PyTorch can use a GPU where the machine has the driver of one."""
    here, why = devices.found()
    if why:
        yield Finding(f"no GPU can be used, though there is a driver: {why}", devices.ANOTHER_BUILD)
    else:
        yield Finding(f"GPUs that are used: {', '.join(here) or 'none'}")


def torchvision(_: Path) -> Iterator[Finding]:
    """Check that torchvision, which nothing here needs, was built for the torch that is there."""
    torch, beside = _version("torch"), _version("torchvision")
    if torch and beside and (Version(torch).local or "") != (Version(beside).local or ""):
        yield Finding(
            f"torchvision {beside} beside torch {torch}, of another build: its import fails",
            "nothing here needs it: run `python -m pip uninstall torchvision`",
        )


def _project(folder: Path) -> dict[str, Any]:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return {}
    with reading(file, "mend it, or take it from git: `git checkout {path}`"):
        found: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
