"""The pages of text in every project file: what the file is, the rules of its format, and a reader (decision 0029)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from aerchive import layout
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft, lines_dataset

_FOLDER = Path(__file__).parents[2] / "pages"
_READER = "read_without_aerchive.py"

_DAYS_ROOM = 64 * 32
"""Room for the links to the folders of 64 days. Without it each has a continuation of the header of its own."""


def root_draft(header: Mapping[str, AttributeValue]) -> GroupDraft:
    """The root group of a new project: its attributes, the pages, and an empty group for runs.

    Args:
        header: Attributes of the root group.
    """
    known = {name: header.get(name, "unknown") for name in ("created_by", "created", "project_uuid")}
    readme = _text("readme.txt").format(**known) + _text(_READER)
    return GroupDraft(
        header,
        {layout.README: lines_dataset(readme)},
        {layout.RUNS: GroupDraft(room=_DAYS_ROOM), layout.FORMAT_PAGES: GroupDraft(datasets=_format_pages())},
    )


@functools.cache
def _format_pages() -> dict[str, DatasetDraft]:
    return {path.name: lines_dataset(path.read_text("utf-8")) for path in sorted((_FOLDER / "schemas").iterdir())}


@functools.cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
