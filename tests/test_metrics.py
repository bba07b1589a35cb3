import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from pkdn import metrics, offers
from pkdn.errors import UserError
from pkdn.metrics import parsing, vif
from pkdn.metrics._protocols import ARROWS, PROTOCOLS, Column

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "golden"
GOLDEN_SCORES = {
    "y_crop8": (23.0962, 0.6212),
    "dic": (23.0962, 0.6234),
    "kdfsrnet": (23.0985, 0.6219),
    "benchmark": (23.0962, 0.6190),
    "sparnet": (23.0332, 0.6294),
    "rgb": (21.6510, 0.5880),
}
BORDER_CROPPED = {"y_crop8", "dic", "kdfsrnet", "benchmark"}
# Grey 100 and 110 in the units in which each protocol compares them: luma is 16 + 219/255 · grey.
GREYS = {
    "y_crop8": (102, 110),
    "dic": (256 - 102, 256 - 110),
    "kdfsrnet": (16 + 21900 / 255, 16 + 24090 / 255),
    "benchmark": (102, 110),
    "sparnet": (101, 110),
    "rgb": (100, 110),
}


def face(side: int = 48) -> np.ndarray:
    random = np.random.default_rng(0)
    small = random.integers(30, 220, (6, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_protocol_has_a_golden_score():
    assert set(PROTOCOLS) == set(GOLDEN_SCORES)
    assert set(PROTOCOLS) <= set(metrics.protocols())
    assert metrics.protocols()[0] == metrics.PRIMARY


def test_what_is_read_of_columns_as_text_is_as_it_is_where_they_are_made():
    assert offers.ARROWS == ARROWS
    assert Column._fields[offers.PLACE_OF_ARROW] == "arrow"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden faces are not on this machine")
def test_golden_scores_of_bicubic():
    totals: dict[str, list[tuple[float, float]]] = {name: [] for name in GOLDEN_SCORES}
    for path in sorted(GOLDEN.glob("*.jpg")):
        hr_face = Image.open(path).convert("RGB")
        lr_face = hr_face.resize((16, 16), Image.Resampling.BICUBIC)
        sr_face = lr_face.resize((128, 128), Image.Resampling.BICUBIC)
        scores = metrics.score_all(np.asarray(sr_face) / 255, np.asarray(hr_face))
        for name, pairs in totals.items():
            pairs.append((scores[name]["psnr"], scores[name]["ssim"]))
    means = {name: tuple(np.mean(values, axis=0)) for name, values in totals.items()}
    assert len(totals["rgb"]) == 50
    for name, expected in GOLDEN_SCORES.items():
        assert means[name] == pytest.approx(expected, abs=0.0005), name


# By the code that gives the golden scores, for where the golden faces are not.
SCORES_OF_ASTRONAUT = {
    "y_crop8": (23.738504, 0.65200901),
    "benchmark": (23.738504, 0.64566576),
    "dic": (23.738504, 0.65124539),
    "kdfsrnet": (23.744418, 0.65286563),
    "sparnet": (23.899306, 0.66521880),
    "rgb": (22.403214, 0.62662890),
}


def astronaut() -> tuple[np.ndarray, np.ndarray]:
    """Return bicubic's image of a face, in units of [0, 1], and the face."""
    photo = Image.fromarray(data.astronaut()[72:182, 170:280])
    hr_face = photo.resize((128, 128), Image.Resampling.BICUBIC)
    lr_face = hr_face.resize((16, 16), Image.Resampling.BICUBIC)
    bicubic = np.asarray(lr_face.resize((128, 128), Image.Resampling.BICUBIC)) / 255
    return bicubic, np.asarray(hr_face)


def test_a_face_that_is_everywhere_has_the_scores_that_it_had(protocol: str):
    found = metrics.score_all(*astronaut())[protocol]
    psnr, ssim = SCORES_OF_ASTRONAUT[protocol]
    assert found["psnr"] == pytest.approx(psnr, abs=1e-5)
    assert found["ssim"] == pytest.approx(ssim, abs=1e-7)


# Of the authors' definition, on rounded luma, by TorchMetrics 1.9.0 and sewar 0.4.10, which agree.
VIF_OF_BICUBIC, VIF_OF_NOISE = 0.241419086436, 0.575708001484


def test_vif_is_what_other_implementations_give():
    bicubic, hr_image = astronaut()
    noise = hr_image + np.random.default_rng(0).normal(0, 10, hr_image.shape)
    assert vif.score(bicubic, hr_image)["vif"] == pytest.approx(VIF_OF_BICUBIC, abs=1e-10)
    assert vif.score(noise / 255, hr_image)["vif"] == pytest.approx(VIF_OF_NOISE, abs=1e-10)


def test_vif_tells_all_nothing_and_more():
    hr_image = face()
    assert vif.score(hr_image / 255, hr_image)["vif"] == pytest.approx(1, abs=1e-9)
    assert vif.score(np.full((48, 48, 3), 0.4), hr_image)["vif"] == 0
    assert vif.score(1 - hr_image / 255, hr_image)["vif"] == 0
    more_contrast = (hr_image / 255 - 0.5) * 1.2 + 0.5
    assert vif.score(more_contrast, hr_image)["vif"] > 1
    flat = np.full((48, 48, 3), 90, np.uint8)
    assert vif.score(hr_image / 255, flat)["vif"] == 1


def test_constant_images_score_as_computed_by_hand(protocol: str):
    hr_image = np.full((44, 41, 3), 100, np.uint8)
    sr_image = np.full((44, 41, 3), 110 / 255)
    hr, sr = GREYS[protocol]
    scores = metrics.score_all(sr_image, hr_image)[protocol]
    assert scores["psnr"] == pytest.approx(20 * math.log10(255 / abs(sr - hr)), abs=1e-9)
    c1 = (0.01 * 255) ** 2
    assert scores["ssim"] == pytest.approx((2 * sr * hr + c1) / (sr**2 + hr**2 + c1), abs=1e-9)


def test_equal_images(protocol: str):
    scores = metrics.score_all(face() / 255, face())[protocol]
    assert scores["psnr"] == math.inf
    assert scores["ssim"] == pytest.approx(1)


def test_more_noise_scores_worse(protocol: str):
    noise = np.random.default_rng(1).normal(size=face().shape)
    better, worse = (
        metrics.score_all(face() / 255 + sigma * noise, face())[protocol] for sigma in (0.02, 0.04)
    )
    assert better["psnr"] > worse["psnr"] > 0
    assert 1 > better["ssim"] > worse["ssim"] > 0


def test_border(protocol: str):
    sr_image = np.zeros((48, 48, 3))
    sr_image[8:-8, 8:-8] = face()[8:-8, 8:-8] / 255
    psnr = metrics.score_all(sr_image, face())[protocol]["psnr"]
    assert math.isinf(psnr) == (protocol in BORDER_CROPPED)
    sr_image[8, 8] = 0
    assert math.isfinite(metrics.score_all(sr_image, face())[protocol]["psnr"])


@pytest.mark.parametrize(("fraction", "overshoot"), [(0.3, 0), (0, 50)])
def test_only_kdfsrnet_sees_fractions_and_overshoot(
    protocol: str, fraction: float, overshoot: float
):
    hr_image = np.where(face() > 180, 255, face()).astype(np.uint8)
    sr_image = (hr_image + np.where(hr_image == 255, overshoot, fraction)) / 255
    psnr = metrics.score_all(sr_image, hr_image)[protocol]["psnr"]
    assert math.isinf(psnr) == (protocol != "kdfsrnet")


def test_sparnet_cuts_off_what_the_others_round_up():
    scores = metrics.score_all((face() + 0.7) / 255, face())
    assert math.isinf(scores["sparnet"]["psnr"])
    assert math.isfinite(scores["y_crop8"]["psnr"])


@pytest.mark.parametrize(
    ("sr_image", "hr_image", "message"),
    [
        (face(), face(), "float64"),
        ((face() / 255).astype(np.float32), face(), "float64"),
        (face() / 255, face() / 255, "uint8"),
        (face().astype(np.float64), face(), r"\[0, 1\]"),
        (face(44) / 255, face(48), "shape"),
        (face()[..., 0] / 255, face()[..., 0], "height, width, 3"),
        (face(40) / 255, face(40), "41 pixels"),
        (np.full((48, 48, 3), np.nan), face(), "finite"),
    ],
)
def test_refuses_other_types_shapes_and_ranges(
    sr_image: np.ndarray, hr_image: np.ndarray, message: str
):
    with pytest.raises(ValueError, match=message):
        metrics.score_all(sr_image, hr_image)


def test_columns_name_what_each_metric_returns():
    labels = np.zeros((4, 4), np.uint8)
    scores = metrics.score_all(face() / 255, face())
    scores |= metrics.score_labels(labels, labels)
    assert set(scores) == set(metrics.names())
    for name, numbers in scores.items():
        assert [column.key for column in metrics.columns(name)] == list(numbers), name
        assert metrics.title(name)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Let the metrics be looked for again, before and after the test."""
    caches = (metrics.names, metrics.protocols, metrics._files, metrics._file)
    for function in caches:
        function.cache_clear()
    yield
    for function in caches:
        function.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_a_new_metric_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "contrast.py").write_text(
        "from pkdn.metrics import Column\nTITLE = 'standard deviation'\n"
        "COLUMNS = (Column('deviation', 'deviation', '↑', 2, ''),)\n"
        "def score(sr_image, hr_image):\n    return {'deviation': float(sr_image.std())}\n"
    )
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    try:
        scores = metrics.score_all(face() / 255, face())
        assert scores["contrast"]["deviation"] == pytest.approx(face().std() / 255)
        assert metrics.title("contrast") == "standard deviation"
    finally:
        sys.modules.pop("pkdn.metrics.contrast", None)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (
            "def score(sr, hr):\n    return {'mea': 1.0}",
            "expected mae, as its COLUMNS say, got mea",
        ),
        ("def scor(sr, hr):\n    return {'mae': 1.0}", "expected a function score or score_labels"),
        (
            "def score(sr, hr):\n    return {'mae': float('nan')}",
            "expected a number for every face",
        ),
        (
            "def score(sr, hr):\n    return 1.0",
            r"expected a dict of numbers, .*'mae': 0\.5}, got float:",
        ),
        ("def score(sr, hr):\n    return {'mae': sr}", "a dict of numbers, .* got one of ndarray"),
        ("COLUMNS = COLUMNS[0]\ndef score(): ...", r"expected COLUMNS = \(Column\(…\),\), got Col"),
        (
            "COLUMNS = ('mae',)\ndef score(): ...",
            r"expected COLUMNS = \(Column\(…\),\), got \('mae",
        ),
        (
            "COLUMNS = (COLUMNS[0]._replace(arrow='down'),)\ndef score(): ...",
            "expected in COLUMNS the arrow ↑ or ↓, got 'down'",
        ),
        (
            "COLUMNS = (*COLUMNS, COLUMNS[0]._replace(title='other'))\ndef score(): ...",
            "expected a key of its own for each of COLUMNS, got mae, mae",
        ),
        (
            "COLUMNS = (COLUMNS[0]._replace(decimals='two'),)\ndef score(): ...",
            "expected in COLUMNS the decimals as a whole number from 0, got 'two'",
        ),
    ],
)
def test_a_metric_that_misspells_what_it_gives_is_refused(
    function: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "from pkdn.metrics import Column\nTITLE = 'MAE'\n"
    head += "COLUMNS = (Column('mae', 'MAE', '↓', 2, ''),)\n"
    (tmp_path / "mae.py").write_text(head + function)
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    try:
        with pytest.raises(UserError, match=told):
            metrics.score_all(face() / 255, face())
    finally:
        sys.modules.pop("pkdn.metrics.mae", None)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("which", ["sr", "hr"])
def test_no_metric_changes_what_the_next_one_sees(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mae.py").write_text(
        "from pkdn.metrics import Column\nTITLE = 'MAE'\n"
        "COLUMNS = (Column('mae', 'MAE', '↓', 2, ''),)\n"
        f"def score(sr, hr):\n    {which} *= 0\n    return {{'mae': 0.0}}\n"
    )
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    sr_image = face() / 255
    try:
        with pytest.raises(ValueError, match="read-only"):
            metrics.score_all(sr_image, np.array(face()))
    finally:
        sys.modules.pop("pkdn.metrics.mae", None)
    assert sr_image.any() and sr_image.flags.writeable


@pytest.mark.usefixtures("forgetful")
def test_a_new_metric_of_label_maps_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agreement.py").write_text(
        "from pkdn.metrics import Column\nTITLE = 'share of equal labels'\n"
        "COLUMNS = (Column('share', 'share', '↑', 2, ''),)\n"
        "def score_labels(sr, hr):\n    return {'share': float((sr == hr).mean())}\n"
    )
    monkeypatch.setattr(metrics, "__path__", [*metrics.__path__, str(tmp_path)])
    half = np.repeat(np.uint8([[0, 1]]), 2, axis=0)
    try:
        scores = metrics.score_labels(half, np.zeros_like(half))
        assert scores == {"agreement": {"share": 0.5}, "parsing": {"miou": 0.25}}
    finally:
        sys.modules.pop("pkdn.metrics.agreement", None)


@pytest.mark.usefixtures("forgetful")
def test_a_new_protocol_is_one_row(monkeypatch: pytest.MonkeyPatch):
    row = PROTOCOLS["y_crop8"]._replace(border=0, title="y_crop8 without its crop")
    monkeypatch.setitem(PROTOCOLS, "y_whole", row)
    sr_image = np.clip(face() / 255, 0.2, 0.8)
    scores = metrics.score_all(sr_image, face())
    assert scores["y_whole"]["ssim"] != scores["y_crop8"]["ssim"]
    assert "y_whole" in metrics.names()
    assert metrics.title("y_whole") == row.title
    assert metrics.columns("y_whole") == metrics.columns("y_crop8")


def test_unknown_metric_names_those_that_exist():
    with pytest.raises(ValueError, match="y_crop8"):
        metrics.title("_protocols")


def test_metrics_and_score_start_without_torch():
    code = (
        "import sys, pkdn.commands.score, pkdn.metrics as m; m.protocols(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_miou_over_classes_in_either_map():
    hr_labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.uint8)
    sr_labels = np.array([[0, 0, 1, 18], [0, 0, 0, 0]], np.uint8)
    # class 0: 4 of 6; class 1: 1 of 4; class 18: 0 of 1
    expected = (4 / 6 + 1 / 4 + 0) / 3
    assert parsing.score_labels(sr_labels, hr_labels) == {"miou": pytest.approx(expected)}
    assert parsing.score_labels(hr_labels, hr_labels) == {"miou": 1.0}


@pytest.mark.parametrize(
    "sr_labels",
    [np.zeros((4, 4), np.int64), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8)],
)
def test_miou_refuses_what_is_no_label_map(sr_labels: np.ndarray):
    with pytest.raises(ValueError, match="label map"):
        parsing.score_labels(sr_labels, np.zeros((4, 4), np.uint8))
