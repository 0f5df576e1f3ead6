"""The keys by which names from a project stand in addresses of the data interface."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable

from aerchive.errors import NotFoundError

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
_MOST_LETTERS = 200
_ENCODED, _DIGEST = "~", "~~"


def key_of(name: str) -> str:
    """Returns the key of a name: the name itself, or ``~`` and its base64url, or ``~~`` and its SHA-256.

    A key is a file name on every system, and never leads out of its folder.
    """
    if _PLAIN.fullmatch(name):
        return name
    raw = name.encode("utf-8", "surrogatepass")
    text = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return _ENCODED + text if len(text) <= _MOST_LETTERS else _DIGEST + hashlib.sha256(raw).hexdigest()


def name_of(key: str) -> str | None:
    """Returns the name of a key; ``None`` if the key has only a digest, so that the names must be searched.

    Raises:
        NotFoundError: No name has this key.
    """
    if key.startswith(_DIGEST):
        return None
    name = key
    if key.startswith(_ENCODED):
        text = key.removeprefix(_ENCODED)
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            name = raw.decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError):
            raise _no_name(key) from None
    if key_of(name) != key:  # a name has one address
        raise _no_name(key)
    return name


def find_name(key: str, names: Iterable[str]) -> str:
    """Returns the name of a key, of those that there are.

    Raises:
        NotFoundError: None of them has this key.
    """
    wanted = name_of(key)
    for name in names:
        if name == wanted or (wanted is None and key_of(name) == key):
            return name
    raise _no_name(key)


def _no_name(key: str) -> NotFoundError:
    return NotFoundError(f"{key[:_MOST_LETTERS]!r} is not the key of a name in this project")
