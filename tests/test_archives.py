"""Archives: what is unpacked, and what is refused."""

import errno
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import py7zr
import pytest

from pkdn import shortages
from pkdn.data.fetching import archives
from pkdn.data.fetching.archives import unpack
from pkdn.errors import UserError


def make_zip(path: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name == link:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    return path


def make_tar(path: Path, members: dict[str, bytes], **link: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in link.items():
            info = tarfile.TarInfo(f"faces/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return path


def make_7z(path: Path, members: dict[str, bytes]) -> Path:
    with pytest.MonkeyPatch.context() as patch, py7zr.SevenZipFile(path, "w") as archive:
        patch.setattr("py7zr.py7zr.check_archive_path", bool)  # others write any name
        for name, content in members.items():
            archive.writestr(content, name)
    return path


MAKERS = (make_zip, make_tar, make_7z)


@pytest.mark.parametrize("make", MAKERS)
def test_a_full_disk_is_not_a_broken_archive(
    make: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path / "archive", {"faces/a.jpg": b"a"})

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "a.jpg")

    monkeypatch.setattr(zipfile.ZipFile, "extract", full)
    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    monkeypatch.setattr(py7zr.SevenZipFile, "extractall", full)
    with pytest.raises(OSError) as met:
        unpack(archive, tmp_path / "out", "faces")
    told = shortages.line(met.value)
    assert told and "quota" in told.lower() and "data/downloads" in told


def test_what_an_interrupted_unpacking_left_goes(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "archive", {"faces/a.jpg": b"a"})
    left = tmp_path / "out" / f"{archives.UNPACKING}abc"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"gigabytes")
    unpack(archive, tmp_path / "out", "faces")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["faces"]


@pytest.mark.parametrize("top", ["", "data/"])
@pytest.mark.parametrize("make", MAKERS)
def test_the_folder_is_found_at_the_top_or_one_below(tmp_path: Path, make, top: str) -> None:
    archive = make(tmp_path / "a", {f"{top}faces/é 1.jpg": b"1", f"{top}readme": b"no"})
    unpack(archive, tmp_path / "out", "faces")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["faces"]
    assert (tmp_path / "out/faces/é 1.jpg").read_bytes() == b"1"


def test_names_that_are_no_unicode_keep_their_bytes(tmp_path: Path) -> None:
    latin = "faces/caf\udce9.jpg"
    with tarfile.open(tmp_path / "a.tar", "w", errors="surrogateescape") as archive:
        info = tarfile.TarInfo(latin)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"1"))
    unpack(tmp_path / "a.tar", tmp_path, "faces")
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["caf\udce9.jpg"]


@pytest.mark.parametrize("name", ["../out.jpg", "/tmp/out.jpg", "faces/../../out.jpg", "C:/out"])
@pytest.mark.parametrize("make", MAKERS)
def test_no_member_lies_outside(tmp_path: Path, make, name: str) -> None:
    archive = make(tmp_path / "a", {"faces/1.jpg": b"1", name: b"2"})
    with pytest.raises(UserError, match="lies outside of the archive's folder: do not use it"):
        unpack(archive, tmp_path / "out", "faces")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret"])
def test_no_link_leads_out(tmp_path: Path, target: str) -> None:
    tar = make_tar(tmp_path / "a.tgz", {"faces/1.jpg": b"1"}, link=target)
    with pytest.raises(UserError, match="faces/link"):
        unpack(tar, tmp_path / "out", "faces")
    made = make_zip(tmp_path / "a.zip", {"faces/l": target.encode()}, link="faces/l")
    with pytest.raises(UserError, match="is a link"):
        unpack(made, tmp_path / "out", "faces")
    (tmp_path / "link").symlink_to(tar)
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w") as archive:
        archive.write(tmp_path / "link", "faces/link")
    with pytest.raises(UserError, match=r"faces/link' is neither a file nor a folder"):
        unpack(tmp_path / "a.7z", tmp_path / "out", "faces")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("make", MAKERS)
def test_a_bomb_is_not_unpacked(tmp_path: Path, make) -> None:
    archive = make(tmp_path / "a", {f"faces/{i}": bytes(4 << 20) for i in range(6)})
    assert archive.stat().st_size < 100_000
    with pytest.raises(UserError, match="may be a bomb"):
        unpack(archive, tmp_path / "out", "faces")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_total_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip(tmp_path / "a", {"faces/1": bytes(100), "faces/2": bytes(100)})
    with pytest.raises(UserError, match="at most 150 bytes; it claims 200"):
        unpack(archive, tmp_path / "out", "faces", largest=150)
    monkeypatch.setattr(archives, "SMALLEST_LIMIT", 10)
    monkeypatch.setattr(archives, "LARGEST_RATIO", 0.1)
    with pytest.raises(UserError, match="may be a bomb"):
        unpack(archive, tmp_path / "out", "faces")


def test_half_an_archive_is_refused(tmp_path: Path) -> None:
    for make in MAKERS:
        whole = make(tmp_path / "whole", {"faces/1.jpg": bytes(range(256)) * 100}).read_bytes()
        (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match="expected a whole zip, tar or 7z archive"):
            unpack(tmp_path / "half", tmp_path / "out", "faces")
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_damaged_archive_is_refused(compression: str, tmp_path: Path) -> None:
    archive, photo = tmp_path / "damaged", os.urandom(50_000)
    with tarfile.open(archive, f"w:{compression}") as tar:
        entry = tarfile.TarInfo("faces/1.jpg")
        entry.size = len(photo)
        tar.addfile(entry, io.BytesIO(photo))
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(UserError, match="expected a whole zip, tar or 7z archive"):
        unpack(archive, tmp_path / "out", "faces")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a", {"photos/1.jpg": b"1"})
    with pytest.raises(UserError, match=r"expected the folder faces/ in .* not there"):
        unpack(archive, tmp_path, "faces")


def test_what_was_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/old.jpg").touch()
    unpack(make_zip(tmp_path / "a", {"faces/new.jpg": b"1"}), tmp_path, "faces")
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["new.jpg"]


def test_a_link_to_a_mirror_that_is_gone_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "faces").symlink_to(tmp_path / "gone")
    unpack(make_zip(tmp_path / "a", {"faces/new.jpg": b"1"}), tmp_path, "faces")
    assert [path.name for path in (tmp_path / "faces").iterdir()] == ["new.jpg"]


def test_a_tar_may_begin_with_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "in" / "faces").mkdir(parents=True)
    (tmp_path / "in" / "faces" / "1.jpg").write_bytes(b"1")
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(tmp_path / "in", ".")
        assert archive.getnames()[0] == "."
    unpack(tmp_path / "a.tgz", tmp_path / "out", "faces")
    assert (tmp_path / "out" / "faces" / "1.jpg").read_bytes() == b"1"


def test_volumes_are_one_archive_wherever_they_lie(tmp_path: Path) -> None:
    whole = make_7z(tmp_path / "a.7z", {"faces/1.jpg": bytes(range(256)) * 100}).read_bytes()
    first, second = tmp_path / "here/a.7z.001", tmp_path / "there/a.7z.002"
    for volume, content in ((first, whole[:100]), (second, whole[100:])):
        volume.parent.mkdir()
        volume.write_bytes(content)
    unpack(first, tmp_path / "out", "faces", more=[second])
    assert (tmp_path / "out/faces/1.jpg").read_bytes() == bytes(range(256)) * 100
    with pytest.raises(UserError, match="expected a whole zip, tar or 7z archive"):
        unpack(first, tmp_path / "half", "faces")
