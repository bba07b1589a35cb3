import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_inputs
from PIL import Image
from report_inputs import NUM_EXAMPLES, NUM_TEST

from pkdn import systems
from pkdn.errors import UserError
from pkdn.reports import colours, page
from pkdn.reports.faces import TILE, Grid, Tile, grid_size
from pkdn.reports.figures import smoothed
from pkdn.runs import RunId
from pkdn.systems import VARIANTS


class Report:
    """A written report, its text cut at the headings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = (folder / "report.md").read_text(encoding="utf-8")

    def section(self, heading: str) -> str:
        level, rest = re.split(rf"^(#+) {re.escape(heading)}$", self.text, flags=re.M)[1:3]
        return re.split(rf"^#{{1,{len(level)}}} ", rest, flags=re.M)[0]

    def rows(self, heading: str, table: int = 0) -> dict[str, list[str]]:
        """Return the cells of one table of a section by their first cell."""
        found = re.findall(r"(?:^\|.*\n)+", self.section(heading) + "\n", flags=re.M)[table]
        lines = [line.strip("| ").split("|") for line in found.splitlines()]
        return {first.strip(): [cell.strip() for cell in rest] for first, *rest in lines}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Two data sets and two seeds, beside what other parameters have left behind."""
    root = tmp_path_factory.mktemp("report")
    report_inputs.write(root, report_inputs.plan(datasets=("stale",), seeds=(0,)))
    shutil.copytree(
        root / RunId("evaluate_baseline", "stale", "bicubic", 0).folder,
        root / RunId("evaluate_baseline", "synthetic", "bicubic", 9).folder,
    )
    plan = report_inputs.plan()
    report_inputs.write(root, plan)
    (root / "out/figures").mkdir(parents=True)
    (root / "out/figures/faces-stale.png").touch()
    page.write(root=root, out=root / "out", plan=plan)
    return Report(root / "out")


def test_how_many_seeds_a_gain_takes_is_told_as_a_guess(report: Report) -> None:
    told = " ".join(report.text.split())
    number = r"(takes more faces\.|with \d+ seeds\.)"
    then = r"(\d+ seeds would be needed|no number of seeds would do)"
    assert re.search(
        rf"is seen .*{number} That is a guess, since 2 seeds tell little of how far seeds move a "
        rf"difference\. They are found to move it by 0\.\d{{3}} dB; if it were \d\.\d{{3}} dB, "
        rf"they would agree as well as here in one of five cases, and {then}\. With the 2 seeds ",
        told,
    )


def test_table_1_has_each_system_in_its_row(report: Report) -> None:
    rows = report.rows("Table 1 on `synthetic`: the systems")
    assert rows["system"][0] == "one recipe: PSNR ↑, dB"
    assert rows["system"][3] == "authors' recipe: PSNR ↑, dB"
    assert rows["bicubic"][:-1] == ["23.00", "0.5750", "0.4600", "23.00", "0.5750"]
    ours = ["**24.70 ± 0.14**", "**0.6175 ± 0.0035**", "**0.4940 ± 0.0028**"]
    assert rows["PKDN"][:-1] == [*ours, *ours[:2]]
    assert rows["DIC"][0] == "24.40 ± 0.14"
    assert rows["DIC"][3] == "23.60 ± 0.14"
    assert rows["SPARNet"] == ["–"] * 6
    order = ["bicubic", "URDGN", "FSRNet", "DIC", "SISN", "SPARNet", "KDFSRNet", "PKDN"]
    assert list(rows)[2:] == order


def test_papers_numbers_stand_only_beside_a_data_set_of_that_name(report: Report) -> None:
    assert report.rows("Table 1 on `helen`: the systems")["KDFSRNet"][-3:-1] == [
        "26.79",
        "0.7953",
    ]
    assert (
        "paper (full training): PSNR, dB"
        in report.rows("Table 1 on `helen`: the systems")["system"]
    )
    assert (
        "here (`mine`, size `demo`), one recipe: PSNR ↑, dB"
        in report.rows("Table 1 on `helen`: the systems")["system"]
    )
    for number in ("26.84", ".7982", "27.56", ".8062"):
        assert number not in report.section("Results on `synthetic`")
    assert "27.56" not in report.text


def test_no_number_comes_before_the_statement_that_nothing_is_reproduced(report: Report) -> None:
    statement = report.text.index("not a reproduction of the paper's")
    assert statement < re.search(r"\d dB", report.text).start()
    assert "no attempt to reach them" in report.section("Table 1 on `helen`: the systems")


def test_gain_is_pkdn_minus_the_other_system(report: Report) -> None:
    gains = report.rows("Table 1 on `synthetic`: the systems", table=1)
    assert gains["KDFSRNet"] == [
        "+0.10",
        "+0.10 to +0.10",
        "+0.10, +0.10",
        "< 0.0001",
        "yes: better",
    ]
    assert gains["DIC"][0] == "+0.30"
    assert gains["DIC, authors' recipe"][0] == "+1.10"


def test_a_system_that_lacks_landmarks_says_so_in_its_row(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("helen",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    for kind in ("baseline", "authors"):
        run = RunId(f"evaluate_{kind}", "helen", "dic", 0)
        shutil.rmtree(tmp_path / run.folder)
        (tmp_path / run.folder).mkdir()
        (tmp_path / run.absence).write_text("needs landmarks\n")
    page.write(root=tmp_path, out=tmp_path / "out", plan=plan)
    written = Report(tmp_path / "out")
    row = written.rows("Table 1 on `helen`: the systems")["DIC"]
    assert row[:5] == ["needs landmarks", "–", "–", "needs landmarks", "–"]
    assert row[5:-1] == ["26.69", "0.7953"]
    assert written.rows("Table 1 on `helen`: the systems", table=1)["DIC"] == ["–"] * 4
    assert written.rows("On `helen`")["DIC"][0] == "–"
    listed = pd.read_csv(tmp_path / "out/tables/scores.csv")["system"].tolist()
    assert "helen: bicubic" in listed
    assert "helen: DIC" not in listed


def test_table_2_shows_students_and_what_each_lacks(report: Report) -> None:
    heading = "Table 2 on `synthetic`: PKDN taken apart"
    students, differences, teachers = (report.rows(heading, table=i) for i in range(3))
    assert "λ_FS = 0" in students["no λ_FS"][0]
    assert students["no λ_FS"][1] == "24.10 ± 0.14"
    assert students["PFB and FFB: PKDN"][1] == "**24.70 ± 0.14**"
    assert differences["no λ_FS"][:2] == ["−0.60", "−0.60 to −0.60"]
    assert "PFB and FFB: PKDN" not in differences
    assert teachers["one-hot parsing map"][0] == "**26.10 ± 0.14**"
    assert len(students) - 2 == len(VARIANTS)
    assert len(teachers) - 2 == len(report_inputs.OWN_TEACHERS)


def test_what_other_parameters_left_is_not_seen(report: Report) -> None:
    assert "stale" not in report.text
    assert "bicubic-9" not in report.text
    assert not (report.folder / "figures/faces-stale.png").exists()


def test_every_figure_is_there_and_shown(report: Report) -> None:
    shown = set(re.findall(r"\]\((figures/[^)]+)\)", report.text))
    written = {f"figures/{path.name}" for path in (report.folder / "figures").iterdir()}
    assert shown == written
    assert len(shown) == 15


def test_smoothed_curve_does_not_jump_where_a_row_is_short() -> None:
    losses = np.random.default_rng(0).uniform(0.1, 0.2, 272)

    def curve(ends: list[int]) -> pd.Series:
        means = [losses[a:b].mean() for a, b in zip([0, *ends], ends, strict=False)]
        return smoothed(pd.Series(ends), pd.Series(means)).set_axis(ends)

    whole = curve([*range(10, 271, 10), 272])
    with_epoch = curve(sorted([*range(10, 271, 10), 136, 272]))
    assert with_epoch.loc[:130].tolist() == pytest.approx(whole.loc[:130].tolist())
    assert whole[10] == pytest.approx(losses[:10].mean())
    jump = losses[270:].mean() - losses[260:270].mean()
    assert abs(jump) > 0.01
    assert abs(whole[272] - whole[270]) < abs(jump) / 4


def test_grid_has_a_column_for_each_system_and_a_row_for_each_face(report: Report) -> None:
    with Image.open(report.folder / "figures/faces-synthetic.png") as figure:
        assert figure.size == grid_size(len(["LR", "bicubic", "DIC", "KDFSRNet", "PKDN", "HR"]), 4)
        pixels = np.asarray(figure.convert("RGB"))
    assert NUM_EXAMPLES == 4
    lr_tile, hr_tile = pixels[28:156, 6:134], pixels[28:156, 676:804]
    assert (lr_tile[:8, :8] == lr_tile[0, 0]).all()
    assert len(np.unique(hr_tile.reshape(-1, 3), axis=0)) > 1000


def test_the_crop_index_is_published_beside_the_page(report: Report) -> None:
    published = (report.folder / "tables/crops-helen.csv").read_text()
    root = report.folder.parent
    assert published == (root / "data/faces/helen/index.csv").read_text()
    assert "(tables/crops-helen.csv)" in report.section("The faces of `helen`")
    with Image.open(report.folder / "figures/crops-helen.png") as figure:
        assert figure.size == grid_size(10, 1)


def test_names_of_photos_are_no_mathematics(tmp_path: Path) -> None:
    face = Tile(np.zeros((TILE, TILE, 3), np.uint8), "$_$ \u4e2d\u6587")
    Grid(["A$AP_$ign"], [[face]], ["$_$"]).draw(tmp_path / "faces.png")
    with Image.open(tmp_path / "faces.png") as figure:
        assert figure.size == grid_size(1, 1)


def test_each_row_can_be_followed_to_its_runs(report: Report) -> None:
    rows = report.rows("Appendix C: where every number comes from")
    trained = rows["`student@synthetic-no_ffb-1`"]
    assert trained[:3] == [
        "PKDN student: PFB only",
        "`dvc repro student@synthetic-no_ffb-1`",
        "`mlflow-student-synthetic-no_ffb-1`",
    ]
    assert trained[4:] == ["2026-01-02 03:04:05", "0123abcdef", "30.0"]
    untracked = rows["`evaluate_baseline@helen-kdfsrnet-0`"]
    assert (untracked[0], untracked[2]) == ("KDFSRNet", "not tracked")
    assert rows["`baseline@helen-pkdn-1`"][0] == "PKDN student: no distillation"


def test_wall_time_and_counts(report: Report) -> None:
    assert report.rows("What was run", table=2)["student"] == ["32", "16 min 00 s", "30 s"]
    assert report.rows("What was run")["`helen`"] == [
        "photographs",
        "3",
        "1",
        "6",
        "1,955 / 50 / 50",
    ]


def test_counts_of_the_data_stages_leave_single_classes_out(report: Report) -> None:
    section = report.section("Appendix B: what the data stages counted")
    assert "test_miou" in section
    assert "iou_skin" not in section


def test_faces_that_were_left_out_are_counted_and_named(report: Report) -> None:
    section = report.section("Appendix B: what the data stages counted")
    assert re.search(r"align \| `helen` +\| left_out +\| +1 \|", section)
    assert "tiny: too small, 9 of 64 pixels" in section
    assert re.search(r"\| photos +\| +162770 \|", section)


def test_tables_are_there_as_numbers(report: Report) -> None:
    lines = (report.folder / "tables/gains-synthetic.csv").read_text().splitlines()
    name, gain, low, high, chance, corrected = lines[3].split(",")
    assert 0 <= float(chance) <= float(corrected) < 0.0001
    assert name == "baseline.kdfsrnet"
    assert [float(gain), float(low), float(high)] == pytest.approx([0.1] * 3)
    long = (report.folder / "tables/protocols-helen.csv").read_text()
    assert re.search(r"^teacher,onehot,sparnet\.ssim,0\.652", long, flags=re.M)


def test_teachers_have_a_size_and_no_place_among_what_enlarges_faces(report: Report) -> None:
    for table in (0, 1, 2):
        rows = report.rows("Complexity", table)
        assert {"PKDN", "PKDN teacher", "KDFSRNet", "KDFSRNet teacher"} <= set(rows)
        assert "bicubic teacher" not in rows
    numbers = (report.folder / "tables/complexity.csv").read_text(encoding="utf-8")
    assert numbers.startswith("network,role,size,title")
    speeds = report.rows("Complexity", 1)["network"]
    assert "latency of 1 face, ms" in speeds
    assert report.rows("Complexity", 0)["PKDN"][1:] == ["0.09", "0.31"]
    assert report.rows("Complexity", 2)["PKDN"][1:] == ["5.20", "13.70"]


def test_latencies_from_a_busy_machine_are_marked(report: Report, tmp_path: Path) -> None:
    assert "had its core for 99% of the time; the load average was 0.2 when" in report.text
    assert "Other programs ran" not in report.text
    plan = report_inputs.plan(datasets=["synthetic"], seeds=[0])
    report_inputs.write(tmp_path, plan)
    report_inputs.write_complexity(tmp_path, plan, core_share=0.31)
    page.write(root=tmp_path, out=tmp_path / "out", plan=plan)
    text = (tmp_path / "out" / page.PAGE).read_text(encoding="utf-8")
    assert "had its core for 31% of the time" in text
    assert "> **Other programs ran while this was measured.**" in text
    assert "`dvc repro --force --single-item complexity`" in text


def test_main_numbers_are_there_for_dvc(report: Report) -> None:
    found = json.loads((report.folder / "metrics.json").read_text(encoding="utf-8"))
    assert found["helen"]["student"] == {"psnr": 24.7, "ssim": 0.6175, "parsing_miou": 0.494}
    assert [*found["helen"]] == ["bicubic", "student", "teacher"]
    scores = pd.read_csv(report.folder / "tables/scores.csv").set_index("system")
    alone = scores.loc["synthetic: PKDN student: no distillation"]
    assert alone["psnr"] == pytest.approx(24.1)
    assert alone["psnr_above_pkdn"] == pytest.approx(24.1 - 24.7)
    curve = pd.read_csv(report.folder / "tables/validation-helen.csv")
    assert [*curve] == ["step", "student", "teacher"]
    assert curve["step"].is_monotonic_increasing
    assert curve["student"].between(20, 40).all()


def test_protocols_and_parser(report: Report) -> None:
    everything = report.rows("On `helen`")["PKDN teacher: PFB and FFB"]
    assert everything[0] == "26.10 / 0.6525"
    assert report.rows("The parser")["1"] == ["skin", "0.9123", "1000"]
    assert report.rows("The parser")["18"][1] == "–"
    assert "On 64 faces that it was not trained on" in report.section("The parser")
    assert "was trained on no faces of `helen`:" in report.section("The parser")


def test_the_parser_knows_celeba_by_celebamask_hq(tmp_path: Path) -> None:
    """The one is made from photos of the other."""
    plan = report_inputs.plan(
        datasets=("celeba", "helen"), seeds=(0,), parser_dataset="celebamask_hq"
    )
    report_inputs.write(tmp_path, plan)
    page.write(root=tmp_path, out=tmp_path / "out", plan=plan)
    report = Report(tmp_path / "out")
    told = " ".join(report.section("The parser").split())
    assert "learnt from faces of `celeba`, as `celebamask_hq` has photos of CelebA." in told
    assert "It was trained on no faces of `helen`:" in told
    assert "rough sign" not in report.section("Results on `celeba`")
    assert "rough sign" in report.section("Results on `helen`")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One seed, a network that the paper does not know, faces without examples or a curve."""
    root = tmp_path_factory.mktemp("single")
    networks = tmp_path_factory.mktemp("networks")
    shutil.copytree(systems.NETWORKS, networks, dirs_exist_ok=True)
    (networks / "newnet.py").write_text(
        'TITLE = "The newnet"\nINPUT = "16×16"\nNETWORK = object\nSIZES = {}\n'
    )
    plan = report_inputs.plan(
        size="paper",
        datasets=("helen",),
        seeds=(3,),
        networks=("bicubic", "newnet"),
        authors_recipes=(),
        ablations=("full", "no_ffb"),
        loss_ablations=(),
        authors={"largest_batch": 0, "rate_factor": 1},
        parser_dataset=None,
        metrics=("identity",),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(systems, "NETWORKS", networks)
        report_inputs.write(root, plan)
        for path in root.glob("data/runs/evaluate_*/*/scores.csv"):
            distances = [np.nan, *[0.5 + 0.1 * ("full" in str(path))] * (NUM_TEST - 1)]
            pd.read_csv(path).assign(**{"identity.distance": distances}).to_csv(path, index=False)
        shutil.rmtree(root / RunId("evaluate_baseline", "helen", "newnet", 3).folder / "examples")
        (root / RunId("baseline", "helen", "newnet", 3).curve()).unlink()
        (root / RunId("parser").folder / "iou.csv").unlink()
        page.write(root=root, out=root / "out", plan=plan)
    return Report(root / "out")


def test_one_seed_has_no_spread(single: Report) -> None:
    assert single.rows("Table 1 on `helen`: the systems")["PKDN"][0] == "**25.20**"
    assert "±" not in single.section("Results on `helen`")
    assert "with each seed" not in single.text
    assert "Each system was trained once" in single.section("Summary")


def test_a_metric_by_a_model_has_columns_and_its_definition(single: Report, report: Report) -> None:
    rows = single.rows("Table 1 on `helen`: the systems")
    place = [heading.endswith("identity distance ↓") for heading in rows["system"]].index(True)
    assert (rows["PKDN"][place], rows["The newnet"][place]) == ("0.600", "**0.500**")
    assert "- `identity`: distance of dlib's descriptors" in single.text
    assert f"Here `identity` is of {NUM_TEST - 1} of the {NUM_TEST} faces" in single.text
    assert "Where dlib finds no face" in single.text
    assert "Where dlib" not in report.text
    assert "Here `" not in report.text.partition("## Appendix A")[2]
    assert "identity" not in report.text.partition("## Differences and readings")[0]


def test_new_network_joins_with_its_own_title(single: Report) -> None:
    systems = list(single.rows("Table 1 on `helen`: the systems"))
    assert systems[-3:] == ["KDFSRNet", "The newnet", "PKDN"]
    assert len(set(colours.of_systems(["newnet", "other"]).values())) == 12
    assert "The newnet is not in the paper's table" in single.text


def test_every_system_and_variant_has_a_colour_of_its_own() -> None:
    known = colours.of_systems(systems.names())
    assert len(set(known.values())) == len(known)
    variants = colours.of_variants([*VARIANTS, "mine"])
    assert len({variants[name] for name in (*VARIANTS, "mine")}) == len(VARIANTS) + 1
    assert {*colours.of_terms(["lambda_mine"])} == {"lambda_ts", "lambda_fs", "lambda_mine"}


def test_tables_show_the_variants_that_were_asked_for(single: Report) -> None:
    heading = "Table 2 on `helen`: PKDN taken apart"
    students, differences, teachers = (single.rows(heading, table=i) for i in range(3))
    assert list(students)[2:] == ['PFB only (printed "without PFB")', "PFB and FFB: PKDN"]
    assert list(differences)[2:] == ['PFB only (printed "without PFB")']
    assert list(teachers)[2:] == ["PFB only", "PFB and FFB"]
    assert "The first two rows are the paper's." in single.section(heading)
    assert "The other rows are not in the paper" not in single.section(heading)


def test_pkdn_is_compared_with_others_and_with_its_own_network_once(report: Report) -> None:
    systems_gains = report.rows("Table 1 on `synthetic`: the systems", table=1)
    assert not [
        name for name in systems_gains if name.startswith("PKDN") and "compared" not in name
    ]
    students, gains, _ = (
        report.rows("Table 2 on `synthetic`: PKDN taken apart", table=i) for i in range(3)
    )
    assert students["no distillation"][1] == "24.10 ± 0.14"
    assert gains["no distillation"][0] == "−0.60"
    assert [row[0] for row in report.rows("On `synthetic`").items()].count("PKDN") == 1


@pytest.mark.parametrize(
    ("authors", "expected"),
    [
        ({"most_steps": 0, "largest_batch": 0, "rate_factor": 1}, []),
        (
            {"most_steps": 0, "largest_batch": 0, "rate_factor": 10.0},
            ["rates are multiplied by 10"],
        ),
        ({"most_steps": 0, "largest_batch": 2, "rate_factor": 1.0}, ["batches are cut to 2 faces"]),
        (
            {"most_steps": 1200, "largest_batch": 0, "rate_factor": 1},
            ["trainings are cut to 1,200 steps"],
        ),
    ],
)
def test_changed_recipes_of_authors_are_told(authors: dict, expected: list[str]) -> None:
    assert report_inputs.plan(authors=authors).authors_changes == expected


def test_only_changed_recipes_are_said_to_be_changed(report: Report, single: Report) -> None:
    assert "rates are multiplied by 10 and batches are cut to 2 faces" in report.text
    assert "rates are multiplied" not in single.text


def test_the_report_says_how_long_every_network_was_trained(report: Report) -> None:
    rows = report.rows("How the networks of `synthetic` were trained")
    assert rows["DIC, authors' recipe"][:2] == ["500", "333.3"]
    assert "halved at 100 and 200" in rows["PKDN"]
    assert rows["PKDN"][-2] == "the best: step 100 to 101"
    assert rows["PKDN"][-1] == "1 min 30 s, and 1 min 30 s of its teacher"


def test_networks_of_the_papers_size_are_called_no_less(single: Report) -> None:
    assert "not a reproduction" not in single.text
    assert "no attempt to reach them" not in single.text
    assert "sizes alone" not in single.text
    assert "here (`mine`, size `paper`), one recipe: SSIM ↑" in single.text
    assert "The faces differ too: 3 / 1 / 6 here" in single.text


@pytest.mark.parametrize(
    ("size", "datasets", "expected"),
    [
        ("demo", ("helen",), ["These numbers are not a reproduction", "only to show how far"]),
        ("small", ("helen",), ["networks of size `small`, narrower", "only to show how far"]),
        ("mine", ("helen",), ["networks of size `mine`, not the paper's.", "only to show how far"]),
        ("paper", ("celeba", "synthetic"), ["on `synthetic` are not a reproduction", "`celeba`"]),
        ("paper", ("helen",), ["12 on helen, in batches of 8. **A training shorter"]),
        ("paper", ("folder",), ["The paper has no results for `folder`"]),
    ],
)
def test_caveats(size: str, datasets: tuple[str, ...], expected: list[str]) -> None:
    plan = report_inputs.plan(size=size, datasets=datasets, parser_dataset="celebamask_hq")
    found = page.render("caveats.md.jinja", plan).strip().split("\n\n")
    assert len(found) == len(expected)
    for text, part in zip(found, expected, strict=True):
        assert part in text


@pytest.mark.parametrize(
    ("parser_dataset", "datasets", "is_told"),
    [
        ("synthetic", ("synthetic", "helen"), True),
        ("synthetic", ("synthetic",), False),
        ("folder", ("helen",), False),
        (None, ("helen",), False),
    ],
)
def test_a_parser_of_drawn_faces_is_a_caveat_for_photographs(
    parser_dataset: str | None, datasets: tuple[str, ...], is_told: bool
) -> None:
    plan = report_inputs.plan(datasets=datasets, parser_dataset=parser_dataset)
    told = "has never seen any such as those of `helen`" in page.render("caveats.md.jinja", plan)
    assert told is is_told


def test_missing_scores_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    plan = report_inputs.plan(datasets=("synthetic",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    missing = tmp_path / RunId("evaluate_teacher", "synthetic", "onehot", 0).scores
    missing.unlink()
    with pytest.raises(UserError, match=f"expected {re.escape(str(missing))}, which is missing"):
        page.write(root=tmp_path, out=tmp_path / "out", plan=plan)
    assert not (tmp_path / "out").exists()
