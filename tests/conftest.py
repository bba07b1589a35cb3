import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What is tried here is the processor's, or pretended, on machines with a GPU too.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import pytest
import torch

from pkdn.faces.shards import Shards, ShardWriter

ROOT = Path(__file__).parents[1]
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


class Workspace:
    """What experiments change here. Tests bring their own; one that reads it fails.

    Args:
        places: files and folders.
    """

    def __init__(self, *places: str) -> None:
        self.places = {ROOT / place for place in places}
        self.is_open = False
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or self.is_open or not isinstance(arguments[0], str):
            return
        if arguments[1] is None:
            return  # os.open, which names folders from others on
        path = Path(os.path.abspath(arguments[0]))  # noqa: PTH100 - a link is what it is called
        found = self.places.intersection([path, *path.parents])
        assert not found, f"tests bring their own; this one reads {path}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let it be read."""
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False


WORKSPACE = Workspace("params.yaml", "dvc.lock", "data")

# A shell's background job ignores SIGINT, nohup SIGHUP, and so would all that is tried here.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
torch.set_num_threads(1)  # small networks; and two threads starve beside another process


@pytest.fixture(scope="session")
def faces_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve smooth pictures to train on, four each for validation and tests, all annotated."""
    folder = tmp_path_factory.mktemp("faces")
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:128, 0:128] / 128
    with ShardWriter(folder) as writer:
        for split, count in (("train", 12), ("val", 4), ("test", 4)):
            for number in range(count):
                phase = generator.random(3)[:, None, None]
                waves = 0.5 + 0.4 * np.sin(2 * np.pi * (2.7 * x[None] + 1.3 * y[None] + phase))
                labels = (waves[0] > 0.5).astype(np.uint8) * (1 + number % 18)
                landmarks = generator.uniform(10, 118, (68, 2)).astype(np.float32)
                writer.append(
                    split,
                    {
                        "faces": (255 * waves.transpose(1, 2, 0)).astype(np.uint8),
                        "labels": labels,
                        "landmarks": landmarks,
                    },
                    {"name": f"{split}-{number}"},
                )
    return folder


@pytest.fixture
def train_faces(faces_folder: Path) -> Shards:
    return Shards(faces_folder, "train")
