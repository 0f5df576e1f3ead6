"""What the site is made of besides the pages: its navigation, and its pages of docstrings, commands and examples.

``python3 tasks.py docs`` builds it, and fails for each broken link.
"""

from __future__ import annotations

import pkgutil

import click
import pytest

import aerchive
import aerchive.aer
from aerchive.cli import COMMANDS, commands
from docs.site import api, example_page
from docs.site.commands import page as command_page
from docs.site.navigation import FOLDED, sections
from docs.site.overview import members
from docs.site.staging import ROOT, folders_as_pages

PICTURES = sorted((ROOT / "docs" / "pictures").iterdir())


def test_every_page_is_in_the_navigation_once() -> None:
    """A new page is one line in the index, below a heading."""
    index = folders_as_pages((ROOT / "docs" / "index.md").read_text("utf-8"))
    named = [document for section in sections(index) for document in section.documents]
    pages = {
        path.relative_to(ROOT).as_posix().rpartition(".")[0]
        for pattern in ("*.md", "docs/**/*.md", "schemas/**/*.md", "examples/*.ipynb")
        for path in ROOT.glob(pattern)
        if path.parent.parent.name != "changelog"  # fragments, one for each change
    }
    assert len(named) == len(set(named))
    assert set(named) == (pages | {example_page.DOCUMENT}) - {"docs/index"}
    assert set(FOLDED) <= {section.title for section in sections(index)}


def test_each_public_name_is_on_one_page_of_docstrings() -> None:
    shown = [name for topic in api.TOPICS.values() for name in topic.names]
    public = {f"aerchive.{name}" for name in aerchive.__all__ if not name.startswith("__") and name != "aer"}
    public |= {f"aerchive.aer.{name}" for name in aerchive.aer.__all__}
    assert len(shown) == len(set(shown))
    assert public <= set(shown)


def test_the_page_of_a_class_has_the_members_that_the_overview_names() -> None:
    text = api.page(api.TOPICS["run"])
    (line,) = [line for line in text.splitlines() if ":members:" in line]
    shown = {name.strip() for name in line.partition(":members:")[2].split(",")}
    assert {"array", "counts", "reproduce", "name"} <= shown <= members()["Run"]


@pytest.mark.parametrize("name", members())
def test_the_overview_describes_classes_that_there_are(name: str) -> None:
    homes = ("aerchive", "aerchive.aer", "aerchive.experiments")
    assert any(hasattr(pkgutil.resolve_name(home), name) for home in homes)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_its_options(name: str) -> None:
    made = commands.get_command(click.Context(commands), name)
    assert made is not None
    text = command_page(name)
    assert text.startswith(f"# `{name}`\n")
    assert all(word in text for one in made.params for word in one.opts if word.startswith("-"))
    assert "## Example" in text
    assert "\n$ " in text


def test_the_page_of_the_examples_has_each_of_them() -> None:
    text = example_page.page(ROOT / "examples")
    examples = [path for path in (ROOT / "examples").iterdir() if path.suffix in {".py", ".ipynb"}]
    assert examples
    assert all(f"]({path.name})" in text or f"literalinclude}} {path.name}\n" in text for path in examples)


def test_pictures_are_few_and_small_and_shown() -> None:
    gallery = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    assert 0 < len(PICTURES) <= 12
    for picture in PICTURES:
        assert picture.stat().st_size <= 100_000, picture.name
        assert f"](pictures/{picture.name})" in gallery
