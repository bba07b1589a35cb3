"""Packed faces and their parsing maps: what every stage from the crops on has in common."""

from typing import Final

HR_SIZE: Final = 128
"""Pixels per side of an HR face and of its parsing map (§4.1 of the paper)."""

LR_SIZE: Final = 16
"""Pixels per side of an LR face (§4.1 of the paper)."""

NUM_LANDMARKS: Final = 68

SPLITS: Final = ("train", "val", "test")
