"""The site of docs/: it is built, every link leads somewhere, and nothing comes from a network."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pages import protocols
from pkdn import metrics, networks
from pkdn.complexity import size
from pkdn.metrics._protocols import PEAK, PROTOCOLS

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "pkdn" / "reports" / "templates"
# What a browser fetches by itself when it opens a page.
FETCHED = re.compile(
    r"<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
)
EXAMPLE = re.compile(r"`pkdn/networks/mynet\.py`:\n\n```python\n(.*?)```", re.S)
NUMBER = re.compile(r"[+-]?\d+\.\d+")


@pytest.fixture(scope="module")
def face() -> protocols.Faces:
    return protocols.faces()


def test_the_site_is_built_without_a_warning_and_asks_for_nothing(tmp_path: Path) -> None:
    if not all(map(find_spec, ("mkdocs", "material", "mkdocstrings", "merm"))):
        pytest.skip("needs the extra docs: pip install -e '.[docs]'")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    texts = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.glob("*.html")}
    assert {"index.html", "tutorial.html", "network.html", "contributing.html"} <= texts.keys()
    assert [found for text in texts.values() for found in FETCHED.findall(text)] == []
    assert 'class="drawing"><svg' in texts["index.html"]
    assert "Three convolutions on the enlarged face" in texts["network.html"]
    assert ":class:" not in texts["api.html"]


def test_the_readme_links_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")]
    assert len(pages) > 8
    assert [page for page in pages if f"]({page}" not in readme] == []


def test_the_page_about_networks_shows_one_whose_small_size_is_a_tenth() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = EXAMPLE.search(page)
    assert shown is not None
    mynet: dict[str, Any] = {"__name__": "mynet"}
    exec(shown[1], mynet)
    with torch.device("meta"):
        small, paper = (
            size(mynet["NETWORK"](**mynet["SIZES"][name]))[1] for name in ("small", "paper")
        )
    assert 0.08 * paper < small < 0.13 * paper


def test_the_page_about_networks_has_all_that_a_file_may_say() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, *optional = str(networks.__doc__).split("- perhaps ")
    names = [re.findall(r"``([A-Z_]+|task)\b", one)[0] for one in optional]
    assert {"HIGHEST_RATE", "RECIPE", "TEACHER", "task"} <= set(names)
    assert [name for name in names if f"- `{name}" not in page] == []


def test_every_section_of_the_report_is_explained() -> None:
    told = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    headings = [
        re.split(r" of `| on `|On `|:", heading)[0]
        for name in ("report.md.jinja", "results.md.jinja")
        for heading in re.findall(r"^##+ (.*)", (TEMPLATES / name).read_text("utf-8"), re.M)
    ]
    assert len(headings) > 15
    assert [heading for heading in headings if heading not in told] == []


def test_the_tutorial_tells_the_results_that_were_measured() -> None:
    tutorial, results = (
        (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("tutorial", "results")
    )
    rows = [line for line in tutorial.splitlines() if re.search(r"\| \.\d{4} \|", line)]
    assert len(rows) == 9
    for row in rows:
        cells = row.strip("| ").split(" | ")[1:]
        assert any(all(cell in line for cell in cells) for line in results.splitlines()), row


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_maps_of_a_protocol_have_its_scores(name: str, face: protocols.Faces) -> None:
    scores = metrics.score_all(face.sr_image, face.hr_image)[name]
    seen = protocols.maps(PROTOCOLS[name], face)
    mean_squared_error = np.nanmean(seen.error**2)
    assert 10 * np.log10(PEAK**2 / mean_squared_error) == pytest.approx(scores["psnr"])
    assert np.nanmean(seen.ssim) == pytest.approx(scores["ssim"])


def test_the_page_has_the_scores_of_the_weights_that_are_here(face: protocols.Faces) -> None:
    page = protocols.PAGE.read_text(encoding="utf-8")
    for row in protocols.table(face).splitlines()[2:]:
        name = row.split("`")[1]
        written = next(line for line in page.splitlines() if line.startswith(f"| `{name}` | 2"))
        old, new = ([float(n) for n in NUMBER.findall(line)] for line in (written, row))
        # Another processor rounds otherwise: by one in the last place.
        assert old[::2] == pytest.approx(new[::2], abs=0.0101)
        assert old[1::2] == pytest.approx(new[1::2], abs=1.01e-4)
