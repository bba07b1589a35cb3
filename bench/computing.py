"""Training steps and inference of every network, and the matrix product that they could reach."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.timing import alone, in_a_round, in_turns
from pkdn import networks
from pkdn.complexity import forward_pass
from pkdn.learning.network import example
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.systems import PKDN_NETWORK
from pkdn.training import compiling
from pkdn.training.batches import Batch
from pkdn.training.precision import Precision, usual
from pkdn.training.recipe import CONSTANT, Recipe
from pkdn.training.state import TrainingState
from pkdn.training.task import Task

BATCH_SIZE = 8
RATE = 1e-4
WEIGHTS = {"lambda_ts": 0.1, "lambda_fs": 10.0}
FACES = (1, 8, 64)
SIDE = 2048

Row = dict[str, Any]


class Plain(Precision):
    """As a usual script computes: whatever the machine, in NCHW."""

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout that PyTorch begins with."""
        return torch.contiguous_format


class Training(NamedTuple):
    """What is trained.

    Attributes:
        title: what it is called.
        network: whose file.
        teacher: whether its teacher is meant.
        distilled: whether it learns from its teacher.
    """

    title: str
    network: str
    teacher: bool = False
    distilled: bool = False

    def task(self, size: str, precision: Precision) -> Task:
        """Build it with random weights."""
        torch.manual_seed(0)
        network = networks.describe(self.network, size, teacher=self.teacher).build()
        if self.distilled:
            teacher = networks.describe(self.network, size, teacher=True).build()
            placed = precision.place(teacher).eval()
            return networks.distillation(self.network, network, placed, distill_epochs=0, **WEIGHTS)
        if self.teacher:
            return SuperResolutionTask(network)
        return networks.task(self.network, network, size)


def trainings() -> Iterator[Training]:
    """Yield PKDN's teacher and student, then every other network that is trained."""
    yield Training("PKDN's teacher", PKDN_NETWORK, teacher=True)
    yield Training("PKDN's student, distilled", PKDN_NETWORK, distilled=True)
    yield Training("PKDN's network alone", PKDN_NETWORK)
    for name in networks.names():
        network = networks.describe(name, "demo").build()
        if name != PKDN_NETWORK and any(True for _ in network.parameters()):
            distilled = hasattr(networks.module(name), "TEACHER")
            yield Training(networks.module(name).TITLE, name, distilled=distilled)


def training_row(training: Training, size: str, precision: Precision, seconds: float) -> Row:
    """Time a training step on eight faces: as the loop does it, and in fp32 with PyTorch's Adam."""
    torch.compiler.reset()  # PyTorch compiles a function for eight networks, then gives up
    batch = example(BATCH_SIZE, precision.device)
    ours = our_step(training.task(size, precision), batch, precision)
    as_usual = Plain("fp32", precision.device)
    plain = _plain_step(training.task(size, as_usual), batch, as_usual)
    with usual(), FlopCounterMode(display=False) as counter:
        plain()
    pair = in_turns(ours, plain, seconds)
    return {
        "what": f"training step: {training.title}",
        "size": size,
        **pair._asdict(),
        "faces_per_second": BATCH_SIZE / pair.ours,
        "tflops": counter.get_total_flops() / pair.ours / 1e12,
    }


def our_step(task: Task, batch: Batch, precision: Precision) -> Callable[[], None]:
    """Return a training step as the loop takes it."""
    recipe = Recipe(
        learning_rate=RATE, schedule=CONSTANT, batch_size=BATCH_SIZE, steps=1, threads=0
    )
    state = TrainingState(task, recipe, precision)
    state.switch(training=True)
    losses = compiling.losses_of(task, precision)

    def step() -> None:
        state.before_step()
        with precision.autocast():
            terms = losses(batch, 0)
        state.step(terms, RATE, "bench")
        state.since_row.clear()

    return step


def _plain_step(task: Task, batch: Batch, precision: Precision) -> Callable[[], None]:
    """The step of a usual script: every loss backwards for its own module, Adam as it comes."""
    trained = {
        term: precision.place(module).train()
        for term, module in task.minimised.items()
        if any(True for _ in module.parameters())
    }
    optimizers = [torch.optim.Adam(module.parameters(), lr=RATE) for module in trained.values()]

    def step() -> None:
        terms = task.losses(batch, 0)
        for optimizer in optimizers:
            optimizer.zero_grad()
        for term in trained:
            terms[term].backward(retain_graph=len(trained) > 1)
        for optimizer in optimizers:
            optimizer.step()

    return step


def inference_row(num_faces: int, size: str, precision: Precision, seconds: float) -> Row:
    """Time the student's forward pass: as ``upscale`` could, and in fp32."""
    description = networks.describe(PKDN_NETWORK, size)
    ours = forward_pass(description.build(), num_faces, precision)
    plain = forward_pass(description.build(), num_faces, Plain("fp32", precision.device))
    pair = in_turns(ours, plain, seconds)
    return {
        "what": f"inference, {num_faces} face{'s' if num_faces > 1 else ''}",
        "size": size,
        **pair._asdict(),
        "faces_per_second": num_faces / pair.ours,
    }


def matrix_product(precision: Precision, seconds: float) -> float:
    """Return the 10¹² operations a second of a product of two matrices of 2048 by 2048."""
    kind = torch.bfloat16 if precision.name == "bf16" else torch.float32
    matrix = torch.randn(SIDE, SIDE, device=precision.device, dtype=kind)
    return 2 * SIDE**3 / alone(lambda: matrix @ matrix, seconds, in_a_round()) / 1e12
