"""Running the pipeline with several stages at a time."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from pkdn.commands import repro

ROOT = Path(__file__).parents[1]
STAGE = """
import sys, time
from pathlib import Path
name, *needs = sys.argv[1:]
started = time.time()
time.sleep(1.0)
assert all(Path(need).is_file() for need in needs)
if name in Path("broken").read_text():
    sys.exit("it broke")
Path(name).write_text(f"{started} {time.time()}")
"""
PIPELINE = {"a": "", "b": "a", "c": "a", "complexity": "", "report": "b c complexity"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "broken").write_text("")
    lines = ["stages:"]
    for name, needs in PIPELINE.items():
        lines += [f"  {name}:", f"    cmd: {sys.executable} stage.py {name} {needs}", "    deps:"]
        lines += [f"      - {need}" for need in ["stage.py", "broken", *needs.split()]]
        lines += ["    outs:", f"      - {name}"]
    (tmp_path / "dvc.yaml").write_text("\n".join(lines) + "\n")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    Repo.init(str(tmp_path)).close()
    return tmp_path


def times(project: Path) -> dict[str, tuple[float, float]]:
    found = {}
    for name in PIPELINE:
        started, ended = (project / name).read_text().split()
        found[name] = (float(started), float(ended))
    return found


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", "pkdn", "repro", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_stages_run_side_by_side_in_their_order_and_once(project: Path) -> None:
    done = run(project, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    ran = times(project)
    assert overlap(ran["b"], ran["c"])
    assert ran["a"][1] <= min(ran["b"][0], ran["c"][0])
    others = [ran[name] for name in ("a", "b", "c", "report")]
    assert not any(overlap(ran["complexity"], other) for other in others)
    again = run(project, "--jobs", "2").stdout
    assert "started" not in again
    assert "up to date" in again
    pipeline = project / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("stage.py b", "./stage.py b"))
    third = run(project, "--jobs", "2").stdout
    assert [line for line in third.splitlines() if "started" in line] == [
        "b: started",
        "report: started",
    ]


def test_a_stage_that_fails_is_named_and_nothing_is_built_on_it(project: Path) -> None:
    (project / "broken").write_text("b")
    done = run(project, "--jobs", "2")
    assert done.returncode == 1
    assert done.stderr == "error: b failed; see above for what to do\n"
    assert "it broke" in done.stdout
    assert not (project / "report").exists()


def test_what_may_start() -> None:
    assert repro.next_stage(["a", "complexity"], [], 2) == "a"
    assert repro.next_stage(["complexity"], ["c"], 2) is None
    assert repro.next_stage(["complexity"], [], 2) == "complexity"
    assert repro.next_stage(["a"], ["complexity"], 2) is None
    assert repro.next_stage(["a"], ["b"], 1) is None
    assert repro.next_stage([], [], 1) is None


def test_wrong_numbers_and_places_are_one_line(tmp_path: Path) -> None:
    for arguments, message in (
        (["--jobs", "0"], "at least 1, got 0"),
        (["--jobs", "2"], "dvc.yaml is missing"),
    ):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
