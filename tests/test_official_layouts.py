"""CelebA, CelebAMask-HQ and LFW, each from a small tree or archive in its official layout."""

import hashlib
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pkdn.data import datasets
from pkdn.data.alignment import align
from pkdn.data.catalogue import write_catalogue
from pkdn.data.datasets import DatasetSettings, celeba, celebamask_hq, lfw
from pkdn.data.photos.crops import landmarks_box
from pkdn.data.photos.photo import UnreadablePhotoError
from pkdn.data.photos.reading import parse_points
from pkdn.data.photos.splits import PARTITION, chosen
from pkdn.errors import UserError
from pkdn.faces.classes import CLASS_NAMES
from pkdn.faces.shards import Shards

SHARED = Path(__file__).parents[2] / "shared" / "data"
FIVE = "69  109  106  113   77  142   73  152  108  154"


def photo(path: Path, width: int, height: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path, quality=95)


def zipped(tree: Path, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(tree.rglob("*")):
            out.write(path, path.relative_to(tree.parent))


def as_published(monkeypatch: pytest.MonkeyPatch, module, folder: Path) -> None:
    """Let a data set's files be those of a fixture: other lengths, other checksums."""
    parts = []
    for file in module.PARTS:
        path = folder / file.name
        kind = file.checksum.partition(":")[0]
        checksum = f"{kind}:{hashlib.new(kind, path.read_bytes()).hexdigest()}" if kind else ""
        length = path.stat().st_size if file.num_bytes else None
        parts.append(file._replace(num_bytes=length, checksum=checksum, sources=()))
    monkeypatch.setattr(module, "PARTS", tuple(parts))


def faces_of(name: str, settings: DatasetSettings, tmp_path: Path) -> dict[str, Shards]:
    photos = tmp_path / "photos.csv"
    write_catalogue(name, settings, photos, num_workers=1)
    out = tmp_path / "faces"
    align(name, settings, photos, out, num_workers=1)
    return {split: Shards(out, split) for split in ("train", "val", "test")}


# CelebA


def celeba_lists(root: Path, partition: dict[str, int]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name} {part}\r\n" for name, part in partition.items())
    (root / PARTITION.name).write_bytes(lines.encode())
    header = (
        "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
        "rightmouth_x rightmouth_y"
    )
    rows = "".join(f"{name} {FIVE}\n" for name in partition)
    (root / celeba.LANDMARKS).write_text(f"{len(partition)}\n{header}\n{rows}")


@pytest.fixture
def celeba_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with the archive and the lists, as the publishers offer them."""
    root = tmp_path / "mirror/celeba"
    partition = {f"{i:06d}.jpg": (0, 0, 1, 2)[i % 4] for i in range(1, 13)}
    celeba_lists(root, partition)
    for i, name in enumerate(partition):
        photo(tmp_path / "img_align_celeba" / name, 178, 218, i)
    zipped(tmp_path / "img_align_celeba", root / "img_align_celeba.zip")
    as_published(monkeypatch, celeba, root)
    return tmp_path / "mirror"


def test_celeba_from_its_official_files(celeba_mirror: Path, tmp_path: Path) -> None:
    settings = DatasetSettings(mirror=str(celeba_mirror), downloads=tmp_path / "downloads")
    shards = faces_of("celeba", settings, tmp_path)
    assert {split: len(found) for split, found in shards.items()} == {
        "train": 6,
        "val": 3,
        "test": 3,
    }
    assert shards["test"].names == ["000003", "000007", "000011"]
    assert np.isnan(shards["train"].read("landmarks", [0])).all()
    line = next(shards["test"].index())
    box = [int(line[side]) for side in ("left", "top", "right", "bottom")]
    assert box == [35, 85, 140, 190]
    assert line["source"] == "img_align_celeba/000003.jpg"
    assert not (celeba_mirror / "celeba/img_align_celeba").exists()


def test_an_unpacked_mirror_is_used_in_place(celeba_mirror: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(celeba_mirror / "celeba/img_align_celeba.zip") as archive:
        archive.extractall(celeba_mirror / "celeba")
    settings = DatasetSettings(mirror=str(celeba_mirror), downloads=tmp_path / "downloads")
    assert datasets.locate("celeba", settings) == celeba_mirror / "celeba"
    assert not (tmp_path / "downloads").exists()


def test_half_a_list_in_the_mirror_is_not_a_list(celeba_mirror: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(celeba_mirror / "celeba/img_align_celeba.zip") as archive:
        archive.extractall(celeba_mirror / "celeba")
    partition = celeba_mirror / "celeba" / PARTITION.name
    partition.write_bytes(b"".join(partition.read_bytes().splitlines(keepends=True)[:6]))
    settings = DatasetSettings(mirror=str(celeba_mirror), downloads=tmp_path / "downloads")
    with pytest.raises(UserError, match=r"expected list_eval_partition\.txt, 168 bytes"):
        datasets.locate("celeba", settings)


def test_a_half_archive_in_the_mirror_is_not_unpacked(celeba_mirror: Path, tmp_path: Path) -> None:
    archive = celeba_mirror / "celeba/img_align_celeba.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    settings = DatasetSettings(mirror=str(celeba_mirror), downloads=tmp_path / "downloads")
    with pytest.raises(UserError, match=r"img_align_celeba.zip, .* bytes, md5:.*delete it"):
        datasets.locate("celeba", settings)
    assert not (tmp_path / "downloads/celeba/img_align_celeba").exists()


def test_celeba_takes_as_many_held_out_photos_as_the_paper(tmp_path: Path) -> None:
    partition = {f"{i:06d}.jpg": (0, 1, 2, 2)[i % 4] for i in range(1, 6001)}
    celeba_lists(tmp_path, partition)
    entries = celeba.catalogue(tmp_path, DatasetSettings())
    by_split = {s: [e.name for e in entries if e.split == s] for s in ("train", "val", "test")}
    assert {split: len(names) for split, names in by_split.items()} == {
        "train": 1500,
        "val": 100,
        "test": 1000,
    }
    assert all(partition[f"{name}.jpg"] == 2 for name in by_split["test"])
    # Chosen by hashes of names: these do not change when photos come or go.
    first, *others = (f"{name}.jpg" for name in by_split["test"])
    assert [first, *others[:2]] == ["000011.jpg", "000015.jpg", "000018.jpg"]
    without = [name for name, part in partition.items() if part == 2 and name != first]
    assert {*others} < {*chosen(without, 1000)}


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (PARTITION.name, "000001.jpg 3\n", r"`NAME.jpg 0`, 1 or 2 in line 1"),
        (PARTITION.name, "<html>quota</html>\n", r"got '<html>quota</html>'"),
        (celeba.LANDMARKS, "1\nnames\n000001.jpg 1 2 3\n", "10 whole numbers in line 3"),
        (celeba.LANDMARKS, "0\nnames\n", "000001.jpg has none"),
    ],
)
def test_other_lists_are_refused(tmp_path: Path, file: str, text: str, message: str) -> None:
    celeba_lists(tmp_path, {"000001.jpg": 0})
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=message):
        celeba.catalogue(tmp_path, DatasetSettings())


def test_five_landmarks_on_a_line_are_no_face(tmp_path: Path) -> None:
    celeba_lists(tmp_path, {"000001.jpg": 0})
    photo(tmp_path / "img_align_celeba/000001.jpg", 178, 218, 0)
    entry = celeba.catalogue(tmp_path, DatasetSettings())[0]
    assert celeba.read(tmp_path, entry).box is not None
    with pytest.raises(UnreadablePhotoError, match="on one line"):
        celeba.read(tmp_path, entry._replace(points="1 5 2 5 3 5 4 5 5 5"))


def test_the_box_from_five_landmarks_is_near_that_from_68() -> None:
    folder = SHARED / "helen" / "testset"
    if not folder.is_dir():
        pytest.skip(f"Helen's landmarks are not at {folder}")
    overlaps = []
    for path in sorted(folder.glob("*.pts"))[:100]:
        points = parse_points(path.read_bytes())
        eyes = (points[36:42].mean(0), points[42:48].mean(0))
        five = np.stack([*eyes, points[30], points[48], points[54]])
        size = np.ptp(five, axis=0)
        if not (size > 0).all():
            continue
        corners = five.min(0) + size * np.array(celeba.BOX_FROM_FIVE).reshape(2, 2)
        a, b = (np.array(landmarks_box(p, 10_000, 10_000)) for p in (corners, points))
        inner = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
        union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - inner
        overlaps.append(inner / union)
    assert np.median(overlaps) > 0.75


# CelebAMask-HQ


@pytest.fixture
def masks_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = tmp_path / "CelebAMask-HQ"
    partition = {"000010.jpg": 0, "000011.jpg": 2, "000012.jpg": 1, "000013.jpg": 0}
    mapping = "idx     orig_idx    orig_file\n"
    for index, name in enumerate(partition):
        number = index + 1999
        mapping += f"{number}\t{int(name[:6]) - 1}\t{name}\n"
        photo(tree / f"CelebA-HQ-img/{number}.jpg", 256, 256, index)
        folder = tree / f"CelebAMask-HQ-mask-anno/{number // 2000}"
        folder.mkdir(parents=True, exist_ok=True)
        skin = np.zeros((128, 128), np.uint8)
        skin[32:96, 32:96] = 255
        eye = np.zeros((128, 128), np.uint8)
        eye[40:48, 40:56] = 255
        for part, mask in (("skin", skin), ("l_eye", eye)):
            Image.fromarray(mask).convert("RGB").save(folder / f"{number:05d}_{part}.png")
    (tree / "CelebA-HQ-to-CelebA-mapping.txt").write_text(mapping)
    root = tmp_path / "mirror/celebamask_hq"
    zipped(tree, root / "CelebAMask-HQ.zip")
    celeba_lists(root, partition)
    (root / celeba.LANDMARKS).unlink()
    as_published(monkeypatch, celebamask_hq, root)
    return tmp_path / "mirror"


def test_celebamask_hq_from_its_official_zip(masks_mirror: Path, tmp_path: Path) -> None:
    settings = DatasetSettings(mirror=str(masks_mirror), downloads=tmp_path / "downloads")
    shards = faces_of("celebamask_hq", settings, tmp_path)
    # The CelebA test photo 000011 was made into number 2000: it trains nothing.
    assert {split: found.names for split, found in shards.items()} == {
        "train": ["01999", "02002"],
        "val": ["02001"],
        "test": ["02000"],
    }
    labels = shards["test"].read("labels", [0])[0]
    assert labels.shape == (128, 128)
    assert (labels[40:48, 40:56] == CLASS_NAMES.index("l_eye")).all()
    assert (labels[60:90, 40:90] == CLASS_NAMES.index("skin")).all()
    assert (labels[:32] == 0).all()


def test_the_masks_are_those_of_the_official_archive() -> None:
    official = "cloth ear_r eye_g hair hat l_brow l_ear l_eye l_lip mouth neck neck_l nose "
    official += "r_brow r_ear r_eye skin u_lip"
    assert sorted(celebamask_hq.MASK_NAMES) == official.split()


def test_a_changed_mask_and_missing_masks_are_noticed(masks_mirror: Path, tmp_path: Path) -> None:
    settings = DatasetSettings(mirror=str(masks_mirror), downloads=tmp_path / "downloads")
    root = datasets.locate("celebamask_hq", settings)
    write_catalogue("celebamask_hq", settings, tmp_path / "photos.csv", num_workers=1)
    mask = root / "CelebAMask-HQ/CelebAMask-HQ-mask-anno/0/01999_l_eye.png"
    Image.new("RGB", (128, 128)).save(mask)
    with pytest.raises(UserError, match="01999 as catalogued; they have changed"):
        align(
            "celebamask_hq",
            settings,
            tmp_path / "photos.csv",
            tmp_path / "faces",
            num_workers=1,
        )
    entry = celebamask_hq.catalogue(root, settings)[0]
    mask.unlink()
    mask.with_name("01999_skin.png").unlink()
    with pytest.raises(UnreadablePhotoError, match=r"has no mask .*01999_\*\.png"):
        celebamask_hq.read(root, entry)


def test_a_mapping_of_unknown_photos_is_refused(masks_mirror: Path, tmp_path: Path) -> None:
    settings = DatasetSettings(mirror=str(masks_mirror), downloads=tmp_path / "downloads")
    root = datasets.locate("celebamask_hq", settings)
    (root / celebamask_hq.MAPPING).write_text("idx orig_idx orig_file\n1999 9 999999.jpg\n")
    with pytest.raises(UserError, match=r"with a photo of list_eval_partition\.txt"):
        celebamask_hq.catalogue(root, settings)


# LFW


@pytest.fixture
def lfw_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    people = [f"Person_{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]
    for i, person in enumerate(people):
        for number in (1, 2):
            name = f"{person}/{person}_{number:04d}.jpg"
            photo(tmp_path / "lfw-deepfunneled" / name, 250, 250, 10 * i + number)
    root = tmp_path / "mirror/lfw"
    root.mkdir(parents=True)
    with tarfile.open(root / "lfw-deepfunneled.tgz", "w:gz") as archive:
        archive.add(tmp_path / "lfw-deepfunneled", "lfw-deepfunneled")
    as_published(monkeypatch, lfw, root)
    return tmp_path / "mirror"


def test_lfw_from_its_official_archive(lfw_mirror: Path, tmp_path: Path) -> None:
    settings = DatasetSettings(mirror=str(lfw_mirror), downloads=tmp_path / "downloads")
    shards = faces_of("lfw", settings, tmp_path)
    names = {split: set(found.names) for split, found in shards.items()}
    assert sum(map(len, names.values())) == 40
    people = {split: {name[:-5] for name in found} for split, found in names.items()}
    assert all(people.values())
    assert not people["train"] & (people["val"] | people["test"])
    line = next(shards["train"].index())
    assert [int(line[s]) for s in ("left", "top", "right", "bottom")] == [50, 50, 200, 200]


def test_lfw_is_asked_for_as_an_archive_or_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = lfw.PARTS[0]._replace(sources=())
    monkeypatch.setattr(lfw, "PARTS", (nowhere,))
    settings = DatasetSettings(downloads=tmp_path / "downloads")
    with pytest.raises(UserError, match="or its folder lfw-deepfunneled/ beside that"):
        datasets.locate("lfw", settings)
    photo(tmp_path / "downloads/lfw/lfw-deepfunneled/A_Person/A_Person_0001.jpg", 250, 250, 1)
    root = datasets.locate("lfw", settings)
    assert [entry.name for entry in lfw.catalogue(root, settings)] == ["A_Person_0001"]


# Helen, from an archive and from two places at once


def test_helen_from_an_archive_or_half_of_it(tmp_path: Path) -> None:
    for folder in ("trainset", "testset"):
        photo(tmp_path / f"helen/{folder}/1.jpg", 8, 8, 0)
    settings = DatasetSettings(mirror=str(tmp_path / "mirror"), downloads=tmp_path / "downloads")
    zipped(tmp_path / "helen", tmp_path / "mirror/helen/helen.zip")
    photo(tmp_path / "mirror/helen/trainset/2.jpg", 8, 8, 0)
    root = datasets.locate("helen", settings)
    assert root == tmp_path / "downloads/helen"
    assert [path.name for path in (root / "trainset").iterdir()] == ["2.jpg"]
    assert [path.name for path in (root / "testset").iterdir()] == ["1.jpg"]


# Any of them


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_the_same_photo_is_never_trained_and_tested_on(
    held_out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(40):
        photo(tmp_path / f"photos/{i}.png", 80, 80, i)
    settings = DatasetSettings(folder=tmp_path / "photos")
    entries = datasets.load("folder").catalogue(tmp_path / "photos", settings)
    by_split = {entry.split: entry for entry in entries}
    held, train = (tmp_path / "photos" / by_split[s].photo for s in (held_out, "train"))
    train.write_bytes(held.read_bytes())
    counts = write_catalogue("folder", settings, tmp_path / "photos.csv", num_workers=1)
    assert (counts["photos"], counts["duplicates"]) == (39, 1)
    listed = (tmp_path / "photos.csv").read_text()
    assert f"\n{held.stem},{held_out}" in listed
    assert f"\n{train.stem},train" not in listed
    said = capsys.readouterr().out
    assert (
        f"left out: 1 twice there, such as {train.stem} (train) is {held.stem} ({held_out}) once"
        in said
    )


def test_a_photo_is_tested_on_once_and_may_be_trained_on_twice(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for i in range(3):
            photo(tmp_path / f"photos/{split}/{split} {i}.png", 80, 80, ord(split[1]) + i)
        first = tmp_path / f"photos/{split}/{split} 0.png"
        first.with_stem(f"{split} 0 (1)").write_bytes(first.read_bytes())
    settings = DatasetSettings(folder=tmp_path / "photos")
    counts = write_catalogue("folder", settings, tmp_path / "photos.csv", num_workers=1)
    assert [counts[name] for name in ("train", "val", "test", "duplicates")] == [4, 3, 3, 2]


def test_links_spaces_and_other_scripts_are_photos_too(tmp_path: Path) -> None:
    photo(tmp_path / "elsewhere/Größe 1 лицо.png", 80, 80, 0)
    root = tmp_path / "photos"
    root.mkdir()
    (root / "linked folder").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    (root / "a link.png").symlink_to(tmp_path / "elsewhere/Größe 1 лицо.png")
    (root / "dangling.png").symlink_to(tmp_path / "nothing.png")
    entries = datasets.load("folder").catalogue(root, DatasetSettings())
    names = sorted(entry.name for entry in entries)
    assert names == ["a link", "dangling", "linked folder/Größe 1 лицо"]
    found = {entry.name: entry for entry in entries}
    assert datasets.load("folder").read(root, found["a link"]).image.shape == (80, 80, 3)
    with pytest.raises(UnreadablePhotoError, match="cannot be read"):
        datasets.load("folder").read(root, found["dangling"])
