"""From params.yaml to what each run is asked to do."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import own_params
import pytest

from pkdn import checks, closure, offers, params, planning, systems
from pkdn.errors import UserError
from pkdn.planning import plan
from pkdn.runs import PLAN, RUNS, Planned, planned
from stages import plan as stage


@pytest.fixture
def parameters() -> params.Params:
    return params.parse(own_params.values(), Path("params.yaml"))


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("datasets", ("hellen",), "datasets: expected names out of celeba, .*synthetic; got 'hell"),
        ("networks", ("srgan",), "networks: expected names out of bicubic, dic, .*; got 'srgan'"),
        (
            "authors_recipes",
            ("pkdn",),
            "authors_recipes: expected names out of dic, .*; got 'pkdn'",
        ),
        ("ablations", ("full", "no_lambda_fs"), "ablations: expected names out of .*onehot; got"),
        ("ablations", ("no_ffb",), "ablations: expected full among them"),
        ("loss_ablations", ("onehot",), "loss_ablations: expected names out of no_lambda_ts, no_l"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused_with_those_there_are(
    parameters: params.Params, key: str, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        plan(parameters.model_copy(update={key: names}))


def test_a_size_that_a_network_lacks_is_refused_with_those_it_has(
    parameters: params.Params,
) -> None:
    huge = parameters.chosen.model_copy(update={"size": "huge"})
    with pytest.raises(UserError, match=r"bicubic has, one of demo, small, paper; got 'huge'"):
        plan(parameters.model_copy(update={"profiles": {"demo": huge}}))


def test_found_landmarks_change_the_cutting_of_faces_without_any_alone() -> None:
    some = {"datasets": ["lfw", "helen", "synthetic"]}
    given, detected = (
        {
            one.id.name: one.settings
            for one in plan(params.parse(own_params.values(**some, landmarks=which), Path("p")))
        }
        for which in ("given", "detected")
    )
    changed = {name for name, settings in detected.items() if settings != given[name]}
    assert changed == {"align@lfw", "report"}
    assert detected["align@lfw"] == {"dataset": "lfw", "landmarks": "detected"}
    assert "landmarks" not in given["align@lfw"]


def test_a_student_knows_the_weights_of_its_own_loss_alone(parameters: params.Params) -> None:
    found = {one.id.name: one.settings.get("distillation") for one in plan(parameters)}
    assert found["student@synthetic-full-0"] == {
        "lambda_ts": 0.1,
        "lambda_fs": 0.1,
        "distill_epochs": 1,
    }
    assert found["student@synthetic-no_lambda_ts-0"] == {"lambda_fs": 0.1, "distill_epochs": 1}
    assert found["student@synthetic-no_lambda_fs-0"] == {"lambda_ts": 0.1, "distill_epochs": 1}
    assert found["baseline@synthetic-pkdn-0"] == {}
    assert found["teacher@synthetic-full-0"] == {}


def test_each_training_has_the_steps_of_its_data_and_the_teacher_of_its_seed() -> None:
    lists = {"datasets": ["helen", "lfw"], "seeds": [0, 1], "global_residual": False}
    asked = own_params.values(**lists)
    asked["profiles"]["demo"]["training"]["steps"] = {"helen": 5, "others": 9}
    runs = {one.id.name: one for one in plan(params.parse(asked, Path("params.yaml")))}
    for dataset, steps in (("helen", 5), ("lfw", 9)):
        for seed in (0, 1):
            key = f"{dataset}-full-{seed}"
            student, teacher = runs[f"student@{key}"], runs[f"teacher@{key}"]
            alone = runs[f"baseline@{dataset}-pkdn-{seed}"]
            assert student.reads["teacher"] == teacher.id.weights
            assert runs[f"model@{key}"].reads["weights"] == student.id.weights
            for one in (student, teacher, alone):
                assert one.settings["recipe"]["steps"] == steps
                assert one.settings["arguments"]["global_residual"] is False


def test_the_plan_is_written_and_what_nobody_asks_for_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_params.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    asked_for = [RUNS / "student/synthetic-full-0", RUNS / "parser", Path("data/faces/synthetic")]
    left = [
        RUNS / "student/helen-full-0",
        RUNS / "distil/synthetic-full-0",
        RUNS / "student/.synthetic-onehot-0.17.tmp",
        Path("data/faces/helen"),
        Path("data/downloads/helen"),
    ]
    for folder in (*asked_for, *left):
        folder.mkdir(parents=True)
        (folder / "record.json").touch()
    monkeypatch.setattr("sys.argv", ["stages/plan.py"])
    stage.main()
    assert all((folder / "record.json").is_file() for folder in asked_for)
    assert [folder.exists() for folder in left] == [False] * 4 + [True]
    assert capsys.readouterr().out.endswith(" runs\n")
    one = planned("student", "synthetic-full-0")
    assert one.reads["teacher"] == RUNS / "teacher/synthetic-full-0/weights.safetensors"
    with pytest.raises(
        UserError, match=r"expected a run that params\.yaml asks for, got student@hel"
    ):
        planned("student", "helen-full-0")
    (PLAN / "parser.json").unlink()
    with pytest.raises(UserError, match=r"there is no data/plan/parser\.json"):
        planned("parser")


def test_parameters_that_change_while_they_are_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_params.write(tmp_path)
    monkeypatch.chdir(tmp_path)

    def slowly(chosen: params.Params) -> list[Planned]:
        own_params.write(tmp_path, seeds=[7])
        return plan(chosen)

    monkeypatch.setattr(stage, "plan", slowly)
    monkeypatch.setattr("sys.argv", ["stages/plan.py"])
    with pytest.raises(UserError, match=r"expected params\.yaml to stay as it was"):
        stage.main()


def test_what_no_stage_has_made_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_params.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    mine = [Path("data/photos/me.jpg"), Path("data/faces/alice/1.jpg"), RUNS / "student/notes.txt"]
    link = Path("data/parsing/away")
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path)
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.setattr("sys.argv", ["stages/plan.py"])
    stage.main()
    assert all(file.is_file() for file in mine)
    assert link.is_symlink()
    told = f"no stage has made data/faces/alice, {link}, data/photos/me.jpg, {mine[2]}: kept"
    assert told in capsys.readouterr().out


def test_rests_of_what_was_not_finished_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own_params.write(tmp_path, networks=["bicubic"], authors_recipes=[])
    monkeypatch.chdir(tmp_path)
    rests = [
        RUNS / "baseline/synthetic-kdfsrnet-0/teacher-curve.csv",
        RUNS / "teacher/helen-full-0/weights.safetensors",
        RUNS / "download/folder/listing.txt",
    ]
    for file in rests:
        file.parent.mkdir(parents=True)
        file.touch()
    (RUNS / "authors/synthetic-dic-0").mkdir(parents=True)
    monkeypatch.setattr("sys.argv", ["stages/plan.py"])
    stage.main()
    assert not any(file.parent.exists() for file in rests)
    assert not (RUNS / "authors").exists()
    assert capsys.readouterr().out.endswith(" runs\n")


@pytest.mark.parametrize("folder", ["data/photos", "data/faces/mine", "data", ".", "link"])
def test_photos_where_stages_delete_are_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: params.Params
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("data/photos")
    mine = parameters.model_copy(update={"folder": folder})
    assert plan(mine)  # the data set `folder` is not asked for
    asked = mine.model_copy(update={"datasets": ("folder",)})
    with pytest.raises(UserError, match=rf"own photos, apart from data/\w+, .* got {folder}: move"):
        plan(asked)
    assert plan(asked.model_copy(update={"folder": "data/mine"}))
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))  # as an experiment in a workspace of its own
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    with pytest.raises(UserError, match="apart from data/"):
        plan(asked)


def test_an_authors_recipe_of_a_network_that_is_not_asked_for_is_refused(
    parameters: params.Params,
) -> None:
    fewer = parameters.model_copy(update={"networks": ("bicubic", "sparnet")})
    told = r"authors_recipes: expected some of `networks`, .* got urdgn, .* beside them: add to"
    with pytest.raises(UserError, match=told):
        plan(fewer.model_copy(update={"authors_recipes": ("urdgn", "dic", "sparnet")}))
    assert plan(fewer.model_copy(update={"authors_recipes": ("sparnet",)}))


def test_steps_for_a_data_set_that_does_not_exist_are_refused(parameters: params.Params) -> None:
    training = parameters.chosen.training.model_copy(update={"steps": {"hellen": 9, "others": 7}})
    misspelt = parameters.chosen.model_copy(update={"training": training})
    with pytest.raises(UserError, match=r"training\.steps: expected names out .*; got 'hellen'"):
        plan(parameters.model_copy(update={"profiles": {"demo": misspelt}}))


def test_a_recipe_for_a_data_set_that_does_not_exist_is_refused(
    code: Path, parameters: params.Params
) -> None:
    file = code / "pkdn/networks/kdfsrnet.py"
    file.write_text(file.read_text().replace('{"helen": 98_000', '{"hellen": 98_000'))
    systems.system.cache_clear()
    told = r"kdfsrnet\.py: RECIPE: expected names out of celeba, .*, others; got 'hellen': mend"
    with pytest.raises(UserError, match=told):
        plan(parameters)
    assert plan(parameters.model_copy(update={"authors_recipes": ()}))


MYNET = """{imports}
TITLE = {title!r}
INPUT = "16×16"
SIZES = {{"demo": {{}}, "small": {{}}, "paper": {{}}}}
NETWORK = object
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the code, which plans are checked against."""
    for folder in closure.PACKAGES:
        shutil.copytree(closure.ROOT / folder, tmp_path / folder)
    shutil.copy(closure.ROOT / "dvc.yaml", tmp_path)
    monkeypatch.setattr(systems, "NETWORKS", tmp_path / "pkdn/networks")
    monkeypatch.setattr(offers, "DATASETS", tmp_path / "pkdn/data/datasets")
    monkeypatch.setattr(offers, "METRICS", tmp_path / "pkdn/metrics")
    monkeypatch.setattr(offers, "JUDGES", tmp_path / "pkdn/perceptual")
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    cached = (
        closure._imports,
        closure._imported,
        closure._file,
        closure._has_code,
        systems.system,
    )
    for function in cached:
        function.cache_clear()
    yield tmp_path
    for function in cached:
        function.cache_clear()


def is_refused(told: str) -> AbstractContextManager[object]:
    """Expect an error that says so; none where nothing is said."""
    return pytest.raises(UserError, match=told) if told else nullcontext()


@pytest.mark.parametrize(
    ("imports", "title", "told"),
    [
        ("from pkdn.networks.kdfsrnet import TITLE", "MyNet", r"got pkdn/networks/kdfsrnet\.py"),
        ("from . import kdfsrnet", "MyNet", r"got pkdn/networks/kdfsrnet\.py"),
        ("from pkdn.metrics import columns", "MyNet", r"got pkdn/metrics/__init__\.py"),
        ("import mylib", "MyNet", r"mynet\.py to rest on code in pkdn/, .*, got mylib, which lies"),
        (
            "from drawn.faces import f",
            "MyNet",
            r"mynet\.py to rest on code in .*, got drawn, which",
        ),
        ("import site", "MyNet", ""),
        ("", "bicubic", r"TITLE of its own .*, got 'bicubic', which is that of bicubic"),
        ("", "MyNet", ""),
        ("from pkdn.networks.layers import blocks", "MyNet", ""),
    ],
)
def test_a_network_that_dvc_would_not_train_again_is_refused(
    code: Path, parameters: params.Params, imports: str, title: str, told: str
) -> None:
    (code / "pkdn/networks/mynet.py").write_text(MYNET.format(imports=imports, title=title))
    (code / "mylib.py").touch()
    for folder in ("drawn", "site"):
        (code / folder).mkdir()
        (code / folder / "faces.py").touch()
    names = {"networks": ("bicubic", "mynet"), "authors_recipes": ()}
    with is_refused(told):
        plan(parameters.model_copy(update=names))


@pytest.mark.parametrize(
    ("imports", "told"),
    [
        ("from pkdn.data.datasets import celeba", r"got pkdn/data/datasets/celeba\.py"),
        ("from pkdn.data.photos import reading", ""),
        ("import mylib", ""),
    ],
)
def test_a_data_set_whose_faces_dvc_would_not_cut_again_is_refused(
    code: Path, parameters: params.Params, imports: str, told: str
) -> None:
    offered = "PARTS = ()\ndef catalogue(): ...\ndef read(): ...\n"
    (code / "pkdn/data/datasets/mine.py").write_text(f"{imports}\n{offered}")
    with is_refused(told and rf"datasets/mine\.py to rest on .* alone, {told}"):
        plan(parameters.model_copy(update={"datasets": ("mine",)}))


@pytest.mark.parametrize(
    ("offered", "told"),
    [
        ("from a import read\nPARTS = ()\n", "expected catalogue in .*mine.py"),
        ("def catalogue(): ...\nPARTS = ()\n", "expected read in .*mine.py"),
        ("def catalogue(): ...\ndef read(): ...\n", "expected PARTS or locate in .*mine.py"),
        ("def catalogue(:\n", "expected Python in .*mine.py"),
    ],
)
def test_a_data_set_that_lacks_what_stages_ask_for_is_refused(
    code: Path, parameters: params.Params, offered: str, told: str
) -> None:
    (code / "pkdn/data/datasets/mine.py").write_text(offered)
    with pytest.raises(UserError, match=told):
        plan(parameters.model_copy(update={"datasets": ("mine",)}))


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("metrics/MAE.py", "", r"expected a name of small letters.*pkdn/metrics/MAE\.py: rename"),
        ("networks/MyNet2.py", "", r"expected a name of small letters.*MyNet2\.py: rename"),
        ("metrics/mae.py", "COLUMNS = ()\ndef score(): ...\n", r"expected TITLE in .*mae\.py"),
        ("metrics/mae.py", "TITLE, a = 'a', 1\n", r"expected TITLE in"),
        ("metrics/mae.py", "TITLE = COLUMNS = 1\n", "expected score or score_labels in"),
        ("perceptual/wip.py", "TITLE = COLUMNS = 1\n", r"expected load in .*wip\.py"),
    ],
)
def test_files_that_would_not_be_found_or_used_are_refused_before_anything_is_trained(
    code: Path, parameters: params.Params, file: str, content: str, told: str
) -> None:
    (code / "pkdn" / file).write_text(content)
    with pytest.raises(UserError, match=told):
        plan(parameters)


@pytest.mark.parametrize(
    ("file", "function"), [("metrics/mae.py", "score"), ("perceptual/own.py", "load")]
)
def test_a_metric_rests_on_no_code_that_dvc_does_not_see(
    code: Path, parameters: params.Params, file: str, function: str
) -> None:
    columns = "COLUMNS = (Column('a', 'a', '↓', 2, ''),)"
    text = f"import mylib\nTITLE = 'a'\ndef {function}(): ...\n{columns}\n"
    (code / "pkdn" / file).write_text(text)
    plan(parameters)
    (code / "mylib.py").touch()
    with pytest.raises(UserError, match=rf"expected pkdn/{file} to rest on code in .* got mylib"):
        plan(parameters)


METRIC = "TITLE = 'a'\ndef score(): ...\ndef load(): ...\nCOLUMNS = "
COLUMN = "(Column('a', 'a', '↓', 2, ''),)\n"


@pytest.mark.parametrize(
    ("file", "columns", "told"),
    [
        ("metrics/mae.py", COLUMN, ""),
        ("metrics/mae.py", COLUMN.replace(",)", ")"), r"COLUMNS = \(Column\(…\),\) in .*mae\.py"),
        ("metrics/mae.py", COLUMN.replace("↓", "down"), r"the arrow ↑ or ↓, got 'down': mend it"),
        ("perceptual/own.py", "(Column(arrow='^'),)\n", r"own\.py the arrow ↑ or ↓, got '\^'"),
        ("metrics/rgb.py", COLUMN, r"got pkdn/metrics/rgb\.py beside the row rgb of .*_protocols"),
        ("metrics/landmarks.py", COLUMN, r"ptual/landmarks\.py beside pkdn/metrics/landmarks\.py"),
        ("perceptual/rgb.py", COLUMN, r"got pkdn/perceptual/rgb\.py beside the row rgb"),
    ],
)
def test_a_metric_has_a_name_and_columns_of_its_own(
    code: Path, parameters: params.Params, file: str, columns: str, told: str
) -> None:
    (code / "pkdn" / file).write_text(METRIC + columns)
    with is_refused(told):
        plan(parameters)


def test_a_network_has_the_size_whose_cost_is_told(code: Path, parameters: params.Params) -> None:
    mynet = MYNET.format(imports="", title="MyNet").replace(', "paper": {}', "")
    (code / "pkdn/networks/mynet.py").write_text(mynet)
    names = {"networks": ("bicubic", "mynet"), "authors_recipes": ()}
    with pytest.raises(UserError, match=r"expected the size 'paper', .* in SIZES of .*mynet\.py"):
        plan(parameters.model_copy(update=names))


def test_a_teacher_that_is_imported_is_one(code: Path) -> None:
    imports = "from pkdn.networks.layers.mine import T as TEACHER, R as RECIPE"
    mynet = MYNET.format(imports=imports, title="MyNet")
    (code / "pkdn/networks/mynet.py").write_text(mynet)
    found = systems.system("mynet")
    assert found.has_teacher and found.has_recipe


def test_a_parser_needs_label_maps(parameters: params.Params) -> None:
    told = "parser_dataset: expected a data set with label maps, .* got helen, .* HAS_LABELS = True"
    with pytest.raises(UserError, match=told):
        plan(parameters.model_copy(update={"parser_dataset": "helen"}))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("HAS_LABELS = True", ""),
        ("HAS_LABELS = False", "got mine, whose file does not say HAS_LABELS = True"),
        ("HAS_LABELS = 1", r"expected HAS_LABELS = True or False in pkdn/data/datasets/mine\.py"),
    ],
)
def test_a_data_set_says_itself_whether_a_parser_can_learn_from_it(
    code: Path, parameters: params.Params, said: str, told: str
) -> None:
    offered = f"{said}\nPARTS = ()\ndef catalogue(): ...\ndef read(): ...\n"
    (code / "pkdn/data/datasets/mine.py").write_text(offered)
    with is_refused(told):
        plan(parameters.model_copy(update={"parser_dataset": "mine"}))


def test_terms_weights_and_variants_have_to_agree(
    parameters: params.Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    typo = systems.Variant("mine", "mine", "full", terms=("lamda_fs",))
    monkeypatch.setattr(checks, "VARIANTS", {**systems.VARIANTS, "mine": typo})
    with pytest.raises(UserError, match=r"expected terms out of .* variant mine, got lamda_fs"):
        plan(parameters)
    monkeypatch.undo()
    more = {**systems.TERMS, "lambda_tv": systems.Term("λ_TV", "L_TV")}
    monkeypatch.setattr(systems, "TERMS", more)
    with pytest.raises(UserError, match=r"expected the weights .* in TERMS of .*, got .*lambda_tv"):
        plan(parameters)


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"datasets": ("synthetic", "helen")}, True),
        ({"datasets": ("helen",), "parser_dataset": "folder"}, False),
        ({"datasets": ("helen",), "parser": "pretrained"}, False),
        ({"datasets": ("synthetic",)}, False),
    ],
)
def test_a_parser_that_sees_drawn_faces_alone_is_told_before_photographs_are_parsed(
    changes: dict[str, object], is_told: bool, parameters: params.Params
) -> None:
    base = parameters.model_copy(update={"parser": "trained", "parser_dataset": "synthetic"})
    told = planning.notes(base.model_copy(update=changes))
    assert bool(told) is is_told
    assert not told or "such as those of helen" in told[0]


def test_a_variant_by_another_loss_is_one_of_the_full_teacher(
    parameters: params.Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = systems.Variant("mine", "mine", "onehot", terms=("lambda_ts",))
    monkeypatch.setattr(checks, "VARIANTS", {**systems.VARIANTS, "mine": mine})
    with pytest.raises(UserError, match=r"loss_ablations: expected names out of .*; got 'mine'"):
        plan(parameters.model_copy(update={"loss_ablations": ("mine",)}))


def test_a_size_is_one_that_all_tables_of_a_network_have() -> None:
    tables = {"SIZES": ("demo", "own"), "DISCRIMINATOR_SIZES": ("demo",)}
    system = systems.system("urdgn")._replace(size_tables=tables)
    assert system.sizes == ("demo",)
    assert systems.system("kdfsrnet").size_tables.keys() == {"SIZES", "TEACHER_SIZES"}


@pytest.mark.parametrize(
    ("script", "run"),
    [
        ("train", "evaluate_student@synthetic-full-0"),
        ("evaluate", "student@synthetic-full-0"),
        ("model", "evaluate_student@synthetic-full-0"),
        ("align", "download@synthetic"),
    ],
)
def test_a_script_refuses_the_run_of_another(script: str, run: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{script}", run],
        cwd=closure.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"for python -m stages.{script}, got {run}" in done.stderr
    assert done.stderr.count("\n") == 1
