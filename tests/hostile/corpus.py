"""The registry of hostile files: how each is made from the honest project, and what must become of it.

Every case obeys these rules, whatever else is expected of it: nothing but errors of aerchive, nothing printed that
moves a cursor, nothing outside read or written, two seconds and 256 MiB beyond the honest file, and no byte of the file
changed by what only reads.
"""

from __future__ import annotations

import dataclasses
import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import h5py

from tests.hostile.edits import Hostile

Make = Callable[[Hostile], None]
Expectation = Literal["refused", "finding", "limited"]
KINDS = ("storage", "links", "groups", "attributes", "types", "shapes", "chunks", "documents", "rows", "objects")
KINDS += ("circuits", "options", "texts", "files", "journals", "beside", "attachments")
"""The modules of cases, named after their kinds."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A hostile file.

    Attributes:
        kind: Its kind, one of `KINDS`.
        name: Unique in the kind.
        make: Makes a copy of the honest project hostile.
        expect: ``refused``: `verify` fails and names the node, and so do the steps in `refuses`; ``finding``: `verify`
            names the node; ``limited``: the rules for all, and no more.
        node: Text that the report or message must have.
        jobs: Jobs that are shown and read.
        refuses: Steps that must be refused.
        absent: Text that no listing may have, nor the verification after runs were saved.
        reruns: Whether the jobs are run again, too.
    """

    kind: str
    name: str
    make: Make
    expect: Expectation
    node: str = ""
    jobs: tuple[str, ...] = ("bell", "last")
    refuses: tuple[str, ...] = ()
    absent: str = ""
    reruns: bool = False

    @property
    def key(self) -> str:
        """Kind and name."""
        return f"{self.kind}: {self.name}"


CASES: dict[str, Case] = {}


def add(kind: str, name: str, make: Make, expect: Expectation = "refused", node: str = "", **more: object) -> None:
    """Enters a case."""
    one = Case(kind, name, make, expect, node, **more)  # type: ignore[arg-type]
    assert one.key not in CASES, f"{one.key} is there twice"
    assert node or expect == "limited", f"{one.key}: names no node"
    CASES[one.key] = one


def cases() -> dict[str, Case]:
    """All cases by kind and name, in a fixed order."""
    for kind in KINDS:
        importlib.import_module(f"tests.hostile.kinds.{kind}")
    return CASES


MOST = 1
"""Number of cases of each kind among the default tests; `python3 tasks.py hostile` tries all."""


def chosen() -> dict[str, Case]:
    """The cases of the default tests: of each kind as many, spread evenly over all of that kind."""
    found: dict[str, Case] = {}
    for kind in KINDS:
        group = [case for case in cases().values() if case.kind == kind]
        picked = {number * len(group) // MOST for number in range(MOST)}
        found |= {group[number].key: group[number] for number in sorted(picked)}
    return found


def build(case: Case, honest: Path, folder: Path, outside: Path) -> Path:
    """Makes the hostile file of a case in an empty folder; returns its path."""
    path = folder / "stranger.h5"
    shutil.copyfile(honest, path)
    case.make(Hostile(path, outside))
    return path


def make_outside(folder: Path) -> None:
    """What hostile files want to read, write or load, and must not: a text, another HDF5 file, libraries."""
    folder.mkdir()
    (folder / "victim.txt").write_text("precious line\n" * 100)
    with h5py.File(folder / "other.h5", "w") as file:
        file["secret"] = list(range(64))
        file.create_group("group").attrs["secret"] = "outside"
    (folder / "plugins").mkdir()
    (folder / "plugins" / "libplugin.so").write_bytes(b"\x7fELF, which a loader would look into")
