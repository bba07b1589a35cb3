"""Results that were made once come back: from the cache, and in other clones from a remote.

One small pipeline is run, by DVC, as users run it: a minute and a half on two cores.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import own_params
import pytest
import yaml
from pipeline_clones import ROOT, clone, git, make, results, run

pytestmark = pytest.mark.slow
BUCKET = "shared-results"
S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "us-east-1",
}
REPRO = ("python", "-m", "pkdn", "repro", "--jobs", "2")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that made everything and shared it."""
    folder = tmp_path_factory.mktemp("sharing")
    project = make(folder / "first", str(folder / "remote"))
    run(project, *REPRO)
    run(project, "dvc", "push", "--quiet", "--run-cache")
    git(project, "add", "dvc.lock")
    git(project, "commit", "--quiet", "--message", "results")
    return project


def ran(printed: str) -> set[str]:
    """Return the stages that computed something, by DVC's words or by the command's."""
    found = re.findall(r"^> python -m stages\.\S+ ?(\S*)|^(\S+): started$", printed, flags=re.M)
    return {by_dvc or by_command or "plan" for by_dvc, by_command in found}


def test_the_whole_run_comes_back_from_the_cache(first: Path, tmp_path: Path) -> None:
    made = results(first)
    assert len(made) > 15
    assert (first / "data/runs/baseline/synthetic-kdfsrnet-0/teacher-curve.csv").is_file()
    project = tmp_path / "again"
    shutil.copytree(first, project, symlinks=True)
    for folder in ("data", "reports"):
        shutil.rmtree(project / folder)
    assert not ran(run(project, "dvc", "repro"))
    assert results(project) == made


def test_another_clone_gets_all_by_pull_and_runs_nothing(first: Path, tmp_path: Path) -> None:
    project = clone(first, tmp_path / "second")
    run(project, "dvc", "pull", "--quiet")
    assert not ran(run(project, *REPRO))
    assert results(project) == results(first)


def test_another_clone_gets_all_by_one_command(first: Path, tmp_path: Path) -> None:
    project = clone(first, tmp_path / "second")
    assert not ran(run(project, *REPRO, "--pull"))
    assert results(project) == results(first)


def test_without_the_lock_file_the_shared_run_cache_gives_the_same(
    first: Path, tmp_path: Path
) -> None:
    project = clone(first, tmp_path / "second")
    (project / "dvc.lock").unlink()
    assert not ran(run(project, "dvc", "repro", "--pull"))
    found, made = results(project), results(first)
    # Whose stages are in the order in which they were run.
    locks = [yaml.safe_load(each.pop("dvc.lock")) for each in (found, made)]
    assert locks[0] == locks[1]
    assert found == made


def test_what_changed_is_run_with_what_it_needs_of_the_others(first: Path, tmp_path: Path) -> None:
    """One variant less: the report alone is another, and rests on runs that are not here."""
    project = clone(first, tmp_path / "second")
    lazily = ("dvc", "repro", "--pull", "--allow-missing")
    assert not ran(run(project, *lazily))
    assert not (project / "data").exists(), "nothing to run, so nothing to fetch"
    values = yaml.safe_load((project / "params.yaml").read_text())
    own_params.write(project, **{**values, "loss_ablations": []})
    assert ran(run(project, *lazily)) == {"plan", "report"}
    assert "up to date" in run(project, "dvc", "status", "report")
    report = (project / "reports/report.md").read_text()
    assert report.count("teacher@synthetic-full-0") == 5
    assert "no_lambda_fs" not in report


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server of this machine, with a bucket."""
    pytest.importorskip("dvc_s3", reason="needs pip install -e '.[s3]'")
    server = pytest.importorskip("moto.server", reason="needs pip install 'moto[s3]'")
    import boto3

    for name, value in S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
        yield address
    finally:
        running.stop()


def test_the_job_of_a_container_takes_what_others_made(first: Path, tmp_path: Path) -> None:
    job = re.search(r"cd work &&\n(.+?)'", (ROOT / "docs/clusters.md").read_text(), flags=re.S)
    assert job
    project = clone(first, tmp_path / "work")
    (project / "dvc.lock").unlink()
    assert not ran(run(project, "bash", "-c", job[1].replace("helen", "synthetic")))
    weights = "data/runs/student/synthetic-full-0/weights.safetensors"
    assert (project / weights).read_bytes() == (first / weights).read_bytes()
    assert not (project / "reports").exists()


def test_a_remote_on_s3_serves_as_well(first: Path, tmp_path: Path, bucket: str) -> None:
    for setting in (("url", f"s3://{BUCKET}/pkdn"), ("endpointurl", bucket)):
        run(first, "dvc", "remote", "modify", "--local", "shared", *setting)
    run(first, "dvc", "push", "--quiet", "--run-cache")
    project = clone(first, tmp_path / "second")
    shutil.copy(first / ".dvc/config.local", project / ".dvc/config.local")
    (first / ".dvc/config.local").unlink()
    run(project, "dvc", "pull", "--quiet")
    assert not ran(run(project, *REPRO))
    assert results(project) == results(first)
