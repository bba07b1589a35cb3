"""The pipeline is ended by signals and kills, and nothing is lost or run twice."""

import os
import signal
import subprocess
import sys
import time
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
    start,
    started_until,
    starts,
    wait_for,
)

from pkdn import command
from pkdn.files import HOST, atomic_file
from pkdn.pipeline import presence


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    with small_pipeline(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_every_stage_once_and_all_end(project: Path, number: int) -> None:
    process = started_until(project, "b", "c")
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number, output + errors
    assert "while b and c ran; continue with `python -m pkdn repro --jobs 2`" in output
    assert (project / "b.state").read_text() == (project / "c.state").read_text() == "saved "
    assert processes(project) == []
    go_on(project)
    assert run(project).returncode == 0
    assert [starts(project, name) for name in "abc"] == [1, 2, 2]


def test_a_terminal_that_is_closed_sends_its_signal_twice_and_all_is_saved(project: Path) -> None:
    process = started_until(project, "b", "c")
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGHUP
    assert (project / "b.state").read_text() == (project / "c.state").read_text() == "saved "


def test_what_a_killed_repro_left_running_is_waited_for_and_not_run_again(project: Path) -> None:
    process = started_until(project, "b", "c")
    process.kill()
    with process:  # its pipes are open as long as its workers live
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stderr.close()
    left = [one for one in processes(project) if "-m" in one.cmdline()]
    again = start(project)
    assert again.stdout
    said = "".join(again.stdout.readline() for _ in left)
    assert all(f"kill {one.pid}" in said for one in left), said
    next(one for one in left if "b" in one.cmdline()).terminate()
    wait_for((project / "b.state").exists)
    go_on(project)
    output, errors = again.communicate(timeout=120)
    assert again.returncode == 0, output + errors
    assert [starts(project, name) for name in "abc"] == [1, 2, 1]


def test_commands_that_wait_for_the_same_one_run_after_it_and_not_for_each_other(
    project: Path,
) -> None:
    first = started_until(project, "a")
    others = [start(project) for _ in range(2)]
    for other in others:
        assert other.stdout
        assert "waiting for process" in other.stdout.readline()
    go_on(project)
    for process in (first, *others):
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, output + errors
    assert [starts(project, name) for name in "abc"] == [1, 1, 1]


def test_stages_end_with_a_killed_dvc_and_leave_no_lock(project: Path) -> None:
    process = started_until(project, "b", "c")
    workers = [one for one in psutil.Process(process.pid).children() if one.children()]
    for worker in workers:
        worker.kill()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "b failed: the process of DVC has gone: it was killed (SIGKILL)" in output
    wait_for(lambda: processes(project) == [])
    assert (project / "b.state").read_text() == (project / "c.state").read_text() == "saved "
    go_on(project)
    (project / ".dvc/tmp/rwlock").write_text('{"write": {"/cut')
    done = run(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deleted .dvc/tmp/rwlock" in done.stdout


def test_a_stage_that_plain_dvc_started_ends_with_it(project: Path) -> None:
    (project / "a.slow").touch()
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--quiet", "a"],
        cwd=project,
        env={**ENVIRONMENT, "PATH": path},
    )
    wait_for(lambda: starts(project, "a") == 1)
    process.kill()
    process.wait()
    wait_for(lambda: processes(project) == [])
    assert (project / "a.state").read_text() == "saved "


def test_a_starter_that_goes_while_it_is_looked_at_has_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_: int) -> int:
        raise ProcessLookupError

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "getpgid", gone)
    monkeypatch.setattr(os, "kill", lambda *words: asked.append(words))
    command._end_with_starter()
    assert asked == [(os.getpid(), signal.SIGTERM)]


def test_unfinished_files_of_the_dead_are_deleted_and_those_of_the_living_kept(
    project: Path,
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    day, other = 24 * 3600, f"not-{HOST}"
    writers = [(HOST, gone.pid, 0), (HOST, os.getpid(), 0), (other, gone.pid, 0), (other, 1, day)]
    for host, pid, age in writers:
        folder = project / "data" / f".faces.{host}-{pid}.tmp"
        folder.mkdir(parents=True)
        (folder / "shard").touch()
        os.utime(folder, times=(time.time() - age,) * 2)
    run(project)
    left = {path.name for path in (project / "data").iterdir()}
    assert left == {f".faces.{HOST}-{os.getpid()}.tmp", f".faces.{other}-{gone.pid}.tmp"}


def test_a_users_own_files_in_data_stay(tmp_path: Path) -> None:
    """Such as what a program that copies photos there has not finished."""
    own = tmp_path / "data/my_photos/.syncthing.face.png.tmp"
    listed, beside = (tmp_path / place for place in ("data/faces/.xyz.tmp", "data/.xyz.tmp"))
    for path in (own, listed, beside):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert presence.tidy(tmp_path) == [beside, listed]
    assert own.exists()


def test_ctrl_c_ends_stages_where_who_reads_the_output_has_ended_before(project: Path) -> None:
    """As in ``… | tee log``, where both get the signal."""
    process = started_until(project, "b", "c")
    assert process.stdout
    process.stdout.close()
    process.send_signal(signal.SIGINT)
    with process:
        assert process.stderr and process.stderr.read() == ""
    assert (project / "b.state").read_text() == (project / "c.state").read_text() == "saved "


def test_a_machine_leaves_what_a_job_on_another_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ".pkdn/training/abc/state.pt"
    monkeypatch.setattr("pkdn.files.HOST", "elsewhere")
    monkeypatch.setattr(os, "getpid", lambda: 3_999_999)
    with atomic_file(state) as temporary:
        temporary.write_text("state")
        assert presence.tidy(tmp_path) == []
    assert state.read_text() == "state"
