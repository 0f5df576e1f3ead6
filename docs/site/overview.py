"""What `docs/reference/python.md` names: the members that are public, class by class.

The pages of docstrings leave out the others, which one part of aerchive has for another part.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "reference" / "python.md"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_MEMBER = re.compile(r"\.?(\w+)")
_CLASS = re.compile(r"[A-Z]\w+")
_SAME = {"StoredSuperOp": "StoredOperator", "ArchivingPrimitiveJob": "ArchivingJob"}
"""Classes that the section of another class describes."""


@cache
def members() -> dict[str, frozenset[str]]:
    """Returns the names of the members of each class that has a section."""
    parts = _SECTION.split(PAGE.read_text("utf-8"))
    found: dict[str, frozenset[str]] = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        names = {match[1] for code in _CODE.findall(text) if (match := _MEMBER.match(code))}
        found |= {name: frozenset(names) for code in _CODE.findall(heading) for name in _CLASS.findall(code)}
    return found | {name: found[other] for name, other in _SAME.items()}
