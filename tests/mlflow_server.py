"""A stand-in for MLflow's server that can be told to misbehave."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlparse

EXPERIMENT = {"experiment_id": "1", "name": "pkdn", "lifecycle_stage": "active"}


class StandIn(ThreadingHTTPServer):
    """Keeps runs in memory; ``behaviour`` is ``well``, ``hang``, ``drip`` or ``drop``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = "well"
        self.runs: dict[str, dict[str, Any]] = {}
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reply(self, call: str, given: dict[str, Any]) -> dict[str, Any]:
        if call == "experiments/get-by-name":
            return {"experiment": EXPERIMENT}
        if call == "runs/search":
            known = [run for run in self.runs.values() if _fingerprint(run) in given["filter"]]
            return {"runs": known}
        if call == "runs/create":
            number = f"{len(self.runs):032x}"
            info = {"run_id": number, "run_uuid": number, "status": "RUNNING"}
            info |= {"start_time": given["start_time"], "experiment_id": "1"}
            self.runs[number] = {"info": info, "data": {"tags": given["tags"], "metrics": []}}
            return {"run": self.runs[number]}
        run = self.runs[given["run_id"]]
        if call == "runs/log-batch":
            run["data"]["metrics"] += given.get("metrics", [])
        if call == "runs/update":
            run["info"]["status"] = given["status"]
        return {"run": run, "run_info": run["info"]}


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        given = json.loads(self.rfile.read(length) or b"{}")
        self._answer(given | dict(parse_qsl(urlparse(self.path).query)))

    do_GET = do_POST  # noqa: N815

    def _answer(self, given: dict[str, Any]) -> None:
        call = urlparse(self.path).path.rpartition("mlflow/")[2]
        if self.server.behaviour == "drop":
            return
        if self.server.behaviour == "hang":
            self.server.stopped.wait()
            return
        content = json.dumps(self.server.reply(call, given)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        pieces = [content[i : i + 1] for i in range(len(content))]
        for piece in pieces if self.server.behaviour == "drip" else [content]:
            self.wfile.write(piece)
            if self.server.behaviour == "drip" and self.server.stopped.wait(1):
                return


def _fingerprint(run: dict[str, Any]) -> str:
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    return str(tags["pkdn.fingerprint"])


@contextmanager
def serving() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
