"""The navigation of the site: `docs/index.md` with its sections and links, in their order.

A page is in the navigation if the index names it, which a test asks for; there is no second list. The section of the
decisions is long, so it becomes one page that unfolds.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

FOLDED = {"Decisions": "docs/decisions/index"}
"""Sections that become a page of their own, and the document of that page."""
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#]+\.(?:md|ipynb))(?:#[^)\s]*)?\)")


class Section(NamedTuple):
    """A heading of the index and the documents below it, as paths from the root without suffix."""

    title: str
    documents: list[str]


def sections(index: str, folder: str = "docs") -> list[Section]:
    """Returns the sections of an index. Links before the first heading are in the sections as well.

    Args:
        index: The text of the page.
        folder: The folder of the page, from the root.
    """
    parts = _SECTION.split(index)
    seen: set[str] = set()
    found = [
        Section(title.strip(), list(_documents(text, folder, seen)))
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    ]
    return [one for one in found if one.documents]


def _documents(text: str, folder: str, seen: set[str]) -> Iterator[str]:
    """Yields the documents that a text links to, each for the first time."""
    for link in _LINK.findall(text):
        document = posixpath.normpath(posixpath.join(folder, link)).rpartition(".")[0]
        if document not in seen:
            seen.add(document)
            yield document


def toctree(documents: list[str], caption: str = "") -> str:
    """Returns a directive that puts documents into the navigation, and prints nothing on its page."""
    options = [":hidden:", ":maxdepth: 1", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *(f"/{one}" for one in documents), "```", ""])


def index_toctrees(index: str) -> str:
    """Returns the directives for the end of the index."""
    return "".join(
        toctree([FOLDED[one.title]] if one.title in FOLDED else one.documents, one.title) for one in sections(index)
    )


def folded_pages(index: str) -> dict[str, str]:
    """Returns the pages of the folded sections: their documents, and their texts."""
    pages = {}
    for one in sections(index):
        if one.title in FOLDED:
            lines = [f"- [](/{document}.md)" for document in one.documents]
            pages[FOLDED[one.title]] = "\n".join([f"# {one.title}", "", *lines, toctree(one.documents)])
    return pages
