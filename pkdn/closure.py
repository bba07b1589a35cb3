"""The code that a run rests on: what its modules import, and what those import, as text.

Nothing is imported to find it, so the answer does not depend on what happens to be loaded.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("pkdn", "stages", "drawing")
# What cannot change a result: messages, records, paths, whole files, and downloads, whose content
# is checked. Packages end with a dot.
NEUTRAL = (
    "pkdn.closure",
    "pkdn.command",
    "pkdn.errors",
    "pkdn.files",
    "pkdn.preloaded",
    "pkdn.progress",
    "pkdn.provenance",
    "pkdn.runs",
    "pkdn.shortages",
    "pkdn.tracking",
    "pkdn.data.fetching.",
)


at_start: dict[Path, str] = {}
"""The SHA-256 of each file of code when this process started, where it runs a stage: what is loaded
later may be others."""


def note_start() -> None:
    """Note the code as it lies there now, before it is loaded, where this process runs a stage."""
    if running() == __name__:
        return
    for package in PACKAGES:
        # Emacs lays links to nothing beside files that it has open.
        for file in filter(Path.is_file, (ROOT / package).rglob("*.py")):
            with file.open("rb") as stream:
                at_start[file] = hashlib.file_digest(stream, "sha256").hexdigest()


def code(*modules: str) -> frozenset[Path]:
    """Return the files of this project that the modules rest on, their own among them.

    Args:
        modules: Their names, such as ``stages.train`` and ``pkdn.networks.dic``.
    """
    found: set[str] = set()
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name not in found and not is_neutral(name):
            found.add(name)
            waiting += _imports(name)
    return frozenset(_file(name) for name in found if _has_code(_file(name)))


def beside(*modules: str) -> list[tuple[str, Path]]:
    """Return what the modules rest on that lies in the repository, but not in its packages.

    Returns:
        The name of each, and a file that imports it.
    """
    found = {one.split(".")[0]: file for file in code(*modules) for one in _imported(_name(file))}
    return sorted((name, file) for name, file in found.items() if _is_beside(name))


def _is_beside(name: str) -> bool:
    if name in PACKAGES or name in sys.stdlib_module_names:
        return False
    return (ROOT / f"{name}.py").is_file() or any((ROOT / name).glob("*.py"))


def is_neutral(module: str) -> bool:
    """Return whether a module cannot change a result."""
    parts = (f"{name.rstrip('.')}." for name in NEUTRAL)
    return module == "pkdn" or any(f"{module}.".startswith(part) for part in parts)


def running() -> str:
    """Return the stage's script that this process runs, such as ``stages.train``, or else this."""
    main = getattr(sys.modules["__main__"], "__spec__", None)
    return main.name if main and main.name.startswith("stages.") else __name__


def check_loaded(script: str, known: frozenset[Path]) -> None:
    """Check that a process that runs a stage's script has loaded known code alone.

    Raises:
        RuntimeError: it has loaded more, such as a module that was imported by name.
    """
    unknown = loaded() - known if script != __name__ else None
    if unknown:
        names = ", ".join(sorted(_name(file) for file in unknown))
        raise RuntimeError(f"code was loaded that {script} does not import: {names}")


def loaded() -> frozenset[Path]:
    """Return the files of this project that are loaded now, but for those that are neutral."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    mine = {Path(file).resolve() for file in files if file}
    places = [ROOT / package for package in PACKAGES]
    return frozenset(
        file
        for file in mine
        if any(file.is_relative_to(place) for place in places)
        and not is_neutral(_name(file))
        and _has_code(file)
    )


def found_by_name(folders: Iterable[str | Path]) -> list[str]:
    """Return the names of the Python files in folders by which users name them, sorted."""
    return sorted(file.stem for folder in folders for file in Path(folder).glob("[a-z]*.py"))


def within(package: str) -> list[str]:
    """Return the names of the modules of a package that are found by their names."""
    return [f"{package}.{name}" for name in found_by_name([ROOT / package.replace(".", "/")])]


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Return what a module imports of this project, and the packages that it lies in."""
    parts = name.split(".")
    found = {".".join(parts[:length]) for length in range(1, len(parts))} | _imported(name)
    mine = (one for one in found if one.split(".")[0] in PACKAGES)
    return tuple(one for one in sorted(mine) if _file(one).is_file())


@cache
def _imported(name: str) -> frozenset[str]:
    """Return all that the text of a module imports, of this project and of others."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(_file(name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _from(name, node)
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def _from(name: str, node: ast.ImportFrom) -> str:
    """Return the module that ``from … import`` names in the module ``name``, dots resolved."""
    if not node.level:
        return node.module or ""
    package = name.split(".") if _file(name).name == "__init__.py" else name.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


@cache
def _file(name: str) -> Path:
    path = ROOT / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _has_code(file: Path) -> bool:
    """Return whether a file does more than describe a package."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) for s in body)
