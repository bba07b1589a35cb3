"""What training faces go through: always the image with its labels and its landmarks.

Each function draws from torch's random state, so a resumed training sees the same faces.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pkdn.faces.classes import mirrored_labels
from pkdn.training.rows import sent

# SPARNet's code: faces grow by up to 1.3; of the result it takes a rectangle with 0.7 to 1 of the
# area and sides as 3:4 to 4:3, both drawn for the face's size before it grew.
LARGEST_ZOOM = 1.3
LEAST_AREA = 2 - LARGEST_ZOOM
LARGEST_ASPECT = 4 / 3
DRAWS = 10
# DIC's options for Helen: height over width of what is cut out.
DISTORTION = (0.66, 1.33)
# Not stated in the paper; chosen because a network learnt 1,100 faces by heart without, and gained
# 0.43 dB with it (docs/results.md): degrees, the factor of the size, the share of the side.
MOST_TURN = 10.0
MOST_ZOOM = 1.1
MOST_SHIFT = 0.06


class Faces(NamedTuple):
    """A batch of faces with what is known of them.

    Attributes:
        images: (N, 3, S, S).
        labels: (N, S, S), face-parsing classes, or None.
        landmarks: (N, 68, 2), x and y in pixels, NaN where unknown, or None; in the machine's
            memory, wherever the images are.
    """

    images: Tensor
    labels: Tensor | None = None
    landmarks: Tensor | None = None


Augmentation = Callable[[Faces], Faces]
"""From faces to as many others, by torch's random state."""


def _mirrored_landmarks() -> list[int]:
    """Return, for each of the 68 landmarks, which one becomes it when a face is mirrored."""
    outline, brows, bridge = range(16, -1, -1), range(26, 16, -1), range(27, 31)
    nostrils = range(35, 30, -1)
    eyes = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
    lips = (54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55)
    inner_lips = (64, 63, 62, 61, 60, 67, 66, 65)
    return [*outline, *brows, *bridge, *nostrils, *eyes, *lips, *inner_lips]


MIRRORED_LANDMARKS: Final = _mirrored_landmarks()


@lru_cache
def _mirrored_labels(device: torch.device) -> Tensor:
    return torch.from_numpy(mirrored_labels()).to(device)


def mirror(faces: Faces) -> Faces:
    """Mirror each face with probability ½; left parts and left landmarks become right ones."""
    images, labels, landmarks = faces
    drawn = (torch.rand(len(images)) < 0.5)[:, None, None]
    chosen = sent(drawn, images.device)
    images = torch.where(chosen[:, None], images.flip(-1), images)
    if labels is not None:
        other = _mirrored_labels(labels.device)[labels.flip(-1).long()].to(labels.dtype)
        labels = torch.where(chosen, other, labels)
    if landmarks is not None:
        x, y = landmarks[:, MIRRORED_LANDMARKS].unbind(-1)
        landmarks = torch.where(drawn, torch.stack([images.shape[-1] - x, y], -1), landmarks)
    return Faces(images, labels, landmarks)


def mirror_and_turn(faces: Faces) -> Faces:
    """Mirror each face with probability ½, then turn it by 0, 90, 180 or 270 degrees.

    The eight results are equally likely: DIC's on Helen, and SISN's three independent flips.
    """
    images, labels, landmarks = mirror(faces)
    turns = torch.randint(4, (len(images),)).tolist()
    images = torch.stack([one.rot90(k, (1, 2)) for one, k in zip(images, turns, strict=True)])
    if labels is not None:
        labels = torch.stack([one.rot90(k, (0, 1)) for one, k in zip(labels, turns, strict=True)])
    if landmarks is not None:
        side = images.shape[-1]
        turned = [_turned(one, k, side) for one, k in zip(landmarks, turns, strict=True)]
        landmarks = torch.stack(turned)
    return Faces(images, labels, landmarks)


def _turned(points: Tensor, quarters: int, side: int) -> Tensor:
    for _ in range(quarters):
        points = torch.stack([points[:, 1], side - points[:, 0]], dim=-1)
    return points


def mirror_and_zoom(faces: Faces) -> Faces:
    """Mirror each face with probability ½, and cut a part out of its enlarged self: SPARNet's.

    As in its code the part is drawn for the smaller face, so that it lies towards the top left.
    """
    return _each(mirror(faces), _zoomed)


def distort_mirror_and_turn(faces: Faces) -> Faces:
    """Squeeze each face, then :func:`mirror_and_turn`: DIC's on Helen.

    DIC cuts the photo narrower or lower by a ratio of 0.66 to 1.33, but not through a landmark.
    It resizes once from the photo, we the face that was cut before. It also mirrors landmarks of
    each eye within that eye; here the eyes are exchanged. Faces without landmarks stay.
    """
    return mirror_and_turn(_each(faces, _distorted))


def affine(faces: Faces) -> Faces:
    """Mirror each face with probability ½, then turn, scale and shift it a little: our choice.

    By up to 10 degrees, to between 1/1.1 and 1.1 of its size, and by up to 6% of the side across
    and down, drawn evenly. What comes in from outside is the face, reflected at its border.
    """
    images, labels, landmarks = mirror(faces)
    turn, zoom, x, y = (2 * torch.rand(len(images), 4) - 1).unbind(1)
    angle, size = torch.deg2rad(MOST_TURN * turn), MOST_ZOOM**zoom
    moves = torch.stack(
        [angle.cos() / size, angle.sin() / size, 2 * MOST_SHIFT * x, 2 * MOST_SHIFT * y]
    )
    where = places(sent(moves, images.device), images.shape[-1])
    moved = _sampled(images, where, "bicubic").round().clamp(0, 255).to(images.dtype)
    if labels is not None:
        labels = _sampled(labels[:, None], where, "nearest")[:, 0].to(labels.dtype)
    if landmarks is not None:
        half = images.shape[-1] / 2
        cos, sin, x, y = moves[..., None]
        right, down = (landmarks - half).unbind(-1)
        right, down = right - half * x, down - half * y
        back = torch.stack([cos * right + sin * down, cos * down - sin * right], dim=-1)
        landmarks = half + back * size[:, None, None] ** 2
    return Faces(moved, labels, landmarks)


def places(moves: Tensor, side: int) -> Tensor:
    """Return where in each face its pixels come from, (N, S, S, 2), for ``grid_sample``.

    As ``affine_grid`` does, whose matrix product autocast would round to 0.2 pixels.

    Args:
        moves: cosine and sine over the size, and the shift in half sides across and down, (4, N).
        side: in pixels.
    """
    cos, sin, x, y = moves[..., None, None]
    across = (2 * torch.arange(side, device=moves.device) + 1) / side - 1
    down = across[:, None]
    return torch.stack([cos * across - sin * down + x, sin * across + cos * down + y], dim=-1)


def _sampled(images: Tensor, where: Tensor, mode: str) -> Tensor:
    return F.grid_sample(
        images.float(), where, mode=mode, padding_mode="reflection", align_corners=False
    )


Part = tuple[int, int, int, int]
"""Left, top, width and height of what is cut out, in whole pixels."""


def _each(faces: Faces, draw: Callable[[Tensor | None, int], Part]) -> Faces:
    """Cut the part that ``draw`` names out of each face, and resize it to the whole."""
    images, labels, landmarks = faces
    side = images.shape[-1]
    parts = [draw(None if landmarks is None else landmarks[i], side) for i in range(len(images))]
    return Faces(
        torch.stack([_resized(one, part) for one, part in zip(images, parts, strict=True)]),
        None if labels is None else torch.stack(list(map(_resized_labels, labels, parts))),
        None
        if landmarks is None
        else torch.stack(
            [_moved(one, part, side) for one, part in zip(landmarks, parts, strict=True)]
        ),
    )


def _resized(image: Tensor, part: Part) -> Tensor:
    left, top, width, height = part
    side = image.shape[-1]
    cut = image[None, :, top : top + height, left : left + width].float()
    resized = F.interpolate(cut, (side, side), mode="bicubic", antialias=True)
    return resized[0].round().clamp(0, 255).to(image.dtype)


def _resized_labels(labels: Tensor, part: Part) -> Tensor:
    left, top, width, height = part
    cut = labels[None, None, top : top + height, left : left + width].float()
    return F.interpolate(cut, labels.shape, mode="nearest-exact")[0, 0].to(labels.dtype)


def _moved(landmarks: Tensor, part: Part, side: int) -> Tensor:
    left, top, width, height = part
    return (landmarks - landmarks.new_tensor([left, top])) * (
        side / landmarks.new_tensor([width, height])
    )


def _zoomed(landmarks: Tensor | None, side: int) -> Part:  # noqa: ARG001
    """Draw SPARNet's part."""
    zoom = 1 + float(torch.rand(1)) * (LARGEST_ZOOM - 1)
    if int(side * zoom) == side:
        return 0, 0, side, side
    for _ in range(DRAWS):
        area, aspect, left, top = torch.rand(4).tolist()
        area = (LEAST_AREA + (1 - LEAST_AREA) * area) * side * side
        ratio = math.exp((2 * aspect - 1) * math.log(LARGEST_ASPECT))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if width <= side and height <= side:
            left, top = int(left * (side - width + 1)), int(top * (side - height + 1))
            found = left / zoom, top / zoom, width / zoom, height / zoom
            return round(found[0]), round(found[1]), round(found[2]), round(found[3])
    return 0, 0, round(side / zoom), round(side / zoom)


def _distorted(landmarks: Tensor | None, side: int) -> Part:
    """Draw DIC's part."""
    least, most = DISTORTION
    ratio = least + float(torch.rand(1)) * (most - least)
    if landmarks is None or not bool(landmarks.isfinite().all()):
        return 0, 0, side, side
    (low_x, low_y), (high_x, high_y) = landmarks.amin(0).tolist(), landmarks.amax(0).tolist()
    if ratio < 1:
        height = min(side, math.ceil(max(ratio * side, high_y - low_y)))
        return 0, _centred((low_y + high_y) / 2, height, side), side, height
    width = min(side, math.ceil(max(side / ratio, high_x - low_x)))
    return _centred((low_x + high_x) / 2, width, side), 0, width, side


def _centred(middle: float, length: int, side: int) -> int:
    """Return where a stretch begins that lies around ``middle`` and within 0 and ``side``."""
    return round(min(max(middle - length / 2, 0), side - length))


AUGMENTATIONS: dict[str, Augmentation | None] = {"none": None, "mirror": mirror, "affine": affine}
"""Those of the one recipe, by their names in ``params.yaml``."""
