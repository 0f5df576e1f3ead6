"""The name of a project as a user writes it, made into the path of a file on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aerchive.errors import InvalidInputError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+:/")
"""How URLs begin. ``pathlib`` makes one slash of two, so one is enough; a drive of Windows has one letter only."""


def local_path(given: str | os.PathLike[str]) -> Path:
    """The path of a file: ``~`` stands for the user's home, and ``file:///x.h5`` for ``/x.h5``.

    Args:
        given: As the user wrote it.

    Raises:
        InvalidInputError: It is a URL of something else than a file of this machine, or can be no path.
    """
    try:
        text = os.fsdecode(given)
    except TypeError:
        raise InvalidInputError(f"{given!r} is not a path; give the name of a project file") from None
    if "\0" in text:
        raise InvalidInputError(f"{text!r} cannot be the name of a file: it has a null character in it")
    if _URL.match(text):
        return _file_of_url(text)
    expanded = os.path.expanduser(text)
    if expanded == "~" or expanded.startswith("~/"):
        raise InvalidInputError(f"{text}: the home folder of this user is not known; write the whole path")
    return Path(expanded)


def _file_of_url(text: str) -> Path:
    parts = urlsplit(text)
    if parts.scheme.lower() == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    raise InvalidInputError(
        f"{text}: is a URL, and projects behind URLs cannot be opened yet, nor written; give the path of a file on "
        "this machine"
    )
