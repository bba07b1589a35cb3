"""The report as one file for a browser: its markdown as HTML, with the pictures in it.

What git knows of an earlier run is no part of the page, whose content rests on the inputs of its
stage alone. It lies in a file beside the page, which shows it where it is there and belongs to it.
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from pkdn.files import atomic_file

SOURCE: Final = "report.md"
PAGE: Final = "report.html"
PREVIOUS: Final = "against-previous.js"
"""What has changed since an earlier run; neither git nor DVC knows this file."""
VARIABLE: Final = "againstPrevious"
"""What the page knows its content by."""
TEMPLATES: Final = Path(__file__).parent / "templates"
DEEPEST: Final = 3
"""The level of the last headings in the contents list."""
WIDE: Final = 1000
"""Pixels from which on a picture is moved on a telephone, and not made to fit."""
WEBP: Final[Any] = {"lossless": True, "method": 2, "quality": 50}
"""Every pixel as in the PNG file, in two thirds of its size; more effort saves little."""


class Heading(NamedTuple):
    """A line of the contents list: how deep it is, where it leads, and what it says."""

    level: int
    anchor: str
    text: str


def page(markdown: str, folders: Mapping[str, Path]) -> str:
    """Return a page of markdown as HTML that needs no other file.

    Args:
        markdown: the page; its first heading is its title.
        folders: where the folders are that its pictures' addresses begin with.
    """
    tokens = _parser().parse(markdown)
    title, *headings = _headings(tokens)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                _embed(child, folders)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, autoescape=True
    )
    return environment.get_template("report.html.jinja").render(
        title=title.text,
        contents=[heading for heading in headings if heading.level <= DEEPEST],
        body=_html(tokens),
        identity=identity(markdown),
        previous=PREVIOUS,
        variable=VARIABLE,
    )


def write_previous(out: Path, markdown: str) -> None:
    """Write what has changed since an earlier run, for the page in a folder to show."""
    report = (out / SOURCE).read_text(encoding="utf-8")
    content = {"report": identity(report), "html": _html(_parser().parse(markdown))}
    with atomic_file(out / PREVIOUS) as temporary:
        temporary.write_text(f"{VARIABLE} = {json.dumps(content)}\n", encoding="utf-8")


def is_there(out: Path) -> bool:
    """Return whether a folder has the page and its markdown."""
    return (out / PAGE).is_file() and (out / SOURCE).is_file()


def has_previous(out: Path) -> bool:
    """Return whether the page in a folder shows what has changed since an earlier run."""
    known = identity((out / SOURCE).read_text(encoding="utf-8"))
    file = out / PREVIOUS
    return file.is_file() and known in file.read_text(encoding="utf-8")


def identity(markdown: str) -> str:
    """Return what a page is known by."""
    return hashlib.sha256(markdown.encode()).hexdigest()[:16]


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _html(tokens: Sequence[Token]) -> str:
    parser = _parser()
    html = str(parser.renderer.render(tokens, parser.options, {}))
    framed = html.replace("<table>", '<div class="table" tabindex="0"><table>')
    return framed.replace("</table>", "</table></div>")


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Give every heading a name of its own, to which links lead; yield what was found."""
    taken = set[str]()
    for token, inside in pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in inside.children or ())
            anchor = name = re.sub(r"\W+", "-", text.lower()).strip("-")
            while anchor in taken:
                anchor = f"{name}-{len(taken)}"
            taken.add(anchor)
            token.attrSet("id", anchor)
            yield Heading(int(token.tag[1:]), anchor, text)


def _embed(image: Token, folders: Mapping[str, Path]) -> None:
    """Put a picture into the page in place of its address."""
    folder, name = str(image.attrs["src"]).split("/")
    packed = io.BytesIO()
    with Image.open(folders[folder] / name) as picture:
        picture.convert("RGB").save(packed, "WEBP", **WEBP)
        width, height = picture.size
    data = base64.b64encode(packed.getvalue()).decode()
    image.attrs |= {"src": f"data:image/webp;base64,{data}", "width": width, "height": height}
    if width > WIDE:
        image.attrSet("class", "wide")
