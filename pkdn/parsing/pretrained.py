"""The public BiSeNet checkpoint: fetched, checked key for key, and never executed."""

from collections.abc import Iterable
from pathlib import Path

from pkdn.data.fetching import download
from pkdn.data.fetching.published import read_tensors
from pkdn.data.fetching.web import RemoteFile
from pkdn.errors import UserError
from pkdn.parsing.bisenet import BiSeNet

CHECKPOINT = RemoteFile(
    "parsing_bisenet.pth",
    53_289_463,
    "sha256:468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
    (
        "https://github.com/xinntao/facexlib/releases/download/v0.2.0/parsing_bisenet.pth",
        "gdrive:154JgKpzCPW82qINcVieuPH3fZ2e0P812",
    ),
    "https://github.com/xinntao/facexlib/releases/tag/v0.2.0 (parsing_bisenet.pth, which is "
    "79999_iter.pth of face-parsing.PyTorch)",
)
INPUT_SIZE = 512
"""What the checkpoint was trained at."""
TERMS = (
    "the pretrained parser was trained on CelebAMask-HQ, which is for non-commercial "
    "research and education only"
)
MAX_NAMED = 3


def locate() -> Path:
    """Return the checkpoint, from ``PKDN_MIRROR``'s ``bisenet/``, the downloads, or its sources."""
    folder = download.locate("bisenet", [CHECKPOINT], mirror=download.mirror())
    return folder / CHECKPOINT.name


def read_checkpoint(path: Path) -> BiSeNet:
    """Build the parser that a checkpoint holds; only tensors are read, no code is run.

    Raises:
        UserError: the file is no state dict of tensors, or not BiSeNet's with 19 classes.
    """
    state = read_tensors(path)
    network = BiSeNet()
    wanted = network.state_dict()
    problems = [
        *_named("lacks", wanted.keys() - state.keys()),
        *_named("has besides", state.keys() - wanted.keys()),
        *_named(
            "has in another shape",
            (k for k in wanted.keys() & state.keys() if wanted[k].shape != state[k].shape),
        ),
    ]
    if problems:
        raise UserError(
            f"expected the {len(wanted)} tensors of BiSeNet with 19 classes in {path}; it "
            f"{'; '.join(problems)}: this is another checkpoint"
        )
    network.load_state_dict(state)
    return network


def _named(what: str, keys: Iterable[str]) -> list[str]:
    found = sorted(keys)
    if not found:
        return []
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    return [f"{what} {', '.join(found[:MAX_NAMED])}{more}"]
