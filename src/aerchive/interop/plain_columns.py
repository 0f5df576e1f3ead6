"""Columns in a form that every table file can store, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import as_objects
from aerchive.interop.order import as_plain

JSON = "json"
"""The type of a column whose values are stored as JSON: lists, and values of several types."""
_MOST_EXACT = 2**53


def is_missing(value: Any) -> bool:
    """Returns whether a value of an object column stands for a missing one: ``None``, ``NA`` of pandas or NaN."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def are_texts(values: Iterable[Any]) -> bool:
    """Returns whether all values are texts."""
    return all(isinstance(value, str) for value in values)


def to_json_texts(values: Iterable[Any]) -> list[str]:
    """Returns each value as JSON: lists, arrays and tuples as lists, and values of other types as their text."""
    return [json.dumps(as_plain(_none_if_missing(value)), default=str, ensure_ascii=False) for value in values]


def from_json_texts(texts: Sequence[str]) -> NDArray[Any]:
    """Returns the values of JSON texts as an object array; lists become tuples.

    Raises:
        ValueError: A text is not JSON.
    """
    return as_objects([as_plain(json.loads(text)) for text in texts])


def _none_if_missing(value: Any) -> Any:
    return None if is_missing(value) and not isinstance(value, float) else value


def stored_integers(values: NDArray[Any]) -> NDArray[Any]:
    """Returns integers in the smallest form that netCDF 3 stores without rounding.

    Returns:
        Integers of dtype int32 if they fit, else float64 up to 2^53, else decimal text.
    """
    least, most = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if least >= -(2**31) and most < 2**31:
        return values.astype(np.int32)
    if least >= -_MOST_EXACT and most <= _MOST_EXACT:
        return values.astype(np.float64)
    return values.astype(str)
