"""Finding the files of a data set: in a mirror, or among the project's own downloads."""

import os
from collections.abc import Sequence
from pathlib import Path

from pkdn.data.datasets import DatasetSettings
from pkdn.errors import UserError


def from_repository(path: str | Path) -> Path:
    """Return ``path``, which the user wrote relative to the repository root.

    DVC runs experiments in temporary workspaces, where files outside git are missing; it names
    the true root in ``DVC_ROOT``.
    """
    return Path(os.environ.get("DVC_ROOT", "")) / path


def locate(name: str, settings: DatasetSettings, *, folders: Sequence[str], source: str) -> Path:
    """Return the root of a data set's files.

    Looked for in the mirror first, then among the downloads.

    Args:
        name: Of the data set and of its folder.
        settings: Says where the mirror and the downloads are.
        folders: What has to be in the root.
        source: Where people get the data set by hand.

    Raises:
        UserError: The mirror is no folder, or no place holds all ``folders``.
    """
    places = [from_repository(settings.downloads) / name]
    if settings.mirror:
        mirror = from_repository(settings.mirror)
        if not mirror.is_dir():
            raise UserError(
                f"expected an existing folder in PKDN_MIRROR, absolute or relative to the "
                f"repository root; got {settings.mirror!r}: correct or unset it"
            )
        places.insert(0, mirror / name)
    for place in places:
        if all((place / folder).is_dir() for folder in folders):
            return place
    wanted = " and ".join(f"{folder}/" for folder in folders)
    raise UserError(
        f"expected the data set {name} with {wanted} in {' or '.join(map(str, places))}; found "
        f"none: get it from {source} and unpack it there, or set PKDN_MIRROR to a folder that "
        f"holds {name}/"
    )
