"""Stages as jobs: over two nodes with two GPUs each, where there is a SLURM of that kind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from small_pipeline import ROOT, run, small_pipeline, start, wait_for

from pkdn import command
from pkdn.errors import UserError
from pkdn.pipeline import cluster, devices, slurm
from pkdn.pipeline.board import Board
from pkdn.pipeline.cluster import Options, Queued, check_tracking
from pkdn.pipeline.crew import Crew
from pkdn.pipeline.node import Ended, Place, StageJob, keep_files
from pkdn.pipeline.schedule import outdated, run_one
from pkdn.provenance import VISIBLE_GPUS
from pkdn.tracking.live import LIVE_VARIABLE, Live

PIPELINE = {
    "plan": "",
    "parse": "plan",
    "teacher": "parse",
    "student": "teacher",
    "baseline": "parse",
    "authors": "parse",
    "evaluate": "student baseline authors",
    "report": "evaluate",
}
JOBS = [name for name in PIPELINE if name not in ("plan", "report")]
SLURM = ["--slurm", "--slurm-cpus", "1", "--slurm-mem", "1", "--jobs", "2"]


def asked(*words: str) -> str:
    if not shutil.which(words[0]):
        return ""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    nodes = asked("scontrol", "show", "nodes", "--oneliner")
    here = [line for line in nodes.splitlines() if "NodeAddr=127.0.0.1" in line and "gpu:2" in line]
    if len(here) < 2:  # jobs of a real cluster are not for tests to cancel
        pytest.skip("needs a SLURM of two nodes with two GPUs each, all on this machine")
    return {"PATH": os.environ["PATH"], "SLURM_CONF": os.environ.get("SLURM_CONF", "")}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    with small_pipeline(tmp_path, PIPELINE) as folder:
        commit(folder)
        yield folder
        asked("scancel", "--me")


def commit(folder: Path) -> None:
    names = [f"/{name}" for name in PIPELINE]
    (folder / ".gitignore").write_text(
        "\n".join([*names, "*.starts", "*.state", "*.where", ".pkdn"])
    )
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (["add", "--all"], [*who, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)


def ended(project: Path) -> dict[str, Ended]:
    (tree,) = (project / ".pkdn/slurm/trees").iterdir()
    place = Place(project, tree.name)
    found = {name: place.ended(name) for name in JOBS}
    return {name: note for name, note in found.items() if note}


def test_every_stage_is_one_job_and_no_gpu_has_two(
    project: Path, environment: dict[str, str]
) -> None:
    done = run(project, *SLURM, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    notes = ended(project)
    assert [*notes] == JOBS
    assert len({note.job for note in notes.values()}) == len(JOBS)
    for one, other in combinations(notes.values(), 2):
        if (one.node, one.gpus) == (other.node, other.gpus):
            assert one.ended <= other.started or other.ended <= one.started, (one, other)
    for name, need in [("teacher", "parse"), ("student", "teacher"), ("evaluate", "student")]:
        assert notes[need].ended <= notes[name].started
    assert (project / "report").exists()
    assert not [*(project / ".pkdn/slurm/clones").glob("*/*")]
    assert "up to date" in run(project, "--jobs", "2").stdout


def test_what_an_emptied_cache_lacks_is_made_again_by_the_next_call_but_one(
    project: Path, environment: dict[str, str]
) -> None:
    assert run(project, *SLURM, **environment).returncode == 0
    shutil.rmtree(project / ".dvc/cache")
    for name in ("dvc.lock", *PIPELINE):
        (project / name).unlink()
    said = run(project, *SLURM, **environment)
    assert said.returncode == 1
    assert "parse: expected in DVC's cache what it has made elsewhere" in said.stdout + said.stderr
    done = run(project, *SLURM, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "report").exists()


def hurry() -> None:
    """Start now what SLURM would start again in two minutes."""
    for line in asked("squeue", "--me", "--noheader", "--format=%i %r").splitlines():
        if line.endswith(" BeginTime"):
            asked("scontrol", "update", f"jobid={line.split()[0]}", "starttime=now")


def test_jobs_outlive_their_head_and_their_node(project: Path, environment: dict[str, str]) -> None:
    (project / "teacher.slow").touch()
    commit(project)
    head = start(project, *SLURM, **environment)
    slow = project / ".pkdn/slurm/clones"
    wait_for(lambda: any(slow.glob("*/teacher/teacher.starts")))
    head.send_signal(signal.SIGKILL)
    head.communicate()
    rows = asked("squeue", "--me", "--noheader", "--states=RUNNING", "--format=%i %j %N")
    ((number, _, node),) = [r.split() for r in rows.splitlines() if "-teacher" in r]
    asked("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        (started,) = slow.glob("*/teacher/teacher.starts")
        wait_for(lambda: hurry() or len(started.read_text().splitlines()) == 2)
    finally:
        asked("scontrol", "update", f"nodename={node}", "state=resume")
    again = start(project, *SLURM, **environment)
    assert again.stdout
    assert f"teacher: job {number} goes on (running)" in again.stdout.readline()
    for file in slow.glob("*/teacher/teacher.slow"):
        file.unlink()
    output, errors = again.communicate(timeout=240)
    assert again.returncode == 0, output + errors
    notes = ended(project)
    assert [*notes] == JOBS
    assert (notes["teacher"].job, (project / "report").exists()) == (number, True)


def test_a_job_that_is_warned_saves_and_starts_again(
    project: Path, environment: dict[str, str]
) -> None:
    (project / "teacher.slow").touch()
    commit(project)
    head = start(project, *SLURM, **environment)
    clones = project / ".pkdn/slurm/clones"
    wait_for(lambda: any(clones.glob("*/teacher/teacher.starts")))
    rows = asked("squeue", "--me", "--noheader", "--states=RUNNING", "--format=%i %j")
    ((number, _),) = [r.split() for r in rows.splitlines() if "-teacher" in r]
    asked("scancel", "--batch", "--signal=USR2", number)  # as SLURM does before the time is up
    (started,) = clones.glob("*/teacher/teacher.starts")
    wait_for(lambda: " BeginTime" in asked("squeue", "--me", "--noheader", "--format=%i %r"))
    time.sleep(2)  # a node refuses a job that comes back within the second
    wait_for(lambda: hurry() or len(started.read_text().splitlines()) == 2)
    assert started.with_name("teacher.state").read_text() == "saved "
    started.with_name("teacher.slow").unlink()
    output, errors = head.communicate(timeout=240)
    assert head.returncode == 0, output + errors
    assert ended(project)["teacher"].job == number


def test_a_stage_that_fails_says_why_and_what_needs_it_is_left(
    project: Path, environment: dict[str, str]
) -> None:
    (project / "broken").write_text("teacher")
    done = run(project, *SLURM, **environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: teacher")
    assert "teacher: it broke: mend it" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert (project / "baseline").exists()
    assert not (project / "student").exists()
    assert sorted(ended(project)) == ["authors", "baseline", "parse", "teacher"]


def test_without_slurm_there_is_one_line(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    programs = tmp_path_factory.mktemp("programs")
    for name in ("git", "sh", "env"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = run(project, *SLURM, PATH=str(programs))
    assert done.returncode == 1
    assert "error: --slurm: expected the command squeue of SLURM, found none" in done.stderr
    assert done.stderr.count("\n") == 1


class Queue:
    """Stands in for the cluster: jobs get numbers, and end as the test says."""

    def __init__(self, place: Place) -> None:
        self.place, self.jobs = place, dict[str, Queued]()
        self.submitted = list[tuple[str, tuple[str, ...]]]()

    def name(self, stage: str) -> str:
        return stage

    def submit(self, stage: str, after: list[str]) -> str:
        self.submitted.append((stage, tuple(after)))
        number = str(len(self.submitted))
        self.jobs[stage] = Queued(number, stage, "PENDING", "", "")
        return number

    def end(self, stage: str, state: str) -> None:
        self.jobs[stage] = self.jobs[stage]._replace(state=state)


STAGES = {"teacher": set[str](), "student": {"teacher"}, "evaluate": {"student"}}


def night(tmp_path: Path, *names: str) -> tuple[slurm._Night, Queue]:
    queue = Queue(Place(tmp_path, "tree"))
    stages = {name: STAGES[name] for name in names or ("teacher", "student")}
    found = slurm._Night(stages, Crew(2, 1), queue)
    found.board = Board(len(stages))
    for stage in found.order:
        found._adopt_or_submit(stage, {})
    return found, queue


def test_what_needs_a_job_that_starts_again_waits_for_the_new_one(tmp_path: Path) -> None:
    one, queue = night(tmp_path)
    assert queue.submitted == [("teacher", ()), ("student", ("1",))]
    queue.end("teacher", "NODE_FAIL")
    queue.end("student", "CANCELLED")
    one._look(queue.jobs)
    assert queue.submitted[2:] == [("teacher", ()), ("student", ("3",))]
    assert one.failed == {}


def test_a_queue_that_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slurm, "SECONDS_AFTER_NONE", 0.0)
    monkeypatch.setattr(slurm, "SECONDS_BETWEEN_LOOKS", 0.0)
    one, queue = night(tmp_path, "teacher")
    answers = iter([{}, UserError("squeue does not answer"), None])

    def answer() -> dict[str, Queued]:
        said = next(answers)
        if isinstance(said, UserError):
            raise said
        if said is None:
            note(queue, "teacher")
        return queue.jobs

    monkeypatch.setattr(queue, "queue", answer, raising=False)
    monkeypatch.setattr(slurm, "run_one", lambda *_: "")
    assert one.run() == {}
    assert "squeue does not answer: the jobs go on" in capsys.readouterr().out
    monkeypatch.setattr(slurm, "SECONDS_WITHOUT_ANSWER", -1.0)
    answers = iter([{}, UserError("squeue does not answer")])
    other, queue = night(tmp_path / "other", "teacher")
    monkeypatch.setattr(queue, "queue", answer, raising=False)
    with pytest.raises(UserError, match="does not answer"):
        other.run()


def test_a_job_that_somebody_cancels_has_failed(tmp_path: Path) -> None:
    one, queue = night(tmp_path)
    queue.end("teacher", "CANCELLED")
    one._look(queue.jobs)
    assert len(queue.submitted) == 2
    assert "ended without a word (cancelled)" in one.failed["teacher"]
    assert one.failed["student"] == "what it needs failed"


def test_a_job_that_ends_without_a_word_is_started_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "SECONDS_OF_SILENCE", 0.0)
    one, queue = night(tmp_path)
    for _ in range(slurm.MOST_STARTS):
        queue.end("teacher", "FAILED")
        one._look(queue.jobs)
    assert [stage for stage, _ in queue.submitted].count("teacher") == slurm.MOST_STARTS
    assert "ended without a word (failed)" in one.failed["teacher"]


@pytest.mark.parametrize("state", ["RUNNING", "SIGNALING", "STOPPED", "RESV_DEL_HOLD"])
def test_a_job_that_runs_or_may_run_yet_gets_no_second_one(tmp_path: Path, state: str) -> None:
    """Two would work in one clone."""
    one, queue = night(tmp_path, "teacher")
    queue.end("teacher", state)
    one._look(queue.jobs)
    one._adopt_or_submit("teacher", queue.jobs)
    assert len(queue.submitted) == 1 and one.failed == {}


def test_a_job_that_makes_way_for_others_is_started_as_often_as_it_takes(tmp_path: Path) -> None:
    one, queue = night(tmp_path, "teacher")
    for _ in range(2 * slurm.MOST_STARTS):
        queue.end("teacher", "PREEMPTED")
        one._look(queue.jobs)
    assert len(queue.submitted) == 2 * slurm.MOST_STARTS + 1
    assert one.failed == {}


def note(queue: Queue, stage: str) -> None:
    file = queue.place.note(stage)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(Ended(stage, "1", "n1", "", "", "", is_done=True)._asdict()))
    queue.end(stage, "COMPLETED")


def test_what_slurm_cancels_for_want_of_another_job_is_no_start(tmp_path: Path) -> None:
    one, queue = night(tmp_path, *STAGES)
    for bad, ends_well in (("teacher", False), ("teacher", True), ("student", True)):
        queue.end(bad, "NODE_FAIL")
        for stage in one.order[one.order.index(bad) + 1 :]:
            queue.end(stage, "CANCELLED")
        one._look(queue.jobs)
        if ends_well:
            note(queue, bad)
    assert one.failed == {}
    assert one.starts == {"teacher": 3, "student": 2, "evaluate": 1}


def test_what_is_not_in_the_cache_any_more_runs_at_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, queue = night(tmp_path, *STAGES)
    for stage in STAGES:
        note(queue, stage)
    in_cache = ["teacher"]
    monkeypatch.setattr(slurm, "run_one", lambda name, *_: "" if name in in_cache else "not there")
    one._take()
    assert one.taken == {"teacher"}
    assert one.failed["student"] == "not there"
    assert [stage for stage in STAGES if one._is_done(stage)] == ["teacher"]


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_a_job_that_has_ended_is_waited_for_to_say_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    one, queue = night(tmp_path)
    for _ in range(2):
        queue.end("teacher", state)
        queue.end("student", "CANCELLED")
        one._look(queue.jobs)
        one._look({})
        assert len(queue.submitted) == 2
    monkeypatch.setattr(slurm, "SECONDS_OF_SILENCE", 0.0)
    one._look(queue.jobs)
    assert queue.submitted[2:] == [("teacher", ()), ("student", ("3",))]
    monkeypatch.undo()
    queue.end("teacher", state)
    one._look(queue.jobs)
    note(queue, "teacher")
    one._look(queue.jobs)
    assert (len(queue.submitted), one.failed) == (4, {})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--slurm-cpus", "2"], "expected --slurm beside the other options"),
        (["--slurm", "--gpus", "0"], "expected neither --gpus nor --stop-at-failure"),
        (["--slurm", "--stop-at-failure"], "expected neither --gpus nor --stop-at-failure"),
        (["--slurm", "--slurm-mem", "0"], "expected a positive number, got 0.0 for memory_gb"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    project: Path, words: list[str], message: str
) -> None:
    done = run(project, "--jobs", "2", *words)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert message in done.stderr


def test_a_stage_that_ran_elsewhere_is_not_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "teacher@helen-full-0")
    command._check_place()
    monkeypatch.setenv(command.MAY_RUN, "plan report")
    with pytest.raises(UserError, match=r"teacher@helen-full-0: expected in DVC's cache"):
        command._check_place()
    monkeypatch.setenv("DVC_STAGE", "report")
    command._check_place()


def test_a_worker_that_was_there_before_runs_no_stage_that_ran_elsewhere(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with Crew(1, None) as crew:
        assert "plan" in outdated(crew)
        assert "plan: expected in DVC's cache" in run_one("plan", crew, ["report"])
        assert not (project / "plan").exists()
        assert run_one("plan", crew, ["plan", "report"]) == ""
        assert len(crew.workers) == 1


def test_jobs_without_a_server_send_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pkdn.tracking.live.Messenger", pytest.fail)
    monkeypatch.setenv(LIVE_VARIABLE, "no")
    live = Live()
    live.tell([{"step": 1}], record={})
    assert live.sync() == {}


def test_what_a_stage_asks_for() -> None:
    training = Options(partition="gpu").parameters("teacher@helen-full-0")
    assert training == {
        "slurm_partition": "gpu", "slurm_gres": "gpu:1",
        "cpus_per_task": 4, "mem_gb": 16, "timeout_min": 1440,
    }  # fmt: skip
    own = Options(account="a", gres="none", cores=2, memory_gb=3.5, minutes=9)
    expected = {"slurm_account": "a", "cpus_per_task": 2, "mem_gb": 3.5, "timeout_min": 9}
    assert own.parameters("align@helen") == expected
    assert own.parameters("complexity") == {**expected, "slurm_exclusive": True}


def test_the_files_of_jobs_are_those_that_decide(project: Path) -> None:
    first = keep_files(project)
    (project / "dvc.lock").write_text("schema: '2.0'\n")
    (project / "notes.txt").write_text("not known to git, and no code")
    (project / "README.md").write_text("of another kind")
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    commit = ["git", *who, "commit", "--quiet", "--allow-empty", "--all", "-m", "words"]
    subprocess.run(commit, cwd=project, check=True)
    again = keep_files(project)
    assert (again.tree, again.files) == (first.tree, first.files)
    assert (again.files / "dvc.lock").read_text() == "schema: '2.0'\n"
    (project / "stages/new.py").write_text("")
    second = keep_files(project)
    assert second.tree != first.tree
    assert (second.files / "stages/new.py").exists()
    assert not (second.files / "notes.txt").exists()
    assert not (first.files / "stages/new.py").exists()


def test_a_job_that_is_warned_ends_its_worker(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.chdir(project)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    job = StageJob("teacher", Place(project, "tree"), project, {})
    with Crew(1, None) as job.crew:
        outdated(job.crew)
        job.checkpoint()
        assert [worker.process.poll() is None for worker in job.crew.workers] == [False]


def test_a_job_works_for_the_workspace_and_leaves_its_result_in_the_shared_cache(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DVC_ROOT", command.MAY_RUN):  # which a job sets
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(project)
    job = StageJob("plan", keep_files(project), project / ".dvc/cache", {})
    job()
    ended = job.place.ended("plan")
    assert ended and ended.is_done
    clone = job.place.clone("plan")
    assert (project / "plan.where").read_text() == str(clone)
    assert not clone.exists()
    assert not (project / "plan").exists()
    os.chdir(project)
    with Crew(1, None) as crew:
        assert run_one("plan", crew, may_run=[]) == ""
    assert (project / "plan").is_file()


def test_a_job_that_cannot_use_its_gpu_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "have_driver", lambda: True)
    monkeypatch.setattr(devices, "ASK", "print('[0, \"it was built without CUDA\"]')")
    for name in (VISIBLE_GPUS, "DVC_ROOT", command.MAY_RUN):  # a job sets the last two
        monkeypatch.setenv(name, "0")
    monkeypatch.chdir(project)
    job = StageJob("teacher", keep_files(project), project / ".dvc/cache", {})
    with pytest.raises(UserError, match=r"GPU 0.*got it was built without CUDA; .*gres none"):
        job()
    ended = job.place.ended("teacher")
    assert ended and not ended.is_done and "built without CUDA" in ended.reason


def test_a_job_is_at_the_commit_from_which_it_was_submitted(project: Path) -> None:
    job = StageJob("teacher", keep_files(project), project / ".dvc/cache", {})
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    later = ["git", *who, "commit", "--quiet", "--allow-empty", "-m", "later"]
    subprocess.run(later, cwd=project, check=True)
    ask = ["git", "rev-parse", "HEAD"]
    found = subprocess.run(ask, cwd=job._clone(), check=True, capture_output=True, text=True)
    assert found.stdout.strip() == job.place.commit


def test_a_job_that_starts_again_believes_no_lock_of_the_one_before(project: Path) -> None:
    job = StageJob("teacher", keep_files(project), project / ".dvc/cache", {})
    lock = job._clone() / ".dvc/tmp/rwlock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text('{"write": {"teacher": {"pid": 1, "cmd": "repro"}}}')
    assert job._clone() == lock.parents[2]
    assert not lock.exists()


def test_jobs_know_of_photos_that_were_listed_again_since_their_files_were_kept(
    project: Path,
) -> None:
    """Which changes nothing but DVC's lock, by which a stage is outdated or not."""
    for listed in ("before", "again"):
        (project / "dvc.lock").write_text(f"# {listed}\n")
        commit(project)
        jobs = [
            StageJob(name, keep_files(project), project / ".dvc/cache", {})
            for name in ("teacher", f"student-{listed}")
        ]
        for job in jobs:  # the teacher's clone is there already, the second time
            assert (job._clone() / "dvc.lock").read_text() == f"# {listed}\n"
    (project / "dvc.lock").unlink()
    keep_files(project)
    assert not (jobs[0]._clone() / "dvc.lock").exists()


def test_a_folder_of_a_larger_repository_is_refused(project: Path) -> None:
    with pytest.raises(UserError, match=r"of its own, got the folder stages/ of one"):
        keep_files(project / "stages")


@pytest.mark.parametrize(
    ("uri", "refused"),
    [
        ("", "/home/a/pkdn"),
        ("sqlite:///runs.db", "/home/a/pkdn/runs.db"),
        ("sqlite:////local/mlflow.db", ""),
        ("http://127.0.0.1:5000", ""),
    ],
)
def test_a_database_on_a_disk_of_the_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, uri: str, refused: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    places = [("/", "ext4"), ("/home", "autofs"), ("/home", "nfs4"), ("/local", "xfs")]
    disks = [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in places]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: disks)
    if refused:
        with pytest.raises(UserError, match=f"got {refused} on nfs4; set MLFLOW_TRACKING_URI"):
            check_tracking(Path("/home/a/pkdn"))
    else:
        check_tracking(Path("/home/a/pkdn"))


def test_a_queue_with_jobs_of_others_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = cluster.Cluster(Place(Path("/a"), "abc"), Options(), Path("/cache"))
    name = mine.name("student@helen-full-0")
    lines = [f"7|{name}|FAILED|n1|None", "8|other|RUNNING|n2|None", f"9|{name}|PENDING||Dependency"]
    monkeypatch.setattr(cluster, "_ask", lambda *_: "\n".join(lines))
    assert mine.queue() == {name: cluster.Queued("9", name, "PENDING", "", "Dependency")}


@pytest.mark.parametrize(("stage", "most"), [("teacher@helen-full-0", 10**6), ("parse@helen", 2)])
def test_a_job_is_warned_itself_before_its_time_is_up_and_a_training_as_often_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, most: int
) -> None:
    submission = pytest.importorskip("submitit.core.utils").DelayedSubmission
    for name, line in (("srun", ""), ("sbatch", f"cp $1 {tmp_path}/script; echo batch job 7")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    one = cluster.Cluster(Place(tmp_path, "tree"), Options(), tmp_path)
    assert one.submit(stage, ["5", "6"]) == "7"
    lines = (tmp_path / "script").read_text().splitlines()
    assert "#SBATCH --signal=B:USR2@90" in lines
    assert "#SBATCH --dependency=afterok:5:6" in lines
    assert lines[-1].startswith(f"exec {sys.executable} ")
    (pickle,) = tmp_path.rglob("7_submitted.pkl")
    assert submission.load(pickle)._timeout_countdown == most


def test_jobs_of_other_files_are_ended_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (
        cluster.Cluster(Place(tmp_path, tree), Options(), Path("/cache")) for tree in ("old", "new")
    )
    for place in (old.place, new.place):
        for path in (place.files, place.clone("student"), place.note("student").parent):
            path.mkdir(parents=True)
    cancelled = []

    def ask(program: str, *words: str) -> str:
        if program == "scancel":
            cancelled.extend(words)
        jobs = [(7, old.name("student"), "RUNNING"), (8, old.name("teacher"), "COMPLETED")]
        jobs += [(9, new.name("student"), "RUNNING")]
        return "\n".join(f"{number}|{name}|{state}|n1|None" for number, name, state in jobs)

    monkeypatch.setattr(cluster, "_ask", ask)
    new.end_old()
    assert cancelled == ["7"]
    assert not any(tmp_path.rglob("old"))
    assert new.place.files.exists() and new.place.clone("student").exists()
