"""Files that are told by their names: those that processes leave beside a project."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.text import listed, near_texts

PROCESS: Final = re.compile(r"[0-9]+-[0-9a-f]{8}")
"""Which process made a file, and something random."""

_LONGEST_NAME: Final = 96
"""Bytes of a project's name that such files repeat. With what is added they have at most 143 bytes, which every file
system takes (most take 255, encrypted folders 143)."""


def prefix_beside(name: str, what: str) -> str:
    """What the names of a project's hidden files of a kind begin with; of a long name they have the digest.

    Args:
        name: Of the project file.
        what: The files are, in a word.
    """
    raw = os.fsencode(name)
    return f".{name if len(raw) <= _LONGEST_NAME else hashlib.sha256(raw).hexdigest()}.{what}-"


def name_beside(name: str, what: str) -> str:
    """A name that no other hidden file of a project has; what `names_in` finds with `PROCESS`.

    Args:
        name: Of the project file.
        what: The file is, in a word.
    """
    return f"{prefix_beside(name, what)}{os.getpid()}-{secrets.token_hex(4)}"


def check_length(path: Path) -> None:
    """Refuses a name that the file system cannot have.

    Args:
        path: Of a file.

    Raises:
        InvalidInputError: It is too long.
    """
    length, longest = len(os.fsencode(path.name)), None
    with contextlib.suppress(OSError, ValueError):  # what is wrong with the folder is said where the file is made
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    if longest is not None and 0 < longest < length:
        raise InvalidInputError(
            f"{path}: the name of the file has {length} bytes, and {path.parent} takes names of at most {longest}; "
            "choose a shorter name"
        )


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
