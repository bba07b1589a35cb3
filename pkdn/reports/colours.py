"""The colours of systems and of PKDN's variants: the same in every figure of every report."""

from collections.abc import Iterable, Mapping
from typing import Final

from pkdn.systems import BICUBIC, PKDN_NETWORK

# Okabe and Ito's colours, which stay apart for colour-blind readers; black is kept for axes.
VERMILLION, BLUE, GREEN, PURPLE = "#D55E00", "#0072B2", "#009E73", "#CC79A7"
ORANGE, SKY, GREY, BROWN = "#E69F00", "#56B4E9", "#7F7F7F", "#8C6D31"
# Two of Tol's, for what the paper does not have.
INDIGO, WINE = "#332288", "#882255"

SYSTEMS: Final = {
    PKDN_NETWORK: VERMILLION,
    "kdfsrnet": BLUE,
    "sparnet": GREEN,
    "sisn": PURPLE,
    "dic": ORANGE,
    "fsrnet": SKY,
    "urdgn": BROWN,
    "sfmnet": INDIGO,
    "wfen": WINE,
    BICUBIC: GREY,
}
NEW: Final = ("#117733", "#44AA99", "#999933", "#661100")

VARIANTS: Final = {
    "full": VERMILLION,
    "no_ffb": BLUE,
    "no_pfb_no_ffb": GREEN,
    "onehot": PURPLE,
    "no_lambda_ts": ORANGE,
    "no_lambda_fs": SKY,
    "constant": BROWN,
    "fade": INDIGO,
    "no_distillation": GREY,
}

LOSS_TERMS: Final = {"lambda_ts": BLUE, "lambda_fs": GREEN}


def of_systems(networks: Iterable[str]) -> dict[str, str]:
    """Return the colour of each system, also of those that the paper does not know."""
    return _with_new(SYSTEMS, networks)


def of_variants(variants: Iterable[str]) -> dict[str, str]:
    """Return the colour of each variant of PKDN, also of new ones."""
    return _with_new(VARIANTS, variants)


def of_terms(terms: Iterable[str]) -> dict[str, str]:
    """Return the colour of each term of the loss by the name of its weight, also of new ones."""
    return _with_new(LOSS_TERMS, terms)


def _with_new(known: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    new = sorted({*names} - known.keys())
    return {**known, **{name: NEW[i % len(NEW)] for i, name in enumerate(new)}}
