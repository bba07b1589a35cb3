"""What moves faces: batches, cutting, parsing, scoring; and what DVC takes beside the stages."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench import PHOTO_SIZE
from bench.computing import BATCH_SIZE, Row
from bench.timing import alone, in_turns
from pkdn import networks
from pkdn.data.photos.crops import centre_box, crop_image
from pkdn.data.photos.photo import Entry
from pkdn.data.photos.reading import read_photo
from pkdn.evaluation import evaluate
from pkdn.faces import HR_SIZE, LR_SIZE
from pkdn.faces.shards import Shards, ShardWriter
from pkdn.parsing.bisenet import BiSeNet
from pkdn.parsing.maps import Parser
from pkdn.systems import PKDN_NETWORK
from pkdn.training.batches import FaceBatches
from pkdn.training.precision import Precision, exact

NUM_FACES = 64
PARSER_SIDE = 224
ONE_STAGE = "stages: {one: {cmd: echo one > one, outs: [one]}}\n"


def rows(precision: Precision, seconds: float) -> Iterator[Row]:
    """Yield a row for each way that faces move, and for what DVC takes."""
    with _photos() as folder:
        yield _loading(folder, precision, seconds)
        yield _faces("align: read and cut a photo", 1, lambda: _cut(folder, 0), seconds)
        parser = Parser(BiSeNet(), PARSER_SIDE, precision.device)
        faces = Shards(folder, "train").read("faces", range(16))
        yield _faces(f"parse, {PARSER_SIDE} pixels", 16, lambda: parser(faces), seconds)
        network = networks.describe(PKDN_NETWORK, "small").build()
        test = Shards(folder, "test")

        def score() -> None:
            with exact(precision.device):  # as in the stage
                for _ in evaluate(network, test, batch_size=8, device=precision.device):
                    pass

        yield _faces("evaluate: the small student, six protocols", len(test), score, seconds)
    if find_spec("dvc"):
        yield from _dvc()


@contextmanager
def _photos() -> Iterator[Path]:
    """Yield a folder with JPEG photos of noise, and shards of faces."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ShardWriter(folder) as writer:
            for number in range(NUM_FACES):
                small = Image.fromarray(random.integers(0, 256, (28, 22, 3), dtype=np.uint8))
                photo = small.resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
                photo.save(folder / f"{number}.jpg", quality=95)
                face = np.asarray(photo.resize((HR_SIZE, HR_SIZE)))
                split = "test" if number % 4 == 0 else "train"
                writer.append(split, {"faces": face}, {"name": f"{number}.jpg"})
        yield folder


def _cut(folder: Path, number: int) -> np.ndarray:
    photo = read_photo(folder, Entry(f"{number}.jpg", "train", f"{number}.jpg"))
    return crop_image(photo.image, centre_box(*PHOTO_SIZE))


def _loading(folder: Path, precision: Precision, seconds: float) -> Row:
    """Time a batch: from shards, and as a usual script reads photo after photo."""
    faces = Shards(folder, "train")
    batches = FaceBatches(faces, batch_size=BATCH_SIZE, seed=0, device=precision.device)
    endless = (batch for epoch in range(10**9) for batch in batches.epoch(epoch))

    def plain() -> torch.Tensor:
        pairs = []
        for number in range(BATCH_SIZE):
            with Image.open(folder / f"{number}.jpg") as photo:
                hr_face = photo.convert("RGB").resize((HR_SIZE, HR_SIZE), Image.Resampling.BICUBIC)
            lr_face = hr_face.resize((LR_SIZE, LR_SIZE), Image.Resampling.BICUBIC)
            back = lr_face.resize((HR_SIZE, HR_SIZE), Image.Resampling.BICUBIC)
            both = [np.asarray(image, np.float32) / 255 for image in (hr_face, back)]
            pairs.append(torch.from_numpy(np.stack(both)).permute(0, 3, 1, 2))
        return torch.stack(pairs).to(precision.device)

    pair = in_turns(lambda: next(endless), plain, seconds)
    what = f"a batch of {BATCH_SIZE} training faces"
    return {"what": what, "size": "", **pair._asdict(), "faces_per_second": BATCH_SIZE / pair.ours}


def _faces(what: str, num_faces: int, work: Callable[[], object], seconds: float) -> Row:
    taken = alone(work, seconds)
    return {"what": what, "size": "", "ours": taken, "faces_per_second": num_faces / taken}


def _dvc() -> Iterator[Row]:
    """Time what plain DVC takes for a stage that does nothing, and when nothing is to be done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dvc = [sys.executable, "-m", "dvc"]
        for words in (["git", "init", "--quiet"], [*dvc, "init", "--quiet"]):
            subprocess.run(words, cwd=folder, check=True)

        def reproduce() -> None:
            subprocess.run([*dvc, "repro", "--quiet"], cwd=folder, check=True)

        def again() -> None:
            (folder / "dvc.yaml").write_text(ONE_STAGE.replace("echo one", f"echo {next(numbers)}"))
            reproduce()

        numbers = iter(range(10**6))
        works = {"of one stage that does nothing": again, "with nothing to do": reproduce}
        for what, work in works.items():
            yield {"what": f"dvc repro {what}", "size": "", "ours": alone(work, 0)}
