"""Results that one user publishes and another verifies."""

import argparse
from pathlib import Path

import pandas as pd
import pytest
import report_inputs

from pkdn.commands import publish, verify
from pkdn.errors import UserError
from pkdn.pipeline.revisions import PLAN
from pkdn.runs import Planned, RunId
from pkdn.systems import BICUBIC, PKDN

DATASET = "helen"


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder whose results have been published, and return where."""
    plan = report_inputs.plan(datasets=(DATASET,))
    report_inputs.write(tmp_path, plan)
    monkeypatch.chdir(tmp_path)
    PLAN.plan.parent.mkdir(parents=True, exist_ok=True)
    PLAN.plan.write_text(Planned(PLAN, {}, {}, vars(plan)).text())
    Path("params.yaml").write_text("lambda_fs: 0.1\n")
    publish.main(argparse.Namespace(output=Path("published")))
    return Path("published")


def change(run: RunId, column: str, by: float) -> None:
    path = run.evaluation().scores
    scores = pd.read_csv(path)
    scores[column] += by
    scores.to_csv(path, index=False)


def check(folder: Path) -> None:
    verify.main(argparse.Namespace(published=folder))


def rows(said: str) -> dict[str, list[str]]:
    lines = [line.split("|")[1:-1] for line in said.splitlines() if line.startswith("|")]
    found = dict[str, list[str]]()
    for name, *cells in lines:  # of two tables, the first
        found.setdefault(name.strip(), [cell.strip() for cell in cells])
    return found


def test_what_is_published_stands_on_its_own(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (published / "README.md").read_text()
    assert "python -m pkdn verify published" in page and f"On `{DATASET}`" in page
    assert rows(page)["bicubic"][0] == "23.00"
    assert (published / PKDN.run(DATASET, 1).curve()).is_file()
    check(published)
    said = capsys.readouterr().out
    assert said.endswith("All that is in both is as published.\n")
    assert rows(said)["PKDN"][3:] == ["yes", "+0.00", "+0.00 to +0.00"]


def test_another_training_is_inside_and_a_bad_one_is_named(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(PKDN.run(DATASET, 0), "y_crop8.psnr", 0.02)
    Path("params.yaml").write_text("lambda_fs: 0.5\n")
    check(published)
    said = capsys.readouterr().out
    assert rows(said)["lambda_fs"] == ["0.1", "0.5"]
    assert rows(said)["PKDN"][3:5] == ["yes", "+0.01"]
    change(PKDN.run(DATASET, 0), "y_crop8.psnr", -4)
    with pytest.raises(UserError, match=r"helen: PKDN gains −?\+?0\.\d\d dB over bicubic, where"):
        check(published)
    said = capsys.readouterr().out
    assert rows(said)["PKDN"][3] == "**no**" and rows(said)["KDFSRNet"][3] == "yes"


def test_other_crops_are_found_by_bicubic(published: Path) -> None:
    bicubic = RunId("baseline", DATASET, BICUBIC, 0)
    change(bicubic, "y_crop8.psnr", 0.25)
    with pytest.raises(UserError, match=r"another PSNR on \d+ of \d+ faces, by up to 0.25 dB"):
        check(published)


def test_other_faces_are_named(published: Path) -> None:
    for file in Path("data/runs").glob("evaluate_*/*/scores.csv"):
        pd.read_csv(file).iloc[1:].to_csv(file, index=False)
    with pytest.raises(UserError, match=r"of \d+ faces \d+ are among the other \d+"):
        check(published)


def test_a_wrong_folder_is_one_line(published: Path) -> None:
    with pytest.raises(UserError, match="has written, got data"):
        check(Path("data"))
    with pytest.raises(UserError, match="new or empty"):
        publish.main(argparse.Namespace(output=published))
