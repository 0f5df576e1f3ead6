"""Names of the files that processes make beside a project, and a search for files by such names."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from pathlib import Path
from typing import Final

from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.text import listed, near_texts

PROCESS: Final = re.compile(r"[0-9]+-[0-9a-f]{8}")
"""Last part of such a name: the pid of the process that made the file, and eight random hexadecimal digits."""

_LONGEST_NAME: Final = 96
"""Longest project name, in bytes, that is repeated in such a name. The whole name then has at most 143 bytes, which
every file system accepts (most accept 255, encrypted folders 143)."""


def prefix_beside(name: str, what: str) -> str:
    """The prefix of the names of a project's hidden files of one kind; a long project name is replaced by its digest.

    Args:
        name: Name of the project file.
        what: One word that names the kind of the files, such as ``waiting``.
    """
    raw = os.fsencode(name)
    return f".{name if len(raw) <= _LONGEST_NAME else hashlib.sha256(raw).hexdigest()}.{what}-"


def check_length(path: Path) -> None:
    """Refuses a file name that is too long for the file system.

    Args:
        path: The file, which need not exist.

    Raises:
        InvalidInputError: The name is too long.
    """
    length, longest = len(os.fsencode(path.name)), None
    with contextlib.suppress(OSError, ValueError):  # problems of the folder are reported when the file is made
        longest = os.pathconf(path.parent, "PC_NAME_MAX")
    if longest is not None and 0 < longest < length:
        raise InvalidInputError(
            f"{path}: the name of the file has {length} bytes, and {path.parent} takes names of at most {longest}; "
            "choose a shorter name"
        )


def names_in(folder: str | Path, prefix: str, rest: re.Pattern[str]) -> list[str]:
    """The names in a folder that consist of a prefix and a matching rest, sorted; none if it cannot be read.

    Args:
        folder: The folder to search.
        prefix: The prefix, a literal text.
        rest: The pattern that the whole name after the prefix must match.
    """
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    return sorted(name for name in names if name.startswith(prefix) and rest.fullmatch(name, len(prefix)))


_ENDINGS = (".h5", ".hdf5", ".hdf")
_MOST_NAMED = 3


def projects_beside(path: Path) -> list[str]:
    """The names of other files in the folder of a project file that may be projects by their endings, sorted."""
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):
        return []
    endings = (*_ENDINGS, path.suffix or _ENDINGS[0])
    visible = (name for name in names if name.endswith(endings) and not name.startswith("."))
    return sorted(name for name in visible if ".pending-" not in name and name != path.name)


def near_projects(path: Path, most: int = 3) -> list[str]:
    """The names of files in the folder of a project file that are similar to its name, the most similar first."""
    by_stem = {Path(name).stem: name for name in projects_beside(path)}
    return [by_stem[stem] for stem in near_texts(path.stem, by_stem, most)]


def no_such_project(path: Path, what: str = "no such project") -> NotFoundError:
    """The error for a project file that does not exist; it names files in the same folder that may be meant.

    Args:
        path: The project file.
        what: A description of what is missing, for the error message.
    """
    beside = projects_beside(path)
    near = near_projects(path, _MOST_NAMED)
    if near:
        hint = f"; did you mean {' or '.join(near)}?"
    else:
        hint = f"; the folder has {listed(beside, _MOST_NAMED)}" if beside else ""
    return NotFoundError(f"{path}: {what}{hint}")
