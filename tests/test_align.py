import csv
import itertools
import math
import operator
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pkdn.data import listing
from pkdn.data.alignment import align
from pkdn.data.catalogue import read_catalogue, write_catalogue
from pkdn.data.datasets import DatasetSettings, folder
from pkdn.data.photos import pool
from pkdn.data.photos.photo import Box, Entry
from pkdn.data.photos.pool import CHUNK, CHUNKS_PER_WORKER, ordered_map
from pkdn.data.photos.splits import split_of
from pkdn.errors import UserError
from pkdn.faces.shards import Shards

NUM_PHOTOS = 24
WIDTH, HEIGHT = 90, 80


class Place:
    """A folder of photos with label maps, and where its catalogue and faces go."""

    def __init__(self, root: Path) -> None:
        self.root = root / "photos"
        self.photos = root / "photos.csv"
        self.faces = root / "faces"
        self.settings = DatasetSettings(folder=self.root)
        rng = np.random.default_rng(0)
        for sub in ("images", "labels"):
            (self.root / sub).mkdir(parents=True)
        for number in range(NUM_PHOTOS):
            self.save(f"images/{number}.png", rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
            self.save(f"labels/{number}.png", rng.integers(0, 19, (HEIGHT, WIDTH), np.uint8))

    def save(self, file: str, pixels: np.ndarray) -> None:
        Image.fromarray(pixels).save(self.root / file)

    def truncate(self, file: str) -> None:
        path = self.root / file
        path.write_bytes(path.read_bytes()[:500])

    def catalogue(self) -> None:
        write_catalogue("folder", self.settings, self.photos, num_workers=1)

    def align(self, num_workers: int = 1) -> dict[str, float]:
        return align("folder", self.settings, self.photos, self.faces, num_workers=num_workers)

    def left_out(self) -> dict[str, tuple[str, str]]:
        with (self.faces / "left_out.csv").open(encoding="utf-8") as file:
            return {line["name"]: (line["kind"], line["reason"]) for line in csv.DictReader(file)}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def splits() -> list[str]:
    return [split_of(str(number)) for number in range(NUM_PHOTOS)]


CHANGES = ("none", "added", "removed", "replaced", "a label map", "landmarks")


@pytest.mark.parametrize("change", CHANGES)
def test_photos_that_change_after_they_were_listed_are_noticed(
    change: str, place: Place, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    points = place.root / "images" / "0.pts"
    points.write_text("version: 1\nn_points: 68\n{\n" + "30.500 40.500\n" * 68 + "}\n")
    listing.write("folder", place.settings, run)
    before = place.root / "images" / "0.png"
    if change == "added":
        shutil.copy(before, before.with_name("more.png"))
    if change == "removed":
        before.unlink()
    if change == "replaced":
        place.truncate("images/0.png")
    if change == "a label map":
        (place.root / "labels" / "0.png").unlink()
    if change == "landmarks":
        points.write_text(points.read_text().replace("30.5", "39.5", 1))
    assert listing.is_old(place.settings, run) == (change != "none")
    assert not listing.is_old(place.settings, tmp_path)  # nothing is noted
    shutil.rmtree(place.root)
    assert not listing.is_old(place.settings, run)  # in an archive, perhaps


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"split": "validation"}, r"expected the splits .*, got 'validation' for"),
        ({"name": "one"}, "a name of its own for each photo, got one twice"),
    ],
)
def test_a_data_set_that_lists_wrongly_is_named(
    changes: dict[str, str], told: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = folder.catalogue(place.root, place.settings)
    wrong = [entry._replace(**changes) for entry in found]
    monkeypatch.setattr(folder, "catalogue", lambda *_: wrong)
    with pytest.raises(UserError, match=rf"datasets/folder\.py: expected .*{told}|{told}"):
        place.catalogue()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (iter, "list_iterator"),
        (tuple, "tuple"),
        (lambda found: [*map(tuple, found)], "list of tuple"),
    ],
)
def test_a_data_set_that_lists_something_else_is_named(
    change: Callable[[list[Entry]], object],
    found: str,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = folder.catalogue(place.root, place.settings)
    monkeypatch.setattr(folder, "catalogue", lambda *_: change(entries))
    told = rf"folder\.py: expected of catalogue a list of Entry, got {found}: let"
    with pytest.raises(UserError, match=told):
        place.catalogue()


def test_the_catalogue_lists_every_photo_once(place: Place) -> None:
    place.catalogue()
    lines = list(read_catalogue(place.photos))
    assert sorted(int(line.entry.name) for line in lines) == list(range(NUM_PHOTOS))
    assert [line.entry.split for line in lines] == sorted(
        splits(), key=["test", "val", "train"].index
    )
    first = lines[0]
    assert int(first.num_bytes) == (place.root / first.entry.photo).stat().st_size


def test_an_empty_catalogue_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "catalogue", lambda *_: [])
    with pytest.raises(UserError, match="found none"):
        place.catalogue()
    assert not place.photos.exists()


def test_the_index_rebuilds_the_faces(place: Place) -> None:
    place.catalogue()
    metrics = place.align()
    for split in ("train", "val", "test"):
        assert metrics[f"{split}_faces"] == splits().count(split)
    shards = Shards(place.faces, "train")
    for position, line in enumerate(shards.index()):
        box = [int(line[side]) for side in ("left", "top", "right", "bottom")]
        assert (box, line["source_side"]) == ([5, 0, 85, 80], "80")
        with Image.open(place.root / line["source"]) as photo:
            face = photo.crop(box).resize((128, 128), Image.Resampling.BICUBIC)
        assert np.array_equal(shards.read("faces", [position])[0], np.asarray(face))
        with Image.open(place.root / "labels" / f"{line['name']}.png") as label_map:
            labels = label_map.crop(box).resize((128, 128), Image.Resampling.NEAREST)
        assert np.array_equal(shards.read("labels", [position])[0], np.asarray(labels))
    assert np.isnan(shards.read("landmarks", range(len(shards)))).all()


def test_several_processes_give_the_same_bytes(place: Place) -> None:
    place.catalogue()
    contents = []
    for num_workers in (1, 2):
        place.align(num_workers)
        contents.append({path.name: path.read_bytes() for path in place.faces.iterdir()})
    assert contents[0] == contents[1]


def test_a_photo_of_one_colour_is_no_face(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A black frame of a film: bicubic would have an infinite PSNR on it."""
    black = next(str(n) for n, split in enumerate(splits()) if split == "train")
    place.save(f"images/{black}.png", np.zeros((200, 200, 3), np.uint8))
    place.save(f"labels/{black}.png", np.zeros((200, 200), np.uint8))
    place.catalogue()
    metrics = place.align()
    assert metrics["skipped_of_one_colour"] == 1
    assert place.left_out() == {black: ("of one colour", "the same in every pixel")}
    assert f"such as {black}: the same in every pixel" in capsys.readouterr().out


def test_broken_and_small_photos_are_left_out_and_named(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, small, unlabelled = [str(n) for n, s in enumerate(splits()) if s == "train"][:3]
    place.truncate(f"images/{broken}.png")
    place.save(f"images/{small}.png", np.zeros((63, 200, 3), np.uint8))
    place.save(f"labels/{small}.png", np.zeros((63, 200), np.uint8))
    (place.root / "labels" / f"{unlabelled}.png").unlink()
    place.catalogue()
    metrics = place.align()
    assert (metrics["dropped_small"], metrics["skipped_unreadable"]) == (1, 2)
    assert metrics["train_faces"] == splits().count("train") - 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("folder: photos: ")
    assert lines[0].endswith("; 0 with landmarks, 23 with label maps")
    assert lines[1] == f"left out: 1 unreadable, such as {unlabelled}, whose files cannot be opened"
    assert lines[2].startswith("folder: faces: ")
    assert lines[2].endswith("; 0 with landmarks, 21 with label maps")
    assert any(line.startswith("left out: 2 unreadable, such as ") for line in lines)
    assert f"left out: 1 too small, such as {small}: 63 of 64 pixels per side" in lines
    for name in (broken, small, unlabelled):
        assert name not in Shards(place.faces, "train").names
    kinds = {name: kind for name, (kind, _) in place.left_out().items()}
    assert kinds == {broken: "unreadable", small: "too small", unlabelled: "unreadable"}


def test_landmarks_choose_the_box(place: Place) -> None:
    name = str(splits().index("train"))
    inside = "\n".join(f"{10 + n % 2 * 60} {5 + n % 4 // 2 * 60}" for n in range(68))
    (place.root / "images" / f"{name}.pts").write_text(f"version: 1\n{{\n{inside}\n}}\n")
    place.catalogue()
    place.align()
    shards = Shards(place.faces, "train")
    line = next(line for line in shards.index() if line["name"] == name)
    # 60 pixels from (10, 5), 9 more on each side, moved down by 4
    assert [line[side] for side in ("left", "top", "right", "bottom")] == ["1", "0", "79", "78"]
    points = shards.read("landmarks", [shards.names.index(name)])[0]
    assert points[0] == pytest.approx([9 * 128 / 78, 5 * 128 / 78])


def test_landmarks_of_another_photo_are_noticed(place: Place) -> None:
    name = str(splits().index("train"))
    outside = "\n".join(f"{500 + n} {500 - n}" for n in range(68))
    (place.root / "images" / f"{name}.pts").write_text(f"{{\n{outside}\n}}\n")
    place.catalogue()
    place.align()
    assert place.left_out() == {name: ("unreadable", "its landmarks lie outside the photo")}


@pytest.mark.parametrize("label", [19, 40])
def test_an_unknown_class_stops_with_its_file_and_the_expected_ones(
    place: Place, label: int
) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[0, 0] = label
    place.save("labels/3.png", labels)
    place.catalogue()
    expected = rf"19 classes 0 background,.* 18 hat; got class {label} in labels/3\.png"
    with pytest.raises(UserError, match=expected):
        place.align()
    assert not place.faces.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": np.zeros((HEIGHT // 2, WIDTH // 2), np.uint8)}, r"the labels of \d+ as uint8"),
        ({"image": np.zeros((HEIGHT, WIDTH), np.uint8)}, r"the image of \d+ as uint8 \(H, W, 3\)"),
        ({"image": np.zeros((HEIGHT, WIDTH, 3))}, r"the image of \d+ .* got float64"),
        ({"landmarks": np.zeros((5, 2))}, r"the landmarks of \d+ as \(68, 2\), got \(5, 2\)"),
        ({"landmarks": [(1, 2)] * 68}, r"the landmarks of \d+ as ndarray, got list"),
        ({"box": (0, 0, 64, 64)}, r"the box of \d+ as Box, got tuple"),
        (
            {"box": Box(-20, -20, 64, 64)},
            r"the box of \d+ in whole pixels inside its \d+×\d+, got \(-2",
        ),
        ({"box": Box(10, 10, WIDTH + 1, 90)}, r"the box of \d+ in whole pixels inside"),
        ({"box": Box(10, 10, 90, HEIGHT + 1)}, r"the box of \d+ in whole pixels inside"),
        ({"box": Box(90, 10, 10, 90)}, r"the box of \d+ in whole pixels inside"),
        ({"box": Box(0.5, 0, 80, 80)}, r"the box of \d+ in whole pixels inside"),
        ({"image": None}, r"the image of \d+ as ndarray, got NoneType"),
    ],
)
def test_a_data_set_that_reads_something_else_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], told: str
) -> None:
    place.catalogue()
    read = folder.read
    monkeypatch.setattr(folder, "read", lambda *a: read(*a)._replace(**change))
    with pytest.raises(UserError, match=rf"pkdn/data/datasets/folder\.py: expected of read {told}"):
        place.align()


@pytest.mark.parametrize("found", [None, np.zeros((HEIGHT, WIDTH, 3), np.uint8)])
def test_a_data_set_that_reads_no_photo_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, found: object
) -> None:
    place.catalogue()
    monkeypatch.setattr(folder, "read", lambda *_: found)
    told = rf"folder\.py: expected of read \d+ as Photo, got {type(found).__name__}: mend"
    with pytest.raises(UserError, match=told):
        place.align()


def test_no_usable_face_leaves_the_old_faces_alone(place: Place) -> None:
    place.catalogue()
    place.align()
    before = sorted(path.name for path in place.faces.iterdir())
    for number in range(NUM_PHOTOS):
        place.truncate(f"images/{number}.png")
    place.catalogue()
    with pytest.raises(UserError, match="got 0 train, 0 val, 0 test; left out: 24 unreadable"):
        place.align()
    assert sorted(path.name for path in place.faces.iterdir()) == before


def test_an_empty_test_split_is_refused(place: Place) -> None:
    for number, split in enumerate(splits()):
        if split == "test":
            (place.root / "images" / f"{number}.png").unlink()
    place.catalogue()
    with pytest.raises(UserError, match="0 test: add photos"):
        place.align()


@pytest.mark.parametrize("file", ["images/5.png", "labels/5.png"])
def test_files_changed_since_the_catalogue_are_noticed(place: Place, file: str) -> None:
    place.catalogue()
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    place.save(file, pixels if file.startswith("images") else pixels[..., 0])
    with pytest.raises(UserError, match="5 as catalogued; they have changed"):
        place.align()
    (place.root / file).unlink()
    with pytest.raises(UserError, match="5 as catalogued; they have changed"):
        place.align()


def test_a_missing_catalogue_is_named(place: Place) -> None:
    with pytest.raises(UserError, match=r"photos\.csv"):
        place.align()


def test_work_is_taken_only_as_results_are_used() -> None:
    items = itertools.count()
    results = ordered_map(operator.neg, items, num_workers=2)
    assert [next(results) for _ in range(100)] == [-number for number in range(100)]
    assert next(items) <= 100 + (2 * CHUNKS_PER_WORKER + 1) * CHUNK
    results.close()  # type: ignore[attr-defined]


def test_errors_of_other_processes_arrive_here() -> None:
    with pytest.raises(ValueError, match="math domain"):
        list(ordered_map(math.sqrt, [4.0, -1.0], num_workers=2))


def kill_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_process_that_the_system_killed_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"one that was killed, most likely for want of memory"):
        list(ordered_map(kill_at_three, range(20), num_workers=2))


@pytest.mark.parametrize(("limit", "expected"), [("1", 1), ("1,2", 1), ("0", 1), ("many", None)])
def test_no_more_processes_than_threads_are_allowed(
    monkeypatch: pytest.MonkeyPatch, limit: str, expected: int | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    all_cores = pool.num_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert pool.num_cores() == (expected or all_cores)


@pytest.mark.parametrize(
    ("said", "cores"),
    [("150000 100000\n", 2), ("50000 100000\n", 1), ("max 100000\n", 8), (None, 8)],
)
def test_a_container_uses_no_more_cores_than_it_may(
    said: str | None, cores: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It sees all of the machine's."""
    if said is not None:
        (tmp_path / "cpu.max").write_text(said)
    monkeypatch.setattr(pool, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(pool, "num_seen", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert pool.num_cores() == cores
