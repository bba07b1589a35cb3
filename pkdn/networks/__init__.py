"""The networks, one file each, found by name.

A network's file has:

- ``TITLE`` and ``INPUT``, plain strings, which ``pkdn.systems`` reads without importing the file:
  its name in the tables, and what its first layer sees;
- ``NETWORK``: its class. ``forward`` takes the LR image alone, as teachers take the fields of a
  ``pkdn.training.batches.Batch`` that their class attribute ``reads`` names, and returns
  (N, 3, 128, 128). The constructor's keyword defaults are the authors' sizes;
- ``SIZES``: the constructor's arguments by the name of a size, ``demo``, ``small`` (about a tenth
  of the authors' multiplications), ``paper`` (none: the defaults) and any other that
  ``params.yaml`` asks for;
- perhaps ``task(network, size)``: the :class:`pkdn.training.task.Task` that trains it. Its class
  attribute ``reads`` names what the losses need beside the images, such as ``("landmarks",)``: on
  faces without them the network is not trained, and its row in the tables says why. Without it
  the network is trained by :class:`pkdn.learning.tasks.SuperResolutionTask`;
- perhaps ``TEACHER``, in place of a task: a class that reads ``("lr_image", "labels")``, with
  ``TEACHER_SIZES``, as ``SIZES``, and ``DISTILLED_TAPS``, the features that teacher and network are
  compared by, both of them a :class:`pkdn.learning.network.TappedNetwork`: then the network is
  distilled (Eq. 2);
- perhaps ``RECIPE``: its authors' :class:`pkdn.training.recipe.AuthorsRecipe`;
- perhaps ``HIGHEST_RATE``: no profile trains it faster than at this learning rate.

To compare one more network, add its file and its name to ``networks`` in ``params.yaml``, and to
``authors_recipes`` where it has a recipe that is to be tried too.

A weights file is safetensors that say which network they belong to: :class:`Description`.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from torch import nn

from pkdn.closure import found_by_name
from pkdn.errors import UserError
from pkdn.learning import contract
from pkdn.learning.network import TappedNetwork, reads
from pkdn.learning.tasks import DistillationTask, SuperResolutionTask
from pkdn.training import tensors
from pkdn.training.recipe import A_RATE, AuthorsRecipe, Recipe, is_rate
from pkdn.training.task import Task

Role = Literal["network", "teacher"]

ABSENT = "absent"
CARD = "card"
PLAIN = (bool, int, float, str, type(None))
LONGEST_CAUSE = 200
"""Characters of PyTorch's own message that one of ours repeats."""


@dataclass(frozen=True)
class Description:
    """Which network it is, with its sizes.

    Attributes:
        network: its name, a file in ``pkdn/networks``.
        role: ``network`` or ``teacher``: which class in that file.
        arguments: of the constructor: numbers, words, None, tuples, and dicts by words, which the
            file of the weights holds too, so that it builds this very network. Lists are tuples.

    Raises:
        UserError: an argument is something else.
    """

    network: str
    role: Role
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        """Bring the arguments into the one form that a file of weights gives back."""
        object.__setattr__(self, "arguments", _plain(self.arguments, self.network))

    def build(self) -> nn.Module:
        """Make the network."""
        found = _class(self)
        try:
            inspect.signature(found).bind(**self.arguments)
        except TypeError as error:
            raise UserError(
                f"expected arguments of {found.__name__} in pkdn/networks/{self.network}.py, got "
                f"{self.arguments}: {error}; change the sizes there"
            ) from None
        return found(**self.arguments)


def _plain(value: Any, network: str) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_plain(one, network) for one in value)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(one, network) for key, one in value.items()}
    if type(value) in PLAIN:
        return value
    raise UserError(
        f"{_file(network)}: expected sizes of numbers, words, tuples of them, and dicts by words, "
        f"as files of weights hold them, got {value!r}: name it by a word, and let the constructor "
        "choose by that"
    )


def names() -> list[str]:
    """Return the names of all networks, sorted."""
    return found_by_name(__path__)


def module(name: str) -> ModuleType:
    """Import a network's file.

    Raises:
        UserError: there is no network of this name.
    """
    if name not in names():
        raise UserError(f"no network is called {name!r}; there are {', '.join(names())}")
    return import_module(f"{__name__}.{name}")


def describe(name: str, size: str, *, teacher: bool = False, **arguments: Any) -> Description:
    """Return a network, or its teacher, at one of its sizes.

    Args:
        name: the network's.
        size: a key of ``SIZES``, or of ``TEACHER_SIZES``.
        teacher: whether its teacher is meant.
        arguments: of the constructor, beside those of the size or instead of them.

    Raises:
        UserError: there is no such network, or no such size of it.
    """
    table = "TEACHER_SIZES" if teacher else "SIZES"
    sizes: Mapping[str, dict[str, Any]] = getattr(module(name), table, {})
    if size not in sizes:
        raise UserError(
            f"expected a size in {table} of pkdn/networks/{name}.py, {', '.join(sizes) or 'none'}, "
            f"got {size!r}; choose another or add it there"
        )
    if not isinstance(sizes[size], Mapping):
        raise UserError(
            f"pkdn/networks/{name}.py: expected in {table} the constructor's arguments as a dict "
            f"for {size!r}, got {sizes[size]!r}: write {{}} for the defaults"
        )
    return Description(name, "teacher" if teacher else "network", {**sizes[size], **arguments})


def task(name: str, network: nn.Module, size: str) -> Task:
    """Return what trains a network of this size: what its file says, or mean absolute error."""
    own: Callable[[nn.Module, str], Task] | None = getattr(module(name), "task", None)
    return own(network, size) if own else SuperResolutionTask(network)


def recipe(settings: Mapping[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    """Return how a planned network is trained, and distilled where it is.

    Args:
        settings: of the run: by the one recipe, or by that of the network's authors.
    """
    found, file = module(settings["network"]), _file(settings["network"])
    if "authors" in settings:
        limits = dict(settings["authors"])
        dataset = limits.pop("dataset")
        authors = found.RECIPE
        if not isinstance(authors, AuthorsRecipe):
            raise UserError(f"{file}: expected RECIPE = AuthorsRecipe(…), got {authors!r}: mend it")
        recipe = Recipe.by_authors(authors, dataset, limits)
        distilled = authors.distilled(dataset, limits)
        if hasattr(found, "TEACHER"):
            contract.check_distillation(distilled, file)
    else:
        recipe, distilled = Recipe.of(settings["recipe"]), settings["distillation"]
    highest = getattr(found, "HIGHEST_RATE", recipe.learning_rate)
    if not is_rate(highest):
        raise UserError(f"{file}: expected HIGHEST_RATE = {A_RATE}, got {highest!r}: mend it")
    return replace(recipe, learning_rate=min(recipe.learning_rate, highest)), distilled


def check(description: Description) -> None:
    """Refuse a network that cannot be trained or scored, before hours go into it.

    Raises:
        UserError: it does not keep to :func:`pkdn.learning.contract.check_network`.
    """
    is_teacher = description.role == "teacher"
    file = _file(description.network)
    contract.check_network(description.build(), file, is_teacher=is_teacher)


def check_distilled(name: str, size: str, **of_teacher: Any) -> None:
    """Refuse what cannot be distilled, before a teacher is trained for it.

    Args:
        name: the network's.
        size: of the network, and of its teacher.
        of_teacher: arguments of the teacher's constructor, as :func:`describe` takes them.

    Raises:
        UserError: its file, or what that builds, does not keep to :mod:`pkdn.learning.contract`.
    """
    found, file = module(name), _file(name)
    contract.check_file(found, file)
    teacher = describe(name, size, teacher=True, **of_teacher).build()
    network = describe(name, size).build()
    contract.check_network(teacher, file, is_teacher=True)
    assert isinstance(teacher, TappedNetwork) and isinstance(network, TappedNetwork)
    contract.check_taps(network, teacher, found.DISTILLED_TAPS, file)


def check_task(task: Task, name: str) -> None:
    """Refuse a task that reads what no batch has."""
    contract.check_fields(task.reads, _file(name))


def teacher_reads(name: str) -> tuple[str, ...]:
    """Return the fields of a batch that a network's teacher takes."""
    return reads(module(name).TEACHER)


def _class(description: Description) -> type[nn.Module]:
    role = str(description.role).upper()
    found: type[nn.Module] | None = getattr(module(description.network), role, None)
    if found is None:
        raise UserError(f"expected {role} in {_file(description.network)}, found none")
    return contract.check_class(found, role, _file(description.network))


def _file(name: str) -> str:
    return f"pkdn/networks/{name}.py"


def distillation(
    name: str, network: nn.Module, teacher: nn.Module, *, distill_epochs: int, **weights: float
) -> Task:
    """Return what trains a network by its trained teacher, on the features that its file names.

    See :class:`pkdn.learning.tasks.DistillationTask` for what the arguments are.
    """
    assert isinstance(network, TappedNetwork) and isinstance(teacher, TappedNetwork)
    taps = module(name).DISTILLED_TAPS
    return DistillationTask(
        network, teacher, taps=taps, weights=weights, distill_epochs=distill_epochs
    )


def save(network: nn.Module, description: Description, path: Path) -> None:
    """Write the weights with their description; the file appears whole or not at all."""
    tensors.write(network.state_dict(), asdict(description), path)


def save_absence(reason: str, path: Path) -> None:
    """Write, in the place of weights, why there are none, such as "needs landmarks"."""
    tensors.write({}, {ABSENT: reason}, path)


def absence(path: Path) -> str:
    """Return why a file holds no weights; empty where it holds some."""
    return str(_read(path)[0].get(ABSENT, ""))


def save_with_card(weights: Path, card: Mapping[str, Any], path: Path) -> None:
    """Write weights once more, with what is to be known of them; see :mod:`pkdn.weights`."""
    described, state = _read(weights)
    load(weights)
    tensors.write(state, {**described, CARD: dict(card)}, path)


def card(path: Path) -> dict[str, Any] | None:
    """Return what a file of weights says of itself, None where it says nothing."""
    found: dict[str, Any] | None = _read(path)[0].get(CARD)
    return found


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return tensors.read(path, what="weights", advice="name another file, or run `dvc repro`")


def _not_finite(network: nn.Module) -> set[str]:
    """Return which weights and buffers hold what is no number, such as the infinities of a mask."""
    return {name for name, value in network.state_dict().items() if not value.isfinite().all()}


def load(path: Path) -> nn.Module:
    """Build the network that a weights file describes, with its weights, in evaluation mode.

    Raises:
        UserError: the file is missing, is no weights file of this project, or does not fit
            the network that it names.
    """
    described, state = _read(path)
    if ABSENT in described:
        raise UserError(f"{path} holds no weights: {described[ABSENT]}")
    described.pop(CARD, None)
    try:
        description = Description(**described)
    except TypeError:
        raise UserError(
            f"expected weights of this project in {path}, but it names no network"
        ) from None
    network = description.build()
    built = _not_finite(network)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        found = " ".join(str(error).split())[:LONGEST_CAUSE]
        raise UserError(
            f"the weights in {path} do not fit {description.network} as it is now: {found}; "
            "train it anew"
        ) from None
    if _not_finite(network) - built:
        raise UserError(
            f"expected finite numbers in the weights of {path}, got others: train it anew"
        )
    return network.eval()
