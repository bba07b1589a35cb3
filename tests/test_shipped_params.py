"""The file that users get: params.yaml, as the repository has it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import own_params
import pytest
import yaml
from conftest import ROOT, WORKSPACE

from pkdn import params
from pkdn.planning import plan
from pkdn.reports import paper
from pkdn.systems import PAPER_SIZE

FILE = ROOT / "params.yaml"
SET = re.compile(r"-S\s+'?([\w.]+)=")


@pytest.fixture(scope="module")
def shipped() -> str:
    """What the file says; where it was changed for an experiment, these tests are left out."""
    changed = subprocess.run(
        ["git", "diff", "--quiet", "HEAD", "--", str(FILE)], cwd=ROOT, check=False
    )
    if changed.returncode == 1:
        pytest.skip("params.yaml was changed here: commit it, or restore it, to have it tested")
    with WORKSPACE.open():
        return FILE.read_text(encoding="utf-8")


def read(text: str, **changes: object) -> params.Params:
    return params.parse({**yaml.safe_load(text), **changes}, FILE)


def test_it_has_the_keys_of_the_tests_own_and_can_be_planned(shipped: str) -> None:
    assert set(yaml.safe_load(shipped)) == set(own_params.values())
    assert len(plan(read(shipped))) > 40
    for profile in read(shipped).profiles:
        plan(read(shipped, profile=profile))


def test_the_paper_profile_is_the_papers(shipped: str) -> None:
    paper_profile = read(shipped, profile=PAPER_SIZE)
    training = paper_profile.training
    assert (training.batch_size, training.learning_rate, training.threads) == (8, 1e-4, 0)
    assert (training.schedule, training.keep) == ("constant", "best")
    assert training.num_steps("celeba") == 50 * (162_770 // 8)
    assert (training.lambda_ts, training.lambda_fs, training.distill_epochs) == (0.1, 10.0, 0)
    assert not training.global_residual
    assert paper_profile.chosen.size == PAPER_SIZE
    assert paper_profile.chosen.parser.input_size == 512
    theirs = {"most_steps": 0, "largest_batch": 0, "rate_factor": 1.0}
    assert paper_profile.chosen.authors.model_dump() == theirs


def test_each_reading_that_is_a_parameter_is_there(shipped: str) -> None:
    readings = paper.readings()
    for name in readings.loc[readings["file"] == FILE.name, "name"]:
        assert name in shipped


def test_the_documents_set_keys_that_it_has(shipped: str) -> None:
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = {key for file in documents for key in SET.findall(file.read_text(encoding="utf-8"))}
    assert {"lambda_fs", "profiles.small.training.steps"} <= told
    assert told - set(keys(yaml.safe_load(shipped))) == set()


def keys(values: dict[str, object], above: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from keys(value, f"{above}{name}.")


def test_no_other_test_can_read_what_the_workspace_holds() -> None:
    for file in (FILE, ROOT / "dvc.lock", ROOT / "data/plan/report.json"):
        with pytest.raises(AssertionError, match="tests bring their own"):
            Path(file).read_text()
