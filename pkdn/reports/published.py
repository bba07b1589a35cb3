"""What the paper states, as facts: the numbers of its tables and the sizes of its data.

Source: Yang et al., "Prior Knowledge Distillation Network for Face Super-Resolution", 2024,
arXiv 2409.14385, Table 1, Table 2 and Section 4.1.
"""

from typing import Final, NamedTuple


class Published(NamedTuple):
    """One cell of the paper's tables: PSNR in dB and SSIM."""

    psnr: float
    ssim: float


TABLE_1: Final = {
    "celeba": {
        "urdgn": Published(25.62, 0.7261),
        "fsrnet": Published(26.66, 0.7714),
        "dic": Published(27.27, 0.8022),
        "sisn": Published(27.31, 0.7978),
        "sparnet": Published(27.42, 0.8036),
        "kdfsrnet": Published(27.52, 0.8057),
        "pkdn": Published(27.56, 0.8062),
    },
    "helen": {
        "urdgn": Published(25.23, 0.7205),
        "fsrnet": Published(26.28, 0.7726),
        "dic": Published(26.69, 0.7953),
        "sisn": Published(26.66, 0.7920),
        "sparnet": Published(26.78, 0.7971),
        "kdfsrnet": Published(26.79, 0.7953),
        "pkdn": Published(26.84, 0.7982),
    },
}

TABLE_2: Final = {
    "celeba": {
        "no_pfb_no_ffb": Published(27.31, 0.7961),
        "no_ffb": Published(27.48, 0.8036),
        "full": Published(27.56, 0.8062),
    },
}
"""By variant of PKDN; the paper shows CelebA only."""

VARIANTS: Final = (*TABLE_2["celeba"],)

FACES: Final = {
    "celeba": {"train": 168_854, "val": 100, "test": 1_000},
    "helen": {"train": 1_955, "val": 50, "test": 50},
}
"""Faces in each split (Section 4.1)."""
