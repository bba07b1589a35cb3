"""Clones of the project, in which a small pipeline is run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import own_params

ROOT = Path(__file__).parents[1]
CODE = ("pkdn", "stages", "drawing", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config")
SMALL = {
    "networks": ["kdfsrnet"],
    "authors_recipes": [],
    "ablations": ["full"],
    "loss_ablations": ["no_lambda_fs"],
    "synthetic": {"train": 4, "val": 2, "test": 2, "seed": 0},
}


def environment() -> dict[str, str]:
    """Return that of a shell in a clone; MLflow has no server there, which is no matter."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": "",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "OMP_NUM_THREADS": "1",
    }


def run(folder: Path, *words: str) -> str:
    """Run a command in a clone, and return what it prints."""
    done = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, " ".join(words) + "\n" + done.stdout + done.stderr
    return done.stdout + done.stderr


def git(folder: Path, *words: str) -> None:
    """Run git under a name of its own."""
    run(folder, "git", "-c", "user.name=tests", "-c", "user.email=tests@localhost", *words)


def make(folder: Path, remote: str, *settings: str) -> Path:
    """Make a repository of the project's code, with parameters of its own and a DVC remote.

    Args:
        folder: gets it.
        remote: its address.
        settings: ``name=value`` of the remote.
    """
    for name in CODE:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    short = own_params.values()["profiles"]["demo"]
    for part in ("training", "parser"):
        short[part]["steps"] = 2
    own_params.write(folder, **SMALL, profiles={"demo": short})
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet", "--force")
    shutil.copy(ROOT / ".dvc/config", folder / ".dvc/config")
    run(folder, "dvc", "remote", "add", "--quiet", "--default", "shared", remote)
    for setting in settings:
        run(folder, "dvc", "remote", "modify", "--quiet", "shared", *setting.split("=", 1))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "the project")
    return folder


def clone(source: Path, folder: Path) -> Path:
    """Clone a repository: what git holds, and nothing of what stages made."""
    run(source, "git", "clone", "--quiet", str(source), str(folder))
    return folder


def results(folder: Path) -> dict[str, bytes]:
    """Return the lock file, the report and what lies beside it, by their paths."""
    files = [folder / "dvc.lock", *(folder / "reports").rglob("*")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}
