"""How long work and the running stages say how far they are."""

import io
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from pkdn import progress
from pkdn.pipeline import board
from pkdn.pipeline.board import Board
from pkdn.progress import Progress, Reached, duration, noted, track


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5_930, "99 min"), (11_100, "3 h 05 min")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("reached", "line"),
    [
        (Reached("a", 0, 1_200, "loss 1", 2.0), "a: 0 of 1,200, loss 1, 2.0 a second, 10 min left"),
        (Reached("a", 1, 3, "", 0.5), "a: 1 of 3, 2.0 s each, 4 s left"),
        (Reached("a", 3, 3, "", 0.5), "a: 3 of 3, 2.0 s each"),
        (Reached("a", 0, 3), "a: 0 of 3"),
    ],
)
def test_how_far_something_is_as_a_line(reached: Reached, line: str) -> None:
    assert reached.line() == line


def test_without_a_terminal_there_are_lines_and_no_bars(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1)
    with Progress("student", 40, done=10) as shown:
        shown.words = "loss 0.5"
        shown.advance()
    assert [*track("abc", "faces", 3)] == ["a", "b", "c"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" of ")[0] for line in lines] == [
        "student: 11", "student: 11", "faces: 1", "faces: 2", "faces: 3", "faces: 3",
    ]  # fmt: skip
    assert ", loss 0.5, " in lines[0]
    assert not any(mark in "".join(lines) for mark in "━\r\x1b")


@pytest.mark.parametrize(("name", "has_bar"), [("xterm", True), ("dumb", False)])
def test_a_bar_is_drawn_where_the_terminal_can(
    monkeypatch: pytest.MonkeyPatch, name: str, has_bar: bool
) -> None:
    monkeypatch.setenv("TERM", name)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert progress._is_terminal() is has_bar


def test_lines_come_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    assert len([*track(range(1_000), "faces", 1_000)]) == 1_000
    assert capsys.readouterr().out == ""
    with Progress("student", 10) as shown:
        shown.advance(10)
    assert capsys.readouterr().out.count("\n") == 1


def test_others_read_how_far_it_is_and_a_lost_folder_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "teacher.progress"
    assert noted(note) is None
    monkeypatch.setenv(progress.NOTE_VARIABLE, str(note))
    with Progress("teacher", 40, done=10) as shown:
        shown.words = "loss 0.5"
        shown.advance(10)
        found = noted(note)
        assert found
        assert found[:4] == ("teacher", 20, 40, "loss 0.5")
        assert found.per_second > 0
    note.write_text('["broken"')
    assert noted(note) is None
    note.write_text('{"other": 1}')
    assert noted(note) is None
    monkeypatch.setenv(progress.NOTE_VARIABLE, str(tmp_path / "missing" / "note"))
    assert [*track("ab", "faces", 2)] == ["a", "b"]


def working(reached: Reached | None, device: str = "") -> SimpleNamespace:
    return SimpleNamespace(reached=lambda: reached, device=device, age=lambda: "3 min")


REACHED = Reached("student@helen-full-0", 1_200, 4_200, "loss 0.0512, val 24.31 dB", 2.0)
WAITING = ["evaluate@a", "evaluate@b", "model", "complexity", "report"]


@pytest.mark.parametrize("gpu", ["", "2"])
def test_a_terminal_has_one_table_of_what_runs_and_what_waits(
    monkeypatch: pytest.MonkeyPatch, gpu: str
) -> None:
    monkeypatch.setattr(board, "SECONDS_BETWEEN_LOOKS", -1)
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=130, color_system=None)
    with Board(64, console) as shown:
        shown.num_ended = 12
        shown.say("parse@helen: done after 3 min (12 of 64)")
        busy = {"student@helen-full-0": working(REACHED, gpu), "align@lfw": working(None)}
        shown.show(busy, WAITING)
    lines = [re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", line) for line in text.getvalue().splitlines()]
    row = next(line for line in lines if "student@helen-full-0" in line)
    expected = ["student@helen-full-0", *gpu, "1,200 of 4,200", "loss 0.0512, val 24.31 dB"]
    assert re.split(r"  +", row.strip())[: len(expected)] == expected
    assert [*re.split(r"  +", row.strip())][-3:] == ["2.0 a second", "25 min", "3 min"]
    caption = next(line for line in lines if "waiting" in line)
    assert "12 of 64 done; waiting: evaluate@a, evaluate@b, model and 2 more" in caption
    assert any("parse@helen: done after 3 min" in line for line in lines)


def test_a_stage_that_shows_itself_has_the_terminal_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(board, "SECONDS_BETWEEN_LOOKS", -1)
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, color_system=None)
    with Board(64, console, shows=False) as shown:
        shown.show({"align@lfw": working(None)}, WAITING)
        shown.say("align@lfw: done")
    assert text.getvalue() == "align@lfw: done\n"


@pytest.mark.parametrize("is_dumb", [False, True])
def test_elsewhere_each_stage_has_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, is_dumb: bool
) -> None:
    """Such as in a file, or in a terminal that cannot draw a table, as Emacs' shell."""
    text = io.StringIO()
    busy = {"student@helen-full-0": working(REACHED), "align@lfw": working(None)}
    monkeypatch.setenv("TERM", "dumb" if is_dumb else "xterm")
    with Board(64, Console(file=text, force_terminal=is_dumb)) as shown:
        shown.show(busy, WAITING)
        assert text.getvalue() == ""
        monkeypatch.setattr(board, "SECONDS_BETWEEN_LINES", -1)
        shown.show(busy, WAITING)
    assert text.getvalue().splitlines() == [REACHED.line(), "align@lfw: 3 min so far"]
