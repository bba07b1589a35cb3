"""Results that one user publishes and another verifies."""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import own_params
import pandas as pd
import pytest
import report_inputs
import yaml
from report_inputs import record_parameters, write_plan

from pkdn import params, planning, provenance
from pkdn.commands import publish, verify
from pkdn.errors import UserError
from pkdn.pipeline.revisions import state_of_folder
from pkdn.reports.plan import by_one_recipe
from pkdn.reports.published import write
from pkdn.runs import RunId
from pkdn.systems import BICUBIC, PKDN

DATASET = "helen"
PUBLISHED = sorted((Path(__file__).parents[1] / "docs/published").iterdir())
NETWORKS = ("bicubic", "dic", "kdfsrnet", "pkdn")


def ask(*, networks: Sequence[str] = NETWORKS, lambda_fs: float = 0.1) -> None:
    """Write the parameters."""
    lists = {"networks": [*networks], "authors_recipes": ["dic"], "seeds": [0, 1]}
    own_params.write(Path(), datasets=[DATASET], lambda_fs=lambda_fs, **lists)


def record_as_before_2026_11_30() -> None:
    """Let records be without what was asked for, which evaluations had among their parameters."""
    for one in planning.plan(params.load()):
        if one.id.record.is_file():
            record = json.loads(one.id.record.read_text())
            del record["asked"]
            if one.id.stage.startswith("evaluate_"):
                record["params"] = one.scored()
            one.id.record.write_text(json.dumps(record))


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder whose results have been published, and return where."""
    monkeypatch.chdir(tmp_path)
    ask()
    report_inputs.write(tmp_path, write_plan())
    record_parameters()
    publish_to("published")
    return Path("published")


def publish_to(folder: str) -> None:
    publish.main(argparse.Namespace(output=Path(folder)))


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
    assert page.endswith(
        "over the seeds 0 and 1; ± is the standard deviation over these, and no interval.\n"
    )
    assert (published / PKDN.run(DATASET, 1).curve()).is_file()
    check(published)
    said = capsys.readouterr().out
    assert said.endswith(
        "Every gain over bicubic lies in its published interval, which is for other faces and so "
        "wide: *here less published* shows smaller differences.\n"
    )
    assert rows(said)["PKDN"][3:] == ["yes", "+0.00", "+0.00 to +0.00"]


def test_a_teachers_curve_of_a_training_with_two_is_published(published: Path) -> None:
    curve = by_one_recipe("kdfsrnet").run(DATASET, 0).curve("teacher")
    assert (published / curve).read_bytes() == curve.read_bytes()


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_the_pages_of_the_project_say_what_lies_beside_them(folder: Path) -> None:
    again = Path("docs/published", folder.name)
    write(state_of_folder(folder, folder.name), folder, again, [])
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert (again / "README.md").read_text(encoding="utf-8") == page


def test_another_training_is_inside_and_a_bad_one_is_named(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(PKDN.run(DATASET, 0), "y_crop8.psnr", 0.02)
    ask(lambda_fs=0.5)
    with pytest.raises(UserError, match=r"results of what params\.yaml asks for, got others of"):
        check(published)
    write_plan()
    with pytest.raises(UserError, match=r"record\.json has another distillation; run"):
        check(published)
    record_parameters()
    check(published)
    said = capsys.readouterr().out
    assert rows(said)["lambda_fs"] == ["0.1", "0.5"]
    assert rows(said)["PKDN"][3:5] == ["yes", "+0.01"]
    assert "differs by more than chance" not in said
    for seed in (0, 1):
        change(PKDN.run(DATASET, seed), "y_crop8.psnr", 0.2)
    check(published)
    said = capsys.readouterr().out
    assert rows(said)["PKDN"][3] == "yes"
    assert "chance among faces from what was published for PKDN (+0.21 dB, +0.08 to +0.34)." in said
    change(PKDN.run(DATASET, 0), "y_crop8.psnr", -4)
    with pytest.raises(UserError, match=r"helen: PKDN gains −?\+?0\.\d\d dB over bicubic, where"):
        check(published)
    said = capsys.readouterr().out
    assert rows(said)["PKDN"][3] == "**no**" and rows(said)["KDFSRNet"][3] == "yes"


def test_a_gain_above_the_published_interval_is_named_as_well_as_one_that_is_less(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        change(PKDN.run(DATASET, seed), "y_crop8.psnr", -0.2)
    check(published)
    told = "chance among faces from what was published for PKDN (−0.20 dB, −0.20 to −0.20)."
    assert told in capsys.readouterr().out
    for seed in (0, 1):
        change(PKDN.run(DATASET, seed), "y_crop8.psnr", 5)
    with pytest.raises(UserError, match=r"helen: PKDN gains \+6\.\d\d dB over bicubic, where"):
        check(published)


@pytest.mark.parametrize("by", [0.25, -0.25])
def test_other_crops_are_found_by_bicubic(published: Path, by: float) -> None:
    bicubic = RunId("baseline", DATASET, BICUBIC, 0)
    change(bicubic, "y_crop8.psnr", by)
    with pytest.raises(UserError, match=r"another PSNR on \d+ of \d+ faces, by up to 0.25 dB"):
        check(published)


def test_other_faces_are_named(published: Path) -> None:
    for file in Path("data/runs").glob("evaluate_*/*/scores.csv"):
        pd.read_csv(file).iloc[1:].to_csv(file, index=False)
    with pytest.raises(
        UserError, match=r"\d+ of the \d+ test faces before are among the \d+ after"
    ):
        check(published)


def test_a_single_test_face_verifies_nothing() -> None:
    for file in Path("data/runs").glob("evaluate_*/*/scores.csv"):
        pd.read_csv(file).iloc[:1].to_csv(file, index=False)
    publish_to("one")
    with pytest.raises(UserError, match="helen: 1 test face, where an interval takes 2 or more"):
        check(Path("one"))


def test_other_faces_to_train_are_told(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told_of(datasets: list[object]) -> str:
        for path in Path("data/runs").glob("evaluate_*/*/record.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"datasets": datasets}))
        check(published)
        return capsys.readouterr().out

    check(published)
    assert "the published ones, byte for byte" in capsys.readouterr().out
    assert "learnt from is not recorded" in told_of([])
    mine, parsers = report_inputs.of_dataset(DATASET), report_inputs.of_dataset(DATASET, digest="a")
    told = told_of([mine, parsers | {"source": "data/labelled"}])
    assert "the published ones, byte for byte" in told
    said = told_of([report_inputs.of_dataset(DATASET, digest="f00d", num_train=2230)])
    counts = f"{report_inputs.NUM_TRAIN} / 1 / {report_inputs.NUM_TEST}"
    assert f"{counts} to train / validate / test were published, 2,230 / 1 / " in said
    assert (
        f"train / validate / test: {counts}; the paper has 1,955"
        in (published / "README.md").read_text()
    )


def test_another_number_format_is_told(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(published)
    assert "number format" not in capsys.readouterr().out
    for path in Path("data/runs").rglob("record.json"):
        path.write_text(path.read_text().replace('"bf16"', '"fp32"'))
    check(published)
    assert "were trained in bf16, those here in fp32: another" in capsys.readouterr().out


def test_a_network_that_others_alone_have_is_told_by_its_name(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(published.rglob("*"), reverse=True):  # files before their folders
        if path.is_file():
            path.write_text(path.read_text().replace("kdfsrnet", "mynet"))
        path.rename(path.with_name(path.name.replace("kdfsrnet", "mynet")))
    check(published)
    assert "Published, and not here: mynet." in capsys.readouterr().out


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_what_this_project_has_published_can_be_verified(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree("data")
    shutil.copytree(folder, Path(), dirs_exist_ok=True)
    monkeypatch.setattr("pkdn.pipeline.asked.check_results", lambda: None)  # plans are left out
    check(folder)
    assert capsys.readouterr().out.endswith(
        "Every gain over bicubic lies in its published interval, which is for other faces and so "
        "wide: *here less published* shows smaller differences.\n"
    )


def test_a_wrong_folder_is_one_line(published: Path) -> None:
    with pytest.raises(UserError, match="has written, got data"):
        check(Path("data"))
    with pytest.raises(UserError, match="this folder itself: name the published one"):
        check(Path())
    with pytest.raises(UserError, match="new or empty"):
        publish_to(str(published))


def test_scores_of_other_weights_than_those_that_were_trained_are_not_published() -> None:
    record_parameters()
    training = RunId("student", "helen", "full", 0)
    for run, weights in ((training, "new"), (training.evaluation(), "old")):
        found = json.loads(run.record.read_text())
        run.record.write_text(json.dumps({**found, "weights": weights}))
    told = "expected scores of what student@helen-full-0 has trained, got those of other weights"
    with pytest.raises(UserError, match=told):
        publish_to("more")


def test_other_parameters_than_those_of_the_results_are_not_published() -> None:
    ask(lambda_fs=5.0)
    with pytest.raises(UserError, match=r"got others of .*json is of others, or is not there; run"):
        publish_to("more")
    write_plan()  # and nothing else has run
    with pytest.raises(UserError, match=r"\w+/helen-.*record.json has another distillation"):
        publish_to("more")
    assert not Path("more").exists()
    record_parameters()
    publish_to("more")


def test_results_of_another_parser_are_not_published() -> None:
    asked = yaml.safe_load(Path("params.yaml").read_text())
    asked["profiles"]["demo"]["parser"]["steps"] = 7
    Path("params.yaml").write_text(yaml.safe_dump(asked))
    write_plan()  # and `repro` was ended there
    with pytest.raises(UserError, match=r"runs/parser/record.json has another training"):
        publish_to("more")


def test_results_of_a_setting_that_nobody_asks_for_any_more_are_not_published() -> None:
    file = RunId("align", DATASET).record
    record = json.loads(file.read_text())
    record["asked"] = record.get("asked", {}) | {"landmarks": "detected"}
    file.write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"align/helen/record.json has another landmarks"):
        publish_to("more")


def test_results_of_other_faces_than_those_that_lie_here_are_not_published() -> None:
    def has_read(path: str, digest: str) -> None:
        file = PKDN.run(DATASET, 1).evaluation().record
        file.write_text(json.dumps(json.loads(file.read_text()) | {"reads": {path: digest}}))

    faces = Path(f"data/faces/{DATASET}")
    has_read(str(faces), provenance.digest(faces))
    publish_to("more")
    has_read("data/faces/of-another-clone", "f00d")
    publish_to("even-more")
    has_read(str(faces), "f00d")  # and `repro` was ended after the faces
    with pytest.raises(UserError, match=rf"helen-full-1/record.json is of another {faces}; run"):
        publish_to("mixed")


def test_records_of_before_are_held_to_the_parameters_of_their_evaluations() -> None:
    record_as_before_2026_11_30()
    publish_to("more")
    ask(lambda_fs=5.0)
    write_plan()
    with pytest.raises(UserError, match=r"evaluate_\w+/helen-.*record.json has another lambda_fs"):
        publish_to("even-more")


@pytest.mark.parametrize("name", ["record.json", "curve.csv"])
def test_results_are_published_whole_or_not_at_all(name: str) -> None:
    file = PKDN.run(DATASET, 1).folder / name
    file.unlink()
    with pytest.raises(UserError, match=rf"expected {file}, which is missing: run `dvc repro`"):
        publish_to("more")
    assert not Path("more").exists()


def test_without_bicubic_nothing_can_be_verified(published: Path) -> None:
    ask(networks=NETWORKS[1:])
    write_plan()
    record_parameters()
    for act in (lambda: publish_to("more"), lambda: check(published)):
        with pytest.raises(UserError, match="expected bicubic among `networks`"):
            act()
    shutil.copytree("data", published / "data", dirs_exist_ok=True)
    with pytest.raises(UserError, match="expected bicubic among `networks`"):
        check(published)


@pytest.mark.parametrize(
    "file",
    ["params.yaml", "data/plan/report.json", PKDN.run(DATASET, 1).evaluation().scores.as_posix()],
)
def test_broken_results_of_others_are_to_be_got_again(published: Path, file: str) -> None:
    (published / file).write_text("{")
    again = "get published again from those who published it"
    with pytest.raises(UserError, match=rf"expected a whole published/{file}, got .*: {again}"):
        check(published)
    if file != "data/plan/report.json":
        (published / file).unlink()
        with pytest.raises(UserError, match=rf"published/{file}, which is missing: {again}"):
            check(published)


def test_parameters_that_are_missing_here_are_one_line(published: Path) -> None:
    Path("params.yaml").unlink()
    with pytest.raises(UserError, match=r"expected params\.yaml, which is missing: mend it"):
        check(published)
