"""Which stages get which GPU. There are none here: what the environment names is believed."""

import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml
from small_pipeline import go_on, overlap, run, small_pipeline, start, starts, wait_for

from pkdn import closure
from pkdn.doctor import environment
from pkdn.errors import UserError
from pkdn.pipeline import devices
from pkdn.pipeline.devices import ALONE, COMPUTING
from pkdn.pipeline.schedule import next_stage
from pkdn.provenance import VISIBLE_GPUS

TRAININGS = ("teacher", "student", "baseline", "authors")
PIPELINE = {
    "download": "",
    **dict.fromkeys(TRAININGS, ""),
    "align": "download",
    "complexity": "",
    "evaluate": " ".join(TRAININGS),
    "report": "evaluate align complexity",
}


pretended = pytest.mark.skipif(
    devices.have_driver(), reason="this machine has GPUs of its own, and PyTorch is asked for them"
)


@pretended
def test_a_gpu_has_one_stage_at_a_time_and_others_run_beside(tmp_path: Path) -> None:
    with small_pipeline(tmp_path, PIPELINE) as project:
        for name in ("teacher", "student"):
            (project / f"{name}.slow").touch()
        process = start(project, "--jobs", "3", CUDA_VISIBLE_DEVICES="3,GPU-7")
        wait_for(lambda: starts(project, "teacher") + starts(project, "student") == 2)
        go_on(project)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, output + errors
        ran, gpus = {}, {}
        for name in PIPELINE:
            started, ended, *gpu = (project / name).read_text().split()
            ran[name], gpus[name] = (float(started), float(ended)), "".join(gpu)
    computing = [name for name in PIPELINE if name in (*COMPUTING, *ALONE)]
    assert {gpus[name] for name in computing} == {"3", "GPU-7"}
    for one, other in combinations(computing, 2):
        assert gpus[one] != gpus[other] or not overlap(ran[one], ran[other]), (one, other)
    assert overlap(ran["teacher"], ran["student"])
    assert [gpus[name] for name in ("download", "align", "report")] == ["", "", ""]
    assert f"evaluate: started on GPU {gpus['evaluate']}" in output


@pytest.mark.parametrize(
    ("named", "is_wrong"),
    [("0,7", True), ("7", False), ("MIG-1,MIG-2", False), ("0,0", False), ("0,-1,7", False)],
)
def test_a_gpu_that_is_not_here_is_refused(
    named: str, is_wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "have_driver", lambda: True)
    monkeypatch.setattr(devices, "ASK", "print('[1, \"\"]')")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    if is_wrong:
        with pytest.raises(UserError, match=r"numbers of GPUs that are here, got 0,7, .* sees 1"):
            devices.found()
    else:
        assert devices.found()[0] == named.partition(",-1")[0].split(",")


@pretended
def test_what_a_gpu_has_trained_is_looked_at_before_it_trains_more(tmp_path: Path) -> None:
    stages = {"teacher": "", "student": "", "baseline": "", "evaluate_teacher": "teacher"}
    with small_pipeline(tmp_path, stages) as project:
        done = run(project, "--jobs", "2", CUDA_VISIBLE_DEVICES="5")
        assert done.returncode == 0, done.stdout + done.stderr
        started = {name: float((project / name).read_text().split()[0]) for name in stages}
    assert started["evaluate_teacher"] < started["student"] < started["baseline"]


@pretended
def test_one_of_the_gpus_may_be_chosen(tmp_path: Path) -> None:
    with small_pipeline(tmp_path, {"teacher": "", "student": ""}) as project:
        done = run(project, "--jobs", "2", "--gpus", "5", CUDA_VISIBLE_DEVICES="4,5")
        assert done.returncode == 0, done.stdout + done.stderr
        ran = [(project / name).read_text().split() for name in ("teacher", "student")]
    assert [gpu for _, _, gpu in ran] == ["5", "5"]
    times = [(float(started), float(ended)) for started, ended, _ in ran]
    assert not overlap(*times)


@pretended
def test_a_gpu_that_is_named_twice_has_two_stages_at_a_time(tmp_path: Path) -> None:
    with small_pipeline(tmp_path, dict.fromkeys(TRAININGS, "")) as project:
        for name in TRAININGS:
            (project / f"{name}.slow").touch()
        process = start(project, "--jobs", "4", "--gpus", "5,5", CUDA_VISIBLE_DEVICES="5")
        wait_for(lambda: sum(starts(project, name) for name in TRAININGS) == 2)
        go_on(project)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, output + errors
        ran = [(project / name).read_text().split() for name in TRAININGS]
    assert [gpu for _, _, gpu in ran] == ["5"] * 4
    times = [(float(started), float(ended)) for started, ended, _ in ran]
    assert max(sum(start <= at < end for start, end in times) for at, _ in times) == 2


@pytest.mark.parametrize(
    ("named", "found"),
    [("0,2", ["0", "2"]), ("", []), ("-1", []), ("1,-1,2", ["1"]), (" 0 , 1 ", ["0", "1"])],
)
def test_what_the_environment_names_is_believed_and_told_where_no_driver_is(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str,
    found: list[str],
) -> None:
    monkeypatch.setattr(devices, "have_driver", lambda: False)
    monkeypatch.setenv(VISIBLE_GPUS, named)
    assert devices.chosen(None) == found
    told = f"names GPU {','.join(found)}, and no driver of a GPU is here" if found else ""
    assert told in (said := capsys.readouterr().out) and bool(said) is bool(told)


@pytest.mark.parametrize(
    ("here", "asked", "message"),
    [
        ("0,1", "1,2", "expected some of 0,1, got 1,2"),
        ("", "0", "found none that PyTorch can use; leave --gpus out"),
    ],
)
def test_gpus_that_are_not_here_are_refused(
    monkeypatch: pytest.MonkeyPatch, here: str, asked: str, message: str
) -> None:
    monkeypatch.setattr(devices, "have_driver", lambda: False)
    monkeypatch.setenv(VISIBLE_GPUS, here)
    with pytest.raises(UserError, match=message):
        devices.chosen(asked)


def test_without_a_driver_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    monkeypatch.setattr(devices, "have_driver", lambda: False)
    monkeypatch.setattr(devices.subprocess, "run", pytest.fail)
    assert devices.chosen(None) == []


def test_a_driver_is_known_by_its_files_or_its_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "DRIVERS", ("null",))
    assert devices.have_driver()
    monkeypatch.setattr(devices, "DRIVERS", ("no-such-driver*",))
    assert not devices.have_driver()
    (tmp_path / "nvidia-smi").touch(mode=0o755)
    assert devices.have_driver()


def test_with_a_driver_pytorch_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    monkeypatch.setattr(devices, "have_driver", lambda: True)
    monkeypatch.setattr(devices, "ASK", "print('[3, \"\"]')")
    assert devices.chosen(None) == ["0", "1", "2"]
    monkeypatch.setenv(VISIBLE_GPUS, "GPU-7,2")
    assert devices.chosen(None) == ["GPU-7", "2"]


OLD_DRIVER = """
import torch, warnings
torch.__version__, torch.version.cuda = "2.13.0+cu130", "13.0"
torch.cuda.device_count = lambda: 1  # NVIDIA's library counts them without CUDA

def is_available():
    warnings.warn("The NVIDIA driver on your system is too old. (Triggered internally at a.cpp:9.)")
    return False

torch.cuda.is_available = is_available
"""


@pytest.mark.parametrize(
    ("pytorch", "why"),
    [
        (OLD_DRIVER, r"PyTorch 2\.13\.0\+cu130: The NVIDIA driver on your system is too old\.[;)]"),
        ("import torch; torch.version.cuda = None", r"PyTorch .*: it was built without CUDA[;)]"),
        ("raise SystemExit(1)", r"PyTorch cannot be imported[;)]"),
    ],
    ids=["old driver", "no CUDA", "no PyTorch"],
)
@pytest.mark.parametrize("named", [None, "0"])
def test_a_gpu_that_pytorch_cannot_use_is_told(
    pytorch: str,
    why: str,
    named: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv(VISIBLE_GPUS, raising=False)
    if named:
        monkeypatch.setenv(VISIBLE_GPUS, named)
    monkeypatch.setattr(devices, "have_driver", lambda: True)
    monkeypatch.setattr(devices, "ASK", pytorch + devices.ASK)
    assert devices.chosen(None) == []
    assert re.search(rf"no GPU is used.*: {why} install a PyTorch", capsys.readouterr().out)
    with pytest.raises(UserError, match=rf"can use \({why}.* leave --gpus out"):
        devices.chosen("0")
    (found,) = environment.gpus(Path())
    assert re.search(why, f"{found.what};") and "nvidia-smi" in found.advice


def test_gpus_that_are_hidden_are_nobodys_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VISIBLE_GPUS, "")
    monkeypatch.setattr(devices, "have_driver", lambda: True)
    monkeypatch.setattr(devices.subprocess, "run", pytest.fail)
    assert devices.chosen(None) == []
    assert not capsys.readouterr().out


def test_what_waits_for_a_gpu_lets_others_go_first() -> None:
    assert next_stage(["teacher@a-full-0", "align@a"], [], 2, may_compute=False) == "align@a"
    assert next_stage(["teacher@a-full-0"], ["student@a-full-0"], 2, may_compute=False) is None


def test_stages_that_place_networks_on_a_device_are_those_that_get_one() -> None:
    of_file = {"train": TRAININGS}
    places = set[str]()
    for script in sorted((closure.ROOT / "stages").glob("*.py")):
        if "default_device" in script.read_text(encoding="utf-8"):
            places |= {*of_file.get(script.stem, (script.stem,))}
    assert places == {*COMPUTING, *ALONE}


def test_every_stage_of_the_pipeline_that_places_networks_gets_a_gpu() -> None:
    stages = yaml.safe_load((closure.ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name, stage in stages.items():
        script = re.findall(r"-m (stages\.\w+)", stage["cmd"])[0].replace(".", "/") + ".py"
        places = "default_device" in (closure.ROOT / script).read_text(encoding="utf-8")
        assert devices.is_one_of(f"{name}@helen-full-0", (*COMPUTING, *ALONE)) == places, name
