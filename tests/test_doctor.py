"""What is wrong is found, said in one line, and mended where nothing is lost."""

import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import distributions
from pathlib import Path

import own_params
import pytest
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pkdn.commands import doctor as doctor_command
from pkdn.doctor import environment, repository
from pkdn.errors import UserError
from pkdn.tracking.owner import OWNER_TAG, owner

ROOT = Path(__file__).parents[1]

SERVER = "http://127.0.0.1:9"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose one stage has run, and a store of MLflow's."""
    folder = tmp_path_factory.mktemp("ran")
    command = "mkdir -p data/a && echo one > data/a/one && echo two > data/a/two && echo b > data/b"
    (folder / "dvc.yaml").write_text(f"stages: {{a: {{cmd: '{command}', outs: [data/a, data/b]}}}}")
    own_params.write(folder)
    git(folder, "init", "--quiet", "--initial-branch", "trunk")
    for words in (["init", "--quiet"], ["repro", "--quiet"]):
        subprocess.run([sys.executable, "-m", "dvc", *words], cwd=folder, check=True)
    with sqlite3.connect(folder / "mlflow.db") as store:
        for table in ("alembic_version", "experiments", "runs", "metrics"):
            store.execute(f"CREATE TABLE {table} (a)")
    store.close()
    git(folder, "add", "dvc.yaml", "dvc.lock")
    git(folder, "commit", "--quiet", "-m", "all")
    return folder


@pytest.fixture
def project(ran: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", f"{ran}/.", str(tmp_path)], check=True)
    return tmp_path


def doctor(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pkdn", "doctor", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_is_well_and_nothing_heavy_is_imported(project: Path) -> None:
    done = doctor(project)
    assert done.returncode == 0, done.stdout
    assert "WRONG" not in done.stdout
    assert "the cache has all 4 objects that dvc.lock names" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "mlflow", "dvc", "numpy"}


def test_a_gpu_that_is_not_here_is_one_of_the_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise UserError("CUDA_VISIBLE_DEVICES: expected those that are here, got 7: unset it")

    monkeypatch.setattr(environment.devices, "found", refuse)
    (found,) = doctor_command._findings(environment.gpus, Path())
    assert found.what.endswith("got 7") and found.advice == "unset it"


def test_a_broken_pyproject_is_one_of_the_findings(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("<<<<<<< HEAD\n")
    (found,) = doctor_command._findings(environment.versions, tmp_path)
    assert "expected a whole" in found.what and found.advice.startswith("mend it, or take it")


def test_what_an_applied_experiment_leaves_holds_no_head(project: Path) -> None:
    commit = git(project, "rev-parse", "HEAD")
    git(project, "checkout", "--quiet", commit)
    git(project, "update-ref", "refs/exps/exec/EXEC_APPLY", commit)
    (found,) = repository.head(project)
    assert not found.advice


def test_a_killed_experiment_is_mended_in_a_folder_of_a_larger_repository(project: Path) -> None:
    killed_experiment(project)
    (project / "proj").mkdir()
    (found,) = repository.head(project / "proj")
    assert found.advice and found.mend


def test_a_worktree_leaves_the_marks_of_an_experiment_elsewhere(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All worktrees of a repository share them."""
    beside = tmp_path_factory.mktemp("beside") / "tree"
    commit = git(project, "rev-parse", "HEAD")
    git(project, "worktree", "add", "--quiet", "-b", "other", str(beside))
    git(beside, "checkout", "--quiet", commit)
    git(project, "update-ref", "refs/exps/exec/EXEC_HEAD", commit)
    (found,) = repository.head(beside)
    assert found.advice and found.mend is None


def test_the_cache_is_where_dvc_says(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("elsewhere") / "cache"
    (project / ".dvc/cache").rename(place)
    settings = tmp_path_factory.mktemp("settings")
    (settings / "config").write_text(f"[cache]\n    dir = {place}\n")
    done = doctor(project, DVC_GLOBAL_CONFIG_DIR=str(settings))
    assert "the cache has all 4 objects that dvc.lock names" in done.stdout
    assert done.returncode == 0, done.stdout


def test_a_cache_that_dvc_does_not_name_is_told(project: Path) -> None:
    (project / ".dvc/config").write_text("[cache\n")
    done = doctor(project)
    told = next(line for line in done.stdout.splitlines() if "DVC to name its cache" in line)
    assert "WRONG" in told and "config file error" in told and "config.py" not in told


def cut(name: str, count: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        file = folder / name
        file.write_bytes(file.read_bytes()[:-count])

    return damage


def conflict(folder: Path) -> None:
    text = (folder / "dvc.lock").read_text()
    (folder / "dvc.lock").write_text(f"<<<<<<< HEAD\n{text}=======\n>>>>>>> other\n")


def half_made_store(folder: Path) -> None:
    (folder / "mlflow.db").unlink()
    with sqlite3.connect(folder / "mlflow.db") as store:
        store.execute("CREATE TABLE experiments (a)")
    store.close()


def stale_lock(folder: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    holder = {"pid": gone.pid, "cmd": "dvc repro"}
    (folder / ".dvc/tmp/rwlock").write_text(json.dumps({"write": {"/a": holder}}))


def leftover(folder: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / f"data/.a.{gone.pid}.tmp").mkdir()


def killed_experiment(folder: Path) -> None:
    commit = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "--quiet", commit)
    for mark in ("EXEC_BASELINE", "EXEC_HEAD"):
        git(folder, "update-ref", f"refs/exps/exec/{mark}", commit)


def missing_object(folder: Path) -> None:
    next(each for each in objects(folder) if each.read_bytes() == b"one\n").unlink()


def broken_object(folder: Path) -> None:
    file = next(each for each in objects(folder) if each.read_bytes() == b"b\n")
    file.unlink()
    file.write_bytes(b"")


def objects(folder: Path) -> list[Path]:
    return [file for file in (folder / ".dvc/cache/files/md5").rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut("dvc.lock", 60), "dvc.lock is broken"),
        (conflict, "dvc.lock is broken"),
        (cut("mlflow.db", 5000), "mlflow.db is broken"),
        (half_made_store, "mlflow.db is broken: it lacks the tables"),
        (stale_lock, "rwlock is broken, or names processes that have gone"),
        (leftover, "was left by a killed process"),
        (killed_experiment, "HEAD is detached"),
        (missing_object, "the cache lacks, or has broken, 1 objects of a, such as data/a/one"),
        (broken_object, "the cache lacks, or has broken, 1 objects of a, such as data/b"),
    ],
)
def test_what_is_wrong_is_said_and_mended(
    project: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(project)
    found = doctor(project)
    assert found.returncode == 1
    (line,) = [line for line in found.stdout.splitlines() if line.startswith("WRONG")]
    assert said in line
    mended = doctor(project, "--fix")
    assert mended.returncode == 0, mended.stdout
    assert f"mended {line.removeprefix('WRONG').split(';')[0].strip()}" in mended.stdout
    assert doctor(project).stdout.count("WRONG") == 0
    assert git(project, "branch", "--show-current") == "trunk"


@pytest.mark.parametrize("mark", ["EXEC_APPLY", "EXEC_HEAD"])
def test_an_older_revision_after_an_experiment_that_ended_is_no_fault(
    project: Path, mark: str
) -> None:
    git(project, "update-ref", f"refs/exps/exec/{mark}", git(project, "rev-parse", "HEAD"))
    git(project, "commit", "--quiet", "--allow-empty", "-m", "later")
    git(project, "checkout", "--quiet", git(project, "rev-parse", "HEAD~1"))
    done = doctor(project)
    assert "no experiment holds it" in done.stdout
    assert done.returncode == 0


def test_nobody_is_told_to_point_a_branch_at_another_commit(project: Path) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "-m", "later")
    git(project, "checkout", "--quiet", git(project, "rev-parse", "HEAD~1"))
    git(project, "update-ref", "refs/exps/exec/EXEC_BASELINE", git(project, "rev-parse", "HEAD"))
    done = doctor(project, "--fix")
    assert "run `git checkout BRANCH`, then look at `git diff`" in done.stdout
    assert (done.returncode, git(project, "branch", "--show-current")) == (1, "")


@pytest.mark.parametrize(
    ("uri", "is_there", "is_whole"),
    [
        ("mlflow-artifacts:/1", False, False),
        ("mlflow-artifacts:/1", True, True),
        ("s3:/1", False, True),
    ],
)
def test_files_of_runs_that_are_gone_are_told(
    project: Path, uri: str, is_there: bool, is_whole: bool
) -> None:
    with closing(sqlite3.connect(project / "mlflow.db")) as store, store:
        store.execute("ALTER TABLE runs ADD artifact_uri")
        store.execute("INSERT INTO runs VALUES (1, ?)", (uri,))
    if is_there:
        (project / "mlartifacts").mkdir()
    said = doctor(project).stdout
    assert ("ok     mlflow.db is whole" in said) is is_whole
    assert ("WRONG  mlartifacts, which has the files" in said) is not is_whole


WRITER = """
import os, signal, sqlite3
store = sqlite3.connect("mlflow.db", isolation_level=None)
store.execute("PRAGMA cache_size = 1")
store.execute("BEGIN")
store.executemany("INSERT INTO runs VALUES (?)", [("x" * 1000,)] * 5000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_store_whose_writer_was_killed_is_whole(project: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITER], cwd=project, check=False)
    assert (project / "mlflow.db-journal").stat().st_size
    done = doctor(project, "--fix")
    assert "ok     mlflow.db is whole" in done.stdout
    assert (done.returncode, [*project.glob("mlflow.db.broken*")]) == (0, [])


@pytest.mark.parametrize(
    ("uri", "is_looked_at"),
    [("", True), ("sqlite:///mlflow.db", True), ("sqlite:///other.db", False), (SERVER, False)],
)
def test_the_database_that_runs_go_to_is_looked_at(
    uri: str, is_looked_at: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk/of.db").write_text("no database at all, whatever its name says")
    (tmp_path / "mlflow.db").symlink_to("disk/of.db")
    found = [one.what for one in repository.store(tmp_path)]
    assert found == ["mlflow.db is broken: file is not a database"] * is_looked_at


def test_a_store_that_cannot_be_opened_is_not_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorname = "SQLITE_CANTOPEN"
        raise error

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setattr(sqlite3, "connect", refuse)
    (found,) = repository.store(tmp_path)
    assert found.what == "mlflow.db cannot be looked at: unable to open database file"
    assert found.advice and found.mend is None


def ask_for(project: Path, *stages: str) -> None:
    for stage in stages:
        run = {"stage": stage, "dataset": "a", "system": "b", "seed": 0}
        file = project / f"data/plan/{stage}/a-b-0.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"id": run, "reads": {}, "writes": {}, "settings": {}}))


def test_objects_of_stages_that_are_not_asked_for_may_be_gone(project: Path) -> None:
    missing_object(project)
    ask_for(project, "parser")
    done = doctor(project)
    assert done.returncode == 0, done.stdout
    assert "ok     the cache lacks 1 objects of 1 stages that params.yaml does not" in done.stdout
    assert "ok     the cache has all 3 other objects" in done.stdout


def test_broken_objects_of_stages_that_are_not_asked_for_are_deleted(project: Path) -> None:
    """DVC would give them to whoever asks for the stage again."""
    broken_object(project)
    ask_for(project, "parser")
    assert "objects of a, such as data/b" in doctor(project, "--fix").stdout
    assert "has all 4 objects" in doctor(project).stdout


def test_students_by_another_loss_are_asked_for(project: Path) -> None:
    for name in ("dvc.yaml", "dvc.lock"):
        text = (project / name).read_text()
        (project / name).write_text(re.sub(r"\ba:", "student_loss@a-b-0:", text, count=1))
    missing_object(project)
    ask_for(project, "student")
    assert "1 objects of student_loss@a-b-0, such as data/a/one" in doctor(project).stdout


def test_parameters_that_are_wrong_are_named(project: Path) -> None:
    own_params.write(project)
    assert "params.yaml can be read, and asks for" in doctor(project).stdout
    own_params.write(project, networks=["bicubic", "kdfrsnet"])
    assert "WRONG  params.yaml: networks: expected names out of" in doctor(project).stdout
    own_params.write(project, seeds=0)
    found = doctor(project)
    assert found.returncode == 1
    assert "WRONG  params.yaml: seeds: expected a list of different whole numbers" in found.stdout


def test_what_a_living_process_writes_is_not_deleted(project: Path) -> None:
    (project / f"data/.a.{os.getpid()}.tmp").mkdir()
    assert doctor(project, "--fix").returncode == 0
    assert (project / f"data/.a.{os.getpid()}.tmp").exists()


def test_another_build_of_torchvision_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    builds = {"torch": "2.13.0+cpu", "torchvision": "0.28.0"}
    monkeypatch.setattr(environment, "version", builds.__getitem__)
    (found,) = environment.torchvision(Path())
    assert "torchvision 0.28.0 beside torch 2.13.0+cpu" in found.what
    builds["torchvision"] = "0.28.0+cpu"
    assert list(environment.torchvision(Path())) == []


def test_packages_that_are_missing_or_too_old_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nrequires-python = ">=3.99"\ndependencies = ["nothing-of-this-name>1", "pyyaml"]'
    )
    (found,) = environment.versions(tmp_path)
    assert "nothing-of-this-name>1 (found none)" in found.what
    assert "pyyaml" not in found.what
    (found,) = environment.interpreter(tmp_path)
    assert "expected >=3.99" in found.what


@pytest.mark.parametrize("has_own", [True, False])
def test_a_python_that_dvc_does_not_find_is_told_with_an_environment_that_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_own: bool
) -> None:
    """Of Debian's /usr/bin/python3 there is neither `python` nor a script that activates it."""
    (tmp_path / "python3").touch()
    if has_own:
        (tmp_path / "activate").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setenv("PATH", "/nowhere")
    found = [*environment.path(Path("clone"))]
    assert [one.what.split()[:4] for one in found] == [
        [name, "on", "PATH", "is"] for name in ("python", "dvc")
    ]
    run = f"run `. {tmp_path}/activate`"
    other = "run `make .venv/.ready && . clone/.venv/bin/activate`"
    assert all(one.advice.startswith(run if has_own else other) for one in found)


def test_pinned_versions_take_every_python_that_the_project_takes() -> None:
    """Such as 3.11.2, Debian's: pip only says that nothing fits."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    here = [one for one in distributions() if pins.get(canonicalize_name(one.name)) == one.version]
    refusing = [
        f"{one.name} {one.version} wants {wanted}"
        for one in here
        if (wanted := one.metadata.get("Requires-Python")) and oldest not in SpecifierSet(wanted)
    ]
    assert len(here) > len(pins) / 2
    assert not refusing


def test_runs_of_processes_that_are_gone_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow sets it in its own process
    monkeypatch.chdir(tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    names = [owner(), f"{platform.node()} {gone.pid} 1.0", "elsewhere 1 1.0"]
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
        for table in ("alembic_version", "experiments", "metrics"):
            store.execute(f"CREATE TABLE {table} (a)")
        store.execute("CREATE TABLE runs (run_uuid, status)")
        store.execute("CREATE TABLE tags (run_uuid, key, value)")
        for number, name in enumerate(names):
            store.execute("INSERT INTO runs VALUES (?, 'RUNNING')", (number,))
            store.execute("INSERT INTO tags VALUES (?, ?, ?)", (number, OWNER_TAG, name))
    (found,) = repository.runs(tmp_path)
    assert found.what.startswith("1 runs in MLflow are called running")
    assert "python -m pkdn sync" in found.advice
