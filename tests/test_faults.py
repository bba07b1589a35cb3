"""The harness that tries to lose results: its short form, and that it notices what is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from faults import outcome, results
from faults.kills import steps_kept, steps_shown
from faults.outcome import Outcome
from pkdn.errors import UserError

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
ROOT = Path(__file__).parents[1]
BAR = "teacher@synthetic-full-0 ━━━━╸        {}/60 loss 0.05\n"


def test_nothing_is_lost_in_two_minutes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults", "--short", "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sums = [line for line in done.stdout.splitlines() if line.startswith("| **all** ")][-1]
    tried, lost = map(int, sums.strip("| ").split("|")[1:])
    assert tried >= 6
    assert lost == 0


def test_rows_go_into_the_table_of_a_page_and_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    outcome.write(page, [Outcome("kills", 4), Outcome("full disks", 2)])
    outcome.write(page, [Outcome("kills", 3, ["weights"])])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("| kills | 3 | 1 |\n| full disks | 2 | 0 |\n| **all** | 5 | 1 |") == 1
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(UserError, match="expected a page with"):
        outcome.write(page, [])


def test_wrong_weights_double_rows_and_broken_objects_are_noticed(tmp_path: Path) -> None:
    run = tmp_path / results.RUNS / "teacher/synthetic-full-0"
    run.mkdir(parents=True)
    (run / "weights.safetensors").write_bytes(b"right")
    (run / "curve.csv").write_text("step,seconds,loss\n10,1.0,0.5\n20,2.0,0.4\n")
    right = results.answer(tmp_path)
    assert len(right) == 2
    (run / "curve.csv").write_text("step,seconds,loss\n10,7.5,0.5\n20,9.0,0.4\n")
    assert list(results.complaints(tmp_path, right)) == []
    (run / "weights.safetensors").write_bytes(b"wrong")
    (run / "curve.csv").write_text("step,seconds,loss\n10,1.0,0.5\n10,2.0,0.4\n")
    stored = tmp_path / ".dvc/cache/files/md5/ab/cdef"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"another content")
    (run / ".scores.csv.1.tmp").touch()
    found = "; ".join(results.complaints(tmp_path, right))
    for what in ("curve.csv", "weights.safetensors", "cdef", "twice", "half-written"):
        assert what in found


def test_steps_are_counted_over_both_phases_of_a_training() -> None:
    shown = BAR.format(7) + BAR.format(12)
    assert steps_shown(shown) == 12
    both = shown.replace("full-0 ", "full-0 teacher ") + shown
    assert steps_shown(both) == 24
    continued = "continuing at step 12 of a training that was interrupted\n" + BAR.format(60)
    assert steps_kept(continued) == 12
    taken = "teacher@synthetic-full-0 teacher: taking what the same training ended with before\n"
    assert steps_kept(taken + continued) == 72
    assert steps_kept(BAR.format(60)) == 0
