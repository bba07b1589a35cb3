from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pkdn.data import datasets
from pkdn.data.catalogue import fingerprint
from pkdn.data.datasets import DatasetSettings, folder, helen
from pkdn.data.photos.decoding import decode_image
from pkdn.data.photos.photo import Entry, UnreadablePhotoError
from pkdn.data.photos.reading import parse_points, read_photo
from pkdn.data.photos.splits import split_of
from pkdn.errors import UserError

SHARED = Path(__file__).parents[2] / "shared" / "data"
POINTS = "version: 1\nn_points:  68\n{\n" + "".join(f"{i}.5 {2 * i}\n" for i in range(68)) + "}\n"


def settings(tmp_path: Path, **values: object) -> DatasetSettings:
    return DatasetSettings(downloads=tmp_path / "downloads", **values)  # type: ignore[arg-type]


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def encoded(image: Image.Image, kind: str = "png", **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_set_offers_the_interface(name: str) -> None:
    module = datasets.load(name)
    assert all(callable(getattr(module, part)) for part in ("catalogue", "read"))
    assert hasattr(module, "PARTS") != hasattr(module, "locate")


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UserError, match=r"folder, helen.*'helena'"):
        datasets.load("helena")


def test_what_a_plan_leaves_open_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKDN_MIRROR", "/mirror")
    assert DatasetSettings.of({}) == DatasetSettings(mirror="/mirror")
    planned = {"folder": "photos", "counts": {"train": 3}, "seed": 7}
    monkeypatch.setenv("PKDN_MIRROR", "")
    assert DatasetSettings.of(planned) == DatasetSettings(
        Path("photos"), counts={"train": 3}, seed=7
    )


# Helen


def fake_helen(root: Path, num_testset: int) -> None:
    touch(root, "trainset/9_1.jpg", "trainset/9_1.pts")
    touch(root, *(f"trainset/A{number:04d}_1.jpg" for number in range(1_999)))
    touch(root, *(f"testset/{number:03d}_1.jpg" for number in reversed(range(num_testset))))


def test_helen_splits_by_sorted_testset_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_helen(tmp_path, 330)
    for split in ("trainset", "testset"):  # as macOS leaves them
        (tmp_path / split / "._100_1.jpg").touch()
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for entry in helen.catalogue(tmp_path, DatasetSettings()):
        splits[entry.split].append(entry.name)
    assert splits["test"] == [f"{number:03d}_1" for number in range(280, 330)]
    assert splits["val"] == [f"{number:03d}_1" for number in range(230, 280)]
    assert splits["train"][0] == "9_1"
    assert splits["train"][2_000:] == [f"{number:03d}_1" for number in range(230)]
    assert capsys.readouterr().err == ""


def test_helen_says_when_a_part_of_it_is_incomplete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_helen(tmp_path, 329)
    (tmp_path / "trainset/9_1.jpg").unlink()
    helen.catalogue(tmp_path, DatasetSettings())
    said = capsys.readouterr().err
    assert "testset holds 329 of 330 photos" in said
    assert "trainset holds 1999 of 2,000 photos" in said


def test_helen_without_enough_test_photos_is_refused(tmp_path: Path) -> None:
    fake_helen(tmp_path, 99)
    with pytest.raises(UserError, match="found 99"):
        helen.catalogue(tmp_path, DatasetSettings())


def test_missing_files_are_named_with_every_place_and_a_source(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    touch(mirror, "helen/trainset/1.jpg")
    with pytest.raises(UserError) as error:
        datasets.locate("helen", settings(tmp_path, mirror=str(mirror)))
    for part in (mirror / "helen", tmp_path / "downloads" / "helen", "testset", "https://ibug"):
        assert str(part) in str(error.value)
    assert not (tmp_path / "downloads/helen/trainset").exists()


def test_the_mirror_comes_first_and_downloads_second(tmp_path: Path) -> None:
    mirror, mine = tmp_path / "mirror", settings(tmp_path, mirror=str(tmp_path / "mirror"))
    touch(tmp_path / "downloads" / "helen", "trainset/1.jpg", "testset/1.jpg")
    mirror.mkdir()
    assert datasets.locate("helen", mine) == tmp_path / "downloads" / "helen"
    touch(mirror / "helen", "trainset/1.jpg", "testset/1.jpg")
    assert datasets.locate("helen", mine) == mirror / "helen"


def test_a_mirror_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"PKDN_MIRROR.*'/nowhere/at/all'"):
        datasets.locate("helen", settings(tmp_path, mirror="/nowhere/at/all"))


def test_relative_places_hold_in_temporary_workspaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "mirror" / "helen", "trainset/1.jpg", "testset/1.jpg")
    (tmp_path / "repository").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "repository"))
    found = datasets.locate("helen", DatasetSettings(mirror="../mirror"))
    assert found.resolve() == tmp_path / "mirror" / "helen"


@pytest.mark.skipif(not (SHARED / "helen").is_dir(), reason="no real Helen photos here")
def test_a_real_photo_has_its_landmarks_on_the_face() -> None:
    root = datasets.locate("helen", DatasetSettings(mirror=str(SHARED)))
    entries = helen.catalogue(root, DatasetSettings())
    assert sum(entry.split == "test" for entry in entries) == 50
    photo = helen.read(root, entries[0])
    assert photo.landmarks is not None
    height, width, _ = photo.image.shape
    assert ((photo.landmarks > 0) & (photo.landmarks < (width, height))).all()


# Own photos


def catalogue(root: Path) -> dict[str, Entry]:
    return {entry.name: entry for entry in folder.catalogue(root, DatasetSettings())}


def test_photos_are_found_recursively_by_any_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPG", "b.jpeg", "trip/c d.png", "trip/x.y.webp", "notes.txt", "a.pts")
    touch(tmp_path, ".hidden/e.jpg", "trip/._f.jpg", "g.TIF", "h.tiff", "i.bmp")
    # what a disk's own system makes: a thumbnail of a test face must not train
    touch(tmp_path, "trip/@eaDir/c d.png/SYNOPHOTO_THUMB_XL.jpg", "#recycle/j.jpg")
    touch(tmp_path, "$RECYCLE.BIN/k.jpg", "__MACOSX/l.jpg")
    entries = catalogue(tmp_path)
    assert set(entries) == {"a", "b", "trip/c d", "trip/x.y", "g", "h", "i"}
    assert entries["trip/x.y"].photo == "trip/x.y.webp"
    assert (entries["a"].landmarks, entries["b"].landmarks) == ("a.pts", "")


def test_a_suffix_that_is_added_to_a_whole_name_makes_another_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.png", "a.jpg.webp", "b.jpg", "b.jpg.webp", "b.jpg.webp.png")
    names = [entry.name for entry in folder.catalogue(tmp_path, DatasetSettings())]
    assert len(names) == len({*names}) == 6


def test_two_suffixes_keep_their_names_apart_and_share_a_split(tmp_path: Path) -> None:
    for number in range(20):
        touch(tmp_path, f"{number}.jpg", f"{number}.png")
    entries = catalogue(tmp_path)
    assert len(entries) == 40
    assert all(entries[f"{n}.jpg"].split == entries[f"{n}.png"].split for n in range(20))


def test_splits_stay_when_photos_are_added(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.jpg" for number in range(0, 100, 2)))
    before = catalogue(tmp_path)
    touch(tmp_path, *(f"{number}.jpg" for number in range(100)))
    after = catalogue(tmp_path)
    assert before.items() <= after.items()


def test_splits_are_the_same_on_every_machine() -> None:
    assert [split_of(name) for name in ("1", "2", "5", "é")] == [
        "train",
        "val",
        "test",
        "train",
    ]
    assert split_of("Mu\u0308ller") == split_of("M\u00fcller")  # u and its dots, or one letter
    found = [split_of(str(number)) for number in range(5000)]
    assert found.count("train") == pytest.approx(4000, abs=120)
    assert found.count("val") == pytest.approx(500, abs=90)


@pytest.mark.parametrize("root", ["", "images/"])
def test_folders_named_as_splits_are_the_splits(tmp_path: Path, root: str) -> None:
    touch(tmp_path, *(f"{root}{file}.jpg" for file in ("train/1", "train/a/2", "test/1")))
    if root:
        touch(tmp_path, "labels/train/1.png")
    splits = {name: entry.split for name, entry in catalogue(tmp_path).items()}
    assert splits == {"train/1": "train", "train/a/2": "train", "test/1": "test"}


def test_photos_outside_of_the_splits_folders_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "test/1.jpg", "more/3.jpg")
    with pytest.raises(UserError, match=r"in train/, val/, test/.*got more/3"):
        catalogue(tmp_path)


def test_a_folder_named_train_alone_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{number}.jpg" for number in range(100)))
    with pytest.raises(UserError, match=r"in train/ and in test/ .* got those of train alone"):
        catalogue(tmp_path)


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("layout", ["{kind}/{split}", "{split}/{kind}"])
def test_splits_are_read_within_images_and_around_them(
    tmp_path: Path, layout: str, labelled: bool
) -> None:
    for split in ("train", "val", "test"):
        for kind, suffix in (("images", "jpg"), ("images", "pts"), ("labels", "png")):
            if labelled or kind == "images":
                touch(tmp_path, f"{layout.format(kind=kind, split=split)}/a/{split}.{suffix}")
    entries = catalogue(tmp_path)
    assert {name: entry.split for name, entry in entries.items()} == {
        f"{split}/a/{split}": split for split in ("train", "val", "test")
    }
    entry = entries["val/a/val"]
    assert entry.photo == f"{layout.format(kind='images', split='val')}/a/val.jpg"
    assert entry.landmarks == entry.photo.replace("jpg", "pts")
    labels = f"{layout.format(kind='labels', split='val')}/a/val.png"
    assert entry.labels == (labels if labelled else "")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("mine/train/1.jpg mine/test/2.jpg", "at the top of `folder`"),
        ("a/images/1.jpg a/labels/1.png", "at the top of `folder`"),
        ("images/a/train/1.jpg images/a/test/1.jpg", "at the top of `folder`"),
        ("Images/1.jpg", "got Images/1.jpg"),
        ("training/1.jpg testing/2.jpg", "got testing/2.jpg"),
        ("photos/1.jpg masks/1.png", "got masks/1.png"),
        ("photos/1.jpg labels/1.png", "in images/ and its label map at the same place"),
        ("images/train/1.jpg images/test/2.jpg labels/1.png", "such as labels/test/2.png"),
        ("images/1.jpg labels/1.jpg", "such as labels/1.png"),
        ("images/1.jpg train/2.jpg test/3.jpg", "all photos in train/"),
        ("images/1.jpg holiday/2.jpg", "folders of one kind"),
        ("images/train/1.jpg test/images/2.jpg", "all photos in train/"),
        ("images/val/1.jpg images/test/2.jpg", "got those of test and val alone"),
        ("labels/1.png", "found none"),
    ],
)
def test_other_layouts_are_refused_before_splits_are_mixed(
    tmp_path: Path, files: str, message: str
) -> None:
    touch(tmp_path, *files.split())
    with pytest.raises(UserError) as raised:
        catalogue(tmp_path)
    assert message in str(raised.value)


def test_label_maps_lie_in_a_folder_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, "images/a/1.jpg", "labels/a/1.png", "labels/stray.png", "cover.jpg")
    entries = catalogue(tmp_path)
    assert set(entries) == {"a/1"}
    assert (entries["a/1"].photo, entries["a/1"].labels) == ("images/a/1.jpg", "labels/a/1.png")


def test_a_missing_label_map_is_a_reason_to_skip(tmp_path: Path) -> None:
    touch(tmp_path, "images/1.png", "images/2.png", "labels/2.png")
    (tmp_path / "images/1.png").write_bytes(encoded(Image.new("RGB", (8, 8))))
    with pytest.raises(UnreadablePhotoError, match=r"labels/1\.png"):
        folder.read(tmp_path, catalogue(tmp_path)["1"])


def test_folder_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="parameter `folder`; got null"):
        folder.locate(DatasetSettings())
    with pytest.raises(UserError, match="nowhere"):
        folder.locate(DatasetSettings(folder=tmp_path / "nowhere"))
    touch(tmp_path, "notes.txt")
    with pytest.raises(UserError, match="found none"):
        catalogue(tmp_path)


# Files


def stored(tmp_path: Path, photo: bytes, points: str = "", labels: bytes = b"") -> Entry:
    (tmp_path / "a.jpg").write_bytes(photo)
    (tmp_path / "a.pts").write_text(points)
    (tmp_path / "a.png").write_bytes(labels)
    return Entry("a", "train", "a.jpg", "a.pts" if points else "", "a.png" if labels else "")


def test_a_turned_photo_is_read_upright() -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, 8:] = 255
    exif = Image.Exif()
    exif[274] = 6  # to be shown turned by 90° clockwise
    upright = decode_image(encoded(Image.fromarray(pixels), exif=exif))
    assert upright.shape == (16, 8, 3)
    assert upright[:8].max() == 0
    assert upright[8:].min() == 255


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK"])
def test_every_kind_of_photo_becomes_rgb(mode: str) -> None:
    grey = 255 if mode == "1" else 204
    image = Image.new("RGB", (8, 6), (grey, grey, grey)).convert(mode)
    decoded = decode_image(encoded(image, "tiff" if mode == "CMYK" else "png"))
    assert (decoded.shape, decoded.dtype) == ((6, 8, 3), np.uint8)
    assert (decoded == grey).all()


def test_transparent_parts_are_white_as_they_are_seen() -> None:
    image = Image.new("RGBA", (4, 2), (200, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 51))
    decoded = decode_image(encoded(image))
    assert decoded[0].tolist() == [[255] * 3, [204] * 3, [200, 0, 0], [200, 0, 0]]
    palette = image.convert("RGB").convert("P")
    see_through = decode_image(encoded(palette, transparency=palette.getpixel((3, 1))))
    assert see_through[1, 3].tolist() == [255] * 3


def test_of_an_animation_the_first_picture_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "gif", save_all=True, append_images=frames[1:])
    assert (decode_image(data) == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC, which is not read here: convert it to JPEG"),
        (b"\0\0\0\x20ftypavif" + bytes(40), "is AVIF, which is not read here: convert it"),
        (b"\0\0\0\x0cjP  \r\n" + bytes(40), "is JPEG 2000, which is not read here: convert it"),
        (b"", "cannot be decoded"),
        (encoded(Image.new("F", (4, 4)), "tiff"), "floating-point"),
        (encoded(Image.new("I", (4, 4), 70_000), "tiff"), "whole numbers of 32 bits"),
        (encoded(Image.new("1", (30_000, 3_000))), "too large: 30000×3000 pixels"),
        (encoded(Image.new("1", (30_000, 6_000))), "too large: .*: make it smaller"),
    ],
    ids=["heic", "avif", "jp2", "empty", "float", "whole", "wide", "wider"],
)
def test_what_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhotoError, match=reason):
        decode_image(data)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 20, 20), {"photometric": "rgb", "planarconfig": "separate"}),
        ((3, 20, 20), {"photometric": "rgb", "planarconfig": "separate", "byteorder": ">"}),
        ((20, 20), {"photometric": "miniswhite"}),
    ],
)
def test_sixteen_bits_that_pillow_misreads_are_refused(
    shape: tuple[int, ...], options: dict[str, str]
) -> None:
    """As pictures of 8 bits they are read well."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    eight, sixteen = BytesIO(), BytesIO()
    tifffile.imwrite(eight, pixels, **options)
    seen = decode_image(eight.getvalue())
    expected = np.moveaxis(pixels, 0, -1) if len(shape) == 3 else 255 - pixels
    assert np.array_equal(seen if len(shape) == 3 else seen[..., 0], expected)
    tifffile.imwrite(sixteen, pixels.astype(np.uint16) << 8, **options)
    with pytest.raises(UnreadablePhotoError, match="16 bits a channel in an order that is not"):
        decode_image(sixteen.getvalue())


def test_planes_of_sixteen_bits_that_are_compressed_are_read() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    file = BytesIO()
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(file, pixels.astype(np.uint16) << 8, compression="deflate", **planes)
    assert np.array_equal(decode_image(file.getvalue()), np.moveaxis(pixels, 0, -1))


def test_sixteen_bits_are_scaled_not_cut() -> None:
    grey = np.full((4, 4), 0x80FF, np.uint16)
    for kind in ("png", "tiff"):
        assert (decode_image(encoded(Image.fromarray(grey), kind)) == 0x80).all()


def test_landmarks_are_found_in_any_case_and_those_of_no_photo_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(tmp_path, "a.jpg", "a.pts", "b.jpg", "b.PTS", "c.jpg", "c.jpg.pts", "zz.pts")
    settings = DatasetSettings(folder=tmp_path)
    entries = folder.catalogue(tmp_path, settings)
    assert [entry.landmarks for entry in entries] == ["a.pts", "b.PTS", ""]
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("left out: 2 files of landmarks, such as c.jpg.pts,")


def test_broken_photos_are_unreadable() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for kind in ("jpeg", "png", "webp", "tiff"):
        data = encoded(Image.fromarray(noise), kind)
        for broken in (data[: len(data) // 2], data[:10], b"", b"no photo"):
            with pytest.raises(UnreadablePhotoError, match="cannot be decoded"):
                decode_image(broken)


def test_landmarks_are_parsed() -> None:
    points = parse_points(POINTS.encode())
    assert (points.shape, points.dtype) == ((68, 2), np.float32)
    assert points[3].tolist() == [3.5, 6]


@pytest.mark.parametrize(
    "text",
    [
        POINTS.replace("5.5 10\n", ""),
        POINTS.replace("5.5", "five"),
        POINTS.replace("\n5.5", "\nnan"),
        POINTS.replace("}", ""),
        "",
        "\udcff",
    ],
)
def test_broken_landmarks_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadablePhotoError, match="landmarks"):
        parse_points(text.encode("utf-8", "surrogateescape"))


def test_a_photo_is_fingerprinted_with_its_annotations(tmp_path: Path) -> None:
    photo = encoded(Image.new("RGB", (8, 8)))
    first = fingerprint("folder", tmp_path, stored(tmp_path, photo, POINTS))
    second = fingerprint("folder", tmp_path, stored(tmp_path, photo, POINTS.replace("5.5", "5.6")))
    assert first.sha256 == second.sha256
    assert first.annotations_sha256 != second.annotations_sha256


def test_a_label_map_is_scaled_to_its_photo(tmp_path: Path) -> None:
    labels = np.array([[1, 17], [10, 0]], np.uint8)
    photo = encoded(Image.new("RGB", (8, 8)))
    read = read_photo(tmp_path, stored(tmp_path, photo, labels=encoded(Image.fromarray(labels))))
    assert read.labels is not None
    assert np.array_equal(read.labels, np.kron(labels, np.ones((4, 4), np.uint8)))


def test_a_label_map_of_other_proportions_is_unreadable(tmp_path: Path) -> None:
    photo, labels = Image.new("RGB", (80, 80)), Image.new("L", (80, 40))
    with pytest.raises(UnreadablePhotoError, match="80×80 pixels and its label map 80×40"):
        read_photo(tmp_path, stored(tmp_path, encoded(photo), labels=encoded(labels)))


def test_a_coloured_label_map_is_a_users_mistake(tmp_path: Path) -> None:
    photo = encoded(Image.new("RGB", (8, 8)))
    with pytest.raises(UserError, match=r"a\.png; got Pillow mode RGB"):
        read_photo(tmp_path, stored(tmp_path, photo, labels=photo))
