import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pkdn import params
from pkdn.errors import UserError

FILE = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def values() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


def read(values: object) -> params.Params:
    return params.parse(copy.deepcopy(values), Path("params.yaml"))


def test_the_paper_profile_is_the_papers(values: dict[str, Any]) -> None:
    paper = read({**values, "profile": "paper"})
    training = paper.training
    assert (training.batch_size, training.learning_rate, training.threads) == (8, 1e-4, 0)
    assert (training.schedule, training.keep) == ("constant", "best")
    assert training.num_steps("celeba") == 50 * (162_770 // 8)
    assert (training.lambda_ts, training.lambda_fs, training.distill_epochs) == (0.1, 10.0, 0)
    assert not training.global_residual
    assert paper.chosen.size == "paper"
    assert paper.chosen.parser.input_size == 512
    assert paper.chosen.authors.model_dump() == {
        "most_steps": 0,
        "largest_batch": 0,
        "rate_factor": 1.0,
    }


def test_a_value_of_ones_own_replaces_the_profiles(values: dict[str, Any]) -> None:
    assert read({**values, "lambda_fs": 0.5}).training.lambda_fs == 0.5
    changed = read({**values, "learning_rate": 0.0005, "steps": 7, "global_residual": False})
    assert changed.training.learning_rate == 0.0005
    assert changed.training.num_steps("helen") == 7
    assert changed.training.batch_size == read(values).training.batch_size
    assert changed.training.global_residual is False


def test_steps_are_one_number_or_numbers_by_data_set(values: dict[str, Any]) -> None:
    training = values["profiles"]["demo"]["training"]
    training["steps"] = {"helen": 5, "others": 9}
    found = read(values).training
    assert (found.num_steps("helen"), found.num_steps("lfw")) == (5, 9)
    for wrong in ({"helen": 5}, {"others": 0}, "many", 0):
        training["steps"] = wrong
        with pytest.raises(
            UserError, match=r"training\.steps: expected a whole number of at least"
        ):
            read(values)


def test_a_profile_of_ones_own_is_a_section(values: dict[str, Any]) -> None:
    mine = {**values["profiles"]["demo"], "size": "small"}
    own = {**values, "profile": "mine", "profiles": {**values["profiles"], "mine": mine}}
    assert read(own).chosen.size == "small"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lambda_fs", -1.0, "lambda_fs: expected a number of at least 0, got -1.0"),
        ("lambda_fs", "1e-3", "YAML reads 1e-3 as text; write 0.001"),
        ("lambda_ts", True, "lambda_ts: expected a number"),
        ("lambda_ts", float("nan"), "lambda_ts: expected a number"),
        ("learning_rate", 0, "learning_rate: expected a number above 0"),
        ("learning_rate", "fast", "learning_rate: expected a number above 0, got 'fast'"),
        ("steps", 2.5, "steps: expected a whole number"),
        ("batch_size", 0, "batch_size: expected a whole number of at least 1, got 0"),
        ("distill_epochs", -1, "distill_epochs: expected a whole number"),
        ("profile", "huge", "profile: expected one of demo, small, paper, got 'huge'"),
        ("precision", "fp8", "precision: expected one of auto, fp32, bf16"),
        ("seeds", [], "seeds: expected a list"),
        ("seeds", [0, 0], "seeds: expected a list of different"),
        ("seeds", [-1], "seeds: expected a list of different whole numbers of at least 0"),
        ("seeds", ["0; touch X"], "seeds: expected a list of different whole numbers"),
        ("datasets", ["a b"], "datasets: expected a list of different names of letters, digits"),
        ("datasets", "helen", "datasets: expected a list"),
        ("global_residual", "yes", "global_residual: expected true or false, got 'yes'"),
        ("folder", None, "folder: expected a name or a path, got None"),
        ("lamda_fs", 1.0, "unknown key lamda_fs"),
        ("authors_recipes", ["dic", "dic"], "authors_recipes: expected a list of different"),
    ],
)
def test_a_wrong_value_is_named(
    values: dict[str, Any], key: str, value: object, message: str
) -> None:
    with pytest.raises(UserError) as raised:
        read({**values, key: value})
    assert message in str(raised.value)


def test_no_authors_recipe_is_a_choice(values: dict[str, Any]) -> None:
    assert read({**values, "authors_recipes": []}).authors_recipes == ()


def test_a_wrong_key_in_a_section_is_named_with_its_section(values: dict[str, Any]) -> None:
    values["profiles"]["demo"]["training"]["epoch"] = 3
    with pytest.raises(UserError, match=r"unknown key profiles\.demo\.training\.epoch"):
        read(values)
    del values["profiles"]["demo"]["training"]["epoch"]
    misspelt = {**values, "lamda_fs": 1.0}
    del misspelt["lambda_fs"]
    with pytest.raises(UserError, match=r"lambda_fs is missing; mend the name of .* lamda_fs"):
        read(misspelt)
    del values["profiles"]["demo"]["training"]["steps"]
    with pytest.raises(UserError, match=r"profiles\.demo\.training\.steps is missing"):
        read(values)


def test_no_file_and_no_yaml_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing; run this from the root"):
        params.load(tmp_path / "params.yaml")
    broken = tmp_path / "params.yaml"
    broken.write_text("seeds: [0\n")
    with pytest.raises(UserError, match="not valid YAML"):
        params.load(broken)
    broken.write_text("- 1\n")
    with pytest.raises(UserError, match="expected a mapping"):
        params.load(broken)
