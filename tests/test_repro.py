"""Running the pipeline: side by side, on after failures, and errors in one line."""

import argparse
import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import own_params
import psutil
import pytest
from report_inputs import write_plan
from small_pipeline import (
    ROOT,
    go_on,
    overlap,
    run,
    small_pipeline,
    started_until,
    times,
    wait_for,
)

from pkdn import command
from pkdn.commands import repro
from pkdn.data import listing
from pkdn.data.datasets import DatasetSettings
from pkdn.pipeline.crew import Crew, Worker
from pkdn.pipeline.explain import ending, explain
from pkdn.pipeline.schedule import after_twins, next_stage, outdated
from pkdn.pipeline.tasks import Task, Waiting
from pkdn.pipeline.worker import _stages
from pkdn.runs import RunId


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    with small_pipeline(tmp_path) as folder:
        yield folder


def test_with_a_plan_of_its_cache_what_is_not_asked_for_goes_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_pipeline(tmp_path, {"plan": "", "a": "plan"}) as folder:
        own_params.write(folder, networks=["bicubic"], authors_recipes=[])
        with monkeypatch.context() as patch:  # whoever is in the folder at the end is killed
            patch.chdir(folder)
            write_plan()
        records = [
            folder / RunId("baseline", "synthetic", name, 0).record for name in ("bicubic", "urdgn")
        ]
        for record in records:
            record.parent.mkdir(parents=True)
            record.touch()
        done = run(folder)  # its stage `plan` takes nothing away
        assert done.returncode == 0, done.stdout + done.stderr
        assert [record.is_file() for record in records] == [True, False]


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


def test_pull_goes_on_over_what_a_failed_stage_has_left(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    remote = tmp_path_factory.mktemp("remote")
    (project / ".dvc/config").write_text(
        f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {remote}\n"
    )
    (project / "broken").write_text("b")
    (project / "b.leaves").touch()
    for _ in range(2):
        done = run(project, "--pull", "--jobs", "1")
        assert (project / "b").read_text() == "half"
        assert "b failed: it broke: mend it" in done.stdout and "unsaved" not in done.stderr
    (project / "broken").write_text("none")
    assert run(project, "--pull", "--jobs", "1").returncode == 0


def test_nothing_more_starts_after_a_failure_when_asked(project: Path) -> None:
    (project / "broken").write_text("a")
    assert run(project, "--jobs", "1", "--stop-at-failure").returncode == 1
    assert not (project / "complexity").exists()


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


@pytest.mark.parametrize(
    ("changes", "more", "said"),
    [
        ({"seeds": 0}, "", "params.yaml: seeds: expected a list of different whole numbers"),
        ({"datasets": []}, "", "params.yaml: datasets: expected a list of different names"),
        ({}, "seeds: [1]\n", 'params.yaml is not valid YAML: .* found duplicate key "seeds"'),
    ],
)
def test_the_key_that_is_wrong_is_named_before_dvc_reads_it(
    project: Path, changes: dict[str, object], more: str, said: str
) -> None:
    file = own_params.write(project, **changes)
    file.write_text(file.read_text() + more)
    done = run(project)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"error: {said}.*\n", done.stderr)


def test_photos_that_were_added_since_they_were_listed_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("photos/a.jpg").touch()
    own_params.write(Path(), datasets=["folder"], parser_dataset="folder")
    write_plan()
    for lists in (RunId("download", "folder"), RunId("labelled")):
        listing.write("folder", DatasetSettings(folder=Path("photos")), lists.folder)
    repro._tell_changed_photos(repro.LISTINGS)
    assert capsys.readouterr().out == ""
    Path("photos/b.jpg").touch()
    repro._tell_changed_photos(repro.LISTINGS[:1])
    said = capsys.readouterr().out
    assert said.startswith("download@folder: photos in photos have been added, changed or taken")
    assert "`dvc repro -f download@folder`, then `" in said and said.count("\n") == 1


def test_a_full_disk_is_one_line_without_a_traceback() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/a")
    assert explain(full).startswith(
        "expected to read or write data/a, got: No space left on device"
    )
    assert explain(full).endswith("then run the same command again, which goes on where it was")
    wrapped = RuntimeError("failed to reproduce 'a'")
    wrapped.__cause__ = full
    assert explain(wrapped) == explain(full)


def test_a_stage_that_was_killed_for_its_memory_is_told_so() -> None:
    assert "want of memory" in ending(-signal.SIGKILL)
    assert ending(128 + signal.SIGKILL) == ending(-signal.SIGKILL)
    assert ending(3) == "it ended with status 3, without an error line"


def test_for_whom_a_stage_waits_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    worker, crew = Worker.__new__(Worker), Crew(1, None)
    worker.connection, other_end = Pipe()
    worker.task, worker.waits_for, crew.workers = Task("a"), "", [worker]
    for reason in ("process 1", "process 1", "process 2"):
        other_end.send(Waiting(reason))
        assert [*crew.outcomes()] == []
    assert capsys.readouterr().out == "a: waits: process 1\na: waits: process 2\n"


def test_a_training_waits_for_one_that_computes_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    losses = ["constant", "fade", "no_lambda_fs"]
    own_params.write(tmp_path, seeds=[0, 1], loss_ablations=losses, distill_epochs=0)
    write_plan()
    names = ["student@synthetic-full-0", "student@synthetic-full-1"]
    names += [f"student_loss@synthetic-{loss}-0" for loss in losses]
    before = {name: {"teacher"} for name in names}
    after = after_twins({**before, "teacher": set(), "student@of-nobody-0": set()})
    changed = {name: after[name] - before[name] for name in names if after[name] != before[name]}
    assert changed == {"student_loss@synthetic-constant-0": {"student@synthetic-full-0"}}


def test_a_worker_that_has_gone_gets_no_stage(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with Crew(1, None) as crew:
        outdated(crew)
        (worker,) = crew.workers
        worker.process.kill()
        worker.process.wait()
        assert outdated(crew)


def test_a_stage_is_ended_beside_a_child_that_nobody_waits_for() -> None:
    with (
        subprocess.Popen(["sleep", "60"]) as stage,
        subprocess.Popen(["true"]) as gone,
    ):
        wait_for(lambda: psutil.Process(gone.pid).status() == psutil.STATUS_ZOMBIE)
        assert stage.pid in {one.pid for one in _stages(psutil.Process())}
        stage.kill()


@pytest.mark.parametrize("name", [".dic.py.swp", ".#dic.py", "dic.py~", ".DS_Store"])
def test_files_of_editors_are_no_code(name: str) -> None:
    for program in (["git"], [sys.executable, "-m", "dvc"]):
        words = [*program, "check-ignore", "--quiet", f"pkdn/networks/{name}"]
        assert subprocess.run(words, cwd=ROOT, check=False).returncode == 0


def test_what_may_start() -> None:
    assert next_stage(["a", "complexity"], [], 2) == "a"
    assert next_stage(["complexity"], ["c"], 2) is None
    assert next_stage(["complexity"], [], 2) == "complexity"
    assert next_stage(["a"], ["complexity"], 2) is None
    assert next_stage(["a"], ["b"], 1) is None
    assert next_stage([], [], 1) is None


def test_without_dvc_one_line_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text("stages: {}")
    monkeypatch.setattr(repro, "find_spec", lambda _: None)
    parser = argparse.ArgumentParser()
    repro.add_arguments(parser)
    with pytest.raises(ModuleNotFoundError) as found:
        repro.main(parser.parse_args([]))
    assert "expected the package dvc in the environment of" in str(command._told(found.value))


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
