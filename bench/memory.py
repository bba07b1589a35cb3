"""``python -m bench.memory``: how much memory a training step needs.

Two steps are taken on the processor, and what tensors hold is counted as they come and go: weights,
Adam's means, faces, and what the forward pass keeps for the gradients. A GPU needs the same, and
beside it what its libraries take, which cannot be counted here.
"""

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from bench import page
from bench.computing import BATCH_SIZE, Training, our_step, trainings
from pkdn import command
from pkdn.files import write_marked
from pkdn.learning.network import example
from pkdn.provenance import CODE, revision
from pkdn.training.precision import Precision

MARK = "memory"
PRECISIONS = ("bf16", "fp32")
NUM_STEPS = 2
"""In the second Adam has its means."""
HEADINGS = ("training step", "size", *PRECISIONS)


class Held(TorchDispatchMode):
    """Within it, what tensors hold is counted.

    Attributes:
        now: bytes of the tensors that were made within and are still there.
        most: bytes at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._known = WeakIdKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(found):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return found

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:  # a view, or the result of an operation in place
            return
        self._known[storage] = None
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self.now -= size


class Measured(NamedTuple):
    """What a training needs.

    Attributes:
        title: what is trained.
        size: of the networks.
        mib: the most that tensors hold at once, by precision.
    """

    title: str
    size: str
    mib: dict[str, float]


def most_mib(training: Training, size: str, precision: Precision, batch_size: int) -> float:
    """Return what a training's tensors hold at most, in MiB."""
    with Held() as held:
        batch = example(batch_size, precision.device)
        step = our_step(training.task(size, precision), batch, precision)
        for _ in range(NUM_STEPS):
            step()
    return held.most / 2**20


def measured(sizes: Sequence[str], batch_size: int) -> Iterator[Measured]:
    """Count for every system that is trained, at these sizes."""
    for size in sizes:
        for training in trainings():
            mib = {
                name: most_mib(training, size, Precision(name, torch.device("cpu")), batch_size)
                for name in PRECISIONS
            }
            yield Measured(training.title, size, mib)


def table(found: Sequence[Measured]) -> str:
    """Return the numbers as Markdown, in GiB."""
    rows = [
        [row.title, row.size, *(f"{row.mib[name] / 2**10:.2f}" for name in PRECISIONS)]
        for row in found
    ]
    return page.markdown(HEADINGS, rows, 2)


def main() -> None:
    """Count, print a table, and write it where asked."""
    parser = argparse.ArgumentParser("python -m bench.memory", description=__doc__)
    add = parser.add_argument
    add("--sizes", nargs="+", default=["small", "paper"], help="by default small paper")
    add("--batch", type=int, default=BATCH_SIZE, help=f"faces, by default {BATCH_SIZE}")
    add("--write", type=Path, metavar="PAGE", help="put the table between the marks of this page")
    arguments = parser.parse_args()
    found = list[Measured]()
    for row in measured(arguments.sizes, arguments.batch):
        found.append(row)
        print(table([row]).splitlines()[-1], flush=True)
    heading = (
        f"On {date.today().isoformat()}, revision {revision((*CODE, 'bench'))}, torch "
        f"{torch.__version__}: the most that tensors hold at once, in GiB, with {arguments.batch} "
        "faces in a batch."
    )
    text = f"{heading}\n\n{table(found)}"
    print(f"\n{text}")
    if arguments.write:
        write_marked(arguments.write, MARK, text)


if __name__ == "__main__":
    command.run(main)
