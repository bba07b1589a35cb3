"""The pipeline's promise: what is declared in dvc.yaml is what the stages read."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from pkdn import params
from pkdn.networks.pkdn import STUDENT_VARIANTS, TEACHER_VARIANTS
from pkdn.provenance import NEUTRAL
from stages.student import loss_weights

ROOT = Path(__file__).parents[1]
# Modules that cannot change a result: messages, records, atomic writing, and downloads, whose
# content is checked.
UNDECLARED = {
    *(ROOT / "pkdn" / name for name in (*NEUTRAL, "files.py")),
    *(ROOT / "pkdn/data" / name for name in ("archives.py", "download.py", "fetching.py")),
}
TRAINING = {"batch_size", "epochs", "learning_rate", "profile", "profiles.demo.training"}
# What a field of Params is made of.
READS = {
    "recipe": TRAINING,
    "global_residual": {"global_residual", "profile", "profiles.demo.training"},
    "authors_limits": {"profile", "profiles.demo.authors"},
    "parser_recipe": {"profile", "profiles.demo.parser"},
    "parser_input_size": {"profile", "profiles.demo.parser"},
    "parser_recipe_name": {"profile", "profiles.demo.parser"},
}
EQUATION_2 = {"lambda_ts", "lambda_fs", "distill_epochs"}


def pipeline(root: Path) -> list[PipelineStage]:
    with Repo(root) as repo:
        return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


@pytest.fixture(scope="module")
def stages() -> list[PipelineStage]:
    return pipeline(ROOT)


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("pkdn", "stages", exclude_type_checking_imports=True)


def arguments(stage: PipelineStage) -> dict[str, str]:
    words = str(stage.cmd).split()
    named = {word: words[i + 1] for i, word in enumerate(words) if word.startswith("--")}
    return {"module": words[words.index("-m") + 1], **named}


def dynamic_imports(given: dict[str, str], modules: set[str]) -> Iterator[str]:
    """Yield what a stage imports by name, which no import statement shows."""
    script = given["module"].removeprefix("stages.")
    if script in ("download", "align"):
        yield f"pkdn.data.datasets.{given['--dataset']}"
    if script == "baseline":
        yield f"pkdn.networks.{given['--network']}"
    if script == "evaluate":
        baseline = given["--kind"] in ("baseline", "authors")
        yield "pkdn.networks." + (given["--system"] if baseline else "pkdn")
    if script == "model":
        yield "pkdn.networks.pkdn"
    if script == "complexity":
        yield from (name for name in modules if name.startswith("pkdn.networks."))
    if script in ("evaluate", "report"):
        yield from (name for name in modules if name.startswith("pkdn.metrics."))


def source(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def is_code(path: Path) -> bool:
    """Whether a file does more than describe a package."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in body)


def imported_files(stage: PipelineStage, graph: grimp.ImportGraph) -> set[Path]:
    given = arguments(stage)
    roots = {given["module"], *dynamic_imports(given, graph.modules)}
    modules = roots.union(*(graph.find_upstream_modules(root) for root in roots))
    files = {source(module) for module in modules}
    return {file for file in files if file not in UNDECLARED and is_code(file)}


def shared_list(stage: PipelineStage) -> str:
    """Name the list of dependencies that a stage shares with others, each needing a part of it."""
    return stage.name.partition("@")[0].replace("authors", "baseline")


def declared_code(stage: PipelineStage) -> set[Path]:
    paths = {Path(dep.fs_path) for dep in stage.deps if dep.def_path and hasattr(dep, "fs_path")}
    code = {path for path in paths if path.is_relative_to(ROOT / "pkdn")}
    return code | {path for path in paths if path.is_relative_to(ROOT / "stages")}


def declared_params(stage: PipelineStage) -> set[str]:
    return {key for dep in stage.deps for key in getattr(dep, "params", None) or ()}


def test_declared_code_is_what_is_imported(
    stages: list[PipelineStage], imports: grimp.ImportGraph
) -> None:
    assert len(stages) > 20
    problems = []
    used: dict[str, set[Path]] = {}
    for stage in stages:
        imported, declared = imported_files(stage, imports), declared_code(stage)
        for file in imported:
            if file not in declared and not declared.intersection(file.parents):
                problems.append(f"{stage.name} imports {file.relative_to(ROOT)}")
        used.setdefault(shared_list(stage), set()).update(imported)
    for stage in stages:
        files = used[shared_list(stage)]
        for path in declared_code(stage):
            if path not in files and not any(path in file.parents for file in files):
                problems.append(f"{stage.name} declares {path.relative_to(ROOT)} in vain")
    assert not problems, "\n".join(sorted(problems))


def test_declared_parameters_are_those_read(stages: list[PipelineStage]) -> None:
    fields = set(params.Params.__dataclass_fields__)
    for script in sorted((ROOT / "stages").glob("[a-z]*.py")):
        tree = ast.parse(script.read_text(encoding="utf-8"))
        read: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                if node.value.id == "settings" and node.attr in fields:
                    read |= READS.get(node.attr, {node.attr})
                if node.value.id == "DatasetSettings":
                    read |= {"folder", "synthetic"}
        if read & EQUATION_2:
            read |= {"profile", "profiles.demo.training"}
        users = [s for s in stages if arguments(s)["module"] == f"stages.{script.stem}"]
        assert users, script
        declared = set().union(*(declared_params(stage) for stage in users))
        assert declared == read, script


def test_a_student_depends_on_the_weights_of_its_own_loss(stages: list[PipelineStage]) -> None:
    settings = params.load(ROOT / "params.yaml")
    seen = set()
    for stage in stages:
        given = arguments(stage)
        if given["module"] != "stages.student":
            continue
        name = given["--variant"]
        seen.add(name)
        read = set(loss_weights(settings, STUDENT_VARIANTS[name]))
        assert declared_params(stage) & EQUATION_2 == read, name
        teacher = STUDENT_VARIANTS[name].teacher
        models = [dep.def_path for dep in stage.deps if "data/models" in str(dep.def_path)]
        expected = [f"data/models/teacher/synthetic-{teacher}-0.safetensors"] if teacher else []
        assert models == expected
    assert seen == set(STUDENT_VARIANTS)


def test_every_teacher_is_trained_and_scored(stages: list[PipelineStage]) -> None:
    names = {stage.name for stage in stages}
    for variant in TEACHER_VARIANTS:
        assert f"teacher@synthetic-{variant}-0" in names
        assert f"evaluate_teacher@synthetic-{variant}-0" in names


def test_no_out_turns_the_run_cache_off(stages: list[PipelineStage]) -> None:
    for stage in stages:
        assert stage.deps, stage.name
        assert stage.outs, stage.name
        assert not stage.always_changed, stage.name
        assert all(out.use_cache and not out.persist for out in stage.outs), stage.name


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The pipeline and its code in a repository of their own, to be changed."""
    for name in ("pkdn", "stages"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("dvc.yaml", "params.yaml", "data/dvc.yaml", ".dvcignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    Repo.init(str(tmp_path)).close()
    return tmp_path


def change_params(project: Path, old: str, new: str) -> None:
    text = (project / "params.yaml").read_text()
    assert old in text
    (project / "params.yaml").write_text(text.replace(old, new))


def test_the_report_has_its_folders_without_the_authors_recipes(project: Path) -> None:
    change_params(
        project, "authors_recipes: [urdgn, fsrnet, dic, sisn, sparnet]", "authors_recipes: []"
    )
    stages = pipeline(project)
    assert not any(stage.name.startswith("authors") for stage in stages)
    made = [Path(out.fs_path) for stage in stages for out in stage.outs]
    tracked = subprocess.run(
        ["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    made += [project / file for file in tracked.stdout.split()]
    report = next(stage for stage in stages if stage.name == "report")
    needed = [Path(dep.fs_path) for dep in report.deps if str(dep.def_path).startswith("data/")]
    assert len(needed) > 10
    missing = [dep for dep in needed if not any(dep in (one, *one.parents) for one in made)]
    assert not missing


def test_one_more_network_is_a_file_and_a_word(project: Path) -> None:
    (project / "pkdn/networks/nearest.py").write_text(
        "import torch.nn.functional as F\n"
        "from torch import nn\n"
        'TITLE, INPUT, DEMO = "nearest", "16×16", {}\n'
        "class NETWORK(nn.Module):\n"
        "    def forward(self, lr_image):\n"
        "        return F.interpolate(lr_image, scale_factor=8.0)\n"
    )
    change_params(project, "kdfsrnet]", "kdfsrnet, nearest]")
    names = {stage.name for stage in pipeline(project)}
    assert "baseline@synthetic-nearest-0" in names
    assert "evaluate_baseline@synthetic-nearest-0" in names
    listed = subprocess.run(
        [sys.executable, "-m", "pkdn", "networks", "--json"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"nearest"' in listed.stdout


def test_training_needs_neither_dvc_nor_mlflow() -> None:
    code = (
        "import sys\n"
        "import pkdn.networks.pkdn, pkdn.training.session, pkdn.evaluation, pkdn.complexity\n"
        "print(sorted({'dvc', 'mlflow', 'pandas', 'matplotlib'} & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
