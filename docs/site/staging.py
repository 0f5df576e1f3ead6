"""The sources of the site: pages as they are in the checkout, and those that are made of code."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from docs.site import api, commands, example_page
from docs.site.navigation import folded_pages, index_toctrees, toctree

ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("docs", "examples", "schemas")
_FILES = ("README.md", "CONTRIBUTING.md", "LICENSE")
_FOLDER_LINK = re.compile(r"\]\(((?:\.\./)*(?:docs/)?(?:decisions|examples))/?\)")
"""A link to a folder, for which a page stands in the site."""


def stage(target: Path) -> None:
    """Puts the sources into an empty folder, with paths as in the checkout, so that relative links are right."""
    for name in _FOLDERS:
        ignored = shutil.ignore_patterns("site", "__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, target / name, ignore=ignored)  # what is linked comes as a file
    for name in _FILES:
        shutil.copy(ROOT / name, target / name)
    for page in [*target.glob("*.md"), target / "docs" / "index.md"]:
        change(page, folders_as_pages)
    index = (target / "docs" / "index.md").read_text("utf-8")
    made = {
        **folded_pages(index),
        **{f"{api.FOLDER}/{name}": api.page(topic) for name, topic in api.TOPICS.items()},
        **{document: commands.page(document.rpartition("/")[2]) for document in commands.documents()},
        example_page.DOCUMENT: example_page.page(target / "examples"),
    }
    for document, text in made.items():
        path = target / f"{document}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    change(target / "docs" / "index.md", lambda text: text + index_toctrees(text))
    change(target / "docs" / "reference" / "python.md", lambda text: text + toctree(api.documents()))
    change(
        target / "docs" / "reference" / "command-line.md",
        lambda text: commands.with_links(text) + toctree(commands.documents()),
    )


def change(path: Path, how: Callable[[str], str]) -> None:
    """Changes the text of a file."""
    path.write_text(how(path.read_text("utf-8")), "utf-8")


def folders_as_pages(text: str) -> str:
    """Returns a text whose links to folders lead to the pages that stand for them."""
    return _FOLDER_LINK.sub(r"](\1/index.md)", text)
