"""Stages run in copies of a process that has imported the libraries, and it shows nowhere."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from small_pipeline import (
    ENVIRONMENT,
    go_on,
    processes,
    run,
    small_pipeline,
    started_until,
    starts,
    wait_for,
)

from pkdn import preloaded
from pkdn.pipeline import worker
from pkdn.pipeline.presence import WORKER
from pkdn.pipeline.tasks import Task

STAGE = """
import os, signal, sys, time
from pathlib import Path
from pkdn import command

def save(number, frame):
    Path("saved").write_text(str(number))
    sys.exit(128 + number)

def main():
    signal.signal(signal.SIGTERM, save)
    print(*sys.argv[1:], os.environ["DVC_STAGE"], Path.cwd().name, "torch" in sys.modules)
    print("an error", file=sys.stderr)
    Path("pid").write_text(str(os.getpid()))
    while Path("slow").exists():
        time.sleep(0.05)
    if Path("breaks").exists():
        raise ConnectionResetError("by a peer")
    sys.exit(3)

command.run(main)
"""

pytestmark = pytest.mark.skipif(
    not preloaded.is_possible(), reason="processes with such libraries are copied on Linux alone"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        with small_pipeline(tmp_path_factory.mktemp("place"), {}) as folder, preloaded.Preloaded():
            (folder / "stages" / "two.py").write_text(STAGE)
            yield folder


@pytest.fixture(autouse=True)
def clean(place: Path) -> Iterator[None]:
    for name in ("slow", "saved"):
        (place / name).unlink(missing_ok=True)
    yield
    (place / "slow").unlink(missing_ok=True)


def start(folder: Path, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "stages.two", "a", "b c"],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, "DVC_STAGE": "two", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def slow(folder: Path) -> tuple["subprocess.Popen[str]", psutil.Process]:
    """Start a stage that waits; return the process that was started, and its copy."""
    (folder / "pid").unlink(missing_ok=True)
    (folder / "slow").touch()
    process = start(folder)
    wait_for(lambda: (folder / "pid").exists() and bool((folder / "pid").read_text()))
    copy = psutil.Process(int((folder / "pid").read_text()))
    assert copy.pid != process.pid
    return process, copy


def test_a_copy_has_arguments_environment_folder_and_output(place: Path) -> None:
    for expected, variables in ((True, {}), (False, {"OMP_NUM_THREADS": "17"})):
        output, errors = start(place, **variables).communicate(timeout=60)
        assert output == f"a b c two {place.name} {expected}\n"
        assert errors == "an error\n"


def test_it_ends_as_the_copy_ends(place: Path) -> None:
    process = start(place)
    process.communicate(timeout=60)
    assert process.returncode == 3
    process, copy = slow(place)
    copy.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_what_breaks_a_copy_is_shown(place: Path) -> None:
    (place / "breaks").touch()
    try:
        process = start(place)
        _, errors = process.communicate(timeout=60)
    finally:
        (place / "breaks").unlink()
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "ConnectionResetError: by a peer"


def test_signals_reach_the_copy(place: Path) -> None:
    process, copy = slow(place)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not copy.is_running()


def test_a_copy_ends_with_the_process_that_was_started(place: Path) -> None:
    process, copy = slow(place)
    process.kill()
    process.communicate(timeout=60)
    wait_for((place / "saved").exists)
    wait_for(lambda: not copy.is_running())
    (place / "slow").unlink()
    after = start(place)
    output, _ = after.communicate(timeout=60)
    assert output.endswith(" True\n")  # the next one is answered


def test_a_stage_runs_where_nobody_answers(place: Path, tmp_path: Path) -> None:
    process = start(place, **{preloaded.ADDRESS: str(tmp_path / "gone")})
    output, _ = process.communicate(timeout=60)
    assert output.endswith(" False\n")
    assert process.returncode == 3


def test_it_ends_with_who_started_it(place: Path) -> None:
    code = (
        "import os, sys; from pkdn.preloaded import Preloaded; Preloaded().__enter__(); "
        "sys.stdout.flush(); os._exit(0)"
    )
    before = {one.pid for one in processes(place)}
    subprocess.run([sys.executable, "-c", code], cwd=place, env=ENVIRONMENT, check=True)
    wait_for(lambda: {one.pid for one in processes(place)} <= before)


@pytest.mark.parametrize(
    ("device", "named", "may"),
    [(None, None, True), (None, "", True), (None, "0", False), ("0", None, False)],
)
def test_a_stage_with_a_gpu_is_no_copy(
    device: str | None, named: str | None, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")  # the tests' own
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    task = Task("teacher@helen-full-0", device=device)
    assert worker.may_copy(task) is (may and sys.platform == "linux")


def test_a_stage_of_repro_runs_in_a_copy_and_saves_when_its_dvc_is_killed(tmp_path: Path) -> None:
    with small_pipeline(tmp_path, {"teacher": ""}) as project:
        process = started_until(project, "teacher")
        (worker,) = (one for one in processes(project) if WORKER in one.cmdline())
        (asked,) = (one for one in worker.children() if preloaded.__name__ in one.cmdline())
        assert [one.cmdline() for one in asked.children()] == [asked.cmdline()]
        worker.kill()
        output, _ = process.communicate(timeout=60)
        assert "teacher failed: the process of DVC has gone: it was killed (SIGKILL)" in output
        wait_for(lambda: processes(project) == [])
        assert (project / "teacher.state").read_text() == "saved "
        go_on(project)
        assert run(project).returncode == 0
        assert starts(project, "teacher") == 2
