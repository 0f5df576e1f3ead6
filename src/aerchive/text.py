r"""Text as fixed-length HDF5 strings, without loss.

HDF5 pads strings with NUL, so it cannot distinguish ``"a"`` from ``"a\0"``. UTF-8 has no lone surrogates, but Python
strings may contain them. NUL, lone surrogates and the backslash itself are therefore escaped with a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from aerchive.errors import FormatError

_NEEDS_ESCAPE = re.compile("[\x00\ud800-\udfff]")
_LEAST_ALIKE = 0.6
_ESCAPE = re.compile(r"\\(0|u[0-9a-f]{4})?")


def encode_text(text: str) -> bytes:
    """Returns the bytes of a text. They are never empty, because HDF5 has no strings of length 0."""
    text = text.replace("\\", r"\\")
    if _NEEDS_ESCAPE.search(text):
        text = _NEEDS_ESCAPE.sub(_escape, text)
    return text.encode() or b"\0"


def _escape(match: re.Match[str]) -> str:
    return r"\0" if match[0] == "\0" else f"\\u{ord(match[0]):04x}"


def decode_text(data: bytes) -> str:
    """Returns the text that `encode_text` was given. NUL bytes of padding may follow the text.

    Raises:
        FormatError: The bytes are not UTF-8, or contain an escape that is not defined.
    """
    try:
        text = data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"stored text is not UTF-8: {error}") from error
    if "\\" not in text:
        return text
    # JSON in a text has many doubled backslashes. Splitting at them is ten times as fast as replacing each of them.
    parts = (_ESCAPE.sub(_unescape, part) if "\\" in part else part for part in text.split(r"\\"))
    return "\\".join(parts)


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if code is None:
        raise FormatError("stored text has an undefined escape")
    return "\0" if code == "0" else chr(int(code[1:], 16))


def without_surrogates(text: str) -> str:
    r"""Returns a text with lone surrogates written as ``\\ud800``, because some outputs do not accept surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def near_texts(wanted: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Returns the known texts that are similar to a misspelt text, the most similar first. Case is ignored."""
    import difflib  # imported here, because most programs never need it

    by_key: dict[str, str] = {}
    for one in known:
        by_key.setdefault(one.casefold(), one)
    return [by_key[key] for key in difflib.get_close_matches(wanted.casefold(), by_key, n=most, cutoff=_LEAST_ALIKE)]


def listed(texts: Sequence[str], most: int = 8) -> str:
    """Returns the texts joined by commas. Only the first ``most`` texts are listed."""
    return ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def fit_text(text: str, width: int) -> tuple[bytes, bool]:
    """Encodes a text for a column of a table.

    Args:
        text: Any text.
        width: The width of the column in bytes.

    Returns:
        At most ``width`` bytes, and whether the text was cut. It is cut between characters and never inside an escape.
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


def shown(value: Any) -> str:
    """Returns the ``repr`` of a value, or, if it raises, the name of its type: Python shows no very long integers."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  (the value may be of any class)
        return f"<{type_name(type(value))}>"


def type_name(kind: type) -> str:
    """Returns the module and the name of a class, such as ``qiskit.result.result.Result``."""
    return f"{kind.__module__}.{kind.__qualname__}"
