"""Networks as MLflow models: files alone, for which no store is needed; and their registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pkdn.provenance import versions

STAGE = "model"
"""The stage that packages the final student."""


def save_model(network: Any, faces: Any, sr_images: Any, folder: Path) -> None:
    """Write a network as an MLflow model, which computes on the processor wherever it is loaded.

    By itself MLflow takes a GPU where there is one, and refuses weights that are not on it.

    Args:
        network: a torch module.
        faces: an input of at least two faces, (N, 3, 16, 16), as a NumPy array.
        sr_images: its output, (N, 3, 128, 128); both make the signature.
        folder: must not exist yet.
    """
    import mlflow.pytorch
    from mlflow.models import Model, infer_signature

    mlflow.pytorch.save_model(
        network,
        str(folder),
        signature=infer_signature(faces, sr_images),
        input_example=faces,
        pip_requirements=[f"torch=={versions()['torch'].partition('+')[0]}", "numpy"],
    )
    model = Model.load(folder)
    model.flavors["python_function"]["config"]["device"] = "cpu"
    model.save(folder / "MLmodel")


def load_model(folder: Path) -> Any:
    """Load what :func:`save_model` wrote, as a torch module."""
    import mlflow.pytorch

    return mlflow.pytorch.load_model(str(folder))


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
