"""The benchmark: both ways do the same, in turns, and its table says what was measured."""

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import own_params
import pytest
import torch
from PIL import Image

import bench.__main__
from bench import PHOTO_SIZE, computing, growth, memory, moving, page, timing
from bench.computing import Training
from pkdn import complexity, networks, params, planning
from pkdn.errors import UserError
from pkdn.files import write_marked
from pkdn.training import compiling
from pkdn.training.precision import Precision

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
FP32 = Precision("fp32", torch.device("cpu"))
PAIR = {"ours": 0.5, "plain": 1.25, "ratio": 2.5, "low": 2.25, "high": 3.0, "rounds": 5}


def test_two_ways_are_timed_in_turns_after_a_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    done = list[object]()
    monkeypatch.setattr(timing.memory, "follow", done.append)
    pair = timing.in_turns(lambda: done.append("ours"), lambda: done.append("plain"), 0)
    keeping, usual = timing.memory.KEEPING, timing.memory.USUAL
    turn = [keeping, "ours", "ours", usual, "plain", "plain"]
    assert done == ["ours", "plain", *turn * timing.LEAST_ROUNDS, keeping]
    assert pair == (1, 1, 1, 1, 1, timing.LEAST_ROUNDS)


def test_on_a_gpu_a_round_gives_it_work_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    done, clock = list[str](), iter([0.0, 5.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: done.append("waits"))
    assert timing.once(lambda: done.append("works"), timing.in_a_round()) == 0.5
    assert done == ["waits", *["works"] * 10, "waits"]
    done.clear()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: 0.0)
    timing.alone(lambda: done.append("works"), 0)  # such as DVC, which no GPU does
    assert done.count("works") == 1 + timing.LEAST_ROUNDS


def test_long_steps_are_done_less_often_than_short_ones_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]

    def takes(seconds: float) -> Callable[[], None]:
        def work() -> None:
            done.append(seconds)
            now[0] += seconds

        return work

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    first = 2 * timing.FIRST_ON_A_GPU
    done = list[float]()
    timing.in_turns(takes(1), takes(2), 3.0)
    assert len(done) == first + 2 * timing.LEAST_ROUNDS
    done.clear()
    timing.in_turns(takes(0.0625), takes(0.0625), 3.0)
    assert len(done) == first + 2 * 4 * 6
    done.clear()
    pair = timing.in_turns(takes(0.001), takes(0.002), 0.25)
    assert (len(done) - first) % 20 == 0 and pair.ratio == pytest.approx(2)


def test_networks_are_compiled_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")

    def once_each(ours: Callable[[], None], plain: Callable[[], None], _: float) -> timing.Pair:
        ours()
        plain()
        return timing.Pair(**PAIR)

    monkeypatch.setattr(computing, "in_turns", once_each)
    with torch._dynamo.config.patch(recompile_limit=1):
        for name in ("pkdn", "sparnet"):  # by the same function
            computing.training_row(Training(name, name), "demo", replace(FP32, compiled=True), 0)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "training", [Training("alone", "pkdn"), Training("", "pkdn", distilled=True)]
)
def test_both_ways_take_the_same_step(
    training: Training, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    batch = computing.example(2, FP32.device)
    batch = batch._replace(hr_image=torch.rand(2, 3, 128, 128))
    tasks = [training.task("demo", FP32) for _ in range(2)]
    for task, step in zip(tasks, (computing.our_step, computing._plain_step), strict=True):
        run = step(task, batch, replace(FP32, compiled=compiled))
        run()
        run()
    # Adam's constants are other ones, so that weights agree as far as the steps' directions do.
    first, second = (task.network.state_dict() for task in tasks)
    fresh = training.task("demo", FP32).network.state_dict()
    for name, weight in first.items():
        assert torch.allclose(weight, second[name], atol=3 * computing.RATE), name
    assert any(not torch.equal(weight, fresh[name]) for name, weight in first.items())


def test_every_network_that_is_trained_has_its_row() -> None:
    titles = [training.title for training in computing.trainings()]
    assert titles[:3] == ["PKDN's teacher", "PKDN's student, distilled", "PKDN's network alone"]
    assert titles[3:] == [
        "DIC", "FSRNet", "KDFSRNet", "SFMNet", "SISN", "SPARNet", "URDGN", "WFEN"
    ]  # fmt: skip


def test_networks_that_are_named_are_timed_alone_and_with_pkdn_its_inference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        computing, "training_row", lambda training, *_: {"what": training.title, "size": "demo"}
    )
    monkeypatch.setattr(computing, "inference_row", lambda count, *_: {"what": count})

    def timed(*names: str) -> list[object]:
        monkeypatch.setattr(sys, "argv", ["bench", "--sizes", "demo", "--networks", *names])
        return [row["what"] for row in bench.__main__._rows(bench.__main__._arguments(), FP32)]

    assert timed("dic", "pkdn") == [
        "PKDN's teacher", "PKDN's student, distilled", "PKDN's network alone", "DIC", 1, 8, 64
    ]  # fmt: skip
    assert timed("dic") == ["DIC"]


def test_what_the_memory_does_not_hold_is_left_out_and_the_rest_is_written_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    written = []

    def row(training: Training, *_: object) -> dict[str, object]:
        if training.network == "dic":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if training.network == "wfen":
            written.extend(json.loads(file.read_text())["rows"])
        return {"what": training.title, "size": "demo", **PAIR}

    monkeypatch.setattr(computing, "training_row", row)
    monkeypatch.setattr(computing, "matrix_product", lambda *_: 0.5)
    names = ["urdgn", "dic", "wfen"]
    monkeypatch.setattr(
        sys, "argv", ["bench", "--sizes", "demo", "--json", str(file), "--networks", *names]
    )
    bench.__main__.main()
    assert [one["what"] for one in written] == ["URDGN"]
    assert [one["what"] for one in json.loads(file.read_text())["rows"]] == ["URDGN", "WFEN"]
    assert capsys.readouterr().err == "DIC, demo: needs more memory than there is; left out\n"
    monkeypatch.setattr(sys, "argv", ["bench", "--sizes", "demo", "--networks", "dic"])
    with pytest.raises(UserError, match="expected rows that this machine has the memory for"):
        bench.__main__.main()


def test_what_cannot_be_compiled_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr(compiling, "BACKEND", fail)
    monkeypatch.setattr(computing, "matrix_product", lambda *_: 0.5)
    words = ["--sizes", "demo", "--seconds", "0", "--networks", "pkdn", "--compile", "on"]
    monkeypatch.setattr(sys, "argv", ["bench", "--precision", "fp32", *words])
    with pytest.raises(UserError, match=r"no compiler here.*leave --compile out of"):
        bench.__main__.main()


def test_a_training_row_counts_what_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computing, "in_turns", lambda *_: timing.Pair(*PAIR.values()))
    row = computing.training_row(Training("alone", "pkdn"), "demo", FP32, 0)
    assert row["faces_per_second"] == 16
    with torch.device("meta"):
        _, gmac = complexity.size(networks.describe("pkdn", "demo").build())
    # Three times the forward pass, but for the gradient of the input, which nobody needs.
    whole = 8 * 2 * 3 * gmac * 1e9
    assert 0.85 * whole < row["tflops"] * 1e12 * 0.5 < whole


def test_moving_faces_is_timed_without_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "find_spec", lambda _: None)
    monkeypatch.setattr(moving, "PARSER_SIDE", 32)
    monkeypatch.setattr(moving, "NUM_FACES", 24)
    monkeypatch.setattr(moving, "alone", lambda work, _: (work(), 0.25)[1])
    rows = [*moving.rows(FP32, 0)]
    assert [row["what"].partition(":")[0] for row in rows] == [
        "a batch of 8 training faces", "align", "parse, 32 pixels", "evaluate"
    ]  # fmt: skip
    assert [row.get("faces_per_second") for row in rows[1:]] == [4, 64, 24]


def test_the_table_has_times_ratios_and_shares_of_the_product(tmp_path: Path) -> None:
    rows = [
        {"what": "step", "size": "small", **PAIR, "faces_per_second": 1600.0, "tflops": 0.25},
        {"what": "dvc", "size": "", "ours": 0.0123},
    ]
    text = page.table(rows, product=0.5)
    assert text.splitlines()[2:] == [
        "| step | small | 500 | 1,250 | 2.50 (2.25 to 3.00) | 1,600 | 0.25 (50%) |",
        "| dvc |  | 12.3 |  |  |  |  |",
    ]
    file = tmp_path / "page.md"
    file.write_text(f"a\n{BEGIN}\nold\n{END}\nb\n")
    write_marked(file, page.MARK, text)
    assert file.read_text() == f"a\n{BEGIN}\n\n{text}\n\n{END}\nb\n"
    with pytest.raises(UserError, match="expected a page with"):
        write_marked(tmp_path / "other.md", page.MARK, text)
    page.draw(rows, tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").stat().st_size > 5_000


def test_growth_asks_for_the_stages_that_it_measures(tmp_path: Path) -> None:
    growth.write_photos(tmp_path / "photos", tmp_path / "drawn", {"train": 300, "test": 2})
    photos = sorted((tmp_path / "photos" / "train").iterdir())
    assert len(photos) == 300
    assert photos[0].samefile(photos[growth.NUM_DRAWN])
    with Image.open(photos[1]) as photo:
        assert photo.size == PHOTO_SIZE
    own_params.write(tmp_path, seeds=[0])
    growth.write_params(tmp_path / "params.yaml", steps=12)
    asked = params.load(tmp_path / "params.yaml")
    assert (asked.training.steps, asked.training.batch_size) == (12, growth.BATCH_SIZE)
    names = {one.id.name for one in planning.plan(asked)}
    assert {*growth.BEFORE, *growth.MEASURED} - {"plan"} <= names


def test_the_table_of_growth_compares_the_fewest_with_the_most() -> None:
    few, many = (
        [
            growth.Measured(name, count, count / 100, 300.0, 0.25)
            for name in growth.MEASURED.values()
        ]
        for count in (1_000, 10_000)
    )
    many[0] = many[0]._replace(seconds=150.0, peak_mib=330.0)
    lines = growth.table([*few, *many]).splitlines()
    assert lines[2:5] == [
        "| align | 1,000 | 10 | 10.00 | 300 | 25.0% |",
        "| align | 10,000 | 150 | 15.00 | 330 | 25.0% |",
        "| align: growth | ×10.0 | ×15.00 | ×1.50 | ×1.10 |  |",
    ]
    assert len(lines) == 2 + 3 * len(growth.MEASURED)


def test_memory_is_counted_as_tensors_come_and_go() -> None:
    size = 4 * 1000
    with memory.Held() as held:
        kept = torch.zeros(1000)
        for _ in range(3):
            view = (kept + 1).view(10, 100)  # two at a time: the next comes before this one goes
            view += 1
        del view
    assert (held.now, held.most) == (size, 3 * size)
    with memory.Held() as held:
        parameter = torch.zeros(1000, requires_grad=True)
        kept = (parameter.exp().exp() * 2).sum()
        assert held.now == 3 * size + 4  # the two that the gradients need
        kept.backward()
        del kept
    assert held.now == 2 * size  # the parameter and its gradient


def test_a_training_needs_its_weights_four_times_and_its_faces() -> None:
    training = Training("alone", "pkdn")
    weights = sum(p.numel() for p in training.task("demo", FP32).network.parameters())
    one, two = (memory.most_mib(training, "demo", FP32, faces) for faces in (2, 4))
    assert one > 4 * 4 * weights / 2**20
    assert two > one + 2 * (128**2 + 16**2) * 3 * 4 / 2**20
    row = memory.Measured("alone", "demo", {"bf16": 1024, "fp32": 1.5 * 1024})
    assert memory.table([row]).splitlines()[-1] == "| alone | demo | 1.00 | 1.50 |"
