"""The networks, one file each, found by name.

A network's file has:

- ``NETWORK``: its class; ``forward(lr_image)`` takes (N, 3, 16, 16) in [0, 1] and returns
  (N, 3, 128, 128); the constructor's keyword defaults are the authors' sizes;
- ``DEMO``: the constructor's arguments in the demo profile;
- ``TITLE`` and ``INPUT``: its name in the tables, and what its first layer sees;
- perhaps ``TEACHER``: the class of a teacher, whose ``forward`` takes the HR face's labels
  (N, 128, 128) too, and ``DEMO_TEACHER``, as ``DEMO``;
- perhaps ``tasks(profile)``: its own training tasks in their order, each with the name of its
  phase: ``teacher`` for a network that sees parsing maps, and last the network's own with an
  empty name. Without it the network is trained alone, by
  :class:`pkdn.learning.tasks.SuperResolutionTask`;
- perhaps ``RECIPE``: its authors' :class:`pkdn.training.recipe.AuthorsRecipe`;
- perhaps ``NEEDS_LANDMARKS = True``: its losses need 68 landmarks, so that on faces without any
  it is not trained, and its row in the tables says why.

To compare one more network, add its file and its name to ``networks`` in ``params.yaml``, and to
``authors_recipes`` where it has a recipe that is to be tried too.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import NamedTuple

from torch import nn

from pkdn.errors import UserError
from pkdn.learning.tasks import SuperResolutionTask, Task


def names() -> list[str]:
    """Return the names of all networks, sorted."""
    modules = iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in modules if not module.ispkg)


def load(name: str) -> ModuleType:
    """Import a network's file.

    Raises:
        UserError: there is no network of this name.
    """
    if name not in names():
        raise UserError(f"no network is called {name!r}; there are {', '.join(names())}")
    return import_module(f"{__name__}.{name}")


def build(name: str, profile: str) -> nn.Module:
    """Make a network at the sizes of a profile, ``paper`` or ``demo``."""
    module = load(name)
    network: nn.Module = module.NETWORK(**(module.DEMO if profile == "demo" else {}))
    return network


class System(NamedTuple):
    """A network as the tables of sizes show it.

    Attributes:
        title: its name.
        input: what its first layer sees.
        network: at the sizes of a profile.
        is_teacher: whether it sees the HR face's parsing map, and so is no use where faces are
            enlarged.
    """

    title: str
    input: str
    network: nn.Module
    is_teacher: bool


def systems(name: str, profile: str) -> Iterator[System]:
    """Make a network at the sizes of a profile, and the teacher of its file if it has one."""
    module = load(name)
    yield System(module.TITLE, module.INPUT, build(name, profile), is_teacher=False)
    if hasattr(module, "TEACHER"):
        teacher = module.TEACHER(**(module.DEMO_TEACHER if profile == "demo" else {}))
        title, what = f"{module.TITLE} teacher", f"{module.INPUT} + parsing map"
        yield System(title, what, teacher, is_teacher=True)


def tasks(name: str, profile: str) -> Iterator[tuple[Task, str]]:
    """Yield a network's training tasks with their phases; the last one trains the network."""
    module = load(name)
    if hasattr(module, "tasks"):
        yield from module.tasks(profile)
    else:
        yield SuperResolutionTask(build(name, profile)), ""
