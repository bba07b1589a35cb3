import json
import subprocess
from pathlib import Path

import pytest

from pkdn import closure, provenance, tracking
from pkdn.errors import UserError
from pkdn.runs import Planned, RunId


def test_a_failing_stage_leaves_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned = Planned(RunId("student", "helen", "full", 0), {}, {}, {})
    with pytest.raises(ZeroDivisionError), tracking.run(planned, {}):
        _ = 1 / 0
    assert not planned.id.record.exists()


def test_runs_that_compute_the_same_are_told_apart_by_their_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def recorded(system: str, seed: int, computes: str) -> tracking.Run:
        planned = Planned(RunId("student", "helen", system, seed), {}, {}, {})
        with tracking.run(planned, {"lambda_fs": 10}, computes=computes) as run:
            return run

    full, fade = (recorded(name, 0, "network with the seed 0") for name in ("full", "fade"))
    assert full.fingerprint != fade.fingerprint
    assert full.computes == fade.computes
    assert recorded("full", 1, "network with the seed 1").computes != full.computes


def test_runs_on_other_data_by_other_parameters_or_code_do_not_compute_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the second would take what the first one has trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("helen", "lfw"):
        Path(name).write_text(name)

    def recorded(data: str = "helen", weight: int = 10, network: str = "pkdn") -> str:
        planned = Planned(RunId("student", "helen", "full", 0), {"faces": Path(data)}, {}, {})
        modules = [f"pkdn.networks.{network}"]
        with tracking.run(planned, {"w": weight}, by_name=modules, computes="network") as run:
            return run.computes

    found = [recorded(), recorded(data="lfw"), recorded(weight=1), recorded(network="dic")]
    assert recorded() == found[0]
    assert len({*found}) == 4


def test_runs_that_were_asked_for_something_else_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    run_id = RunId("evaluate_student", "helen", "full", 0)
    found = []
    for settings in ({"steps": 7}, {"steps": 7, "metrics": ["identity"]}):
        with tracking.run(Planned(run_id, {}, {}, settings), {"steps": 7}) as run:
            found.append(run.fingerprint)
        assert json.loads(run_id.record.read_text())["asked"] == settings
    assert len({*found}) == 2


@pytest.mark.parametrize("keep", [True, False])
def test_a_stage_whose_data_change_while_it_runs_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    weights, same = Path("weights.safetensors"), Path("same.txt")
    for file in (weights, same):
        file.write_text("before")
    planned = Planned(RunId("parse", "helen"), {"parser": weights, "same": same}, {}, {})
    said = "parse@helen: expected code and data to stay .* got changes in weights.safetensors; run"
    with pytest.raises(UserError, match=said), tracking.run(planned, {}, keep=keep):
        weights.write_text("after")
    assert not planned.id.record.exists()
    assert not (tmp_path / ".pkdn").exists()


def test_a_stage_whose_plan_is_replaced_while_it_runs_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = Planned(RunId("download", "synthetic"), {}, {}, {"seed": 0})
    planned.id.plan.parent.mkdir(parents=True)
    planned.id.plan.write_text(planned.text())
    with tracking.run(planned, {}):
        pass
    planned.id.record.unlink()
    with pytest.raises(UserError, match=r"synthetic\.json to stay"), tracking.run(planned, {}):
        planned.id.plan.write_text(planned._replace(settings={"seed": 1}).text())
    assert not planned.id.record.exists()


def test_a_record_has_what_identifies_all_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    faces, teacher = Path("data/faces/helen"), Path("data/runs/teacher/weights.safetensors")
    for file in (faces / "manifest.json", teacher):
        file.parent.mkdir(parents=True)
        file.write_text('{"rows": {}}')
    reads = {"faces": faces, "teacher": teacher, "gone": Path("data/gone")}
    run = tracking.Run(Planned(RunId("student", "helen", "full", 0), reads, {}, {}), "", "", {}, {})
    before = run.record()["reads"]
    assert before == {str(path): provenance.digest(path) for path in (faces, teacher)}
    (faces / "manifest.json").write_text("other faces")
    assert provenance.digest(faces) != before[str(faces)]


def test_a_revision_is_dirty_where_code_differs_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = ("pkdn/code.py", "stages/train.py", "drawing/face.py", "dvc.yaml")
    results = ("params.yaml", "dvc.lock", "README.md")
    for name in (*code, *results):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    mine = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    for words in (["init", "--quiet"], ["add", "."], [*mine, "commit", "--quiet", "-m", "1"]):
        subprocess.run(["git", *words], check=True)
    for name in results:
        (tmp_path / name).write_text("2")
    clean = provenance.revision()
    assert len(clean) == 10
    (tmp_path / "pkdn/new.py").write_text("1")
    assert provenance.revision() == f"{clean}-dirty"
    (tmp_path / "pkdn/new.py").unlink()
    for name in code:
        (tmp_path / name).write_text("2")
        assert provenance.revision() == f"{clean}-dirty", name
        (tmp_path / name).write_text("1")
    assert provenance.revision() == clean


def test_a_fingerprint_tells_parameters_inputs_code_and_pytorch_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "manifest.json"
    data.write_text("1")
    code = closure.code("pkdn.learning.losses")

    def found(name: str = "student", value: int = 1, files: frozenset[Path] = code) -> str:
        return provenance.fingerprint(name, {"a": value}, files, [data])

    first = found()
    assert first == found()
    assert len({first, found("teacher"), found(value=2), found(files=frozenset())}) == 4
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "versions", lambda: {"torch": "9.9"})
        assert first != found()
    data.write_text("2")
    assert first != found()


def test_a_folder_is_known_by_its_manifest_or_its_small_files(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_text("1")
    (tmp_path / "scores.csv").write_text("1")
    first = provenance.content(tmp_path)
    (tmp_path / "scores.csv").write_text("2")
    second = provenance.content(tmp_path)
    (tmp_path / "manifest.json").write_text("1")
    third = provenance.content(tmp_path)
    (tmp_path / "scores.csv").write_text("3")
    assert len({first, second, third}) == 3
    assert provenance.content(tmp_path) == third


def test_curves_survive_a_round_trip(tmp_path: Path) -> None:
    curve = [{"epoch": 0, "step": 1, "loss": 0.5}, {"epoch": 0, "step": 2, "val_psnr": 21.0}]
    provenance.write_curve(tmp_path / "curve.csv", curve)
    assert provenance.read_curve(tmp_path / "curve.csv") == curve


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from .layers.blocks import conv3", "pkdn.networks.layers.blocks"),
        ("from . import layers", "pkdn.networks.layers"),
        ("from ..learning import losses", "pkdn.learning.losses"),
    ],
)
def test_relative_imports_are_code_that_a_run_rests_on(
    line: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = tmp_path / "pkdn" / "networks"
    networks.mkdir(parents=True)
    (networks / "mynet.py").write_text(line)
    there = closure.ROOT / found.replace(".", "/")
    there = there / "__init__.py" if there.is_dir() else there.with_suffix(".py")
    copied = tmp_path / there.relative_to(closure.ROOT)
    copied.parent.mkdir(parents=True, exist_ok=True)
    copied.write_text("A = 1")
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    for cached in (closure._imports, closure._imported, closure._file, closure._has_code):
        cached.cache_clear()
    try:
        assert copied in closure.code("pkdn.networks.mynet")
    finally:
        for cached in (closure._imports, closure._imported, closure._file, closure._has_code):
            cached.cache_clear()
