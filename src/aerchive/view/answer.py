"""Answers of the data interface: bytes with a media type, and the statuses of errors."""

from __future__ import annotations

import datetime
import enum
import hashlib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from aerchive.errors import (
    AerchiveError,
    InvalidInputError,
    MissingExtraError,
    NotFoundError,
    UnsafeContentError,
    UnsupportedTypeError,
)
from aerchive.text import json_text, shown

JSON = "application/json"
NUMBERS = "application/octet-stream"
MOST_EXACT = 2**53
"""Whole numbers up to this size are exact in every reader of JSON."""
_MOST_BITS = 4096


class Answer(NamedTuple):
    """What an address of the data interface answers.

    Attributes:
        body: The content.
        media_type: Its type.
        etag: A text that is another one if the content is another one.
        is_fixed: Whether the address will always have this content, as those below a generation have.
    """

    body: bytes
    media_type: str
    etag: str
    is_fixed: bool = False

    @classmethod
    def of(cls, body: bytes, media_type: str = NUMBERS, *, is_fixed: bool = False) -> Answer:
        """An answer whose tag is a digest of its content."""
        return cls(body, media_type, hashlib.blake2b(body, digest_size=16).hexdigest(), is_fixed)

    @classmethod
    def json(cls, document: Any, *, is_fixed: bool = False) -> Answer:
        """A document of plain values (see `plain`) as JSON."""
        return cls.of(json_bytes(document), JSON, is_fixed=is_fixed)


def json_bytes(document: Any) -> bytes:
    """Returns a document of plain values as JSON.

    Raises:
        UnsafeContentError: It is nested too deeply.
    """
    try:
        return json_text(document, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError:
        raise UnsafeContentError("a document of the project is nested too deeply to be shown") from None


def status_of(error: AerchiveError) -> int:
    """Returns the status of an error: 404, there is no such thing; 422, it cannot be shown; 500, it cannot be read."""
    if isinstance(error, NotFoundError):
        return 404
    return 422 if isinstance(error, InvalidInputError | UnsupportedTypeError | MissingExtraError) else 500


def problem(error: AerchiveError) -> Answer:
    """The answer that says why there is none."""
    return Answer.json({"error": str(error)})


def plain(value: Any) -> Any:
    """Returns a value as every reader of JSON reads it exactly.

    NaN becomes ``None``, an infinity ``"Infinity"`` or ``"-Infinity"``, and a whole number beyond 2^53 a text. Arrays
    and tuples become lists, and what JSON cannot represent becomes its ``repr``.

    Raises:
        UnsafeContentError: The value is nested too deeply.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise UnsafeContentError("a value of the project is nested too deeply to be shown") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) <= MOST_EXACT:
            return int(value)
        return str(int(value)) if value.bit_length() <= _MOST_BITS else hex(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime.date):  # also with a time
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else shown(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return shown(value)
