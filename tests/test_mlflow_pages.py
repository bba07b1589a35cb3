"""MLflow's pages, opened in a browser: what a user sees of two experiments."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch

from pkdn import packaging, tracking
from pkdn.networks.pkdn import PKDN
from pkdn.provenance import write_curve
from pkdn.runs import Planned, RunId
from pkdn.tracking import view

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore"),  # MLflow's own
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium, which is not on this machine"),
]
QUIETLY = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=2800,1400",  # a table has only those columns that are seen
    "--virtual-time-budget=30000",
    "--dump-dom",
)
PATIENCE = 120
"""Seconds for the server to start, and for a page to be there."""
FACES = Path("data/faces/helen")
CURVE = [{"step": step, "loss": 1 / step, "val_psnr": 20.0 + step} for step in (1, 2, 3)]
TRAINING, MODEL = RunId("student", "helen", "full", 0), RunId("model", "helen", "full", 0)
PSNR = {"0.1": 24.25, "0.5": 25.75}
"""That of the student of each λ_FS."""


class Server:
    """MLflow's server of a folder with a database and files, and a browser that looks at it."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address, self.profile = f"http://127.0.0.1:{port}", folder / "browser"
        words = ["server", "--workers", "1", "--port", str(port)]
        words += ["--backend-store-uri", "sqlite:///mlflow.db"]
        words += ["--artifacts-destination", "mlartifacts"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def read(self, path: str) -> str:
        """Return what the server answers, once it does."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with urlopen(self.address + path) as answer:
                    return str(answer.read().decode())
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.2)

    def page(self, path: str, sign: str) -> str:
        """Return a page as a browser has it, once it has a sign of being whole."""
        assert BROWSER is not None
        until = time.monotonic() + PATIENCE
        while True:
            page = subprocess.run(
                [BROWSER, *QUIETLY, f"--user-data-dir={self.profile}", self.address + path],
                capture_output=True,
                text=True,
                check=True,
                timeout=PATIENCE,
            ).stdout
            if sign in page:
                return page
            assert time.monotonic() < until, f"no {sign!r} in {path}"

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Table(HTMLParser):
    """The cells of MLflow's table of runs: for each row, the text by column."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, dict[str, str]] = {}
        self._row = self._column = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        found = dict(attributes)
        self._row = found.get("row-index") or self._row
        if "col-id" in found:
            self._column = found["col-id"] or "" if found["role"] == "gridcell" else ""

    def handle_data(self, text: str) -> None:
        if self._row and self._column and text.strip():
            self.rows.setdefault(self._row, {}).setdefault(self._column, text.strip())


def record(lambda_fs: str) -> None:
    """Record a training, its evaluation and its model, as the stages do."""
    params = {"lambda_fs": lambda_fs, "size": "demo"}
    with tracking.run(Planned(TRAINING, {"faces": FACES}, {}, {}), params) as run:
        TRAINING.folder.mkdir(parents=True, exist_ok=True)
        TRAINING.weights.write_text(lambda_fs)
        write_curve(TRAINING.curve(), CURVE)
        run.metrics({**CURVE[-1], "kept_step": 3})
    reads = {"faces": FACES, "weights": TRAINING.weights}
    with tracking.run(Planned(TRAINING.evaluation(), reads, {}, {}), params) as run:
        run.metrics({"test_psnr": PSNR[lambda_fs], "test_ssim": 0.75})
    with tracking.run(Planned(MODEL, {"weights": TRAINING.weights}, {}, {}), {}) as run:
        run.artifact(MODEL.folder / "model")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two experiments, in a folder that was moved since."""
    folder = tmp_path_factory.mktemp("laboratory") / "first"
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder.mkdir()
        monkeypatch.chdir(folder)
        FACES.mkdir(parents=True)
        (FACES / "manifest.json").write_text(json.dumps({"rows": {"train": 12, "test": 4}}))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow sets it, and it is to be as before
        for name in ("DVC_ROOT", "DVC_EXP_NAME"):
            monkeypatch.delenv(name, raising=False)
        faces, network = torch.zeros(2, 3, 16, 16), PKDN(width=8, num_blocks=1).eval()
        with torch.inference_mode():
            sr_images = network(faces).numpy()
        packaging.save_model(network, faces.numpy(), sr_images, MODEL.folder / "model")
        store = view.connect()[0]
        for lambda_fs in PSNR:
            record(lambda_fs)
            for run in (TRAINING, TRAINING.evaluation(), MODEL):
                store.send(run.record)
        store.pages()
    found = Server(folder.rename(folder.with_name("second")))
    try:
        found.read("/health")
        yield found
    finally:
        found.close()


def addresses() -> dict[str, str]:
    return view.pages.addresses("1")


def test_the_students_page_has_parameters_and_scores_side_by_side(server: Server) -> None:
    rows = Table(server.page(addresses()["students"], "lambda_fs=0.5")).rows.values()
    shown = {row["params.`lambda_fs`"]: row["metrics.`test_psnr`"] for row in rows if len(row) > 2}
    assert {name: float(value) for name, value in shown.items()} == PSNR


def test_the_systems_page_lists_all_that_was_evaluated(server: Server) -> None:
    page = server.page(addresses()["systems"], "lambda_fs=0.5")
    rows = [row for row in Table(page).rows.values() if len(row) > 2]
    assert [row["tags.`system`"] for row in rows] == ["full", "full"]
    assert "evaluate_student@helen-full-0 lambda_fs=0.5" in page


def test_the_curves_page_draws_the_trainings(server: Server) -> None:
    page = server.page(addresses()["curves"], "student@helen-full-0 lambda_fs=0.5")
    assert "Training curves" in page
    assert "val_psnr" in page
    assert "evaluate_student" not in page


def test_the_page_of_a_training_names_its_data_set_and_what_read_its_weights(
    server: Server,
) -> None:
    page = server.page("/#/experiments/1/runs?searchFilter=", "lambda_fs=0.5")
    (run_id,) = re.findall(r'runs/(\w+)"><span[^>]*>student@helen-full-0 lambda_fs=0.5', page)
    page = server.page(f"/#/experiments/1/runs/{run_id}?workflowType=machine_learning", "helen (")
    assert "evaluate_student@helen-full-0 lambda_fs=0.5" in page
    assert "model@helen-full-0 lambda_fs=0.5" in page


def test_the_page_of_the_registered_model_has_its_signature(server: Server) -> None:
    server.page("/#/models/pkdn-helen/versions/2?workflowType=machine_learning", "Inputs (1)")
