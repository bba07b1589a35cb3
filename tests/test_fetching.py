"""Downloads against a real server on loopback that misbehaves in every way that was met."""

import gzip
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from pkdn.data.fetching import web as fetching
from pkdn.data.fetching.download import locate
from pkdn.data.fetching.drive import PATIENCE
from pkdn.data.fetching.web import RemoteFile, fetch
from pkdn.errors import UserError

CONTENT = bytes(range(256)) * 4096
CUT_AT = 300_000
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Server:
    """Answers a path by its first folder; remembers the ranges it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.failures_left = 2
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Range")))
                getattr(outer, self.path.split("/")[1])(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # clients that hang up
        self.root = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    @staticmethod
    def _range(request: BaseHTTPRequestHandler) -> int:
        value = request.headers.get("Range", "bytes=0-")
        return int(value.removeprefix("bytes=").removesuffix("-"))

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        content: bytes,
        *,
        start: int = 0,
        stop: int | None = None,
        status: int | None = None,
        kind: str = "application/octet-stream",
    ) -> None:
        request.send_response(status or (206 if start else 200))
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content) - start))
        if start:
            last = len(content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        request.end_headers()
        request.wfile.write(content[start:stop])
        if stop is not None and stop < len(content):
            request.close_connection = True

    def good(self, request: BaseHTTPRequestHandler) -> None:
        start = self._range(request)
        if start >= len(CONTENT):
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            self._send(request, CONTENT, start=start)

    def cut(self, request: BaseHTTPRequestHandler) -> None:
        start = self._range(request)
        self._send(request, CONTENT, start=start, stop=start + CUT_AT)

    def cut_without_ranges(self, request: BaseHTTPRequestHandler) -> None:
        self.failures_left -= 1
        self._send(request, CONTENT, stop=None if self.failures_left < 0 else CUT_AT)

    def empty_handed(self, request: BaseHTTPRequestHandler) -> None:
        self._send(request, CONTENT, stop=0)

    def labelled(self, request: BaseHTTPRequestHandler) -> None:
        content = gzip.compress(CONTENT)
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def missing(self, request: BaseHTTPRequestHandler) -> None:
        self._send(request, b"not here", status=404)

    def busy(self, request: BaseHTTPRequestHandler) -> None:
        self._send(request, b"later", status=503)

    def busy_at_first(self, request: BaseHTTPRequestHandler) -> None:
        self.failures_left -= 1
        self.busy(request) if self.failures_left >= 0 else self.good(request)

    def quota(self, request: BaseHTTPRequestHandler) -> None:
        page = b"<html>Too many users have viewed or downloaded this file recently</html>"
        self._send(request, page, kind="text/html; charset=utf-8")

    def wrong_byte(self, request: BaseHTTPRequestHandler) -> None:
        wrong = bytearray(CONTENT)
        wrong[77] ^= 1
        self._send(request, bytes(wrong))

    def too_long(self, request: BaseHTTPRequestHandler) -> None:
        self._send(request, CONTENT + b"!")

    def short(self, request: BaseHTTPRequestHandler) -> None:
        self._send(request, CONTENT[:-1])

    def other_range(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(206)
        request.send_header("Content-Range", f"bytes 5-9/{len(CONTENT)}")
        request.send_header("Content-Length", "5")
        request.end_headers()
        request.wfile.write(CONTENT[5:10])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "FIRST_WAIT_SECONDS", 0.0)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    yield running
    running.close()


def remote(server: Server, *paths: str, **changes: object) -> RemoteFile:
    sources = tuple(f"{server.root}/{path}/faces.zip" for path in paths)
    file = RemoteFile("faces.zip", len(CONTENT), MD5, sources, "https://example.org/faces")
    return file._replace(**changes)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    file = remote(server, "good")
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert left_in(tmp_path) == ["faces.zip"]


def test_a_connection_that_is_cut_is_continued_where_it_was(server: Server, tmp_path: Path) -> None:
    assert fetch(remote(server, "cut"), tmp_path).read_bytes() == CONTENT
    starts = [int((asked or "bytes=0-")[6:-1]) for _, asked in server.asked]
    assert starts[0] == 0
    steps = [after - before for before, after in pairwise(starts)]
    assert all(CUT_AT - fetching.CHUNK < step <= CUT_AT for step in steps)


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    assert fetch(remote(server, "cut_without_ranges"), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 3


def test_a_later_call_continues_and_so_does_another_source(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".faces.zip.part").write_bytes(CONTENT[:1000])
    assert fetch(remote(server, "missing", "good"), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=1000-", "bytes=1000-"]


def test_a_download_killed_just_before_its_check_is_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".faces.zip.part").write_bytes(CONTENT)
    assert fetch(remote(server, "good"), tmp_path).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    assert fetch(remote(server, "busy_at_first"), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "HTTP 404"),
        ("busy", "HTTP 503 Service Unavailable, 4 times in a row"),
        ("quota", "a web page instead of the file"),
        ("wrong_byte", "got the md5 "),
        ("too_long", "got more than 1,048,576 bytes"),
        ("short", "got 1,048,575 bytes"),
        ("empty_handed", "4 times in a row"),
    ],
)
def test_a_source_that_fails_is_passed_over_and_named_if_it_was_the_last(
    server: Server, tmp_path: Path, fault: str, reason: str
) -> None:
    assert fetch(remote(server, fault, "good"), tmp_path / "a").read_bytes() == CONTENT
    with pytest.raises(UserError) as raised:
        fetch(remote(server, fault), tmp_path / "b")
    message = str(raised.value)
    assert reason in message
    expected = (
        f"faces.zip, 1,048,576 bytes, {MD5}",
        "https://example.org/faces",
        str(tmp_path / "b" / "faces.zip"),
        "PKDN_MIRROR",
    )
    assert all(part in message for part in expected)
    assert "\n" not in message
    assert not (tmp_path / "b" / "faces.zip").exists()


def test_bytes_from_elsewhere_are_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".faces.zip.part").write_bytes(CONTENT[:1000])
    with pytest.raises(UserError, match="asked for the bytes from 1000, got bytes 5-9"):
        fetch(remote(server, "other_range"), tmp_path)


def test_no_server_at_all(tmp_path: Path, server: Server) -> None:
    server.close()
    with pytest.raises(UserError, match=r"ConnectionError, 4 times in a row"):
        fetch(remote(server, "good"), tmp_path)


def test_a_mirrors_password_is_not_told(tmp_path: Path, server: Server) -> None:
    address = server.root.replace("://", "://lab:s3cret@")
    with pytest.raises(UserError) as raised:
        fetch(remote(server), tmp_path, more_sources=[f"{address}/missing/faces.zip"])
    assert f"{server.root}/missing/faces.zip: HTTP 404" in str(raised.value)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("host", ["mirror..example.org", f"{'m' * 64}.example.org"])
def test_an_address_that_can_be_none_is_named(tmp_path: Path, server: Server, host: str) -> None:
    with pytest.raises(UserError, match=host):
        fetch(remote(server), tmp_path, more_sources=[f"http://{host}/faces.zip"])


def test_an_archive_that_a_server_calls_compressed_stays_as_it_is(
    server: Server, tmp_path: Path
) -> None:
    content = gzip.compress(CONTENT)
    checksum = "md5:" + hashlib.md5(content).hexdigest()
    file = remote(server, "labelled", checksum=checksum, num_bytes=len(content))
    assert fetch(file, tmp_path).read_bytes() == content


def test_halves_without_a_checksum_are_not_joined(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".faces.zip.part").write_bytes(b"another half")
    file = remote(server, "good", checksum="", num_bytes=None)
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/good/faces.zip", None)]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"!", b""])
def test_a_file_that_is_there_and_not_the_one_is_refused(
    server: Server, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "faces.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"delete it, or put the whole file there"):
        fetch(remote(server, "good"), tmp_path)
    assert (tmp_path / "faces.zip").read_bytes() == content


def test_two_workers_fetch_it_once(server: Server, tmp_path: Path) -> None:
    file = remote(server, "good")
    workers = [threading.Thread(target=fetch, args=(file, tmp_path)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(server.asked) == 1


def test_a_mirror_comes_first(server: Server, tmp_path: Path) -> None:
    mirror = f"{server.root}/good/mirrored.zip"
    fetch(remote(server, "missing"), tmp_path, more_sources=[mirror])
    assert server.asked == [("/good/mirrored.zip", None)]


def drive(behaviour: Callable[[Path], None]) -> Callable[..., None]:
    def download(
        *,
        id: str,  # noqa: A002
        output: str,
        quiet: bool,
        resume: bool,
        timeout: tuple[float, float],
    ) -> None:
        assert (id, quiet, resume, timeout) == ("abc", True, True, PATIENCE)
        behaviour(Path(output))

    return download


def test_google_drive_is_left_to_gdown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    file = remote(server)._replace(sources=("gdrive:abc", f"{server.root}/good/faces.zip"))
    monkeypatch.setattr("gdown.download", drive(lambda path: path.write_bytes(CONTENT)))
    assert fetch(file, tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == []

    def quota(path: Path) -> None:  # noqa: ARG001
        raise RuntimeError("Too many users\nhave viewed it")

    monkeypatch.setattr("gdown.download", drive(quota))
    assert fetch(file, tmp_path / "b").read_bytes() == CONTENT
    with pytest.raises(UserError, match="gdrive:abc: Too many users have viewed it"):
        fetch(file._replace(sources=("gdrive:abc",)), tmp_path / "c")


def test_a_data_sets_part_comes_from_a_mirror_on_the_web(server: Server, tmp_path: Path) -> None:
    part = remote(server, "good")
    root = locate("faces", [part], mirror=f"{server.root}/busy_at_first/", downloads=tmp_path)
    assert root == tmp_path / "faces"
    assert (root / "faces.zip").read_bytes() == CONTENT
    assert {path for path, _ in server.asked} == {"/busy_at_first/faces/faces.zip"}
    locate("faces", [part], mirror=f"{server.root}/missing", downloads=tmp_path / "more")
    assert server.asked[-1][0] == "/good/faces.zip"
    nowhere = remote(server)
    with pytest.raises(UserError, match=r"missing/faces/faces\.zip: HTTP 404"):
        locate("faces", [nowhere], mirror=f"{server.root}/missing", downloads=tmp_path / "none")


def test_a_mirror_may_move(server: Server, tmp_path: Path) -> None:
    whole = remote(server)
    other = whole._replace(name="more.zip")
    downloads = tmp_path / "downloads"
    for name in ("one", "two"):
        mirror = tmp_path / name / "faces"
        mirror.mkdir(parents=True)
        (mirror / whole.name).write_bytes(CONTENT)
        fetch(other._replace(sources=(f"{server.root}/good/faces.zip",)), downloads / "faces")
        root = locate("faces", [whole, other], mirror=str(mirror.parent), downloads=downloads)
        assert (root / whole.name).resolve() == mirror / whole.name
        (mirror / whole.name).unlink()
    shutil.rmtree(root)
    root.symlink_to(tmp_path / "unmounted")
    with pytest.raises(UserError, match=r"got a link to .*unmounted, which is not there: mount"):
        locate("faces", [whole], mirror=None, downloads=downloads)
