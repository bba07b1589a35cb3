"""Training steps as one program each, by PyTorch's compiler."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from pkdn.errors import UserError
from pkdn.shortages import is_of_memory
from pkdn.training.batches import Batch
from pkdn.training.precision import Precision
from pkdn.training.task import Task

BACKEND = "inductor"
WITH_GRAPHS = "reduce-overhead"

Losses = Callable[[Batch, int], dict[str, Tensor]]


def losses_of(task: Task, precision: Precision) -> Losses:
    """Return ``task.losses``, or what the precision asks for: one program of teacher and student.

    So are its gradients. It is compiled at the first step, which takes minutes, and again where
    what it rests on changes: where weights fade, in the second epoch, with the epoch as a variable
    from then on, and where a term drops out. Nothing is left to Python within: where PyTorch cannot
    see through a task it fails. Results differ from uncompiled ones by rounding and, where there is
    dropout (URDGN's discriminator), by what is drawn for it. On a GPU each program is a CUDA graph,
    which is launched as a whole; what a step returns is overwritten by the next.
    """
    if not precision.compiled:
        return task.losses
    # That algorithms are to be deterministic is told the compiler by this name alone.
    # Off without warnings, or on with them: what `precision.exact` puts back is the same again.
    is_exact = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(is_exact, warn_only=is_exact)
    mode = WITH_GRAPHS if precision.device.type == "cuda" else None
    program: Losses = torch.compile(task.losses, backend=BACKEND, fullgraph=True, mode=mode)
    if mode is None:
        return program

    def losses(batch: Batch, epoch: int) -> dict[str, Tensor]:
        torch.compiler.cudagraph_mark_step_begin()
        return program(batch, epoch)

    return losses


@contextmanager
def telling() -> Iterator[None]:
    """Say in one line that a step could not be compiled.

    Raises:
        UserError: in place of what the compiler raises.
    """
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        if is_of_memory(error):
            raise
        reason = " ".join([*filter(None, map(str.strip, str(error).splitlines()))][:2])
        raise UserError(
            f"expected that PyTorch can compile the training step, got: {reason}; it needs a C++ "
            "compiler such as g++, and on GPUs a C compiler such as gcc with Python's headers "
            "(python3-dev); set `compile: off` in params.yaml, or leave --compile out of "
            "`python -m bench`, to do without"
        ) from error
