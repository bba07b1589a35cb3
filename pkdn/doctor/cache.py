"""``dvc.lock``, and the objects of the cache that it names."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml

from pkdn.doctor.finding import Finding
from pkdn.errors import UserError
from pkdn.files import atomic_file
from pkdn.pipeline.cache import cache_folder
from pkdn.pipeline.presence import at_work
from pkdn.runs import LOCK, PLAN, all_planned

OF_A_LOSS = "_loss@"
"""Within the names of ``dvc.yaml``'s stages of students by another loss; their runs lack it."""
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Entry(NamedTuple):
    """A file that a stage made.

    Attributes:
        stage: which.
        path: where it lies in the workspace.
        md5: of its content; with ``.dir``, of the list of a folder's files.
        size: in bytes, where that is known.
    """

    stage: str
    path: Path
    md5: str
    size: int | None = None


def lock(folder: Path) -> Iterator[Finding]:
    """Check that ``dvc.lock`` can be read."""
    if not (folder / LOCK).exists():
        yield Finding(f"there is no {LOCK} yet")
    elif _outs(folder) is None:
        yield Finding(
            f"{LOCK} is broken: cut short, or with the marks of a conflict of git's",
            f"move it to {LOCK}.broken; `python -m pkdn repro` then takes what is in the cache",
            None if at_work(folder) else partial(_set_aside, folder / LOCK),
        )
    else:
        yield Finding(f"{LOCK} can be read")


def objects(folder: Path) -> Iterator[Finding]:
    """Check that what ``dvc.lock`` names is in the cache, as large as it was."""
    place = cache_folder(folder) / "files" / "md5"
    entries = list(_entries(folder, place))
    wrong, asked = dict[str, list[Entry]](), _asked_for(folder)
    taken = list[Entry]()
    for entry in entries:
        if _is_whole(entry, place):
            continue
        is_old = asked and entry.stage.replace(OF_A_LOSS, "@") not in asked
        if is_old and not _object(place, entry.md5).exists():
            taken.append(entry)
        else:
            wrong.setdefault(entry.stage, []).append(entry)
    if taken:
        old = {entry.stage for entry in taken}
        yield Finding(
            f"the cache lacks {len(taken)} objects of {len(old)} stages that params.yaml does not "
            "ask for any more"
        )
    for stage, broken in wrong.items():
        yield Finding(
            f"the cache lacks, or has broken, {len(broken)} objects of {stage}, such as "
            f"{broken[0].path}",
            "it is put back from the workspace, or else made again by `python -m pkdn repro`",
            partial(_mend, broken, folder, place),
        )
    if not wrong:
        others = " other" if taken else ""
        count = len(entries) - len(taken)
        yield Finding(f"the cache has all {count}{others} objects that {LOCK} names")


def _asked_for(folder: Path) -> set[str]:
    """Return the names of the stages that there are; none where that is not known."""
    try:
        found = {one.id.name for one in all_planned(root=folder)}
    except UserError:
        return set()
    return found and found | {PLAN.name}


def _outs(folder: Path) -> list[Entry] | None:
    """Return the outputs that stages have, as ``dvc.lock`` says; None if it is broken."""
    try:
        loaded = yaml.load((folder / LOCK).read_text(encoding="utf-8"), Loader)
        return [
            Entry(name, Path(out["path"]), out["md5"], out["size"])
            for name, stage in loaded["stages"].items()
            for out in stage.get("outs", [])
        ]
    except FileNotFoundError:
        return []
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        return None


def _entries(folder: Path, place: Path) -> Iterator[Entry]:
    """Yield every file that stages made, after the list of its folder if it lies in one."""
    for out in _outs(folder) or []:
        is_folder = out.md5.endswith(".dir")
        yield out._replace(size=None) if is_folder else out
        for part in _list(_object(place, out.md5)) if is_folder else []:
            yield Entry(out.stage, out.path / part["relpath"], part["md5"])


def _object(place: Path, md5: str) -> Path:
    return place / md5[:2] / md5[2:]


def _list(file: Path) -> list[dict[str, str]]:
    """Return what a folder's object lists; nothing if it is missing or broken."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if all({"relpath", "md5"} <= one.keys() for one in found) else []
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def _is_whole(entry: Entry, place: Path) -> bool:
    file = _object(place, entry.md5)
    if not file.is_file():
        return False
    if entry.md5.endswith(".dir"):
        return _md5(file) == entry.md5.removesuffix(".dir")
    empty = entry.md5 == hashlib.md5(b"", usedforsecurity=False).hexdigest()
    size = file.stat().st_size
    return size == entry.size if entry.size is not None else (size > 0 or empty)


def _mend(broken: list[Entry], folder: Path, place: Path) -> None:
    """Put objects back from the workspace, where it has them unchanged; delete broken ones."""
    for entry in broken:
        file, source = _object(place, entry.md5), folder / entry.path
        file.unlink(missing_ok=True)
        if source.is_file() and _md5(source) == entry.md5:
            with atomic_file(file) as temporary:
                shutil.copyfile(source, temporary)
                os.chmod(temporary, 0o444)  # noqa: PTH101 - as DVC protects them


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()


def _set_aside(file: Path) -> None:
    file.rename(file.with_name(f"{file.name}.broken"))
