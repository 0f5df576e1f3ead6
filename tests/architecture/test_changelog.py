"""The changelog keeps its form: one page for version 0.1, and one fragment for each change after it."""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[2] / "docs" / "changelog"
NAME = re.compile(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md")


def words() -> list[str]:
    """The words of the table in the README of the changelog, each of which may begin a fragment."""
    return re.findall(r"^\| `(\w+)` \|", (CHANGELOG / "README.md").read_text("utf-8"), re.MULTILINE)


def test_version_0_1_has_its_page() -> None:
    assert (CHANGELOG / "0.1.md").is_file()


def test_fragments_are_named_after_their_number_and_subject() -> None:
    wrong = [path.name for path in (CHANGELOG / "unreleased").glob("*") if not NAME.fullmatch(path.name)]

    assert not wrong, f"name these NNNN-slug.md: {wrong}"


def test_fragments_begin_with_a_word_of_the_table() -> None:
    known = words()
    fragments = (CHANGELOG / "unreleased").glob("*.md")
    wrong = [path.name for path in fragments if path.read_text("utf-8").partition(":")[0] not in known]

    assert "Added" in known
    assert not wrong, f"begin these with one of {known} and a colon: {wrong}"
