"""Parameters of the tests' own, with everything that there is: no test reads ``params.yaml``."""

import copy
from pathlib import Path
from typing import Any

import yaml

from pkdn import systems
from pkdn.systems import VARIANTS

RECIPE = {
    "steps": 272,
    "batch_size": 2,
    "learning_rate": 0.005,
    "schedule": "one_cycle",
    "threads": 1,
}
TRAINING = {
    **RECIPE,
    "keep": "best",
    "augment": "mirror",
    "global_residual": True,
    "lambda_ts": 0.1,
    "lambda_fs": 0.1,
    "distill_epochs": 1,
    "fade_epochs": 1,
}
FROM_PROFILE = (
    *("lambda_ts", "lambda_fs", "distill_epochs", "steps", "batch_size", "learning_rate"),
    "global_residual",
)


def values(**changes: object) -> dict[str, Any]:
    """Return what a ``params.yaml`` may hold, with some keys changed."""
    profile = {
        "size": "demo",
        "training": TRAINING,
        "parser": {**RECIPE, "input_size": 96, "recipe": "quick"},
        "authors": {"most_steps": 272, "largest_batch": 2, "rate_factor": 10},
    }
    own: dict[str, Any] = {
        "profile": "demo",
        "datasets": ["synthetic"],
        "seeds": [0],
        "networks": systems.names(),
        "authors_recipes": [name for name in systems.names() if systems.system(name).has_recipe],
        "ablations": [name for name, one in VARIANTS.items() if one.teacher == name],
        "loss_ablations": [n for n, one in VARIANTS.items() if one.teacher not in (None, n)],
        "folder": "photos",
        "landmarks": "given",
        "compile": "off",
        "metrics": [],
        "synthetic": {"train": 320, "val": 32, "test": 64, "seed": 0},
        "parser": "trained",
        "parser_dataset": "synthetic",
        **dict.fromkeys(FROM_PROFILE, "profile"),
        "precision": "auto",
        "skip_bad_steps": 0,
        "profiles": {"demo": profile, "small": copy.deepcopy(profile)},
    }
    assert set(changes) <= set(own)
    return copy.deepcopy(own | changes)


def text(**changes: object) -> str:
    """Return them as YAML."""
    return yaml.safe_dump(values(**changes), sort_keys=False, default_flow_style=None)


def write(folder: Path, /, **changes: object) -> Path:
    """Write them as the ``params.yaml`` of a folder, and return that file."""
    file = folder / "params.yaml"
    file.write_text(text(**changes), encoding="utf-8")
    return file
