"""Paths of files and names of modules in documents and docstrings are those that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src"
TEXTS = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    ROOT / "schemas" / "v1" / "layout.md",
    *sorted((SOURCES / "aerchive").rglob("*.py")),
]
FILE = re.compile(r"`([\w./-]+\.py)`|\b((?:src/aerchive|tests)/[\w/-]+\.py)\b")
DOTTED = re.compile(r"`aerchive((?:\.\w+)+)[`(]")


def named_files(text: str) -> Iterator[str]:
    for match in FILE.finditer(text):
        yield match[1] or match[2]


def is_there(name: str) -> bool:
    """Whether a file is named from the root of the checkout or of the package."""
    return any((folder / name).is_file() for folder in (ROOT, SOURCES / "aerchive", ROOT / "tests"))


def is_known(names: list[str]) -> bool:
    """Whether names lead to a module, and the next one occurs in it."""
    place = SOURCES / "aerchive"
    while names and ((place / names[0]).is_dir() or (place / f"{names[0]}.py").is_file()):
        place = place / names.pop(0)
    module = place.with_suffix(".py") if not place.is_dir() else place / "__init__.py"
    return not names or re.search(rf"\b{names[0]}\b", module.read_text("utf-8")) is not None


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_text_names_is_there(path: Path) -> None:
    text = path.read_text("utf-8")
    gone = [name for name in named_files(text) if "/" in name and not is_there(name)]  # the others are of users
    unknown = [match[1] for match in DOTTED.finditer(text) if not is_known(match[1][1:].split("."))]
    assert not gone, f"{path}: no such files"
    assert not unknown, f"{path}: no such names in aerchive"


def test_every_decision_is_linked_from_the_code_it_explains() -> None:
    programs = [*(SOURCES / "aerchive").rglob("*.py"), *(ROOT / "docs" / "site").glob("*.py")]
    text = "".join(path.read_text("utf-8") for path in programs)
    linked = {
        number for found in re.findall(r"decisions? ([\d ,and]+)", text) for number in re.findall(r"\d{4}", found)
    }
    linked |= set(re.findall(r"decisions/(\d{4})", text))
    notes = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    in_force = {note.name[:4] for note in notes if "*Replaced by" not in note.read_text("utf-8")}
    assert in_force - linked == set()
