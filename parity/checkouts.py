"""Networks out of the authors' checkouts, imported from there and left as they are."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


def module(checkout: Path, file: str) -> Any:
    """Import a file of a checkout, whose first folders hold no package.

    The ``__init__`` of its package is passed over: what that imports is for training. A package
    that is not installed is empty here, as none of the networks uses one. Afterwards the names
    are free again, since several checkouts have a package ``model``.

    Args:
        checkout: The root.
        file: Such as ``code/networks/dic_arch.py``.
    """
    folder, name = (checkout / file).parent, Path(file).stem
    with _names_of(folder.name):
        package = ModuleType(folder.name)
        package.__path__ = [str(folder)]
        sys.modules[folder.name] = package
        sys.path.insert(0, str(folder.parent))  # where SISN looks for `model`
        try:
            return importlib.import_module(f"{folder.name}.{name}")
        finally:
            sys.path.pop(0)


@contextmanager
def _names_of(package: str) -> Iterator[None]:
    """Forget afterwards what is imported of a package; stand in for torchvision where needed."""
    stand_in = None if importlib.util.find_spec("torchvision") else ModuleType("torchvision")
    if stand_in:
        sys.modules["torchvision"] = stand_in
    try:
        yield
    finally:
        taken = [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]
        for name in [*taken, *(["torchvision"] if stand_in else [])]:
            del sys.modules[name]
