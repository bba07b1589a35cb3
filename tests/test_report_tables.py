import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import report_inputs
from report_inputs import write_scores

from pkdn.errors import UserError
from pkdn.networks import pkdn
from pkdn.reports import statistics, tables
from pkdn.reports.comparisons import Comparison
from pkdn.reports.readings import READINGS
from pkdn.reports.records import Plan, Scores, read_results
from pkdn.reports.runs import read_runs
from pkdn.reports.systems import PKDN, TEACHERS, VARIANTS, Subject

ROOT = Path(__file__).parents[1]
KDFSRNET = Subject("baseline", "kdfsrnet")


def _results(differences: list[list[float]]) -> tuple[Plan, dict]:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=tuple(range(len(differences))))
    names = tuple(f"face{i}" for i in range(len(differences[0])))
    other = {
        seed: Scores(names, {"y_crop8.psnr": np.full(len(names), 20.0)}) for seed in plan.seeds
    }
    ours = {
        seed: Scores(names, {"y_crop8.psnr": 20.0 + np.array(values)})
        for seed, values in zip(plan.seeds, differences, strict=True)
    }
    return plan, {("synthetic", PKDN): ours, ("synthetic", KDFSRNET): other}


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([[0.2, 0.3, 0.4, 0.3]], "yes: better, for this one seed"),
        ([[0.2, 0.3, 0.4], [0.1, 0.2, 0.1]], "yes: better"),
        ([[-0.2, -0.3, -0.4], [-0.1, -0.2, -0.1]], "yes: worse"),
        ([[-0.4, 0.5, -0.5, 0.6]], "no: the interval includes 0"),
        ([[0.5, 0.6, 0.7], [-0.1, -0.1, -0.1]], "yes: better on average, but not with every seed"),
    ],
)
def test_verdict(differences: list[list[float]], verdict: str) -> None:
    plan, results = _results(differences)
    gain = Comparison(results, {}, plan, "synthetic", {}).gain_over(KDFSRNET)
    assert gain is not None
    assert gain.verdict == verdict


def test_teachers_are_no_points_among_systems() -> None:
    plan, results = _results([[0.1, 0.2]])
    row = {"network": "kdfsrnet", "profile": plan.profile, "gmac": "1", "latency_ms_b1": "2"}
    rows = [{**row, "role": role} for role in ("network", "teacher")]
    assert len(Comparison(results, {}, plan, "synthetic", {}).points(rows)) == 1


def test_papers_ablation_stands_beside_celeba_alone() -> None:
    plan = report_inputs.plan(datasets=("celeba",))
    rows = Comparison({}, {}, plan, "celeba", {}).table_2()[0].rows
    assert [row[-2:] for row in rows[:4]] == [
        ["27.31", "0.7961"],
        ["27.48", "0.8036"],
        ["27.56", "0.8062"],
        ["–", "–"],
    ]
    assert "paper" not in str(Comparison({}, {}, plan, "helen", {}).table_2())


def test_equal_images_and_a_single_face_give_no_gain_instead_of_an_error() -> None:
    plan, results = _results([[0.1, np.inf]])
    assert Comparison(results, {}, plan, "synthetic", {}).gain_over(KDFSRNET) is None


def test_scores_of_other_faces_are_refused(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    shutil.rmtree(tmp_path / "data/scores/student/synthetic-full-0")
    write_scores(tmp_path, "synthetic", PKDN, 0, {"elsewhere": np.zeros((128, 128, 3), np.uint8)})
    with pytest.raises(UserError, match="the same faces"):
        read_results(tmp_path, plan)


def test_metric_that_was_not_scored_is_a_dash() -> None:
    _, results = _results([[0.1, 0.2]])
    mean = statistics.mean(results, "synthetic", PKDN, statistics.primary("ssim"))
    assert mean.cell(statistics.primary("ssim")) == "–"


def test_runs_are_those_of_the_plan_and_of_its_parser(tmp_path: Path) -> None:
    report_inputs.write(tmp_path, report_inputs.plan(networks=("bicubic", "newnet")))
    plan = report_inputs.plan(
        datasets=("helen",), seeds=(1,), networks=("bicubic",), authors_recipes=()
    )
    assert "authors@helen-dic-1" not in [run.name for run in read_runs(tmp_path, plan)]
    found = [run.name for run in read_runs(tmp_path, plan)]
    assert {"parser", "align@helen", "align@synthetic", "complexity"} < set(found)
    trained = [name for name in found if name.startswith(("baseline", "student", "teacher"))]
    assert len(trained) == 1 + len(VARIANTS) + len(TEACHERS)
    assert "baseline@helen-bicubic-1" in trained
    pretrained = read_runs(tmp_path, replace(plan, parser_dataset=None))
    assert not {"parser", "align@synthetic"} & {run.name for run in pretrained}


def test_best_value_is_bold_in_its_direction() -> None:
    cells = ["1.00 ± 0.10", "0.50", "0.50 ± 0.20", "–"]
    values = [1.0, 0.501, 0.504, None]
    assert tables.bold_best(cells, values, highest=True)[0] == "**1.00 ± 0.10**"
    lowest = ["1.00 ± 0.10", "**0.50**", "**0.50 ± 0.20**", "–"]
    assert tables.bold_best(cells, values, highest=False) == lowest


def test_markdown_keeps_a_bar_inside_its_cell() -> None:
    text = tables.markdown(tables.Table(["a|b", "c"], [["x\ny", "1"]]))
    assert text.splitlines() == ["| a\\|b |   c |", "| ---- | --: |", "| x y  |   1 |"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.24, "8.2 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7640, "2 h 07 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert tables.duration(seconds) == text


def test_variants_are_those_of_the_networks() -> None:
    assert {name: variant.teacher for name, variant in VARIANTS.items()} == {
        name: variant.teacher for name, variant in pkdn.STUDENT_VARIANTS.items()
    }
    assert set(TEACHERS) == set(pkdn.TEACHER_VARIANTS)


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.question)
def test_each_reading_is_written_where_the_report_says(reading: object) -> None:
    assert reading.name in (ROOT / reading.file).read_text(encoding="utf-8")
