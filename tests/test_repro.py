"""Running the pipeline: side by side, on after failures, and whole after signals and kills."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from dvc.repo import Repo

from pkdn.pipeline.explain import ending, explain
from pkdn.pipeline.schedule import next_stage

ROOT = Path(__file__).parents[1]
# Runs until there is no NAME.slow; saves its state when it is asked to end.
STAGE = """
import sys, time
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
    assert all(Path(need).is_file() for need in needs)
    if name in Path("broken").read_text():
        raise UserError("it broke: mend it")
    while Path(f"{name}.slow").exists():
        time.sleep(0.05)
    time.sleep(0.1)
    Path(name).write_text(f"{started} {time.time()}")

command.run(main)
"""
PIPELINE = {"a": "", "b": "a", "c": "a", "complexity": "", "report": "b c complexity"}
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/nowhere"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "one.py").write_text(STAGE)
    (tmp_path / "stages" / "__init__.py").touch()
    (tmp_path / "broken").write_text("none")
    lines = ["stages:"]
    for name, needs in PIPELINE.items():
        lines += [f"  {name}:", f"    cmd: python -m stages.one {name} {needs}", "    deps:"]
        lines += [f"      - {need}" for need in ["stages/one.py", "broken", *needs.split()]]
        lines += ["    outs:", f"      - {name}"]
    (tmp_path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    Repo.init(str(tmp_path)).close()
    yield tmp_path
    for process in processes(tmp_path):
        process.kill()


def processes(folder: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cwd"])
    return [one for one in found if one.info["cwd"] == str(folder)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def times(project: Path) -> dict[str, tuple[float, float]]:
    found = {}
    for name in PIPELINE:
        started, ended = (project / name).read_text().split()
        found[name] = (float(started), float(ended))
    return found


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pkdn", "repro", *(arguments or ["--jobs", "2"])],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *arguments)
    output, errors = process.communicate(timeout=120)
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


def test_stages_run_side_by_side_in_their_order_and_once(project: Path) -> None:
    process = started_until(project, "b", "c")
    go_on(project)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, output + errors
    ran = times(project)
    assert overlap(ran["b"], ran["c"])
    assert ran["a"][1] <= min(ran["b"][0], ran["c"][0])
    others = [ran[name] for name in ("a", "b", "c", "report")]
    assert not any(overlap(ran["complexity"], other) for other in others)
    again = run(project).stdout
    assert "started" not in again
    assert "up to date" in again
    pipeline = project / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("one b", "one  b"))
    third = run(project).stdout
    assert [line for line in third.splitlines() if "started" in line] == [
        "b: started",
        "report: started",
    ], third


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_after_a_failure_all_else_runs_and_the_end_says_what_why_and_how_to_go_on(
    project: Path, jobs: str
) -> None:
    (project / "broken").write_text("b")
    done = run(project, "--jobs", jobs)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: b failed; 1 that need them did not run; mend what is said above, then "
        f"`python -m pkdn repro --jobs {jobs}`"
    )
    log = ".pkdn/output/b.log"
    assert f"b failed: it broke: mend it ({log})" in done.stdout
    assert (done.stdout + done.stderr).count("error: it broke") == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "Traceback" in (project / log).read_text()
    assert (project / "c").exists()
    assert (project / "complexity").exists()
    assert not (project / "report").exists()
    (project / "broken").write_text("none")


def test_nothing_more_starts_after_a_failure_when_asked(project: Path) -> None:
    (project / "broken").write_text("a")
    assert run(project, "--jobs", "1", "--stop-at-failure").returncode == 1
    assert not (project / "complexity").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_every_stage_once_and_all_end(project: Path, number: int) -> None:
    process = started_until(project, "b", "c")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, output + errors
    assert "while b and c ran; continue with `python -m pkdn repro --jobs 2`" in output
    assert (project / "b.state").read_text() == (project / "c.state").read_text() == "saved "
    assert processes(project) == []
    go_on(project)
    assert run(project).returncode == 0
    assert [starts(project, name) for name in "abc"] == [1, 2, 2]


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


def test_unfinished_files_of_the_dead_are_deleted_and_those_of_the_living_kept(
    project: Path,
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        folder = project / "data" / f".faces.{pid}.tmp"
        folder.mkdir(parents=True)
        (folder / "shard").touch()
    run(project)
    assert [path.name for path in (project / "data").iterdir()] == [f".faces.{os.getpid()}.tmp"]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("dvc.yaml", "stages: [", "dvc.yaml: expected YAML, got something else in line"),
        ("dvc.yaml", "stages: {a: 3}", "dvc.yaml' validation failed"),
        ("dvc.yaml", "stages: {a: {cmd: x, outs: [y]}, b: {cmd: x, outs: [y]}}", "let one stage"),
        (
            "dvc.yaml",
            "stages: {a: {cmd: x, deps: [z], outs: [y]}, b: {cmd: x, deps: [y], outs: [z]}}",
            "depends on itself",
        ),
        ("dvc.yaml", "stages: {a: {cmd: x, outs: [y, y/z]}}", "let one stage"),
        ("dvc.yaml", "stages: {a: {cmd: 'x ${nothing}'}}", "mend dvc.yaml"),
        ("dvc.lock", "schema: '2.0'\nstages: {a: {cmd: ", "dvc.lock: expected YAML"),
        ("dvc.lock", "<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> b\n", "marks of a conflict"),
        (".dvc/config", "[core\n", "mend .dvc/config"),
    ],
)
def test_what_dvc_cannot_read_is_one_line(
    project: Path, file: str, content: str, said: str
) -> None:
    (project / file).write_text(content)
    done = run(project)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""


def test_a_full_disk_is_one_line_without_a_traceback() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/a")
    assert explain(full) == "data/a: the disk is full: make room, and run this again"
    wrapped = RuntimeError("failed to reproduce 'a'")
    wrapped.__cause__ = full
    assert explain(wrapped) == explain(full)


def test_a_stage_that_was_killed_for_its_memory_is_told_so() -> None:
    assert "want of memory" in ending(-signal.SIGKILL)
    assert ending(128 + signal.SIGKILL) == ending(-signal.SIGKILL)
    assert ending(3) == "it ended with status 3, without an error line"


def test_what_may_start() -> None:
    assert next_stage(["a", "complexity"], [], 2) == "a"
    assert next_stage(["complexity"], ["c"], 2) is None
    assert next_stage(["complexity"], [], 2) == "complexity"
    assert next_stage(["a"], ["complexity"], 2) is None
    assert next_stage(["a"], ["b"], 1) is None
    assert next_stage([], [], 1) is None


def test_wrong_numbers_and_places_are_one_line(tmp_path: Path) -> None:
    found = run(tmp_path)
    assert (found.returncode, "dvc.yaml is missing" in found.stderr) == (1, True)
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    for arguments, message in (
        (["--jobs", "0"], "at least 1, got 0"),
        (["--jobs", "2"], "run this in a clone of the repository"),
    ):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
