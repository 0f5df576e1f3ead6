"""Converts the name of a project, as a user writes it, to the path of a file on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from aerchive.errors import InvalidInputError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+:/")
"""The beginning of a URL. One slash is enough: ``pathlib`` shortens two to one. A Windows drive has one letter."""


def is_url(given: object) -> bool:
    """Whether a name of a project is a URL of another place than this machine."""
    return isinstance(given, str) and bool(_URL.match(given)) and not given.lower().startswith("file:")


def local_path(given: str | os.PathLike[str]) -> Path:
    """Returns the path of a file. ``~`` means the user's home folder, and ``file:///x.h5`` means ``/x.h5``.

    Args:
        given: The name of the file as the user wrote it.

    Raises:
        InvalidInputError: The name is a URL that is not a file on this machine, or it cannot be a path.
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
        f"{text}: is a URL; projects behind URLs can only be read, with aerchive.open or as the project of a command; "
        "give the path of a file on this machine"
    )
