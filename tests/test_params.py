import copy
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import own_params
import pytest

from pkdn import params, planning
from pkdn.errors import UserError

FILE = Path("params.yaml")
STAGES = ("teacher", "student", "baseline", "authors", "parser")


@pytest.fixture
def values() -> dict[str, Any]:
    return own_params.values()


def read(values: object) -> params.Params:
    return params.parse(copy.deepcopy(values), FILE)


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
        with pytest.raises(UserError, match=r"training\.steps: expected a whole number from 1"):
            read(values)


def test_bad_steps_are_one_number_or_numbers_by_network(values: dict[str, Any]) -> None:
    def trained(skipped: object) -> dict[str, object]:
        """The plans of all trainings."""
        found = planning.plan(read({**values, "skip_bad_steps": skipped}))
        return {one.id.name: one.settings for one in found if one.id.stage in STAGES}

    before, after = trained(0), trained({"dic": 3, "others": 0})
    changed = {name for name, settings in after.items() if settings != before[name]}
    assert changed == {
        name for name in before if name.partition("@")[2].startswith("synthetic-dic-")
    }
    assert changed
    others = trained({"parser": 1, "pkdn": 2, "others": 0})
    assert others["parser"]["training"]["skip_bad_steps"] == 1
    assert others["student@synthetic-full-0"]["recipe"]["skip_bad_steps"] == 2
    for wrong, told in (
        ({"dic": 3}, "skip_bad_steps: expected a whole number from 0"),
        ({"dik": 3, "others": 0}, "skip_bad_steps: expected names out of .*; got 'dik'"),
    ):
        with pytest.raises(UserError, match=told):
            trained(wrong)


def test_a_profile_of_ones_own_is_a_section(values: dict[str, Any]) -> None:
    mine = {**values["profiles"]["demo"], "size": "small"}
    own = {**values, "profile": "mine", "profiles": {**values["profiles"], "mine": mine}}
    assert read(own).chosen.size == "small"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lambda_fs", -1.0, "lambda_fs: expected a number from 0 to 1,000,000, got -1.0"),
        ("lambda_fs", "1e-3", "YAML reads 1e-3 as text; write 0.001"),
        ("lambda_ts", True, "lambda_ts: expected a number"),
        ("lambda_ts", float("nan"), "lambda_ts: expected a number"),
        ("learning_rate", 0, "learning_rate: expected a number from 1e-12 to 1,000"),
        (
            "learning_rate",
            "fast",
            "learning_rate: expected a number from 1e-12 to 1,000, got 'fast'",
        ),
        ("steps", 2.5, "steps: expected a whole number"),
        ("steps", "1e3", "to 1,000,000,000 (YAML reads 1e3 as text; write 1000), got '1e3'"),
        ("batch_size", "1", "from 1 to 4,096 (YAML reads 1 as text; write 1), got '1'"),
        ("batch_size", "2.5", "from 1 to 4,096, got '2.5'"),
        ("seeds", "1", "such as [0, 1, 2], got '1'"),
        ("batch_size", 0, "batch_size: expected a whole number from 1 to 4,096, got 0"),
        ("distill_epochs", -1, "distill_epochs: expected a whole number"),
        ("profile", "huge", "profile: expected one of demo, small, got 'huge'"),
        ("precision", "fp8", "precision: expected one of auto, fp32, tf32, bf16"),
        ("seeds", [], "seeds: expected a list"),
        ("seeds", [0, 0], "seeds: expected a list of different"),
        ("seeds", [-1], "seeds: expected a list of different whole numbers from 0 to"),
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


TEXT = own_params.text()
NUM_MUTATIONS = int(os.environ.get("PKDN_MUTATIONS", "400"))
# Everything that YAML knows and params.yaml has no need of.
ODD: list[Any] = [None, True, "", "yes", -1, 0, 10**5, 10**30, 1e300, 1e-300, float("nan")]
ODD += [float("inf"), [], {}, [[]], [None], {"a": {}}, "\0", "a" * 10_000, "../x", "1_000", "١"]
WRITTEN = [
    *("2024-13-45", "0x" + "f" * 5000, "9" * 5000, "1e999", ".nan", "-.inf", "!!set {a, b}"),
    *("!!python/object:os.system x", "!!binary abc", "*nowhere", "[" * 5000, "{" * 300, "\x07"),
    *(
        "\t",
        "!!timestamp x",
        "&a [*a]",
        "? [1]: 2",
        "<<: *x",
        "0o17",
        "1:30",
        "\\ud800",
        '"\\ud800"',
    ),
]
BOMB = "a: &a [0]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)


def mutated(chance: random.Random) -> bytes:
    """The text with some of its bytes, words or lines changed."""
    text = bytearray(TEXT.encode())
    for _ in range(chance.choice((1, 1, 3))):
        place = chance.randrange(len(text))
        match chance.randrange(5):
            case 0:
                text[place] = chance.randrange(256)
            case 1:
                del text[place : place + chance.choice((1, 20, 1000))]
            case 2:
                text[place:place] = chance.choice(WRITTEN).encode()
            case 3:
                lines = text.split(b"\n")
                number = chance.randrange(len(lines))
                lines.insert(chance.randrange(len(lines)), lines[number])
                text = bytearray(b"\n".join(lines))
            case _:
                words = [m.span() for m in re.finditer(rb"(?<=: )[^ #\n]+", text)]
                if words:
                    first, last = chance.choice(words)
                    text[first:last] = chance.choice(WRITTEN).encode()
    return bytes(text)


def changed(values: Any, chance: random.Random) -> Any:
    """The values with one of them, at any depth, another."""
    if not isinstance(values, dict | list) or not values or chance.random() < 0.1:
        return chance.choice(ODD)
    if isinstance(values, list):
        return [*values, chance.choice(ODD)]
    key = chance.choice(list(values))
    if chance.random() < 0.1:
        return {**values, chance.choice([1, None, "x", (), "\ud800"]): values[key]}
    return {**values, key: changed(values[key], chance)}


def planned_or_one_line(read: Callable[[], params.Params]) -> None:
    try:
        for one in planning.plan(read()):
            one.text().encode("utf-8")
    except UserError as error:
        assert len(str(error)) < 2000


def test_any_text_is_a_plan_or_one_line(tmp_path: Path) -> None:
    file, chance = tmp_path / "params.yaml", random.Random(0)
    for text in (BOMB, "", "---\n---\n", "\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), "[" * 10**5):
        file.write_text(text, encoding="utf-8", newline="")
        planned_or_one_line(lambda: params.load(file))
    for _ in range(NUM_MUTATIONS):
        file.write_bytes(mutated(chance))
        planned_or_one_line(lambda: params.load(file))


def test_any_values_are_a_plan_or_one_line(values: dict[str, Any]) -> None:
    chance = random.Random(0)
    for _ in range(NUM_MUTATIONS):
        other = changed(values, chance)
        planned_or_one_line(lambda other=other: params.parse(other, FILE))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threads: 1", "threads: 100000", "threads: expected a whole number from 0 to 256"),
        ("seeds: [0]", "seeds: [0]\nseeds: [1]", 'found duplicate key "seeds"'),
        ("seeds: [0]", "seeds: [2024-13-45]", "params.yaml, got ValueError"),
        ("seeds: [0]", "seeds: " + "[" * 5000, "more than 20 lists or sections within each other"),
        ("seeds: [0]", "seeds: [0x" + "f" * 5000 + "]", "got a number that is too large"),
        ("folder: photos", 'folder: "a\\0b"', "folder: expected a name or a path"),
        ("batch_size: 2", "batch_size: 1000000", "a whole number from 1 to 4,096, got 1000000"),
        ("lambda_ts: 0.1", "lambda_ts: 1e300", "a number from 0 to 1,000,000, got 1e+300"),
    ],
)
def test_what_used_to_end_otherwise_is_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    file = tmp_path / "params.yaml"
    assert old in TEXT
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as raised:
        params.load(file)
    assert message in str(raised.value)
    file.write_bytes(TEXT.encode().replace(b"photos", b"\xff"))
    with pytest.raises(UserError, match=r"params\.yaml, got UnicodeDecodeError"):
        params.load(file)


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(TEXT.replace("seeds: [0]", "seeds: [010, 0o17]\n").replace("0.005", "5e-3"))
    assert params.load(file).seeds == (10, 15)
    assert params.load(file).training.learning_rate == 0.005
