r"""Text as fixed-length HDF5 strings, without loss.

HDF5 pads with NUL and cannot tell ``"a"`` from ``"a\0"``, and UTF-8 has no lone surrogates, which Python
strings may hold. Both, and the backslash itself, are escaped with a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aerchive.errors import FormatError

_NEEDS_ESCAPE = re.compile("[\x00\ud800-\udfff]")
_LEAST_ALIKE = 0.6
_ESCAPE = re.compile(r"\\(0|u[0-9a-f]{4})?")


def encode_text(text: str) -> bytes:
    """The bytes of a text; never empty, for HDF5 has no strings of length 0."""
    text = text.replace("\\", r"\\")
    if _NEEDS_ESCAPE.search(text):
        text = _NEEDS_ESCAPE.sub(_escape, text)
    return text.encode() or b"\0"


def _escape(match: re.Match[str]) -> str:
    return r"\0" if match[0] == "\0" else f"\\u{ord(match[0]):04x}"


def decode_text(data: bytes) -> str:
    """Undoes `encode_text`; padding may follow.

    Raises:
        FormatError: The bytes are not UTF-8, or hold an escape that is not defined.
    """
    try:
        text = data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"stored text is not UTF-8: {error}") from error
    if "\\" not in text:
        return text
    # JSON in a text has many backslashes, each of them doubled: cutting there is ten times as fast as replacing each.
    parts = (_ESCAPE.sub(_unescape, part) if "\\" in part else part for part in text.split(r"\\"))
    return "\\".join(parts)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code is None:
        raise FormatError("stored text has an undefined escape")
    return "\0" if code == "0" else chr(int(code[1:], 16))


def without_surrogates(text: str) -> str:
    r"""A text for people, lone surrogates written as ``\\ud800``: not every place takes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def near_texts(wanted: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Those texts that may have been meant by a misspelt one, the nearest first; case makes no difference."""
    import difflib  # most programs misspell nothing

    by_key: dict[str, str] = {}
    for one in known:
        by_key.setdefault(one.casefold(), one)
    return [by_key[key] for key in difflib.get_close_matches(wanted.casefold(), by_key, n=most, cutoff=_LEAST_ALIKE)]


def listed(texts: Sequence[str], most: int = 8) -> str:
    """Texts with commas between them, of many the first ones."""
    return ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def fit_text(text: str, width: int) -> tuple[bytes, bool]:
    """A text for a column of a table.

    Args:
        text: Any text.
        width: Bytes of the column.

    Returns:
        At most ``width`` bytes, cut between characters and never inside an escape; and whether it was cut.
    """
    data = encode_text(text)
    if len(data) <= width:
        return data, False
    data = data[:width].decode(errors="ignore").encode()
    return _drop_open_escape(data), True


def _drop_open_escape(data: bytes) -> bytes:
    at = len(data)
    position = 0
    while (position := data.find(b"\\", position)) >= 0:
        length = 6 if data[position + 1 : position + 2] == b"u" else 2
        if position + length > len(data):
            at = position
            break
        position += length
    return data[:at]
