"""The pipeline's promise: what is declared in dvc.yaml is what the stages read."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import own_params
import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from pkdn import closure, params, runs
from pkdn.planning import plan
from pkdn.reports import commands
from pkdn.reports.plan import Plan, by_authors, by_one_recipe
from pkdn.runs import Planned
from pkdn.systems import TERMS, VARIANTS

ROOT = Path(__file__).parents[1]


def pipeline(root: Path) -> list[PipelineStage]:
    with Repo(root) as repo:
        return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The pipeline and its code in a repository of their own, with parameters of their own."""
    yield copy(tmp_path_factory.mktemp("project"))


def copy(folder: Path) -> Path:
    for name in ("pkdn", "stages", "drawing"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    own_params.write(folder)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    Repo.init(str(folder)).close()
    return folder


@pytest.fixture(scope="module")
def stages(project: Path) -> list[PipelineStage]:
    return pipeline(project)


@pytest.fixture(scope="module")
def planned(project: Path) -> dict[str, Planned]:
    return {one.id.name: one for one in plan(params.load(project / "params.yaml"))}


def run_of(stage: PipelineStage) -> str:
    """Return the run that a stage is called with; empty for the plan."""
    return str(stage.cmd).partition(f"stages.{script(stage)}")[2].strip()


def script(stage: PipelineStage) -> str:
    return str(stage.cmd).split("stages.")[1].split()[0]


def modules(stage: PipelineStage, planned: dict[str, Planned]) -> list[str]:
    name = f"stages.{script(stage)}"
    by_name = getattr(import_module(name), "by_name", lambda _: [])
    return [name, *by_name(planned.get(run_of(stage)))]


def declared(stage: PipelineStage) -> set[Path]:
    return {Path(dep.def_path) for dep in stage.deps if dep.def_path != "params.yaml"}


def code_declared(stage: PipelineStage) -> set[Path]:
    return {ROOT / path for path in declared(stage) if path.parts[0] in closure.PACKAGES}


def group(stage: PipelineStage) -> str:
    return stage.name.partition("@")[0]


def test_every_planned_run_is_a_stage_and_every_stage_a_planned_run(
    stages: list[PipelineStage], planned: dict[str, Planned]
) -> None:
    called = [run_of(stage) for stage in stages if group(stage) != "plan"]
    assert sorted(called) == sorted(planned)
    assert len(called) > 40


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_the_commands_of_the_report_name_stages(tmp_path: Path, seeds: list[int]) -> None:
    project = copy(tmp_path)
    own_params.write(project, seeds=seeds)
    names = {stage.name for stage in pipeline(project)}
    planned = plan(params.load(project / "params.yaml"))
    report = Plan(**next(one.settings for one in planned if one.id.stage == "report"))
    made = [commands.command(run) for run in report.runs()]
    assert names == {*(one.split()[-1].strip("`") for one in made), "plan", "report"}
    rows = [[by_one_recipe(name), by_authors(name)] for name in report.table_1]
    rows += [[one] for one in report.subjects]
    found = commands.column(report, "synthetic", rows).cells
    said = " ".join(cell.strip("`").removeprefix("dvc repro ") for cell in found)
    words = subprocess.run(["bash", "-c", f"echo {said}"], capture_output=True, text=True).stdout
    assert {*words.split()} == {name for name in names if name.startswith("evaluate_")}


def test_declared_code_is_what_is_imported(
    stages: list[PipelineStage], planned: dict[str, Planned]
) -> None:
    problems = []
    used: dict[str, set[Path]] = {}
    for stage in stages:
        needed, known = closure.code(*modules(stage, planned)), code_declared(stage)
        for file in needed:
            if file not in known and not known.intersection(file.parents):
                problems.append(f"{stage.name} imports {file.relative_to(ROOT)}")
        used.setdefault(group(stage), set()).update(needed)
    for stage in stages:
        if group(stage) in ("download", "align", "labelled"):
            used[group(stage)] |= closure.code("pkdn.data.datasets.synthetic")  # draws its faces
        for path in code_declared(stage):
            if group(stage) in ("plan", "report") and path == ROOT / "pkdn/networks":
                continue  # whose constants are read as text
            if group(stage) == "plan" and path == ROOT / "pkdn/data/datasets":
                continue  # whose imports are
            if group(stage) == "plan" and path in (ROOT / "pkdn/metrics", ROOT / "pkdn/perceptual"):
                continue  # whose names and columns are
            files = used[group(stage)]
            if path not in files and not any(path in file.parents for file in files):
                problems.append(f"{stage.name} declares {path.relative_to(ROOT)} in vain")
    assert not problems, "\n".join(sorted(problems))


def test_declared_data_are_what_the_plan_names(
    stages: list[PipelineStage], planned: dict[str, Planned]
) -> None:
    for stage in stages:
        if group(stage) == "plan":
            continue
        run = planned[run_of(stage)]
        data = {path for path in declared(stage) if path.parts[0] == "data"}
        assert data == {run.id.plan, *run.reads.values()}, stage.name
        made = {Path(out.def_path) for out in stage.outs}
        wanted = {run.id.folder, *run.writes.values()}
        if group(stage) == "report":
            wanted = {path for path in made if path.parts[0] == "reports"}
        assert made == wanted, stage.name


def test_the_plan_depends_on_all_parameters_and_nothing_else_on_any(
    stages: list[PipelineStage],
) -> None:
    for stage in stages:
        with_params = [dep for dep in stage.deps if dep.def_path == "params.yaml"]
        assert bool(with_params) == (group(stage) == "plan"), stage.name
        if with_params:
            assert with_params[0].params == []  # all of them


def test_no_out_turns_the_run_cache_off(stages: list[PipelineStage]) -> None:
    for stage in stages:
        assert stage.deps, stage.name
        assert stage.outs, stage.name
        assert not stage.always_changed, stage.name
        assert all(out.use_cache and not out.persist for out in stage.outs), stage.name


def own() -> params.Params:
    return params.parse(own_params.values(), Path("params.yaml"))


def changed_by(key: str, value: object) -> set[str]:
    """Return the runs that are asked for something else when a parameter has another value."""
    before = own()
    after = before.model_copy(update={key: value})
    texts = [{one.id.name: one.text() for one in plan(each)} for each in (before, after)]
    assert set(texts[0]) == set(texts[1])
    return {name for name, text in texts[0].items() if text != texts[1][name]}


@pytest.mark.parametrize("key", TERMS)
def test_a_weight_concerns_the_students_whose_loss_has_it(key: str) -> None:
    parameters = own()
    students = {
        name
        for name in (*parameters.ablations, *parameters.loss_ablations)
        if key in VARIANTS[name].terms
    }
    assert "full" in students
    assert f"no_{key}" not in students
    stages = ("student", "evaluate_student")
    runs_of = {f"{stage}@synthetic-{name}-0" for name in students for stage in stages}
    # KDFSRNet is distilled by the same weights.
    for stage in ("baseline", "evaluate_baseline"):
        runs_of.add(f"{stage}@synthetic-kdfsrnet-0")
    assert changed_by(key, 0.5) == {*runs_of, "report"}


def test_a_fade_concerns_all_that_are_distilled_but_those_that_say_their_own() -> None:
    changed = changed_by("distill_epochs", 7)
    assert {"student@synthetic-full-0", "baseline@synthetic-kdfsrnet-0"} <= changed
    assert not {name for name in changed if "constant" in name or "fade" in name}
    assert not {name for name in changed if "authors" in name}


def test_a_folder_of_photos_concerns_no_other_data_set() -> None:
    assert changed_by("folder", "elsewhere") == set()


def test_a_data_set_without_use_is_no_stage(tmp_path: Path) -> None:
    project = copy(tmp_path)
    own_params.write(project, datasets=["helen"])
    names = {stage.name for stage in pipeline(project)}
    assert {"align@helen", "labelled"} <= names
    assert not {name for name in names if "lfw" in name or "synthetic" in name}


def test_the_report_has_its_inputs_without_the_authors_recipes(tmp_path: Path) -> None:
    project = copy(tmp_path)
    own_params.write(project, authors_recipes=[], loss_ablations=[])
    stages = pipeline(project)
    assert not any(stage.name.startswith(("authors", "student_loss")) for stage in stages)
    made = [Path(out.def_path) for stage in stages for out in stage.outs]
    report = next(stage for stage in stages if stage.name == "report")
    for needed in declared(report):
        inside = any(needed in (out, *out.parents) or out in needed.parents for out in made)
        assert needed.parts[0] != "data" or inside, needed


def test_the_network_of_the_guide_is_a_file_and_a_word(tmp_path: Path) -> None:
    """Copied literally out of CONTRIBUTING.md it is planned, listed, and learns."""
    project = copy(tmp_path)
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", guide, flags=re.M | re.S)
    assert "`pkdn/networks/mynet.py`:" in guide
    (project / "pkdn/networks/mynet.py").write_text(example, encoding="utf-8")
    own_params.write(project, networks=["bicubic", "mynet"], authors_recipes=[])
    names = {stage.name for stage in pipeline(project)}
    assert {"baseline@synthetic-mynet-0", "evaluate_baseline@synthetic-mynet-0"} <= names
    learns = (
        "import torch\n"
        "from pkdn import networks\n"
        "network = networks.describe('mynet', 'demo').build()\n"
        "network(torch.rand(2, 3, 16, 16)).mean().backward()\n"
        "assert all(p.grad is not None for p in network.parameters())\n"
    )
    for words in (["-m", "stages.plan"], ["-c", learns], ["-m", "pkdn", "networks", "--json"]):
        done = subprocess.run(
            [sys.executable, *words], cwd=project, capture_output=True, text=True, check=True
        )
    assert '"MyNet"' in done.stdout
    assert (project / "data/plan/baseline/synthetic-mynet-0.json").is_file()


def test_training_needs_neither_dvc_nor_mlflow() -> None:
    code = (
        "import sys\n"
        "import pkdn.networks.pkdn, pkdn.training.session, pkdn.evaluation, pkdn.complexity\n"
        "print(sorted({'dvc', 'mlflow', 'pandas', 'matplotlib', 'pydantic'} & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("line", "message", "named"),
    [
        (
            '__import__("importlib").import_module("pkdn.params")',
            "code was loaded that stages.download does not import",
            "pkdn.params",
        ),
        (
            'open("data/plan/report.json").close()',
            "data were read that the plan does not name",
            "report.json",
        ),
        (
            'open(__file__, "a").write("# edited while it runs")',
            "expected code and data to stay as they were while it ran",
            "stages/download.py",
        ),
    ],
)
def test_a_stage_fails_that_rests_on_more_than_its_fingerprint_knows_or_on_what_changes(
    tmp_path: Path, line: str, message: str, named: str
) -> None:
    project = copy(tmp_path)
    stage = project / "stages/download.py"
    code, before = stage.read_text(), "        photos = planned"
    assert before in code
    stage.write_text(code.replace(before, f"        {line}\n{before}"))
    subprocess.run([sys.executable, "-m", "stages.plan"], cwd=project, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "stages.download", "download@synthetic"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert named in done.stderr
    assert not (project / "data/runs/download/synthetic/record.json").exists()


def test_code_that_was_edited_after_a_stage_had_loaded_it_is_noticed(tmp_path: Path) -> None:
    project = copy(tmp_path)
    stage = project / "stages/download.py"
    code, before = stage.read_text(), "    planned = planned_by_command"
    edit = 'open("pkdn/data/catalogue.py", "a").write("# edited before the record begins")'
    stage.write_text(code.replace(before, f"    {edit}\n{before}"))
    subprocess.run([sys.executable, "-m", "stages.plan"], cwd=project, check=True)
    run = [sys.executable, "-m", "stages.download", "download@synthetic"]
    done = subprocess.run(run, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "got changes in " in done.stderr and "pkdn/data/catalogue.py" in done.stderr


@pytest.mark.parametrize(
    ("file", "concerned"),
    [
        ("pkdn/metrics/parsing.py", {"evaluate_baseline@synthetic-dic-0", "report"}),
        ("pkdn/networks/dic.py", {"baseline@synthetic-dic-0", "evaluate_baseline@synthetic-dic-0"}),
        ("pkdn/data/datasets/synthetic.py", {"download@synthetic", "align@synthetic", "labelled"}),
    ],
)
def test_a_line_changes_the_fingerprints_of_the_runs_it_concerns(
    file: str, concerned: set[str], stages: list[PipelineStage], planned: dict[str, Planned]
) -> None:
    found = {
        run_of(stage) for stage in stages if ROOT / file in closure.code(*modules(stage, planned))
    }
    assert concerned <= found
    kinds = {name.partition("@")[0] for name in concerned}
    if "dic" in file:
        assert found == concerned | {
            "authors@synthetic-dic-0",
            "evaluate_authors@synthetic-dic-0",
            "complexity",
        }
    elif "metrics" in file:
        assert all(name.startswith("evaluate_") or name == "report" for name in found)
    else:
        assert {name.partition("@")[0] for name in found} == kinds


def test_stage_scripts_are_all_called(stages: list[PipelineStage]) -> None:
    scripts = {file.stem for file in (ROOT / "stages").glob("[a-z]*.py")}
    assert scripts == {script(stage) for stage in stages}


def test_no_path_of_a_run_is_spelt_outside_of_runs() -> None:
    """Only the plan's module spells where things lie; the rest asks it."""
    spelt = []
    for folder in ("pkdn", "stages"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and text.startswith(
                    ("data/runs", "data/faces", "data/parsing", "data/plan", "data/labelled")
                ):
                    spelt.append(f"{file.relative_to(ROOT)}: {text}")
    assert spelt and all(line.startswith("pkdn/runs.py") for line in spelt), spelt


def test_runs_tell_what_they_are() -> None:
    run = runs.RunId("student", "helen", "full", 0)
    assert (run.key, run.name) == ("helen-full-0", "student@helen-full-0")
    assert run.evaluation().scores == Path("data/runs/evaluate_student/helen-full-0/scores.csv")
    assert run.curve("teacher") == Path("data/runs/student/helen-full-0/teacher-curve.csv")
    assert runs.RunId("parser").folder == Path("data/runs/parser")
    assert runs.RunId("parser").plan == Path("data/plan/parser.json")


def test_a_metric_concerns_the_evaluations_alone() -> None:
    evaluations = {one.id.name for one in plan(own()) if one.id.name.startswith("evaluate_")}
    assert changed_by("metrics", ("identity",)) == {*evaluations, "report"}


def test_compiling_concerns_trainings_and_what_rests_on_them() -> None:
    stages = {name.partition("@")[0] for name in changed_by("compile", "on")}
    trained = {"teacher", "student", "baseline", "authors"}
    assert stages == {*trained, *(f"evaluate_{name}" for name in trained), "report"}
