"""The 19 face-parsing classes: names, mirror pairs and colours."""

import numpy as np

CLASS_NAMES = (
    "background",
    "skin",
    "l_brow",
    "r_brow",
    "l_eye",
    "r_eye",
    "eye_g",
    "l_ear",
    "r_ear",
    "ear_r",
    "nose",
    "mouth",
    "u_lip",
    "l_lip",
    "neck",
    "neck_l",
    "cloth",
    "hair",
    "hat",
)
"""Names in BiSeNet's order; a label is an index into this tuple."""

NUM_CLASSES = len(CLASS_NAMES)

LEFT_RIGHT = ((2, 3), (4, 5), (7, 8))
"""Pairs of labels that change places when a face is mirrored: brows, eyes, ears."""

PALETTE = np.array(
    [
        (0, 0, 0),
        (255, 192, 128),
        (0, 128, 0),
        (128, 255, 0),
        (0, 0, 255),
        (0, 128, 255),
        (255, 255, 255),
        (128, 0, 255),
        (255, 128, 255),
        (128, 128, 0),
        (255, 255, 0),
        (128, 0, 0),
        (255, 0, 0),
        (255, 0, 128),
        (255, 128, 0),
        (128, 255, 255),
        (0, 128, 128),
        (128, 128, 128),
        (0, 255, 128),
    ],
    dtype=np.uint8,
)
"""Colour of each class, RGB, (19, 3).

The papers do not state their colours; these lie on the corners, edges and faces of the RGB
cube, so that any two differ by about half the range in some channel.
"""

PALETTE.setflags(write=False)


def mirrored_labels() -> np.ndarray:
    """Return the label each label becomes when a face is mirrored: uint8, (19,)."""
    table = np.arange(NUM_CLASSES, dtype=np.uint8)
    for left, right in LEFT_RIGHT:
        table[left], table[right] = right, left
    return table


def colorize(labels: np.ndarray) -> np.ndarray:
    """Paint a parsing map.

    Args:
        labels: integers 0 to 18, any shape (..., H, W).

    Returns:
        RGB uint8, (..., H, W, 3).

    Raises:
        IndexError: a label is 19 or more.
    """
    return PALETTE[labels]
