"""MLflow that is dead, hangs or is broken; and several starts of one training at once."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from faults.files import expect_right
from faults.laboratory import TEACHER, TWO_PHASES, Laboratory
from faults.results import TRACEBACK
from faults.workplace import Trial, change

AT_ONCE = 6
LIVE = re.compile(r"^LIVE_SECONDS = [\d.]+", re.M)


def dead_server(laboratory: Laboratory) -> None:
    """MLflow's server refuses every connection while a training sends its curve."""
    with listening(accepts=False) as address:
        _train_with(laboratory, address)


def hanging_server(laboratory: Laboratory) -> None:
    """MLflow's server takes connections and never answers while a training sends its curve."""
    with listening(accepts=True) as address:
        _train_with(laboratory, address)


def broken_database(laboratory: Laboratory) -> None:
    """``mlflow.db`` is no database, is cut, or is empty while a training sends its curve."""
    for content in (b"no database at all" * 100, b"SQLite format 3\0" + bytes(200), b""):
        _train_with(laboratory, "", content)


def starts_at_once(laboratory: Laboratory) -> None:
    """Six starts of one training at once."""
    for run in (TEACHER, TWO_PHASES):
        with laboratory.trial() as trial:
            trial.tried = AT_ONCE
            words = ("python", "-m", "stages.train", run)
            programs = [trial.start(*words) for _ in range(AT_ONCE)]
            for program in programs:
                done = program.wait()
                trial.expect(TRACEBACK not in done.output, f"a traceback: see {program.log}")
                expect_right(laboratory, trial, done.status)


def _train_with(laboratory: Laboratory, address: str, database: bytes | None = None) -> None:
    with laboratory.trial() as trial:
        _send_every_row(trial)
        if database is not None:
            (trial.folder / "mlflow.db").write_bytes(database)
        store = [f"MLFLOW_TRACKING_URI={address}"] if address else []
        done = trial.run("env", *store, "python", "-m", "stages.train", TEACHER)
        trial.expect(TRACEBACK not in done.output, f"a traceback: see {trial.programs[-1].log}")
        expect_right(laboratory, trial, done.status)


def _send_every_row(trial: Trial) -> None:
    """Have a training tell MLflow of each row at once, instead of every half minute."""
    files = [
        file for file in (trial.folder / "pkdn").rglob("*.py") if LIVE.search(file.read_text())
    ]
    (file,) = files
    change(file, LIVE.pattern, "LIVE_SECONDS = 0.0")


@contextmanager
def listening(*, accepts: bool) -> Iterator[str]:
    """Yield the address of a port that takes connections and says nothing, or takes none."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if accepts:
            server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
