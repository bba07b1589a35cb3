import json
import pickle
import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pkdn.errors import UserError
from pkdn.faces.shards import Shards, ShardWriter


def row(number: int) -> dict[str, np.ndarray]:
    return {
        "faces": np.full((4, 4, 3), number, np.uint8),
        "landmarks": np.array([[number, np.nan]], np.float32),
    }


def write(folder: Path, num_rows: int = 7) -> None:
    with ShardWriter(folder, rows_per_shard=3) as writer:
        for number in range(num_rows):
            split = "test" if number % 3 == 2 else "train"
            writer.append(split, row(number), {"name": f"face {number}", "left": number})


def test_rows_come_back_in_any_order_across_shards(tmp_path: Path) -> None:
    write(tmp_path)
    train = Shards(tmp_path, "train")
    assert train.names == ["face 0", "face 1", "face 3", "face 4", "face 6"]
    assert train.arrays == ("faces", "landmarks")
    assert train.read("faces", [4, 0, 3, 0])[:, 0, 0, 0].tolist() == [6, 0, 4, 0]
    assert train.read("landmarks", np.array([2]))[0, 0, 0] == 3
    assert np.isnan(train.read("landmarks", [2])[0, 0, 1])
    assert Shards(tmp_path, "test").read("faces", range(2))[:, 0, 0, 0].tolist() == [2, 5]


def test_the_index_says_where_each_row_lies(tmp_path: Path) -> None:
    write(tmp_path)
    for line in Shards(tmp_path, "train").index():
        shard = np.load(tmp_path / f"train-{int(line['shard']):05d}.faces.npy")
        assert shard[int(line["row"])][0, 0, 0] == int(line["left"])


def test_a_split_without_rows_is_empty(tmp_path: Path) -> None:
    write(tmp_path)
    val = Shards(tmp_path, "val")
    assert len(val) == 0
    assert val.read("faces", []).shape == (0, 4, 4, 3)


def test_full_shards_leave_memory_at_once(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, rows_per_shard=3) as writer:
        for number in range(3):
            writer.append("train", row(number), {"name": str(number)})
        assert (tmp_path / "train-00000.faces.npy").is_file()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write(folder)
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


def test_a_folder_left_by_an_error_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ShardWriter(tmp_path) as writer:
        writer.append("train", row(0), {"name": "0"})
        raise KeyError
    with pytest.raises(UserError, match=r"manifest\.json"):
        Shards(tmp_path, "train")


def test_a_row_unlike_the_first_is_refused(tmp_path: Path) -> None:
    with ShardWriter(tmp_path) as writer:
        writer.append("train", row(0), {"name": "0"})
        with pytest.raises(AssertionError, match="odd one"):
            writer.append("train", {"faces": row(1)["faces"]}, {"name": "odd one"})


def test_rows_outside_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    for index in (-1, 5):
        with pytest.raises(AssertionError, match="out of range"):
            Shards(tmp_path, "train").read("faces", [index])


def test_pickling_takes_no_arrays_along(tmp_path: Path) -> None:
    write(tmp_path)
    train = Shards(tmp_path, "train")
    before = len(pickle.dumps(train))
    train.read("faces", [0])
    content = pickle.dumps(train)
    assert len(content) == before
    assert pickle.loads(content).read("faces", [1])[0, 0, 0, 0] == 1


def flipped(data: bytes) -> bytes:
    return data[:-7] + bytes([data[-7] ^ 1]) + data[-6:]


@pytest.mark.parametrize(
    "file", ["train-00001.landmarks.npy", "train-00000.faces.npy", "index.csv"]
)
@pytest.mark.parametrize(
    "damage",
    [lambda d: d[:-10], lambda d: d + b"7 bytes", lambda d: bytes(len(d)), flipped, lambda _: b""],
    ids=["cut", "longer", "zeroed", "flipped", "empty"],
)
def test_damaged_files_are_refused_with_what_brings_them_back(
    tmp_path: Path, file: str, damage: Callable[[bytes], bytes]
) -> None:
    write(tmp_path)
    Shards(tmp_path, "train")
    (tmp_path / file).write_bytes(damage((tmp_path / file).read_bytes()))
    advice = (
        f"{re.escape(str(tmp_path / file))}.*run `chmod u\\+w {re.escape(str(tmp_path / file))}`"
    )
    with pytest.raises(UserError, match=advice):
        Shards(tmp_path, "train")


def test_a_shard_that_is_gone_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test-00000.faces.npy").unlink()
    Shards(tmp_path, "train")
    with pytest.raises(UserError, match=r"test-00000\.faces\.npy.* missing: run `dvc repro`"):
        Shards(tmp_path, "test")


def test_broken_manifests_are_one_line_or_none(tmp_path: Path) -> None:
    write(tmp_path)
    manifest = tmp_path / "manifest.json"
    whole, chance = manifest.read_bytes(), random.Random(0)
    values = json.loads(whole)
    texts = [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"arrays": 1}', bytes(9)]
    for key in values:
        for value in (None, -1, 0, [], {}, "text", 1e300):
            texts.append(json.dumps({**values, key: value}).encode())
    for _ in range(300):
        text = bytearray(whole)
        text[chance.randrange(len(text))] = chance.randrange(256)
        texts.append(bytes(text))
    expected = Shards(tmp_path, "train").read("faces", range(5))
    for text in texts:
        manifest.write_bytes(text)
        with suppress(UserError):
            train = Shards(tmp_path, "train")
            found = train.read(train.arrays[0], range(5))
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected)
