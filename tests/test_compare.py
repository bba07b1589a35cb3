"""Two revisions beside each other: what a user changed, and what that did to whom."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import own_params
import pandas as pd
import pytest
import report_inputs
import yaml
from report_inputs import record_parameters, write_plan

from pkdn.pipeline import previous
from pkdn.reports import web
from pkdn.runs import REPORT
from pkdn.systems import PKDN, Subject

DATASET = "helen"
ROOT = Path(__file__).parents[1]


def git(*words: str) -> None:
    who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


def ask(*, authors_recipes: Sequence[str] = ("dic",), lambda_fs: float = 0.1) -> None:
    """Write the parameters."""
    networks = ["bicubic", "dic", "kdfsrnet", "pkdn"]
    lists = {"networks": networks, "authors_recipes": [*authors_recipes], "seeds": [0, 1]}
    own_params.write(Path(), datasets=[DATASET], lambda_fs=lambda_fs, **lists)


def dvc(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words, "--quiet"], check=True)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be in a folder with a committed result, whose files DVC has."""
    monkeypatch.chdir(tmp_path)
    ask()
    report_inputs.write(tmp_path, write_plan())
    record_parameters()
    git("init", "--quiet")
    dvc("init")
    dvc("add", "data/runs", "data/plan")
    git("add", ".")
    git("commit", "-m", "before")


def compare(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pkdn", "compare", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def change(subject: Subject, by: float) -> None:
    for seed in (0, 1):
        path = subject.run(DATASET, seed).evaluation().scores
        scores = pd.read_csv(path)
        scores["y_crop8.psnr"] += by
        path.unlink()  # a link to DVC's cache
        scores.to_csv(path, index=False)


def test_what_changed_is_shown_with_its_gain_and_nothing_else() -> None:
    change(PKDN, 0.5)
    ask(lambda_fs=0.5, authors_recipes=())
    early = compare("HEAD").stderr
    assert early.startswith("error: expected results of what params.yaml asks for, got others")
    write_plan()
    record_parameters()
    said = compare("HEAD").stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert ["lambda_fs", "0.1", "0.5"] in rows
    assert not any("steps" in row[0] for row in rows if row)
    (row,) = [row for row in rows if row and row[0] == "PKDN"]
    assert row[3:5] == ["+0.50", "+0.50 to +0.50"]
    same = next(line for line in said.splitlines() if line.startswith("The same PSNR"))
    assert "bicubic; DIC; KDFSRNet; PKDN student: no PFB, no FFB; " in same
    assert "PKDN," not in same
    assert "Only before: DIC, authors' recipe." in said


def test_a_word_of_the_parameters_is_shown_as_it_stands() -> None:
    file = Path("params.yaml")
    text, num_changed = re.subn(r"(?m)^compile: .*", "compile: on", file.read_text())
    assert num_changed
    file.write_text(text)
    write_plan()
    record_parameters()
    said = compare("HEAD").stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert ["compile", "off", "on"] in rows, said


def test_revisions_are_compared_with_each_other() -> None:
    change(PKDN, -1.0)
    dvc("add", "data/runs")
    git("commit", "-am", "after")
    change(PKDN, 3.0)
    said = compare("HEAD~1", "HEAD").stdout
    assert "All parameters are the same." in said
    assert "−1.00 to −1.00" in said


def test_other_seeds_are_told() -> None:
    assert "Means are over the seeds" not in compare("HEAD").stdout
    values = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(yaml.safe_dump(values | {"seeds": [0]}))
    write_plan()
    record_parameters()
    told = "Means are over the seeds 0 and 1 before and 0 after, gains over those that both have."
    assert f"{told} ± is the standard deviation over the seeds" in compare("HEAD").stdout


def test_what_is_not_there_is_one_line() -> None:
    done = compare("nothing")
    assert done.stderr.startswith("error: nothing: expected a revision or an experiment")
    shutil.rmtree(".dvc/cache")
    gone = compare("HEAD")
    assert gone.stderr.startswith("error: HEAD: expected a revision or an experiment")
    assert "got: a commit without dvc.lock; commit it" in gone.stderr
    file = compare("HEAD:params.yaml")
    assert "got: no commit, but a file or folder of one; leave out the colon" in file.stderr
    write_report("one")
    unset = compare("")
    assert "expected a revision such as HEAD, got an empty name" in unset.stderr
    assert told() == ""
    for one in (done, gone, file, unset):
        assert (one.returncode, one.stdout, one.stderr.count("\n")) == (1, "", 1)


def write_report(text: str) -> None:
    REPORT.mkdir(exist_ok=True)
    for name in (web.SOURCE, web.PAGE):
        (REPORT / name).write_text(text)


def told() -> str:
    file = REPORT / web.PREVIOUS
    return file.read_text() if file.is_file() else ""


def commit_results(message: str) -> None:
    """Commit what is here, with a stand-in for what DVC knows of results of stages."""
    dvc("add", "data/runs", "data/plan")
    Path("dvc.lock").write_text(Path("data/runs.dvc").read_text())
    git("add", ".")
    git("commit", "-m", message)


def test_the_report_is_compared_with_the_newest_commit_that_has_other_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    previous.show()  # no report
    write_report("one")
    previous.show()  # no results in git
    assert told() == ""
    commit_results("the first")
    previous.show()  # the same results
    assert told() == ""
    change(PKDN, 0.5)
    commit_results("the second")
    previous.show()
    assert "the first" in told()
    assert '<td style="text-align:right">+0.50</td>' in told().replace('\\"', '"')
    change(PKDN, 1.0)
    Path("dvc.lock").write_text("others")
    previous.show()  # the report is the same, and so is what it shows
    assert "the first" in told()
    write_report("another")
    previous.show()
    assert "the second" in told()
    assert "+1.00" in told()
    assert capsys.readouterr().out == ""


def test_the_report_is_not_compared_by_way_of_a_remote(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    dvc("remote", "add", "--default", "shared", str(tmp_path_factory.mktemp("remote")))
    commit_results("the first")
    dvc("push")
    shutil.rmtree(".dvc/cache")
    write_report("one")
    Path("dvc.lock").write_text("others")
    previous.show()
    assert told() == ""
    said = capsys.readouterr().out
    assert said.startswith("the report has no section against the previous run: ")
    assert "expected a revision or an experiment whose results are in DVC's cache, got" in said
    assert said.count("\n") == 1
    assert "reports/report.html shows this, too" in compare("HEAD").stdout
    assert "this folder, compared with HEAD (" in told()
    assert ": the first)" in told()


def test_a_remote_that_was_added_later_has_what_an_older_revision_made(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    commit_results("the first")
    there = os.path.relpath(tmp_path_factory.mktemp("remote"))
    dvc("remote", "add", "--default", "shared", there)
    dvc("push")
    shutil.rmtree(".dvc/cache")
    assert "All parameters are the same." in compare("HEAD", "HEAD").stdout


def test_two_revisions_are_no_matter_of_the_report() -> None:
    write_report("one")
    assert "shows this" not in compare("HEAD", "HEAD").stdout
    assert told() == ""


def test_faces_of_the_same_names_are_told_apart_by_bicubic() -> None:
    change(Subject("baseline", "bicubic"), 0.25)
    said = compare("HEAD").stdout
    assert "scored on other faces, so nothing can be compared: bicubic interpolation has" in said
    assert "0.25 dB" in said and "| PKDN " not in said


def without_bicubic(digest: str) -> None:
    """Let nothing be known of bicubic, and the records name the faces so."""
    values = yaml.safe_load(Path("params.yaml").read_text())
    Path("params.yaml").write_text(
        yaml.safe_dump(values | {"networks": ["dic", "kdfsrnet", "pkdn"]})
    )
    write_plan()
    for file in Path("data/runs").glob("evaluate_*/*/record.json"):
        record = json.loads(file.read_text()) | {"datasets": [{"digest": digest}]}
        file.unlink()  # a link to DVC's cache
        file.write_text(json.dumps(record))
    record_parameters()


def test_without_bicubic_the_records_tell_whether_the_faces_may_be_others() -> None:
    without_bicubic("a1")
    dvc("add", "data/runs", "data/plan")
    git("commit", "-am", "without bicubic")
    change(PKDN, 0.5)
    assert "other test faces" not in compare("HEAD").stdout
    without_bicubic("b2")
    said = compare("HEAD").stdout
    assert "**These may be other test faces of the same names**: the faces of all splits" in said
    assert "| PKDN " in said


def test_a_commit_whose_parameters_are_of_another_run_is_named() -> None:
    shutil.rmtree("data/runs/evaluate_student/helen-full-0")
    dvc("add", "data/runs")
    git("commit", "-am", "half")
    said = compare("HEAD", "HEAD~1").stderr
    assert said.startswith(
        "error: HEAD: expected data/runs/evaluate_student/helen-full-0/scores.csv"
    )
    assert "its params.yaml and dvc.lock may be of two runs" in said
    assert said.count("\n") == 1
