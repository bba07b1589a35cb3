"""Files that a stage or the report reads, broken by a disk, an editor or a kill: one line each."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pkdn.data.catalogue import COLUMNS, read_catalogue
from pkdn.errors import UserError
from pkdn.files import reading
from pkdn.provenance import read_curve, write_curve
from pkdn.reports.inputs import read_csv
from pkdn.runs import PLAN, Planned, RunId, planned

TEXTS = (b"", b"\0" * 50, b"\xff\xfe\x80", b"[" * 100_000, b"null", b"[]", b'{"a": 1}', b"1e999")
CATALOGUE = ",".join(COLUMNS) + "\n" + "a,train,a.jpg,,,,100,abc,\n" * 3


def read_plan(path: Path) -> object:
    assert path == PLAN / "train" / "helen.json"
    return planned("train", "helen").settings["threads"]


PLANNED = Planned(RunId("train", "helen"), {"a": Path("b")}, {}, {"threads": 1}).text()
READERS: list[tuple[str, str, Callable[[Path], object]]] = [
    ("data/plan/train/helen.json", PLANNED, read_plan),
    ("photos.csv", CATALOGUE, lambda path: list(read_catalogue(path))),
    (
        "scores.csv",
        "name,psnr\na,20.5\nb,21.5\n",
        lambda path: read_csv(path, "name")["psnr"].sum(),
    ),
]


@pytest.mark.parametrize(("name", "content", "read"), READERS, ids=[name for name, *_ in READERS])
def test_a_broken_file_is_one_line_that_names_it(
    name: str,
    content: str,
    read: Callable[[Path], object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path, chance = Path(name), random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    read(path)
    for text in TEXTS:
        path.write_bytes(text)
        with pytest.raises(UserError, match=rf"{path}.*chmod u\+w {path}"):
            read(path)
    for _ in range(300):
        text = bytearray(content.encode())
        for _ in range(chance.choice((1, 5))):
            text[chance.randrange(len(text))] = chance.choice((0, 44, 34, chance.randrange(256)))
        path.write_bytes(text[: chance.choice((len(text), chance.randrange(len(text))))])
        with suppress(UserError, KeyError):  # a key of another name is the reader's own business
            read(path)


def test_a_broken_curve_is_named(tmp_path: Path) -> None:
    write_curve(tmp_path / "curve.csv", [{"step": 1, "loss": 0.5}])
    assert read_curve(tmp_path / "curve.csv") == [{"step": 1, "loss": 0.5}]
    (tmp_path / "curve.csv").write_bytes(b"step,loss\n1,0.\xff5\n")
    with pytest.raises(UserError, match=r"curve\.csv, got UnicodeDecodeError"):
        read_curve(tmp_path / "curve.csv")


def test_what_a_file_raises_is_short_and_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised, reading(tmp_path / "a"):
        json.loads("[" + "1,\n" * 9 + "x" * 10_000)
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="is missing: run `dvc repro`"), reading(tmp_path / "a"):
        (tmp_path / "a").read_bytes()
