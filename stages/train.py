"""Train a network: PKDN's teachers and students, and the systems that they are compared with.

They differ in the network, in the losses, and in the recipe; the plan says which.
"""

import random
from collections.abc import Sequence
from typing import Any

from pkdn import command

# isort: split
# From here on Ctrl-C is no traceback.
import numpy as np
import torch
from torch import nn

from pkdn import networks, tracking
from pkdn.learning.network import reads
from pkdn.learning.tasks import SuperResolutionTask
from pkdn.learning.validation import psnr_on
from pkdn.provenance import write_curve
from pkdn.runs import TRAININGS, Planned, planned_by_command
from pkdn.training import precision
from pkdn.training.session import as_the_faces_allow, open_faces, train_recorded
from pkdn.training.task import Task


def by_name(planned: Planned) -> list[str]:
    """Return the modules that are imported by their names."""
    return [f"pkdn.networks.{planned.settings['network']}"]


class Training:
    """One run: its network, how it learns, and on what.

    Args:
        planned: what it was asked to do.
    """

    def __init__(self, planned: Planned) -> None:
        settings = planned.settings
        assert planned.id.seed is not None
        self.seed, self.reads = planned.id.seed, planned.reads
        self.name: str = settings["network"]
        self.size: str = settings["size"]
        self.is_teacher: bool = settings["is_teacher"]
        self.arguments: dict[str, Any] = settings["arguments"]
        stated, self.distillation = networks.recipe(settings)
        self.compute = precision.choose(
            settings["precision"],
            precision.default_device(),
            compiles=settings.get("compile", "off"),
            steps=stated.steps,
        )
        self.batches, self.validation = open_faces(
            self.reads["faces"],
            self.reads["maps"],
            stated,
            seed=self.seed,
            device=self.compute.device,
        )
        self.recipe = as_the_faces_allow(stated, self.batches, self.validation)

    def params(self) -> dict[str, Any]:
        """Return all that decides about the weights, beside seed, code and data."""
        return {
            "network": self.name,
            "size": self.size,
            **self.description().arguments,
            **self.recipe.record(),
            **self.distillation,
            **self.compute.record(),
        }

    def computes(self) -> str:
        """Return what decides beside the parameters, the code and the data."""
        return f"{self.description().role} with the seed {self.seed}"

    def description(self) -> networks.Description:
        """Return what the weights' file says of the network."""
        return networks.describe(self.name, self.size, teacher=self.is_teacher, **self.arguments)

    def run(self, run: tracking.Run) -> None:
        """Train, and write weights and curves; or say why not."""
        networks.check(self.description())
        teacher = None
        if self.is_teacher:  # of a student that another stage trains afterwards
            networks.check_distilled(self.name, self.size, **self.arguments)
        if self.distillation:
            networks.check_distilled(self.name, self.size)
            if self._lack(networks.teacher_reads(self.name)):
                self._leave(run)
                return
            teacher = self._teacher(run)
        task = self._task(self._seeded(self.description()), teacher)
        networks.check_task(task, self.name)
        if self._lack(task.reads):
            self._leave(run)
            return
        networks.save(self._train(task, run), self.description(), run.id.weights)

    def _lack(self, needed: Sequence[str]) -> bool:
        """Return whether landmarks are needed that no face has."""
        return "landmarks" in needed and not self.batches.have_landmarks()

    def _leave(self, run: tracking.Run) -> None:
        """Say in the place of weights why there are none."""
        print(f"{run.name}: needs landmarks, and these faces have none: not trained")
        write_curve(run.id.curve(), [])
        networks.save_absence("needs landmarks", run.id.weights)

    def _teacher(self, run: tracking.Run) -> nn.Module:
        """Return the teacher: trained by a stage of its own, or here, first."""
        if "teacher" in self.reads:
            return self.compute.place(networks.load(self.reads["teacher"]))
        description = networks.describe(self.name, self.size, teacher=True)
        return self._train(SuperResolutionTask(self._seeded(description)), run, phase="teacher")

    def _seeded(self, description: networks.Description) -> nn.Module:
        """Build a network whose first weights depend on its role and the seed alone.

        A teacher draws other numbers than its student: where both are built alike, they would
        begin as the same network, and near features would be no merit of the distillation.
        """
        seed = self.seed
        if description.role == "teacher":
            seed = int(np.random.default_rng(seed).integers(2**32))
        torch.manual_seed(seed)
        random.seed(seed)  # this and NumPy's are for networks of users
        np.random.seed(seed)
        return description.build()

    def _task(self, network: nn.Module, teacher: nn.Module | None) -> Task:
        if teacher is not None:
            return networks.distillation(self.name, network, teacher, **self.distillation)
        if self.is_teacher:
            return SuperResolutionTask(network)
        return networks.task(self.name, network, self.size)

    def _train(self, task: Task, run: tracking.Run, phase: str = "") -> nn.Module:
        batches, validation = self.batches, self.validation
        read = reads(task.network)
        if "labels" not in (*task.reads, *read):
            batches = batches.without_labels()
        if "labels" not in read:
            validation = validation.without_labels()
        return train_recorded(
            task,
            batches,
            self.recipe,
            precision=self.compute,
            validate=psnr_on(validation, task.network, self.compute),
            run=run,
            phase=phase,
        )


def main() -> None:
    """Write the weights and the curve of one network."""
    planned = planned_by_command(__doc__, *TRAININGS)
    training = Training(planned)
    tags = {"network": training.name, "precision": training.compute.name}
    with tracking.run(
        planned,
        training.params(),
        tags=tags,
        by_name=by_name(planned),
        computes=training.computes(),
    ) as run:
        training.run(run)


if __name__ == "__main__":
    command.run(main)
