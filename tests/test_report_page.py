"""The report as a page: the same as the markdown, in one file, and what a browser makes of it."""

import base64
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import mlflow
import numpy as np
import pytest
import report_inputs
from PIL import Image

from pkdn.reports import page, web
from pkdn.runs import RunId
from pkdn.tracking import address

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PAGES = "http://127.0.0.1:5000/#/runs/"
MOST_BYTES = 5 * 2**20
EMPTY = {"br", "hr", "img", "link", "meta"}


class Elements(HTMLParser):
    """The elements of a page, which has to be well formed, and the rows of its tables as text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & {*self._open}:
            self.rows[-1][-1] += data

    def values(self, tag: str, attribute: str) -> list[str]:
        return [of[attribute] or "" for name, of in self.found if name == tag and attribute in of]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    plan = report_inputs.plan(mlflow_pages=PAGES)
    report_inputs.write(root, plan)
    page.write(root=root, out=root / "reports", plan=plan)
    return root / "reports"


@pytest.fixture(scope="module")
def elements(folder: Path) -> Elements:
    return Elements(folder / web.PAGE)


def test_the_page_needs_no_other_file_and_no_network(folder: Path, elements: Elements) -> None:
    assert (folder / web.PAGE).stat().st_size < MOST_BYTES
    addresses = [*elements.values("img", "src"), *elements.values("script", "src")]
    addresses += elements.values("link", "href")
    assert {one.partition(",")[0] for one in addresses} == {"data:image/webp;base64", web.PREVIOUS}
    assert not re.search(r"@import|url\(|\bfetch\(", (folder / web.PAGE).read_text())


def test_every_picture_is_there_with_all_its_pixels(folder: Path, elements: Elements) -> None:
    names = re.findall(r"\]\((figures/[^)]+)\)", (folder / web.SOURCE).read_text())
    packed = elements.values("img", "src")
    assert len(packed) == len(names) == len([*(folder / "figures").iterdir()])
    for name, data in zip(names, packed, strict=True):
        with Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as picture:
            shown = np.asarray(picture)
        with Image.open(folder / name) as picture:
            np.testing.assert_array_equal(shown, np.asarray(picture.convert("RGB")))


def test_the_page_has_every_row_of_the_markdown(folder: Path, elements: Elements) -> None:
    text = (folder / web.SOURCE).read_text(encoding="utf-8")
    rules = re.findall(r"^\| -.*\|$", text, flags=re.M)
    lines = re.findall(r"^\|.*\|$", text, flags=re.M)
    assert len(elements.rows) == len(lines) - len(rules)
    assert len(elements.values("div", "tabindex")) == len(rules)
    assert ["bicubic", "23.00", "0.5750", "0.4600", "23.00", "0.5750"] in [
        row[:6] for row in elements.rows
    ]


def test_the_contents_list_leads_to_every_heading(folder: Path, elements: Elements) -> None:
    text = (folder / web.SOURCE).read_text(encoding="utf-8")
    inside = [link[1:] for link in elements.values("a", "href") if link.startswith("#")]
    assert len(inside) == len(set(inside)) == len(re.findall(r"^##+ ", text, flags=re.M))
    named = [of["id"] for _, of in elements.found if "id" in of]
    assert len(named) == len(set(named))
    assert set(inside) < set(named)
    assert "results-on-helen" in inside


def test_the_first_screen_says_what_came_out_and_shows_it(folder: Path) -> None:
    text = (folder / web.SOURCE).read_text(encoding="utf-8")
    first = text[: text.index("## What was run")]
    warned, told, seen = (
        first.index(part)
        for part in ("not a reproduction", "student reaches", "(figures/summary-synthetic.png)")
    )
    assert warned < told < seen < first.index("enlarges a face from")
    assert "![Test faces of helen: LR, bicubic, KDFSRNet, PKDN, HR]" in first


def test_runs_are_linked_where_they_are_known(elements: Elements) -> None:
    links = [link for link in elements.values("a", "href") if not link.startswith(("#", "tables/"))]
    assert all(link.startswith(PAGES) for link in links)
    run = RunId("student", "helen", "full", 0)
    assert f"{PAGES}mlflow-{run.stage}-{run.key}" in links
    untracked = next(row for row in elements.rows if row[0] == "evaluate_baseline@helen-dic-0")
    assert untracked[3] == "not tracked"


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (None, PAGES),
        ("sqlite:////tmp/mlflow.db", PAGES),
        ("postgresql+psycopg2://me:secret@db/runs", PAGES),
        ("http://127.0.0.1:5017/", "http://127.0.0.1:5017/#/runs/"),
        ("https://me:secret@example.org/mlflow", "https://example.org/mlflow/#/runs/"),
        ("https://me:p@ss@example.org/mlflow", "https://example.org/mlflow/#/runs/"),
        ("databricks://profile", ""),
    ],
)
def test_the_address_of_runs_is_that_of_who_shows_them(
    store: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if store is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    assert address.run_pages() == expected


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no answer of http://me:p@ss@host:5000", "no answer of http://host:5000"),
        ("postgresql://me:a/b@db/mlflow is closed", "postgresql://db/mlflow is closed"),
        ("mysql://db/runs?user=me&password=x&ssl=1", "mysql://db/runs?user=me&password=&ssl=1"),
        ("http://host:5000 and me@host", "http://host:5000 and me@host"),
        ("sqlite:////home/me@lab/mlflow.db", "sqlite:////home/me@lab/mlflow.db"),
    ],
)
def test_no_password_is_shown(said: str, shown: str) -> None:
    assert address.without_password(said) == shown


def test_mlflow_and_make_ui_have_pages_at_that_address() -> None:
    scripts = Path(mlflow.__file__).parent.glob("server/js/build/static/js/*.js")
    assert any('("/runs/:runUuid")' in script.read_text(encoding="utf-8") for script in scripts)
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    port = re.search(r"^PORT \?= (\d+)$", makefile, flags=re.M)
    assert port
    assert address.HERE.endswith(f"//127.0.0.1:{port[1]}")


def test_runs_without_a_page_are_no_links_and_the_same_inputs_make_the_same_page(
    tmp_path: Path,
) -> None:
    plan = report_inputs.plan(datasets=("helen",), seeds=(0,))
    report_inputs.write(tmp_path, plan)
    for name in ("one", "other"):
        page.write(root=tmp_path, out=tmp_path / name, plan=plan)
    found = Elements(tmp_path / "one" / web.PAGE)
    assert not [link for link in found.values("a", "href") if "://" in link]
    row = next(row for row in found.rows if row[0] == "student@helen-full-0")
    assert row[3] == "mlflow-student-helen-full-0"
    one, other = ((tmp_path / name / web.PAGE).read_bytes() for name in ("one", "other"))
    assert one == other


def test_what_looks_like_html_is_shown_as_it_is_written() -> None:
    text = web.page("# The <title>\n\n## A `<b>` & c\n\n<script>alert(1)</script>\n", {})
    assert "<title>The &lt;title&gt;</title>" in text
    assert '<a href="#a-b-c">A &lt;b&gt; &amp; c</a>' in text
    assert "&lt;script&gt;alert(1)" in text


def in_browser(folder: Path, *clicks: tuple[str, str]) -> str:
    """Return a page after clicks on columns of the tables whose first heading is given."""
    script = "".join(
        "for (const table of document.querySelectorAll('table')) {"
        "const headings = [...table.tHead.rows[0].cells];"
        f"if (headings[0].textContent === {json.dumps(first)}) {{"
        f"headings.find((one) => one.textContent === {json.dumps(column)})"
        ".querySelector('button').click(); break; }}"
        for first, column in clicks
    )
    text = (folder / web.PAGE).read_text(encoding="utf-8")
    copied = folder / "clicked.html"
    copied.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    assert BROWSER
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
    profile = f"--user-data-dir={folder / 'browser'}"
    done = subprocess.run(
        [BROWSER, *options, profile, "--dump-dom", copied.as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    copied.unlink()
    shutil.rmtree(folder / "browser", ignore_errors=True)
    return done.stdout


def order(html: str, heading: str) -> list[str]:
    """Return the first cells of the first table whose first heading this is."""
    table = html.partition(heading)[2].partition("</table>")[0]
    return re.findall(r"<tr[^>]*>\s*<td>(?:<strong>)?([^<]+)", table)


needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")


@needs_browser
def test_a_browser_sorts_numbers_as_numbers(folder: Path) -> None:
    psnr, time = "one recipe: PSNR ↑, dB", "wall time together"
    clicked = in_browser(folder, ("system", psnr), *[("stage", time)] * 2)
    once = order(clicked, psnr)
    assert once == [
        *("bicubic", "DIC", "KDFSRNet", "PKDN"),
        *("URDGN", "FSRNet", "SISN", "SPARNet"),  # no numbers
    ]
    times = order(clicked, time)
    assert {*times[:2]} == {"student", "evaluate_student"}  # 16 min 00 s; others 30 s and less
    assert times[-1] == "all"
    twice = order(in_browser(folder, *[("system", psnr)] * 2), psnr)
    assert twice == ["PKDN", "KDFSRNet", "DIC", "bicubic", *once[4:]]
    thrice = order(in_browser(folder, *[("system", psnr)] * 3), psnr)
    assert thrice == ["bicubic", "URDGN", "FSRNet", "DIC", *once[6:], "KDFSRNet", "PKDN"]


@needs_browser
def test_a_browser_shows_what_changed_where_it_belongs_to_the_page(folder: Path) -> None:
    told = "| parameter | before |\n| --- | --- |\n| `steps` | 272 |\n\n### Change on `helen`\n"
    default = "depends on git"
    assert default in in_browser(folder)
    web.write_previous(folder, told)
    assert web.has_previous(folder)
    shown = in_browser(folder)
    assert default not in shown
    section = shown.partition("Against the previous run</h2>")[2].partition("<h2")[0]
    assert "<code>steps</code>" in section
    assert "Change on <code>helen</code>" in section
    source = folder / web.SOURCE
    kept = source.read_text(encoding="utf-8")
    try:
        source.write_text(kept + "\nanother report\n", encoding="utf-8")
        assert not web.has_previous(folder)
        web.write_previous(folder, told)
        assert default in in_browser(folder)
    finally:
        source.write_text(kept, encoding="utf-8")
        (folder / web.PREVIOUS).unlink()
