"""The 19 face-parsing classes: names, mirror pairs and colours."""

import numpy as np

COLOURS = {
    "background": (0, 0, 0),
    "skin": (255, 192, 128),
    "l_brow": (0, 128, 0),
    "r_brow": (128, 255, 0),
    "l_eye": (0, 0, 255),
    "r_eye": (0, 128, 255),
    "eye_g": (255, 255, 255),
    "l_ear": (128, 0, 255),
    "r_ear": (255, 128, 255),
    "ear_r": (128, 128, 0),
    "nose": (255, 255, 0),
    "mouth": (128, 0, 0),
    "u_lip": (255, 0, 0),
    "l_lip": (255, 0, 128),
    "neck": (255, 128, 0),
    "neck_l": (128, 255, 255),
    "cloth": (0, 128, 128),
    "hair": (128, 128, 128),
    "hat": (0, 255, 128),
}
"""Colour of each class, RGB, in BiSeNet's order.

The papers do not state their colours; these lie on the corners, edges and faces of the RGB
cube, so that any two differ by about half the range in some channel.
"""

CLASS_NAMES = tuple(COLOURS)
"""A label is an index into this tuple."""

NUM_CLASSES = len(CLASS_NAMES)

LEFT_RIGHT = ((2, 3), (4, 5), (7, 8))
"""Pairs of labels that change places when a face is mirrored: brows, eyes, ears."""

PALETTE = np.array([*COLOURS.values()], dtype=np.uint8)
"""The colours by label, (19, 3): ``PALETTE[labels]`` paints a parsing map."""

PALETTE.setflags(write=False)


def mirrored_labels() -> np.ndarray:
    """Return the label each label becomes when a face is mirrored: uint8, (19,)."""
    table = np.arange(NUM_CLASSES, dtype=np.uint8)
    for left, right in LEFT_RIGHT:
        table[left], table[right] = right, left
    return table
