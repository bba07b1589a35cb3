"""What MkDocs is told beyond ``mkdocs.yml``: the repository's own pages, their links, drawings.

The pages of ``docs/``, the README and the rest are written for GitHub. Here their links become
those of the site, so that each is written once; a link to nothing ends ``mkdocs build --strict``.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

import griffe
import merm
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = "docs"
# Pages, and files that pages point to, that lie elsewhere in the repository.
TAKEN: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "weights/README.md": "weights.md",
    "params.yaml": "params.yaml",
}
# Of Markdown: [text](target#anchor), where the target is of the repository.
LINK: Final = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")
# Of reStructuredText, as docstrings have them: :class:`pkdn.metrics.Column`.
ROLE: Final = re.compile(r":[a-z]+:`~?([^`]+)`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the pages that lie outside of ``docs/``."""
    for source, page in TAKEN.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links that hold in the repository into those that hold in the site."""
    sources = {taken: source for source, taken in TAKEN.items()}
    source = sources.get(page.file.src_uri, f"{DOCS}/{page.file.src_uri}")
    folder = posixpath.dirname(source)

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1]))
        target = TAKEN.get(target, target.removeprefix(f"{DOCS}/"))
        return f"]({posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or '.')}"

    return LINK.sub(moved, markdown)


def drawing(source: str, *_: Any, **__: Any) -> str:
    """Draw a block of Mermaid as SVG: the usual way fetches a script when the page is read."""
    return f'<div class="drawing">{merm.render_diagram(source)}</div>'


class PlainNames(griffe.Extension):
    """Docstrings without the marks of roles, which are no Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Show what a role names as code."""
        if obj.docstring:
            obj.docstring.value = ROLE.sub(r"`\1`", obj.docstring.value)
