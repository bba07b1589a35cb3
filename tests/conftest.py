from pathlib import Path

import numpy as np
import pytest
import torch

from pkdn.faces.shards import Shards, ShardWriter

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

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
