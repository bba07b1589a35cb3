"""The systems whose authors publish their networks: where, how they are made, what they take."""

from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parity import names
from parity.faces import Faces
from pkdn.networks import dic, kdfsrnet, sisn, sparnet


class System(NamedTuple):
    """A network of ours and its counterpart.

    Attributes:
        title: Of its row.
        repository: On GitHub.
        file: Where its class is in a checkout.
        ours: Makes our network.
        theirs: Makes their network out of that file's module.
        weights: Which modules share weights.
        features: Which modules' outputs are compared.
        run_ours: Our outputs for a batch: SR in [0, 1], then others that are compared.
        run_theirs: Theirs, with their own preparation of the batch, in the same units.
        orders: Where a module of ours has its input channels in another order: for each channel
            of theirs, which it is of ours.
    """

    title: str
    repository: str
    file: str
    ours: Callable[[], nn.Module]
    theirs: Callable[[Any], nn.Module]
    weights: list[names.Pair]
    features: list[names.Pair]
    run_ours: Callable[[Any, Faces], list[Tensor]]
    run_theirs: Callable[[Any, Faces], list[Tensor]]
    orders: Mapping[str, Tensor] = MappingProxyType({})


def _convolution(inputs: int, outputs: int, size: int, bias: bool = True) -> nn.Conv2d:
    """KDFSRNet's own, whose fourth argument is a stride that it is called with ``True`` for."""
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=bias)


KDFSRNET = SimpleNamespace(n_colors=3, rgb_range=255)
SISN = SimpleNamespace(num_groups=10, num_blocks=10, num_channels=64, reduction=16, scale=8)
DIC = {
    "in_channels": 3,
    "out_channels": 3,
    "num_groups": 6,
    "hg_num_feature": 256,
    "hg_num_keypoints": 68,
    "num_steps": 4,
    "num_features": 48,
    "scale": 8,
    "detach_attention": False,
    "num_fusion_block": 7,
}
"""Each as its options have them."""


def _shifted(faces: Faces) -> tuple[Tensor, Tensor]:
    mean = torch.tensor(dic.MEAN_RGB).reshape(3, 1, 1)
    return faces.lr_image - mean, mean


def _dic_ours(network: dic.DIC, faces: Faces) -> list[Tensor]:
    found = network.output(faces.lr_image)
    return [*reversed(found.sr_images), *found.heatmaps]


def _dic_theirs(network: nn.Module, faces: Faces) -> list[Tensor]:
    shifted, mean = _shifted(faces)
    images, heatmaps = network(shifted)
    return [*(image + mean for image in reversed(images)), *heatmaps]


def _sisn_theirs(network: nn.Module, faces: Faces) -> list[Tensor]:
    return [network(F.interpolate(255 * faces.lr_image, scale_factor=8, mode="nearest")) / 255]


SYSTEMS = (
    System(
        "KDFSRNet student",
        "wcy-cs/KDFSRNet",
        "model/net.py",
        kdfsrnet.KDFSRNet,
        lambda module: module.Student(KDFSRNET, _convolution),
        [*names.kdfsrnet(6)],
        [*names.kdfsrnet_stages()],
        lambda network, faces: [network.output(faces.lr_image).sr_image],
        lambda network, faces: [network(faces.enlarged)[1]],
    ),
    System(
        "KDFSRNet teacher",
        "wcy-cs/KDFSRNet",
        "model/net.py",
        kdfsrnet.KDFSRNetTeacher,
        lambda module: module.Teacherp(KDFSRNET, _convolution),
        [*names.kdfsrnet(2)],
        [*names.kdfsrnet_stages()],
        lambda network, faces: [network.output(faces.lr_image, faces.labels).sr_image],
        lambda network, faces: [network(faces.enlarged, faces.parsing)[1]],
    ),
    System(
        "SPARNet",
        "chaofengc/Face-SPARNet",
        "models/sparnet.py",
        sparnet.SPARNet,
        lambda module: module.SPARNet(),
        [*names.sparnet()],
        names.sparnet_units(),
        lambda network, faces: [network(faces.lr_image)],
        lambda network, faces: [(network(2 * faces.enlarged - 1) + 1) / 2],
    ),
    System(
        "SISN",
        "mdswyz/SISN-Face-Hallucination",
        "model/sisn.py",
        sisn.SISN,
        lambda module: module.Net(SISN),
        [*names.sisn()],
        names.sisn_groups(),
        lambda network, faces: [network(faces.lr_image)],
        _sisn_theirs,
        # theirs unshuffles pixels row, column, colour; ours colour, row, column
        {"head.1": torch.arange(3 * 8 * 8).reshape(3, 8 * 8).T.flatten()},
    ),
    System(
        "DIC, 4 steps",
        "Maclory/Deep-Iterative-Collaboration",
        "code/networks/dic_arch.py",
        dic.DIC,
        lambda module: module.DIC(DIC, torch.device("cpu")),
        [*names.dic()],
        [],
        _dic_ours,
        _dic_theirs,
    ),
)
