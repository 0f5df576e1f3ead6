"""Files that are told by their names: those that processes leave beside a project."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from aerchive.errors import NotFoundError
from aerchive.text import listed, near_texts

PROCESS: Final = re.compile(r"[0-9]+-[0-9a-f]{8}")
"""Which process made a file, and something random."""


_LONGEST_NAME: Final = 200
"""Bytes of a project's name that such files repeat: with what is added, a file name ends at 255 bytes."""


def prefix_beside(name: str, what: str) -> str:
    """What the names of a project's hidden files of a kind begin with; of a long name they have the digest.

    Args:
        name: Of the project file.
        what: The files are, in a word.
    """
    raw = os.fsencode(name)
    return f".{name if len(raw) <= _LONGEST_NAME else hashlib.sha256(raw).hexdigest()}.{what}-"


def names_in(folder: str | Path, prefix: str, rest: re.Pattern[str]) -> list[str]:
    """The names in a folder that are a prefix and a rest, sorted; none if the folder cannot be read.

    Args:
        folder: Where to look.
        prefix: What the names begin with, as it stands.
        rest: What all of the rest must match.
    """
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    return sorted(name for name in names if name.startswith(prefix) and rest.fullmatch(name, len(prefix)))


_ENDINGS = (".h5", ".hdf5", ".hdf")
_MOST_NAMED = 3


def projects_beside(path: Path) -> list[str]:
    """The names of other files in the folder of a project file that may be projects, sorted."""
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):
        return []
    endings = (*_ENDINGS, path.suffix or _ENDINGS[0])
    visible = (name for name in names if name.endswith(endings) and not name.startswith("."))
    return sorted(name for name in visible if ".pending-" not in name and name != path.name)


def no_such_project(path: Path, what: str = "no such project") -> NotFoundError:
    """The error for a project file that is not there: names files beside it that may be meant.

    Args:
        path: Of the project file.
        what: Is missing, in words.
    """
    beside = projects_beside(path)
    near = near_texts(path.name, beside, _MOST_NAMED)
    if near:
        hint = f"; did you mean {' or '.join(near)}?"
    else:
        hint = f"; the folder has {listed(beside, _MOST_NAMED)}" if beside else ""
    return NotFoundError(f"{path}: {what}{hint}")
