r"""Text as fixed-length HDF5 strings, without loss.

A text is stored as UTF-8. HDF5 pads strings with NUL, so it cannot distinguish ``"a"`` from ``"a\0"``, and UTF-8 has
no lone surrogates, but Python strings may contain both. Such a text is stored as ``json:`` and a JSON string, in ASCII,
and so is a text that itself begins like that. See decision 0031.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from aerchive.errors import FormatError

JSON_FORM = b'json:"'
"""The first bytes of each text that is stored as JSON."""
_MARK = JSON_FORM.decode()
_LEAST_ALIKE = 0.6
_HAS_NO_PLACE = re.compile('[\0\ud800-\udfff]|(?<=\\Ajson:)"')
_PAIR = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_DECODER = json.JSONDecoder()


def encode_text(text: str) -> bytes:
    """Returns the bytes of a text. They are never empty, because HDF5 has no strings of length 0."""
    if "\0" not in text and not text.startswith(_MARK):
        try:
            return text.encode() or b"\0"
        except UnicodeEncodeError:
            pass
    # JSON would join two surrogates that stand alone, so a second JSON string begins between them.
    return f"json:{''.join(map(json.dumps, _PAIR.split(text)))}".encode("ascii")


def decode_text(data: bytes) -> str:
    """Returns the text that `encode_text` was given. NUL bytes of padding may follow the text.

    Raises:
        FormatError: The bytes are not UTF-8, or begin with ``json:"`` and do not go on as JSON.
    """
    try:
        text = data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"stored text is not UTF-8: {error}") from error
    if not text.startswith(_MARK):
        return text
    parts, at = [], len(_MARK) - 1
    try:
        while at < len(text):
            part, at = _DECODER.raw_decode(text, at)
            parts.append(part)
        return "".join(parts)
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"stored text is not the JSON that it claims to be: {error}") from error


def json_text(value: Any, **options: Any) -> str:
    """Returns JSON for an attribute or a cell of a table, which is UTF-8, or ASCII if there is a lone surrogate in it.

    Args:
        value: Anything that ``json.dumps`` accepts.
        options: Further arguments for ``json.dumps``.
    """
    text = json.dumps(value, ensure_ascii=False, **options)
    return text if without_surrogates(text) == text else json.dumps(value, **options)


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
        At most ``width`` bytes, and whether the text was cut, which is between characters. What is left of a text that
        is stored as JSON has "?" for each character that must not be stored as it is.
    """
    data = encode_text(text)
    if len(data) <= width:
        return data, False
    if data.startswith(JSON_FORM):
        data = _HAS_NO_PLACE.sub("?", text).encode()
    return data[:width].decode(errors="ignore").encode(), True


def shown(value: Any) -> str:
    """Returns the ``repr`` of a value, or, if it raises, the name of its type: Python shows no very long integers."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  (the value may be of any class)
        return f"<{type_name(type(value))}>"


def type_name(kind: type) -> str:
    """Returns the module and the name of a class, such as ``qiskit.result.result.Result``."""
    return f"{kind.__module__}.{kind.__qualname__}"
