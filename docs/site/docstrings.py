"""Docstrings in the site: without arguments of classes that only aerchive calls, and without inner attributes."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

from docs.site.api import MADE_BY_READERS
from docs.site.overview import members

_ENTRY = re.compile(r"    (\w+)\b.*")


def without_signature(
    _: Sphinx, kind: str, name: str, value: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Takes away the arguments in the signature; called by autodoc for each object."""
    return ("", "") if kind == "class" and name not in MADE_BY_READERS else None


def shortened(_: Sphinx, kind: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Changes the lines of a docstring; called by autodoc before Napoleon."""
    if kind in {"property", "attribute"}:
        lines.insert(0, "")  # or Napoleon takes what is before a colon for a type
    if kind == "class":
        public = members().get(name.rpartition(".")[2], frozenset())
        attributes = frozenset(one for one in public if not hasattr(value, one))  # the others have docstrings
        if public:
            keep(lines, "Attributes:", attributes)
        if name not in MADE_BY_READERS:
            keep(lines, "Args:", attributes, as_title="Attributes:")


def keep(lines: list[str], title: str, names: frozenset[str], as_title: str = "") -> None:
    """Leaves of a section of a docstring the entries with these names, and takes it away if there are none.

    Args:
        lines: The docstring, which is changed.
        title: Title of the section.
        names: The entries that stay.
        as_title: Another title for what is left.
    """
    if title not in lines:
        return
    start = lines.index(title) + 1
    end = next((at for at in range(start, len(lines)) if lines[at][:1].strip()), len(lines))
    kept: list[str] = []
    is_kept = False
    for line in lines[start:end]:
        if entry := _ENTRY.fullmatch(line):
            is_kept = entry[1] in names
        if is_kept:
            kept.append(line)
    lines[start - 1 : end] = [as_title or title, *kept, ""] if kept else []


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects both; called by Sphinx."""
    app.connect("autodoc-process-signature", without_signature)
    app.connect("autodoc-process-docstring", shortened, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
