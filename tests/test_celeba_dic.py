"""CelebA in DIC's layout, from a server on loopback."""

import pickle
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import py7zr
import pytest
from PIL import Image

from pkdn.data import datasets
from pkdn.data.alignment import align
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings, celeba_dic
from pkdn.data.fetching.drive import PATIENCE
from pkdn.data.fetching.web import RemoteFile, fetch
from pkdn.data.photos.crops import landmarks_box
from pkdn.errors import UserError
from pkdn.faces.shards import Shards
from pkdn.reports import paper

NUM_VOLUMES = 3


def picture(seed: int, width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def landmarks(seed: int, low: int, high: int) -> list[list[float]]:
    return np.random.default_rng(seed).uniform(low, high, (68, 2)).round(1).tolist()


def annotated(seed: int) -> dict[str, object]:
    points = landmarks(seed, 60, 180)
    return {"bbox": [*landmarks_box(np.array(points), 240, 300)], "landmark": points}


def publish(root: Path, scratch: Path) -> None:
    """Write the files as they are published: an archive in volumes, three lists, test faces."""
    root.mkdir(parents=True)
    for i in range(1, 8):
        path = scratch / f"img_celeba/{i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(i, 240, 300).save(path)
    with py7zr.SevenZipFile(scratch / "img_celeba.7z", "w") as archive:
        archive.writeall(scratch / "img_celeba", "img_celeba")
    whole = (scratch / "img_celeba.7z").read_bytes()
    length = len(whole) // NUM_VOLUMES + 1
    for i in range(NUM_VOLUMES):
        volume = root / f"img_celeba.7z.{i + 1:03d}"
        volume.write_bytes(whole[i * length : (i + 1) * length])
    train, val = (
        {f"{i:06d}.jpg": annotated(i) for i in numbers} for numbers in ((1, 2, 6), (3, 4))
    )
    for name, listed in (
        ("train", train),
        ("val", val),
        ("test", {f"{i:06d}.png": landmarks(i, 10, 118) for i in (5, 6)}),
    ):
        (root / f"CelebA_{name}.pkl").write_bytes(pickle.dumps(listed, protocol=3))
    with zipfile.ZipFile(root / "CelebA_test.zip", "w") as archive:
        for i in (5, 6):
            with archive.open(f"CelebA_test/HR/{i:06d}.png", "w") as file:
                picture(i, 128, 128).save(file, "PNG")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetSettings]:
    """A mirror on the web."""
    publish(tmp_path / "web/celeba_dic", tmp_path / "scratch")
    parts = tuple(
        part._replace(sources=(), num_volumes=NUM_VOLUMES if part.num_volumes else 0)
        for part in celeba_dic.PARTS
    )
    monkeypatch.setattr(celeba_dic, "PARTS", parts)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web")))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield DatasetSettings(
        mirror=f"http://127.0.0.1:{http.server_address[1]}", downloads=tmp_path / "downloads"
    )
    http.shutdown()
    http.server_close()


def test_from_the_web_to_faces_with_landmarks(
    settings: DatasetSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos.csv", tmp_path / "faces"
    counts = write_catalogue("celeba_dic", settings, photos, num_workers=1)
    assert [counts[split] for split in ("train", "val", "test")] == [2, 2, 2]
    said = capsys.readouterr().err
    assert (
        "lists 2 / 2 / 2 photos to train / validate / test: the paper has 168,854 / 100 /" in said
    )
    align("celeba_dic", settings, photos, out, num_workers=1)
    train, test = Shards(out, "train"), Shards(out, "test")
    assert (train.names, test.names) == (["000001", "000002"], ["000005", "000006"])  # 6: held out
    told = annotated(1)
    left, top, right, _ = told["bbox"]
    expected = (np.array(told["landmark"]) - (left, top)) * 128 / (right - left)
    assert train.read("landmarks", [0])[0] == pytest.approx(expected, abs=1e-3)
    assert [int(next(train.index())[side]) for side in ("left", "top", "right")] == [
        left,
        top,
        right,
    ]
    assert np.array_equal(test.read("faces", [0])[0], picture(5, 128, 128))
    assert test.read("landmarks", [0])[0] == pytest.approx(np.array(landmarks(5, 10, 118)))


def test_volumes_may_be_joined_or_partly_in_a_folder(
    settings: DatasetSettings, tmp_path: Path
) -> None:
    mirror = tmp_path / "web/celeba_dic"
    (mirror / "img_celeba.7z.002").unlink()
    with pytest.raises(UserError, match=r"img_celeba\.7z\.002; .*404.* put it at"):
        datasets.locate("celeba_dic", settings)
    (mirror / "img_celeba.7z").write_bytes((tmp_path / "scratch/img_celeba.7z").read_bytes())
    root = datasets.locate("celeba_dic", settings)
    assert len([*(root / "img_celeba").iterdir()]) == 7


def test_its_numbers_are_compared_with_the_papers() -> None:
    assert paper.FACES["celeba_dic"] == celeba_dic.PAPER
    assert paper.table(1, "celeba_dic").equals(paper.table(1, "celeba"))
    assert len(paper.table(1, "celeba_dic"))


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([1], "got a list"),
        ({"../000001.jpg": annotated(1)}, r"got the name '\.\./000001\.jpg'"),
        ({"1.jpg": {"bbox": [1, 2, 3], "landmark": landmarks(1, 0, 9)}}, "got expected 4 numbers"),
        ({"1.jpg": {"bbox": [1, 2, 3, 4]}}, "68×2 numbers of 1.jpg"),
        ({"1.jpg": [[0.0, float("nan")]] * 68}, "finite numbers of 1.jpg"),
    ],
)
def test_other_lists_are_refused(tmp_path: Path, listed: object, message: str) -> None:
    for name in celeba_dic.LISTS.values():
        (tmp_path / name).write_bytes(pickle.dumps(listed))
    with pytest.raises(UserError, match=message):
        celeba_dic.catalogue(tmp_path, DatasetSettings())


# Google Drive


def test_a_file_within_a_shared_folder_of_google_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(
        *,
        id: str,  # noqa: A002
        skip_download: bool,
        quiet: bool,
        timeout: tuple[float, float],
    ) -> list[SimpleNamespace]:
        assert (id, skip_download, quiet, timeout) == ("folder", True, True, PATIENCE)
        return [SimpleNamespace(path="lists/a.pkl", id="abc")]

    monkeypatch.setattr("gdown.download_folder", listed)
    monkeypatch.setattr("gdown.download", lambda *, id, output, **_: Path(output).write_text(id))  # noqa: A006
    file = RemoteFile("a.pkl", None, "", ("gdrive:folder/lists/a.pkl",), "there")
    assert fetch(file, tmp_path / "a").read_text() == "abc"
    with pytest.raises(UserError, match=r"the folder has no b\.pkl, but lists/a\.pkl"):
        fetch(file._replace(sources=("gdrive:folder/b.pkl",)), tmp_path / "b")
