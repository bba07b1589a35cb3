"""Which module of ours holds the weights of which module of theirs, name by name."""

from collections.abc import Iterable, Iterator

Pair = tuple[str, str]
"""The name of a module here, and of its counterpart there."""

LEVELS = range(1, 5)
CHANNEL_ATTENTION_BLOCK = (
    ("body.0", "body.0"),
    ("body.2", "body.2"),
    ("body.3.squeeze", "body.3.conv_du.0"),
    ("body.3.excite", "body.3.conv_du.2"),
)
SPLIT_ATTENTION_BLOCK = (
    ("0.body.0.0", "conv1"),
    ("0.body.0.1", "bn1"),
    ("0.body.1.split.0", "conv2.conv"),
    ("0.body.1.split.1", "conv2.bn0"),
    ("0.body.1.attend.0.0", "conv2.conv1x1_1"),
    ("0.body.1.attend.0.1", "conv2.bn1"),
    ("0.body.1.attend.1", "conv2.conv1x1_2"),
    ("0.body.2", "conv3"),
    ("0.body.3", "bn3"),
)
LANDMARK_BLOCK = tuple((f"body.{i}", f"conv_block.{i}") for i in (0, 2, 3))
WIDER_LANDMARK_BLOCK = (*LANDMARK_BLOCK, ("beside", "skip_layer"))


def within(here: str, there: str, pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Prefix both names of each pair."""
    return ((f"{here}.{ours}", f"{there}.{theirs}") for ours, theirs in pairs)


def kdfsrnet_stages() -> Iterator[Pair]:
    """The nine stages of an autoencoder."""
    yield "bottleneck", "bottleneck"
    for way in ("down", "up"):
        yield from ((f"{way}.{way}{i}", f"{way}_stage{i}") for i in LEVELS)


def kdfsrnet(num_blocks: int) -> Iterator[Pair]:
    """KDFSRNet, student or teacher, with as many blocks in a stage."""
    yield from (("head", "head.0"), ("tail", "tail.0"))
    yield from ((f"down.down{i}.0.1", f"down{i}.1") for i in LEVELS)
    yield from ((f"up.up{i}.0.0", f"up{i}.0") for i in LEVELS)
    for here, there in kdfsrnet_stages():
        stage = here if here == "bottleneck" else f"{here}.1"
        for block in range(num_blocks):
            yield from within(f"{stage}.{block}", f"{there}.{block}", CHANNEL_ATTENTION_BLOCK)


def sparnet_units() -> list[Pair]:
    """SPARNet's face attention units: three down, ten, three up."""
    theirs = [f"encoder.{i}" for i in range(1, 4)]
    theirs += [f"res_layers.{i}" for i in range(10)]
    theirs += [f"decoder.{i}" for i in range(3)]
    return [(f"body.{i}", name) for i, name in enumerate(theirs)]


def sparnet_hourglass(depth: int) -> Iterator[Pair]:
    """An attention's hourglass, within its first layer here."""
    yield from within("beside", f"b1_{depth}", _normalised(0))
    yield from within("body.0", f"b2_{depth}", _normalised(0))
    yield from within("body.2", f"b3_{depth}", _normalised(1))
    if depth == 1:
        yield from within("body.1", "b2_plus_1", _normalised(0))
    else:
        yield from ((f"body.1.{ours}", theirs) for ours, theirs in sparnet_hourglass(depth - 1))


def sparnet() -> Iterator[Pair]:
    """SPARNet."""
    yield from (("head", "encoder.0.conv2d"), ("tail", "out_conv.conv2d"))
    depths = (4, 3, 2, *(2,) * 10, 3, 4, 5)
    for (here, there), depth in zip(sparnet_units(), depths, strict=True):
        doubles = int("decoder" in there)  # an upsampling stands before the convolution
        if "res" not in there:
            yield f"{here}.beside.{doubles}", f"{there}.shortcut_func.conv2d"
        yield f"{here}.body.0", f"{there}.preact_func.0.norm"
        yield from within(f"{here}.body.2", f"{there}.conv1", _normalised(doubles))
        yield from within(f"{here}.body", f"{there}.conv2", _normalised(3))
        yield from within(f"{here}.body.5.body.0", f"{there}.att_func", sparnet_hourglass(depth))
        yield f"{here}.body.5.body.1", f"{there}.att_func.out_block.0.conv2d"


def _normalised(index: int) -> tuple[Pair, Pair]:
    return (f"{index}", "conv2d"), (f"{index + 1}", "norm.norm")


def sisn_groups() -> list[Pair]:
    """SISN's ten external groups."""
    return [(f"body.{i}", f"body.{i}") for i in range(10)]


def sisn() -> Iterator[Pair]:
    """SISN."""
    yield from (("head.1", "head.1"), ("body.10", "body.10"), ("tail", "tail.1"))
    yield from ((f"up.{i}.0", f"tail.0.{2 * i}") for i in range(3))
    for here, there in sisn_groups():
        yield f"{here}.beside.10", f"{there}.body.10"
        yield from within(f"{here}.body.0", f"{there}.IA", SPLIT_ATTENTION_BLOCK)
        for block in range(10):
            yield from within(
                f"{here}.beside.{block}", f"{there}.body.{block}", SPLIT_ATTENTION_BLOCK
            )


def feedback_block(num_groups: int = 6) -> Iterator[Pair]:
    """A feedback block of DIC, without what makes its input narrow."""
    for i in range(num_groups):
        yield from within(f"up.{i}", f"upBlocks.{i}", _activated())
        yield from within(f"down.{i}", f"downBlocks.{i}", _activated())
    for i in range(1, num_groups):
        yield from within(f"before_up.{i}", f"uptranBlocks.{i - 1}", _activated())
        yield from within(f"before_down.{i}", f"downtranBlocks.{i - 1}", _activated())
    yield from within("merge", "compress_out", _activated())


def dic_hourglass(here: str, depth: int) -> Iterator[Pair]:
    """DIC's hourglass, ``here`` in ours."""
    for ours, branch in (("body.0", 1), ("beside.1", 2), ("beside.3", 3)):
        yield from within(f"{here}.{ours}", f"HG.hg.res{depth}_{branch}", LANDMARK_BLOCK)
    if depth > 1:
        yield from dic_hourglass(f"{here}.beside.2", depth - 1)
    else:
        yield from within(f"{here}.beside.2", "HG.hg.res_center", LANDMARK_BLOCK)


def dic() -> Iterator[Pair]:
    """DIC with its landmark branch."""
    yield from within("head.0", "conv_in", _activated())
    yield from within("first.0", "first_block.compress_in", _activated())
    yield from within("first.1", "first_block", feedback_block())
    yield from within("compress", "block.compress_in", _activated())
    yield from within("feedback", "block", feedback_block())
    yield "attention.spread.0", "block.fusion_block.conv_in.0"
    for i in range(7):
        yield from (
            (f"attention.blocks.{i}.body.{j}", f"block.fusion_block.resnet.{i}.res.{j}")
            for j in (0, 2)
        )
    yield from within("up", "out", _activated())
    yield from (("tail", "conv_out.0"), ("landmarks.join", "HG.compress_in"))
    yield "landmarks.features.0", "HG.pre_conv_block.0"
    for i, block in ((2, WIDER_LANDMARK_BLOCK), (4, LANDMARK_BLOCK), (5, WIDER_LANDMARK_BLOCK)):
        yield from within(f"landmarks.features.{i}", f"HG.pre_conv_block.{i}", block)
    yield from dic_hourglass("landmarks.hourglass", 4)
    yield from within("landmarks.heatmaps.0", "HG.hg_conv_out.0", LANDMARK_BLOCK)
    yield "landmarks.heatmaps.1", "HG.hg_conv_out.1.conv_block.0"
    yield "landmarks.heatmaps.3", "HG.hg_conv_out.2"


def _activated() -> tuple[Pair, Pair]:
    return ("0", "0"), ("1", "1")
