"""Pipelines of a few stages that take no time, to be run by real processes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from dvc.repo import Repo

ROOT = Path(__file__).parents[1]
# Runs until there is no NAME.slow; saves its state when it is asked to end.
STAGE = """
import os, sys, time
from pathlib import Path
from pkdn import command
from pkdn.errors import UserError
import signal

name, *needs = sys.argv[1:]
saved = Path(f"{name}.state")

def save(number, frame):
    saved.write_text(saved.read_text() + "saved " if saved.exists() else "saved ")
    sys.exit(128 + number)

def main():
    signal.signal(signal.SIGTERM, save)
    started = time.time()
    with Path(f"{name}.starts").open("a") as out:
        print(started, file=out)
    (Path(os.environ["DVC_ROOT"]) / f"{name}.where").write_text(os.getcwd())
    assert all(Path(need).is_file() for need in needs)
    if name in Path("broken").read_text():
        if Path(f"{name}.leaves").exists():
            Path(name).write_text("half")
        raise UserError("it broke: mend it")
    while Path(f"{name}.slow").exists():
        time.sleep(0.05)
    time.sleep(0.1)
    Path(name).write_text(f"{started} {time.time()} {os.environ.get('CUDA_VISIBLE_DEVICES')}")

command.run(main)
"""
PIPELINE = {"a": "", "b": "a", "c": "a", "complexity": "", "report": "b c complexity"}
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PATH": "/usr/bin:/bin",
    "HOME": "/nowhere",
    "CUDA_VISIBLE_DEVICES": "-1",  # none
}


@contextmanager
def small_pipeline(tmp_path: Path, pipeline: Mapping[str, str] = PIPELINE) -> Iterator[Path]:
    """Make a pipeline in a folder; end what still works there afterwards."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "one.py").write_text(STAGE)
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "broken").write_text("none")
    lines = ["stages:"]
    for name, needs in pipeline.items():
        lines += [f"  {name}:", f"    cmd: python -m stages.one {name} {needs}", "    deps:"]
        lines += [f"      - {need}" for need in ["stages/one.py", "broken", *needs.split()]]
        lines += ["    outs:", f"      - {name}"]
    (tmp_path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    Repo.init(str(tmp_path)).close()
    try:
        yield tmp_path
    finally:
        for process in processes(tmp_path):
            process.kill()


def processes(folder: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cwd"])
    return [one for one in found if one.info["cwd"] == str(folder)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def times(project: Path) -> dict[str, tuple[float, float]]:
    found = {}
    for name in PIPELINE:
        started, ended, _ = (project / name).read_text().split()
        found[name] = (float(started), float(ended))
    return found


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def start(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pkdn", "repro", *(arguments or ["--jobs", "2"])],
        cwd=folder,
        env=ENVIRONMENT | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *arguments, **variables)
    output, errors = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def starts(project: Path, name: str) -> int:
    file = project / f"{name}.starts"
    return len(file.read_text().splitlines()) if file.exists() else 0


def started_until(project: Path, *names: str) -> "subprocess.Popen[str]":
    """Start the pipeline, with stages that take long, until these run."""
    for name in names:
        (project / f"{name}.slow").touch()
    process = start(project)
    wait_for(lambda: all(starts(project, name) for name in names))
    return process


def go_on(project: Path) -> None:
    for file in project.glob("*.slow"):
        file.unlink()
