"""Parsing maps: classes, encodings, agreement, the parser's loss, files and stages' parts."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pkdn.errors import UserError
from pkdn.faces.classes import CLASS_NAMES, LEFT_RIGHT, NUM_CLASSES, PALETTE, mirrored_labels
from pkdn.faces.shards import Shards, ShardWriter
from pkdn.networks.layers.encoding import MapEncoder
from pkdn.parsing import maps
from pkdn.parsing.agreement import (
    agreement,
    confusion,
    figures,
    ious,
    labelled,
    miou_on,
    parse_faces,
    write_iou,
)
from pkdn.parsing.augmentation import cut, framed_shares, jitter, scaled_shares
from pkdn.parsing.bisenet import BiSeNet, Logits
from pkdn.parsing.examples import draw_examples
from pkdn.parsing.maps import Parser, load_parser, resize_images, save_parser
from pkdn.parsing.task import ParserTask, balanced_weights, hard_cross_entropy
from pkdn.training import tensors
from pkdn.training.batches import Batch

CPU = torch.device("cpu")
INPUT_SIZE = 32


def labelled_faces(images: Tensor, labels: Tensor | None) -> Batch:
    return Batch(hr_image=images, lr_image=images, labels=labels, landmarks=None)


@pytest.fixture(scope="module")
def parser() -> Parser:
    torch.manual_seed(0)
    return Parser(BiSeNet(), INPUT_SIZE, CPU)


HAIR = 17


class Red(torch.nn.Module):
    """In place of BiSeNet: certain of hair where a face is red, of background elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = torch.empty(0)

    def forward(self, images: Tensor, *, map_size: int) -> Logits:
        self.seen = images
        red = resize_images(images, map_size)[:, 0]
        scores = torch.zeros(len(images), NUM_CLASSES, map_size, map_size)
        scores[:, 0], scores[:, HAIR] = 100 * (1 - red), 100 * red
        return Logits(scores, scores, scores)


def random_labels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, NUM_CLASSES, shape, dtype=np.uint8)


class TestClasses:
    def test_order_is_bisenets(self) -> None:
        places = {"background": 0, "skin": 1, "r_eye": 5, "nose": 10, "mouth": 11, "hair": 17}
        assert {name: CLASS_NAMES.index(name) for name in places} == places
        assert NUM_CLASSES == 19

    def test_pairs_are_the_left_and_right_parts(self) -> None:
        named = {(CLASS_NAMES[left], CLASS_NAMES[right]) for left, right in LEFT_RIGHT}
        assert named == {("l_brow", "r_brow"), ("l_eye", "r_eye"), ("l_ear", "r_ear")}
        table = mirrored_labels()
        assert (table[table] == np.arange(NUM_CLASSES)).all()

    def test_colours_are_far_apart(self) -> None:
        distance = np.linalg.norm(PALETTE[:, None].astype(float) - PALETTE[None], axis=2)
        assert distance[~np.eye(NUM_CLASSES, dtype=bool)].min() > 120
        assert not PALETTE[0].any()


class TestEncoding:
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
    @pytest.mark.parametrize("encoding", ["palette", "onehot"])
    def test_round_trip(self, encoding: str, dtype: torch.dtype) -> None:
        labels = torch.from_numpy(random_labels(2, 16, 16)).to(dtype)
        encode = MapEncoder(encoding)
        encoded = encode(labels)
        assert encoded.shape == (2, encode.num_channels, 16, 16)
        assert encoded.dtype == torch.float32
        table = encode(torch.arange(NUM_CLASSES)[None, None])[0, :, 0]
        assert table.aminmax() == (0, 1)
        distance = (encoded[:, :, None] - table[None, :, :, None, None]).abs().sum(dim=1)
        assert (distance.argmin(dim=1) == labels).all()

    def test_palette_is_the_colour_map(self) -> None:
        labels = random_labels(1, 4, 4)
        image = (MapEncoder("palette")(torch.from_numpy(labels)) * 255).round().to(torch.uint8)
        assert (image.permute(0, 2, 3, 1).numpy() == PALETTE[labels]).all()

    def test_unknown_encoding_is_named(self) -> None:
        with pytest.raises(UserError, match="palette, onehot, got 'colour'"):
            MapEncoder("colour")


class TestAgreement:
    def test_hand_computed(self) -> None:
        counts = confusion(np.array([[0, 0, 1], [1, 1, 2]]), np.array([[0, 1, 1], [1, 3, 3]]))
        assert counts.sum(axis=1)[:4].tolist() == [2, 3, 1, 0]
        assert ious(counts)[:3].tolist() == [1 / 2, 2 / 4, 0]
        assert np.isnan(ious(counts)[3:]).all()
        assert figures(counts)["miou"] == pytest.approx(1 / 3)
        assert figures(counts)["pixel_accuracy"] == pytest.approx(3 / 6)

    def test_nothing_gives_nan_and_not_zero(self) -> None:
        nothing = figures(np.zeros((NUM_CLASSES, NUM_CLASSES), int))
        assert nothing.keys() == {"miou", "pixel_accuracy"}
        assert np.isnan(list(nothing.values())).all()

    def test_unknown_label_is_refused(self) -> None:
        labels = np.zeros((2, 2), np.uint8)
        for truth, prediction in ((labels + 19, labels), (labels, labels + 40)):
            with pytest.raises(ValueError, match=r"0 to 18, got (19|40)"):
                confusion(truth, prediction)

    def test_shapes_must_agree(self) -> None:
        with pytest.raises(ValueError, match=r"\(2, 2\) as truth and \(2, 3\)"):
            confusion(np.zeros((2, 2), int), np.zeros((2, 3), int))


class TestTask:
    def test_rare_classes_weigh_more(self) -> None:
        labels = torch.zeros(1, 4, 4, dtype=torch.int64)
        labels[0, 0, 0] = 5
        labels[0, 1:] = 1
        weights = balanced_weights(labels)
        assert weights[5] / weights[1] == pytest.approx(12 ** (1 / 3))
        assert weights.isfinite().all()

    def test_jitter_stays_in_range_and_leaves_grey_grey(self) -> None:
        torch.manual_seed(0)
        images = torch.rand(8, 1, 6, 6).expand(8, 3, 6, 6)
        changed = jitter(images)
        assert 0 <= changed.min() < changed.max() <= 1
        assert torch.allclose(changed[:, 0], changed[:, 2], atol=1e-6)
        assert not torch.allclose(changed, images, atol=0.05)

    def test_scaled_cuts_keep_faces_and_maps_together(self) -> None:
        torch.manual_seed(0)
        row = torch.arange(64) // 4
        labels = row.to(torch.uint8).expand(16, 64, 64).contiguous()
        images = (row / 16).expand(16, 3, 64, 64).contiguous()
        squares, maps = cut(images, labels, scaled_shares(16))
        assert maps.dtype == torch.uint8
        assert (16 * squares[:, 0] - maps.float()).abs().median() < 0.25
        widths = torch.stack([m.max() - m.min() for m in maps]).int()
        assert len(set(widths.tolist())) > 2
        assert widths.max() <= 15

    def test_a_sixth_of_the_faces_is_seen_whole_as_inference_sees_them(self) -> None:
        torch.manual_seed(0)
        shares = scaled_shares(6_000)
        assert (shares == 1).float().mean() == pytest.approx(1 / 6, abs=0.02)
        assert (shares.min(), shares[shares < 1].max()) == (0.4375, 0.875)

    @pytest.mark.parametrize(("input_size", "side"), [(512, 448), (224, 192), (32, 32)])
    def test_cuts_have_seven_eighths_of_the_side(self, input_size: int, side: int) -> None:
        network = BiSeNet()
        seen = list[int]()
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-1]))
        batch = labelled_faces(torch.rand(2, 3, 64, 64), torch.from_numpy(random_labels(2, 64, 64)))
        for hard_pixels in (True, False):
            ParserTask(network, input_size=input_size, hard_pixels=hard_pixels).losses(batch, 0)
        assert seen == [side, input_size]

    def test_framing_leaves_about_half_of_the_faces_whole(self) -> None:
        torch.manual_seed(0)
        columns = torch.arange(64, dtype=torch.uint8).expand(200, 64, 64).contiguous() // 4
        images = (columns[:, None] / 16).expand(200, 3, 64, 64).contiguous()
        framed, maps = cut(images, columns, framed_shares(200))
        whole = torch.tensor([torch.equal(one, columns[0]) for one in maps])
        assert 70 < whole.sum() < 130
        assert torch.allclose(framed[whole], images[whole], atol=1e-5)
        seen = maps[~whole].amax((1, 2)).int() - maps[~whole].amin((1, 2)).int()
        assert seen.min() <= 8
        assert seen.max() <= 15

    def test_a_cut_is_the_same_in_bf16(self) -> None:
        torch.manual_seed(0)
        images = torch.rand(4, 3, 64, 64)
        labels = torch.zeros(4, 64, 64, dtype=torch.uint8)
        shares = torch.full((4,), 0.5)
        expected, _ = cut(images, labels, shares, centred=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, _ = cut(images, labels, shares, centred=True)
        assert torch.equal(found, expected)

    def test_a_centred_cut_enlarges_the_centre(self) -> None:
        labels = torch.zeros(1, 64, 64, dtype=torch.uint8)
        labels[:, 16:48, 16:48] = 3
        images = (labels[:, None] / 3).expand(1, 3, 64, 64)
        enlarged, maps = cut(images, labels, torch.tensor([0.5]), centred=True)
        assert (maps == 3).all()
        assert enlarged[..., 2:-2, 2:-2].min() == 1

    def test_hard_pixels_are_those_below_the_threshold_or_a_sixteenth(self) -> None:
        labels = torch.zeros(1, 4, 8, dtype=torch.int64)
        logits = torch.zeros(1, NUM_CLASSES, 4, 8)
        logits[:, 0] = 9.0
        easy = torch.nn.functional.cross_entropy(logits, labels)
        # All pixels are easy: the two hardest of 32 count.
        logits[0, 0, 0, :2] = 8.0
        harder = torch.nn.functional.cross_entropy(logits[..., :1, :2], labels[..., :1, :2])
        assert hard_cross_entropy(logits, labels) == pytest.approx(harder.item())
        assert harder > easy
        logits[0, 0, :2] = 0.0
        assert hard_cross_entropy(logits, labels) == pytest.approx(np.log(NUM_CLASSES), rel=1e-5)

    @pytest.mark.parametrize("hard_pixels", [False, True])
    def test_terms_add_up_and_evaluation_has_the_main_head_alone(self, hard_pixels: bool) -> None:
        torch.manual_seed(0)
        task = ParserTask(BiSeNet(), input_size=INPUT_SIZE, hard_pixels=hard_pixels)
        batch = labelled_faces(torch.rand(2, 3, 64, 64), torch.from_numpy(random_labels(2, 64, 64)))
        terms = task.losses(batch, 0)
        assert set(terms) == {"loss", "l_main", "l_auxiliary8", "l_auxiliary16"}
        total = terms["l_main"] + terms["l_auxiliary8"] + terms["l_auxiliary16"]
        assert terms["loss"].item() == pytest.approx(total.item())
        task.network.eval()
        assert set(task.losses(batch, 0)) == {"loss", "l_main"}

    @pytest.mark.parametrize("hard_pixels", [False, True])
    def test_faces_are_mirrored_at_random_and_their_maps_with_them(
        self, hard_pixels: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pkdn.parsing.task.jitter", lambda images: images)
        torch.manual_seed(0)
        labels = torch.zeros(40, 64, 64, dtype=torch.uint8)
        labels[..., :32] = HAIR
        images = (labels[:, None] / HAIR).expand(40, 3, 64, 64)
        network: Any = Red()
        task = ParserTask(network, input_size=64, hard_pixels=hard_pixels)
        assert task.losses(labelled_faces(images, labels), 0)["l_main"] < 1
        ends = network.seen[:, 0, 0, [0, -1]].round().tolist()
        assert min(ends.count([1, 0]), ends.count([0, 1])) > 5

    def test_the_quick_loss_weighs_rare_classes_more(self) -> None:
        labels = torch.zeros(2, 32, 32, dtype=torch.uint8)
        labels[:, :4, :4] = 5
        torch.manual_seed(0)
        task = ParserTask(BiSeNet().eval(), input_size=INPUT_SIZE)
        images = torch.rand(2, 3, 32, 32)
        found = task.losses(labelled_faces(images, labels), 0)["l_main"]
        scores, truth = task.network(images).main, labels.long()
        weighed = torch.nn.functional.cross_entropy(scores, truth, balanced_weights(truth))
        torch.testing.assert_close(found, weighed)

    def test_one_batch_overfits(self) -> None:
        torch.manual_seed(0)
        labels = torch.zeros(4, 32, 32, dtype=torch.uint8)
        labels[:, :16], labels[::2, :, 16:], labels[1:, 16:, :16] = 17, 1, 14
        images = MapEncoder("palette")(labels)
        task = ParserTask(BiSeNet(), input_size=INPUT_SIZE)
        optimizer = torch.optim.Adam(task.network.parameters(), 1e-3, fused=True)
        for _ in range(10):
            terms = task.losses(labelled_faces(images, labels), 0)
            optimizer.zero_grad()
            terms["loss"].backward()
            optimizer.step()
        prediction = task.network(images).main.argmax(dim=1)
        assert (prediction == labels).float().mean() > 0.8

    def test_faces_without_labels_are_refused(self) -> None:
        task = ParserTask(BiSeNet(), input_size=INPUT_SIZE)
        with pytest.raises(UserError, match="these have none"):
            task.losses(labelled_faces(torch.rand(2, 3, 32, 32), None), 0)

    def test_a_batch_of_one_is_refused_in_words(self) -> None:
        task = ParserTask(BiSeNet(), input_size=INPUT_SIZE)
        batch = labelled_faces(torch.rand(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.uint8))
        with pytest.raises(UserError, match="at least 2 faces, got 1"):
            task.losses(batch, 0)

    @pytest.mark.parametrize("size", [0, 100, -32])
    def test_wrong_input_size_is_named(self, size: int) -> None:
        with pytest.raises(UserError, match=f"positive multiple of 32, got {size}"):
            ParserTask(BiSeNet(), input_size=size)


class TestSizes:
    def test_images_are_resized_as_pillow_does(self) -> None:
        image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
        floats = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        for size in (96, 192):
            resized = resize_images(floats, size)[0].permute(1, 2, 0).numpy() * 255
            expected = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
            assert np.abs(resized - np.asarray(expected)).max() < 1.01


class TestParser:
    def test_maps_are_labels_of_hr_size_in_any_batching(self, parser: Parser) -> None:
        faces = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)
        maps = parser(faces)
        assert maps.shape == (9, 128, 128)
        assert maps.dtype == torch.uint8
        assert maps.max() < NUM_CLASSES
        assert (parser(torch.from_numpy(faces[3:4])) == maps[3:4]).float().mean() > 0.999
        assert parser(faces[:0]).shape == (0, 128, 128)

    def test_the_network_sees_red_first_and_255_as_1(self) -> None:
        faces = np.zeros((1, 128, 128, 3), np.uint8)
        faces[:, :64, :, 0] = 255
        network: Any = Red()
        maps = Parser(network, 64, CPU)(faces)
        assert network.seen.shape == (1, 3, 64, 64)
        assert network.seen.max() == 1
        assert (maps[:, :60] == HAIR).all()
        assert (maps[:, 68:] == 0).all()

    def test_it_computes_exactly_whatever_a_training_has_chosen(
        self, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        within = list[bool]()
        is_exact = False

        @contextmanager
        def exact(device: torch.device) -> Iterator[None]:
            nonlocal is_exact
            assert device == parser.device
            is_exact = True
            yield
            is_exact = False

        monkeypatch.setattr(maps, "exact", exact)
        with parser.network.register_forward_pre_hook(lambda *_: within.append(is_exact)):
            parser(np.zeros((1, 128, 128, 3), np.uint8))
        assert within == [True]

    def test_maps_are_the_same_for_every_number_of_threads(self) -> None:
        """Two classes a hair's breadth apart: the last bit of a sum decides."""
        torch.manual_seed(0)
        network = BiSeNet()
        classes = network.get_parameter("conv_out.conv_out.weight").data
        classes[1:] = classes[0] * (1 + 1e-6 * torch.randn_like(classes[1:]))
        undecided, faces = Parser(network, 96, CPU), torch.randint(0, 256, (20, 128, 128, 3))
        maps = []
        try:
            for threads in (1, 2, 3):
                torch.set_num_threads(threads)
                maps.append(undecided(faces.to(torch.uint8)).numpy().tobytes())
                assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(1)
        assert maps[0] == maps[1] == maps[2]

    @pytest.mark.parametrize(
        "faces", [np.zeros((1, 3, 64, 64), np.uint8), np.zeros((1, 64, 64, 3), np.float32)]
    )
    def test_other_images_are_refused(self, parser: Parser, faces: np.ndarray) -> None:
        with pytest.raises(ValueError, match="uint8"):
            parser(faces)

    def test_file_round_trip(self, parser: Parser, tmp_path: Path) -> None:
        save_parser(parser, tmp_path / "parser.safetensors")
        loaded = load_parser(tmp_path / "parser.safetensors", CPU)
        assert loaded.input_size == INPUT_SIZE
        faces = torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8)
        assert torch.equal(loaded(faces), parser(faces))

    def test_files_that_hold_no_parser_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "parser.safetensors"
        with pytest.raises(UserError, match="found no file"):
            load_parser(path, CPU)
        path.write_bytes(b"not safetensors")
        with pytest.raises(UserError, match="as safetensors"):
            load_parser(path, CPU)
        tensors.write({"weight": torch.zeros(1)}, {"network": "pkdn"}, path)
        with pytest.raises(UserError, match="weights of BiSeNet with their input size"):
            load_parser(path, CPU)
        described = {"network": "bisenet", "input_size": 128}
        tensors.write({"weight": torch.zeros(1)}, described, path)
        with pytest.raises(UserError, match="got others"):
            load_parser(path, CPU)


def write_faces(folder: Path, *, with_labels: bool) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir()
    with ShardWriter(folder, rows_per_shard=2) as writer:
        for number, split in enumerate(["train", "test", "train", "train", "test"]):
            arrays = {"faces": rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)}
            if with_labels:
                arrays["labels"] = rng.integers(0, 10, (128, 128), dtype=np.uint8)
            writer.append(split, arrays, {"name": f"face{number}"})


class TestShards:
    def test_maps_follow_the_faces(
        self, parser: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_faces(tmp_path / "faces", with_labels=True)
        done: list[int] = []
        counts = parse_faces(parser, tmp_path / "faces", tmp_path / "maps", advance=done.append)
        assert sum(done) == 5
        assert set(counts) == {"train", "test"}
        for split in ("train", "val", "test"):
            faces, maps = Shards(tmp_path / "faces", split), Shards(tmp_path / "maps", split)
            assert maps.names == faces.names
            everything = range(len(faces))
            expected = parser(faces.read("faces", everything)).numpy()
            assert (maps.read("labels", everything) != expected).sum() < 100
        test = Shards(tmp_path / "faces", "test")
        found = agreement(parser, test)
        assert (found == counts["test"]).all()
        assert miou_on(test, parser)() == {"val_miou": figures(found)["miou"]}
        monkeypatch.setattr("pkdn.parsing.agreement.CHUNK_SIZE", 1)
        assert agreement(parser, test).sum() == found.sum() == 2 * 128 * 128
        assert agreement(parser, test, shown=0.5).sum() == found.sum()
        assert (agreement(parser, test, shown=0.5) != found).any()

    def test_without_true_maps_there_is_no_agreement(self, parser: Parser, tmp_path: Path) -> None:
        write_faces(tmp_path / "faces", with_labels=False)
        assert parse_faces(parser, tmp_path / "faces", tmp_path / "maps") == {}
        with pytest.raises(UserError, match="helen has none: set parser_dataset to"):
            labelled(tmp_path / "faces", "train", "helen")


class TestFigures:
    def test_absent_classes_have_no_figure(self, tmp_path: Path) -> None:
        counts = confusion(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]))
        assert figures(counts) == {
            "miou": 0.75,
            "pixel_accuracy": 0.75,
            "iou_background": 1.0,
            "iou_skin": 0.5,
        }
        write_iou(counts, tmp_path / "iou.csv")
        with (tmp_path / "iou.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == NUM_CLASSES
        assert rows[1] == {"class": "1", "name": "skin", "iou": "0.5", "pixels": "2"}
        assert rows[2] == {"class": "2", "name": "l_brow", "iou": "", "pixels": "0"}

    @pytest.mark.parametrize("num_faces", [1, 3])
    def test_pictures_stand_in_their_columns(self, num_faces: int) -> None:
        faces = np.full((num_faces, 16, 16, 3), 77, np.uint8)
        truth = np.full((num_faces, 16, 16), 17, np.uint8)
        prediction = np.full((num_faces, 16, 16), 12, np.uint8)
        axes = draw_examples(faces, truth, prediction).axes
        shown = [place.get_images()[0].get_array()[8, 8].tolist() for place in axes[:3]]
        assert shown == [[77, 77, 77], PALETTE[17].tolist(), PALETTE[12].tolist()]
        assert [place.get_title() for place in axes[:3]] == ["photo", "truth", "prediction"]
        assert sum(len(place.get_images()) for place in axes) == 3 * num_faces
