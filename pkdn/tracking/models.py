"""MLflow's registry of models."""

from collections.abc import Mapping
from typing import Any

STAGE = "model"
"""The stage that packages the final student."""


def register(client: Any, run_id: str, source: str, dataset: str, tags: Mapping[str, str]) -> None:
    """Make a run's model a version of the data set's registered model, where it is none.

    Args:
        client: an ``MlflowClient``.
        run_id: of the run.
        source: the address of the model, which is among the run's files.
        dataset: that the network has learnt from.
        tags: of the version.
    """
    name = f"pkdn-{dataset}"
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description=f"PKDN's student for faces of {dataset}")
    if not client.search_model_versions(f"run_id = '{run_id}'"):
        client.create_model_version(name, source, run_id, tags=dict(tags))


def point(client: Any, run_id: str) -> None:
    """Let the alias ``seed-N`` name a run's model: its version may be older than others.

    Args:
        client: an ``MlflowClient``.
        run_id: of the run.
    """
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        alias = f"seed-{version.tags['seed']}"
        known = client.get_registered_model(version.name).aliases
        if str(known.get(alias)) != str(version.version):
            client.set_registered_model_alias(version.name, alias, version.version)
