"""Networks as MLflow models: files alone, for which no store is needed."""

from pathlib import Path
from typing import Any

from pkdn.provenance import versions


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
