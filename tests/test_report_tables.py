import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_inputs
from report_inputs import write_scores

from pkdn.errors import UserError
from pkdn.intervals import Interval
from pkdn.reports import columns, conditions, curves, history, paper, recipes, tables
from pkdn.reports import plan as report_plan
from pkdn.reports.comparisons import Comparison, gain_columns
from pkdn.reports.history import read_records
from pkdn.reports.plan import Plan
from pkdn.reports.scores import Scores, read_scores
from pkdn.reports.statistics import Gain, Mean
from pkdn.reports.tables import Column, words
from pkdn.runs import RunId
from pkdn.systems import FULL, PKDN, PKDN_TEACHER, VARIANTS, Subject

ROOT = Path(__file__).parents[1]
KDFSRNET = Subject("baseline", "kdfsrnet")


def _comparison(differences: list[list[float]]) -> Comparison:
    seeds = range(len(differences))
    plan = report_inputs.plan(datasets=("synthetic",), seeds=tuple(seeds))
    names = pd.Index([f"face{i}" for i in range(len(differences[0]))])
    zeros = np.zeros_like(differences)
    frames = {
        subject: {
            seed: pd.DataFrame({"y_crop8.psnr": 20.0 + np.array(values)}, names)
            for seed, values in zip(seeds, of_subject, strict=True)
        }
        for subject, of_subject in ((PKDN, differences), (KDFSRNET, zeros))
    }
    return Comparison(plan, "synthetic", Scores(frames, {}))


def _empty(plan: Plan, dataset: str) -> Comparison:
    return Comparison(plan, dataset, Scores({}, {}))


def test_the_spread_over_seeds_is_that_of_a_sample() -> None:
    scores = pd.DataFrame({0: [23.0, 25.0], 1: [25.0, 25.0], 2: [24.0, 28.0]})
    assert Mean.of(scores) == pytest.approx((25, 1, 3))


@pytest.mark.parametrize(("above", "has_learnt"), [(-0.5, False), (0.005, False), (0.02, True)])
def test_who_is_not_above_bicubic_has_not_learnt(above: float, has_learnt: bool) -> None:
    plan = report_inputs.plan(
        datasets=("synthetic",), seeds=(0,), networks=("bicubic", "pkdn"), authors_recipes=()
    )
    frames = {
        subject: {0: pd.DataFrame({"y_crop8.psnr": [23.0 + more, 25.0 + more]})}
        for subject, more in (
            (Subject("baseline", "bicubic"), 0.0),
            (Subject("baseline", "pkdn"), 1.0),
            (PKDN, above),
        )
    }
    found = Comparison(plan, "synthetic", Scores(frames, {})).not_above_bicubic()
    assert found == ([] if has_learnt else [PKDN])


def test_validation_by_step_is_the_mean_of_the_seeds(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0, 1))
    for subject in (PKDN, PKDN_TEACHER):
        for seed, psnr in ((0, 20.0), (1, 30.0)):
            rows = [{"step": 10, "val_psnr": psnr}, {"step": 20, "val_psnr": psnr + 1}]
            report_inputs.write_rows(tmp_path / subject.run("synthetic", seed).curve(), rows)
    found = curves.validation(tmp_path, plan, "synthetic")
    assert found["student"].tolist() == found["teacher"].tolist() == [25.0, 26.0]


def test_how_small_a_gain_is_seen_is_asked_of_what_was_trained_and_nearest() -> None:
    """Bicubic's difference varies with the faces alone, and no seed moves it."""
    plan = report_inputs.plan(
        datasets=("synthetic",), seeds=(0, 1, 2), networks=("bicubic", "pkdn"), authors_recipes=()
    )
    chance = np.random.default_rng(0)
    ours = 24.0 + chance.normal(0, 0.5, 20)
    frames = {
        subject: {
            seed: pd.DataFrame({"y_crop8.psnr": ours + mean + chance.normal(0, spread, 20)})
            for seed in plan.seeds
        }
        for subject, mean, spread in (
            (PKDN, 0.0, 0.0),
            (Subject("baseline", "bicubic"), 0.001, 0.5),
            (Subject("baseline", "pkdn"), 0.1, 0.05),
        )
    }
    rows = Comparison(plan, "synthetic", Scores(frames, {})).power()
    assert {*rows["against"]} == {"PKDN student: no distillation"}


def test_a_copy_of_pkdn_says_nothing_of_how_small_a_gain_is_seen() -> None:
    """Such as the student whose λ are 0, beside the network that learnt alone."""
    assert _comparison([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]).power().empty
    assert len(_comparison([[0.2, 0.3, 0.4], [0.2, 0.3, 0.3]]).power())


def test_pkdn_trained_a_second_time_is_told_from_a_copy_on_one_face_too() -> None:
    frames = {PKDN: {0: pd.DataFrame({"y_crop8.psnr": [24.0]}, ["face"])}}
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    for psnr, is_copy in ((24.0, True), (24.1, False)):
        fade = {0: pd.DataFrame({"y_crop8.psnr": [psnr]}, ["face"])}
        both = Scores({**frames, Subject("student", "fade"): fade}, {})
        assert Comparison(plan, "synthetic", both).is_pkdn("fade") is is_copy


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([[0.2, 0.3, 0.4, 0.3]], "no: better for this training; other seeds are not known"),
        ([[-0.2, -0.3, -0.4]], "no: worse for this training; other seeds are not known"),
        ([[0.2, 0.3, 0.4], [0.2, 0.3, 0.3], [0.2, 0.4, 0.4]], "yes: better"),
        ([[-0.2, -0.3, -0.4], [-0.2, -0.3, -0.3], [-0.2, -0.4, -0.4]], "yes: worse"),
        ([[-0.4, 0.5, -0.5, 0.6]], "no: the interval includes 0"),
        ([[0.0, 0.0, 0.0]], "no: the same on every face"),  # such as PKDN's very weights
        ([[0.5, 0.6, 0.7], [-0.1, -0.1, -0.1]], "no: the interval includes 0"),
        ([[0.2, 0.3, 0.4], [0.1, 0.2, 0.1]], "no: the interval includes 0"),  # two seeds differ
    ],
)
def test_verdict(differences: list[list[float]], verdict: str) -> None:
    gain = _comparison(differences).gain_over(KDFSRNET)
    assert gain.verdict(gain.interval.p_value) == verdict
    if not verdict.startswith("no: the"):
        assert gain.verdict(0.06).endswith("but chance would do that once in so many comparisons")


def test_a_gain_is_established_only_after_the_correction() -> None:
    gain = Gain(Interval(0.1, 0.01, 0.19, 0.03), (0.1, 0.1), None, 50)
    of_one, of_three = (
        {column.title: column for column in gain_columns([gain] * count)} for count in (1, 3)
    )
    assert of_one["established?"].cells == ["yes: better"]
    assert of_three["p, corrected"].numbers["p_corrected"] == pytest.approx([0.09] * 3)
    assert of_three["p, corrected"].cells == ["0.09"] * 3
    assert all("chance would do that" in cell for cell in of_three["established?"].cells)


@pytest.mark.parametrize(
    ("p_value", "shown"),
    [
        (0.0497, "0.0497"),
        (0.049996, "0.049996"),
        (0.05, "0.05"),
        (0.0504, "0.05"),
        (0.041, "0.041"),
    ],
)
def test_a_p_value_shows_on_which_side_of_the_threshold_it_is(p_value: float, shown: str) -> None:
    gain = Gain(Interval(0.1, 0.01, 0.19, p_value), (0.1, 0.1), None, 50)
    table = {column.title: column.cells for column in gain_columns([gain])}
    assert table["p, corrected"] == [shown]
    assert table["established?"][0].startswith("yes") is (p_value < 0.05)


def test_the_summary_names_the_best_rival_and_what_the_correction_leaves_of_a_gain() -> None:
    """Each gain is established alone, as that by the teacher is; among three it is not."""
    plan = report_inputs.plan(datasets=("synthetic",), authors_recipes=())
    spread = np.array([1.0, -1.0] * 4)
    frames = {PKDN: {seed: pd.DataFrame({"y_crop8.psnr": np.full(8, 24.0)}) for seed in (0, 1)}}
    for name, gain in (("bicubic", 0.4), ("dic", 0.2), ("kdfsrnet", 0.3), ("pkdn", 0.5)):
        of_name = pd.DataFrame({"y_crop8.psnr": 24.0 - gain * (1 + spread)})
        frames[Subject("baseline", name)] = dict.fromkeys((0, 1), of_name)
    comparison = Comparison(plan, "synthetic", Scores(frames, {}))
    gains = comparison.gains_in_words()
    assert comparison.rivals == ["bicubic", "dic"]
    assert gains[1].startswith("+0.20 dB against DIC ")
    assert 0.0125 < comparison.gain_over(Subject("baseline", "dic")).interval.p_value < 0.05
    assert ["; not established" in gain for gain in gains] == [True, True, False]


def test_the_papers_numbers_are_those_that_it_prints() -> None:
    celeba, helen = paper.table(1, "celeba"), paper.table(1, "helen")
    assert {name: tuple(row) for name, row in celeba.iterrows()} == {
        "urdgn": (25.62, 0.7261),
        "fsrnet": (26.66, 0.7714),
        "dic": (27.27, 0.8022),
        "sisn": (27.31, 0.7978),
        "sparnet": (27.42, 0.8036),
        "kdfsrnet": (27.52, 0.8057),
        "pkdn": (27.56, 0.8062),
    }
    assert {name: tuple(row) for name, row in helen.iterrows()} == {
        "urdgn": (25.23, 0.7205),
        "fsrnet": (26.28, 0.7726),
        "dic": (26.69, 0.7953),
        "sisn": (26.66, 0.7920),
        "sparnet": (26.78, 0.7971),
        "kdfsrnet": (26.79, 0.7953),
        "pkdn": (26.84, 0.7982),
    }
    assert {name: tuple(row) for name, row in paper.table(2, "celeba").iterrows()} == {
        "no_pfb_no_ffb": (27.31, 0.7961),
        "no_ffb": (27.48, 0.8036),
        "full": (27.56, 0.8062),
    }


def test_teachers_and_other_sizes_are_no_points_among_systems() -> None:
    row = {"network": "kdfsrnet", "size": "demo", "gmac": 1.0, "latency_ms_b1": 2.0}
    rows = [
        {**row, "role": "network"},
        {**row, "role": "teacher"},
        {**row, "role": "network", "size": "paper"},
    ]
    assert len(_comparison([[0.1, 0.2]]).points(pd.DataFrame(rows))) == 1


def test_papers_ablation_stands_beside_celeba_alone() -> None:
    plan = report_inputs.plan(datasets=("celeba",))
    psnr, ssim = _empty(plan, "celeba").table_2()[-3:-1]
    assert psnr.title == "paper (full training): PSNR, dB"
    assert psnr.cells[:4] == ["27.31", "27.48", "27.56", "–"]
    assert ssim.cells[:4] == ["0.7961", "0.8036", "0.8062", "–"]
    assert ssim.numbers["paper.ssim"][:3] == [0.7961, 0.8036, 0.8062]
    assert "paper" not in str(_empty(plan, "helen").table_2())


def test_equal_images_and_a_single_face_give_no_gain_instead_of_an_error() -> None:
    comparison = _comparison([[0.1, np.inf]])
    assert comparison.gain_over(KDFSRNET).verdict(1.0) == "–"
    comparison.scores.frames[KDFSRNET][0].loc["face1"] = np.inf
    assert comparison.gain_over(KDFSRNET).verdict(1.0) == "–"
    assert comparison.gains_in_words() == []


def test_scores_of_other_faces_are_refused(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    run = PKDN.run("synthetic", 0)
    shutil.rmtree(tmp_path / run.evaluation().folder)
    write_scores(tmp_path, run, {"elsewhere": np.zeros((128, 128, 3), np.uint8)})
    with pytest.raises(UserError, match="the same faces"):
        read_scores(tmp_path, plan, "synthetic")


def test_means_over_different_faces_are_refused(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    for subject, gone in ((KDFSRNET, 0), (PKDN, 1)):
        file = tmp_path / subject.run("synthetic", 0).evaluation().scores
        scores = pd.read_csv(file)
        scores["identity.distance"] = [np.nan if n == gone else 0.5 for n in range(len(scores))]
        scores.to_csv(file, index=False)
    with pytest.raises(UserError, match=r"identity\.distance to be NaN for the same faces"):
        read_scores(tmp_path, plan, "synthetic")


def test_faces_named_like_nothing_or_like_numbers_keep_their_names(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    faces = {name: np.zeros((128, 128, 3), np.uint8) for name in ("NA", "007", "null")}
    for subject, run in plan.trainings():
        write_scores(tmp_path, run, faces)
        assert subject.run("synthetic", 0) == run
    found = read_scores(tmp_path, plan, "synthetic").frames[PKDN][0]
    assert list(found.index) == ["NA", "007", "null"]


def test_metric_that_was_not_scored_is_a_dash() -> None:
    assert _comparison([[0.1, 0.2]]).cell(PKDN, columns.SSIM) == "–"


def test_records_are_those_of_the_plan_and_of_its_parser(tmp_path: Path) -> None:
    report_inputs.write(tmp_path, report_inputs.plan(networks=("bicubic", "kdfsrnet")))
    plan = report_inputs.plan(
        datasets=("helen",), seeds=(1,), networks=("bicubic",), authors_recipes=()
    )
    found = [*read_records(tmp_path, plan)["name"]]
    assert "authors@helen-dic-1" not in found
    assert {"parser", "labelled", "align@helen", "complexity"} < set(found)
    trained = [name for name in found if name.startswith(("baseline", "student", "teacher"))]
    with_teacher = [name for name in VARIANTS if VARIANTS[name].teacher]
    assert len(trained) == 1 + len(with_teacher) + len(report_inputs.OWN_TEACHERS)
    assert "baseline@helen-bicubic-1" in trained
    pretrained = read_records(tmp_path, replace(plan, parser_dataset=None))
    assert not {"parser", "labelled"} & {*pretrained["name"]}


def test_systems_that_were_trained_at_a_lower_rate_are_named(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("helen",))
    report_inputs.write(tmp_path, plan)
    assert recipes.slower(plan, read_records(tmp_path, plan), "helen") == []
    file = tmp_path / Subject("baseline", "dic").run("helen", 0).record
    record = json.loads(file.read_text())
    record["params"]["learning_rate"] = 0.0004
    file.write_text(json.dumps(record))
    named = recipes.slower(plan, read_records(tmp_path, plan), "helen")
    assert named == ["DIC at 0.0004 in place of 0.001"]


def test_steps_that_a_teacher_within_a_training_left_out_are_told(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("helen",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    file = tmp_path / KDFSRNET.run("helen", 0).record
    record = json.loads(file.read_text())
    record["metrics"] |= {"skipped_steps": 2.0, "teacher_skipped_steps": 7.0}
    file.write_text(json.dumps(record))
    told = history.skipped_steps(read_records(tmp_path, plan))
    assert told == ["`baseline@helen-kdfsrnet-0`: 9"]


def test_the_number_format_is_that_of_trainings_wherever_the_cost_was_measured(
    tmp_path: Path,
) -> None:
    plan = report_inputs.plan(datasets=("helen",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    file = tmp_path / "data/runs/complexity/record.json"
    record = json.loads(file.read_text())
    record["tags"]["precision"] = "fp32"
    file.write_text(json.dumps(record))
    records = read_records(tmp_path, plan)
    assert history.precisions(records) == "bf16"
    assert history.precisions(records, ["complexity"]) == "fp32"


def test_wall_time_has_the_parts_of_an_interrupted_training(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("helen",), seeds=(0,))
    report_inputs.write(tmp_path, plan)

    def longest() -> str:
        table = history.time_table(read_records(tmp_path, plan))
        return dict(zip(table[0].cells, table[3].cells, strict=True))["teacher"]

    assert longest() == "30 s"
    file = tmp_path / PKDN_TEACHER.run("helen", 0).record
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds_before": 90.0}))
    assert longest() == "2 min 00 s"


def test_time_of_a_training_is_told_with_that_of_its_teacher(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("helen",))
    report_inputs.write(tmp_path, plan)
    file = tmp_path / PKDN_TEACHER.run("helen", 1).record
    record = json.loads(file.read_text())
    record["metrics"]["seconds"] = 5_000.0
    file.write_text(json.dumps(record))
    found = recipes.of_records(plan, read_records(tmp_path, plan), "helen", faces=3)
    times = dict(zip([row.title for row in found], recipes.table(found)[-2].cells, strict=True))
    assert times["DIC"] == times["PKDN student: no distillation"] == "1 min 30 s"
    assert times["KDFSRNet"] == "1 min 30 s, and 20 s of its teacher"
    assert times["PKDN"] == "1 min 30 s, and 42 min 10 s of its teacher"
    assert times["PKDN student: no λ_TS"] == times["PKDN"]
    assert times["PKDN student: PFB only"] == "1 min 30 s, and 1 min 30 s of its teacher"
    assert times["PKDN teacher: PFB and FFB"] == "42 min 10 s"


def test_a_fade_that_the_training_does_not_reach_the_end_of_is_told() -> None:
    values = {**report_inputs.RECIPE, "batch_size": 4}

    def told(faces: int, epochs: int, **weights: float) -> str:
        row = recipes.Training("PKDN", {**weights, **values, "distill_epochs": epochs}, faces)
        cells = {column.title: column.cells for column in recipes.table([row])}
        return cells["distilled by"][0]

    features = {"lambda_fs": 0.1}
    cut = "λ_FS 0.1 fading over 6 epochs; the training has 0.5"
    assert told(faces=4000, epochs=6, **features) == cut
    assert told(faces=40, epochs=6, **features) == "λ_FS 0.1 fading over 6 epochs"
    assert told(faces=40, epochs=1, **features) == "λ_FS 0.1 for 1 epoch"
    assert told(faces=0, epochs=0, **features) == "λ_FS 0.1"
    both = {"lambda_ts": 0.2, "lambda_fs": 0.1}
    assert told(faces=0, epochs=0, **both) == "λ_TS 0.2, λ_FS 0.1"
    fading = "λ_TS 0.2 for 7 epochs, λ_FS 0.1 fading over 6 epochs"
    assert told(faces=40, epochs=6, **both) == fading
    whole = "λ_TS 0.2 for 2 epochs, λ_FS 0.1 for 1 epoch"
    assert told(faces=1000, epochs=1, **both) == whole
    assert told(faces=1200, epochs=1, **both) == f"{whole}; the training has 1.7"


def test_what_is_the_same_on_every_face_is_no_comparison_to_correct_for() -> None:
    scores = np.random.default_rng(1).normal(25, 1, (50, 3))
    better = scores + np.random.default_rng(2).normal(0.05, 0.2, (50, 3))
    gains = [Gain.of(pd.DataFrame(better), pd.DataFrame(scores))] * 2
    alone = gain_columns(gains)[-2].numbers["p_corrected"]
    copy = Gain.of(pd.DataFrame(scores), pd.DataFrame(scores))
    beside = gain_columns([*gains, copy])[-2].numbers["p_corrected"]
    assert beside[:2] == alone
    assert np.isnan(beside[2])
    assert gain_columns([copy])[-1].cells == ["no: the same on every face"]


def test_plan_asks_for_every_kind_of_run_once() -> None:
    runs = list(report_inputs.plan().runs())
    assert len(set(runs)) == len(runs)
    assert RunId("model", "helen", FULL, 1) in runs
    assert RunId("evaluate_baseline", "helen", "pkdn", 0) in runs


def test_the_papers_variants_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = {"mine": VARIANTS[FULL]._replace(teacher="mine"), **VARIANTS}
    monkeypatch.setattr(report_plan, "VARIANTS", mine)
    plan = replace(report_inputs.plan(), ablations=("full", "no_ffb", "no_pfb_no_ffb", "mine"))
    assert plan.variants[:4] == ["no_pfb_no_ffb", "no_ffb", "full", "mine"]


def test_best_value_is_bold_in_its_direction() -> None:
    cells = ["1.00 ± 0.10", "0.50", "0.50 ± 0.20", "–"]
    values = [1.0, 0.501, 0.504, np.nan]
    assert tables.bold_best(cells, values, highest=True)[0] == "**1.00 ± 0.10**"
    lowest = ["1.00 ± 0.10", "**0.50**", "**0.50 ± 0.20**", "–"]
    assert tables.bold_best(cells, values, highest=False) == lowest


def test_markdown_keeps_a_bar_inside_its_cell() -> None:
    text = tables.markdown([words("a|b", ["x\ny"]), Column("c", ["1"])])
    assert text.splitlines() == ["| a\\|b |   c |", "| ---- | --: |", "| x y  |   1 |"]


def test_numbers_keep_their_precision_and_what_is_not_finite_is_empty(tmp_path: Path) -> None:
    values = [0.1 + 0.2, None, float("inf"), float("nan")]
    table = [Column("", numbers={"runs": [1, 2, 3, None]}), Column("", numbers={"a": values})]
    tables.write_csv(tmp_path / "a.csv", tables.numbers(table))
    assert (tmp_path / "a.csv").read_text() == "runs,a\n1,0.30000000000000004\n2,\n3,\n,\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.24, "8.2 s"), (59.7, "1 min 00 s"), (185, "3 min 05 s"), (7640, "2 h 07 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert tables.duration(seconds) == text


@pytest.mark.parametrize(("file", "name"), paper.readings()[["file", "name"]].to_numpy())
def test_each_reading_is_written_where_the_report_says(file: str, name: str) -> None:
    if file != "params.yaml":  # which test_shipped_params.py looks at
        assert name in (ROOT / file).read_text(encoding="utf-8")


def test_names_of_photos_are_no_markdown(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",))
    report_inputs.write(tmp_path, plan)
    name = "IMG![1](copy)_*.jpg"
    rows = [{"name": name, "split": "train", "kind": "too small", "reason": "9 of 64"}]
    report_inputs.write_rows(tmp_path / "data/faces/synthetic/left_out.csv", rows)
    *_, values = conditions.counted(tmp_path, plan, read_records(tmp_path, plan))
    assert values.cells[-1] == r"IMG\!\[1\](copy)\_\*.jpg: too small, 9 of 64"
    assert values.numbers["value"][-1] == f"{name}: too small, 9 of 64"


def test_names_with_commas_are_told_apart_by_semicolons() -> None:
    assert tables.listing([]) == ""
    assert tables.listing(["DIC"]) == "DIC"
    assert tables.listing(["SISN", "DIC"]) == "SISN and DIC"
    assert tables.listing([1, 2, 3]) == "1, 2 and 3"
    assert tables.listing(["SISN", "DIC, authors' recipe"]) == "SISN; and DIC, authors' recipe"
