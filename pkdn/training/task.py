"""What the training loop needs to know of a system: what it trains, and by which losses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from pkdn.training.batches import Batch


class Task(ABC):
    """From a batch to named loss terms, and who minimises which.

    Attributes:
        reads: the fields of a batch that the losses need beside the images: ``labels`` and
            ``landmarks``. Where faces have none, the task cannot be trained.
        network: what is kept of the training.
        minimised: for each loss term that is minimised the module that does so; ``loss`` is the
            network's own. More than one where networks learn against each other.
    """

    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.minimised: Mapping[str, nn.Module] = {"loss": network}

    @abstractmethod
    def losses(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Return scalar loss terms by name, those of ``minimised`` among them."""
