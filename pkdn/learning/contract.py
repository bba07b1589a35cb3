"""What a network's file has to keep to, looked at before hours go into a training."""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pkdn.errors import UserError
from pkdn.faces import HR_SIZE
from pkdn.learning.losses import TERMS
from pkdn.learning.network import LR_IMAGE_ALONE, TappedNetwork, example, inputs, reads
from pkdn.training.batches import Batch

PROCESSOR = torch.device("cpu")
EPOCHS = "distill_epochs"
COPIED = (
    "{file}: expected a network whose copy does the same, since each thread of an evaluation has "
    "one, got of a copy {got}: let hooks be methods, as in register_forward_hook(self.note), which "
    "are copied with it, and not functions that know `self`"
)


def check_fields(fields: Sequence[str], file: str) -> None:
    """Refuse names of what no batch has.

    Raises:
        UserError: the first such name.
    """
    for field in fields:
        if field not in Batch._fields:
            raise UserError(
                f"{file}: expected in `reads` names out of {', '.join(Batch._fields)}, got "
                f"{field!r}: mend it"
            )


def check_class(found: Any, role: str, file: str) -> type[nn.Module]:
    """Return a network's class, or refuse what is none.

    Raises:
        UserError: it is something else, such as a network that is made already.
    """
    if not isinstance(found, type) or not issubclass(found, nn.Module):
        shown = found.__name__ if isinstance(found, type) else f"a {type(found).__name__}"
        raise UserError(
            f"{file}: expected {role} to be a class of networks, got {shown}: write {role} = MyNet "
            "without brackets, and derive that from nn.Module"
        )
    return found


def check_network(network: nn.Module, file: str, *, is_teacher: bool) -> None:
    """Refuse a network that reads what nobody has at hand, or that returns no faces.

    Args:
        network: on the processor; it is called once, and stays as it was.
        file: that it is from, for messages.
        is_teacher: it may see more than the LR face.

    Raises:
        UserError: it does not keep to this.
    """
    _check_weights(network, file)
    read = reads(network)
    check_fields(read, file)
    if not is_teacher and read != LR_IMAGE_ALONE:
        raise UserError(
            f"{file}: expected a NETWORK that reads the LR face alone, got one that reads "
            f"{' and '.join(read)}, which would be the true face's when it is scored: let a task "
            "compare it with these, or let a TEACHER read them"
        )
    copied = _tried(lambda: copy.deepcopy(network), file)
    sr_image = _passed(network, network)
    check_image(sr_image, file)
    again = _tried(lambda: _passed(copied, copied), file)
    if not torch.allclose(sr_image, again, equal_nan=True):
        raise UserError(COPIED.format(file=file, got="another face for the same input"))


def _tried(call: Callable[[], Any], file: str) -> Any:
    """Do what a copied network has to do, whatever its own code may raise there."""
    try:
        return call()
    except Exception as error:
        raise UserError(COPIED.format(file=file, got=f"{type(error).__name__} ({error})")) from None


def _check_weights(network: nn.Module, file: str) -> None:
    """Refuse weights that are not there yet, or that no file of weights holds."""
    for name, value in network.state_dict().items():
        if is_lazy(value):
            raise UserError(
                f"{file}: expected weights that the constructor makes, got {name}, whose shape is "
                "open until a face comes: take Conv2d(3, 64, 3) in the place of LazyConv2d(64, 3)"
            )
        if value.is_complex():
            raise UserError(
                f"{file}: expected weights and buffers of real numbers, got {name}, which is "
                "complex: hold its two parts, and join them in forward by torch.complex"
            )


def check_image(found: Any, what: str) -> None:
    """Refuse what is no SR image of one face.

    Args:
        found: what a forward has returned.
        what: has returned it, for messages.

    Raises:
        UserError: it is something else.
    """
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if shape != (1, 3, HR_SIZE, HR_SIZE):
        raise UserError(
            f"{what}: expected of forward (N, 3, {HR_SIZE}, {HR_SIZE}) for N faces, got {shape}: "
            "let it return the SR image alone"
        )


def check_file(found: ModuleType, file: str) -> None:
    """Refuse a file by which nothing can be distilled.

    Raises:
        UserError: it has a task as well, no taps, or classes without taps.
    """
    if hasattr(found, "task"):
        raise UserError(
            f"{file}: expected TEACHER or task, got both: a network that learns from a teacher is "
            "trained by the losses of Eq. 2 alone; leave one of them out"
        )
    if not hasattr(found, "DISTILLED_TAPS"):
        raise UserError(f"{file}: expected DISTILLED_TAPS beside TEACHER, got none: name features")
    for role in ("NETWORK", "TEACHER"):
        if not issubclass(one := check_class(getattr(found, role), role, file), TappedNetwork):
            raise UserError(
                f"{file}: expected {role} to be a TappedNetwork, whose features are compared, got "
                f"{one.__name__}: derive it from that"
            )


def check_distillation(distilled: Mapping[str, Any], file: str) -> None:
    """Refuse an authors' recipe that does not say how its network is distilled.

    Raises:
        UserError: it lacks the epochs or the weights, or has others.
    """
    weights = {*distilled} - {EPOCHS}
    if EPOCHS not in distilled or not weights or weights - {*TERMS}:
        raise UserError(
            f"{file}: expected in RECIPE the `distillation` of a network that has a TEACHER, "
            f"{EPOCHS} and weights of its loss out of {', '.join(TERMS)}, got "
            f"{', '.join(distilled) or 'none'}: mend it"
        )


def check_taps(
    network: TappedNetwork, teacher: TappedNetwork, taps: Sequence[str], file: str
) -> None:
    """Refuse features that cannot be compared; see :func:`check_network` for the arguments.

    Raises:
        UserError: one of the two lacks a feature, or has it in another shape.
    """
    found = [_passed(one, one.output).taps for one in (network, teacher)]
    for tap in taps:
        shapes = [tuple(one[tap].shape) if tap in one else "none" for one in found]
        if "none" in shapes or shapes[0] != shapes[1]:
            raise UserError(
                f"{file}: expected the feature {tap!r} of DISTILLED_TAPS in NETWORK and TEACHER, "
                f"in one shape, got {shapes[0]} and {shapes[1]}: mend its name, or SIZES and "
                "TEACHER_SIZES, or a variant's arguments of the teacher in pkdn/systems.py"
            )


@torch.no_grad()
def _passed(network: nn.Module, call: Callable[..., Any]) -> Any:
    """Return what a network makes of an example; random numbers go on as if it had not."""
    was = network.training
    with torch.random.fork_rng(devices=[]):
        found = call(*inputs(network.eval(), example(1, PROCESSOR)))
    network.train(was)
    return found
