"""A total order of all values that a column may have, and a form of them that can be hashed."""

from __future__ import annotations

import datetime
import decimal
import fractions
import math
import pathlib
import uuid
from typing import Any

import numpy as np

_ORDERED = (
    *(datetime.date, datetime.time, datetime.timedelta, fractions.Fraction, uuid.UUID, pathlib.PurePath, bytes),
    *(np.datetime64, np.timedelta64),
)
_NUMBER, _TEXT, _VECTOR, _OTHER, _NAN, _NONE = range(6)
Key = tuple[Any, ...]
"""A key that compares with the key of any other value."""


def order_key(value: Any) -> Key:
    """Returns a key by which values of any types are sorted.

    The order is: numbers by value (also truth values and ``Decimal``), texts, lists and arrays element by element, then
    all other values by the name of their type and within a type in its own order, or that of its ``repr``; then NaN,
    and last ``None``.
    """
    value = as_plain(value)
    if value is None:
        return (_NONE,)
    if is_nan(value):
        return (_NAN,)
    if isinstance(value, int | float | decimal.Decimal | np.floating):
        return (_NUMBER, value)
    if isinstance(value, str):
        return (_TEXT, value)
    if isinstance(value, tuple):
        return (_VECTOR, *map(order_key, value))
    name = type(value).__name__
    if isinstance(value, complex):
        return (_OTHER, name, order_key(value.real), order_key(value.imag))
    if not isinstance(value, _ORDERED):
        return (_OTHER, name, repr(value))
    has_zone = isinstance(value, datetime.datetime | datetime.time) and value.utcoffset() is not None
    return (_OTHER, name, has_zone, value)


def as_plain(value: Any) -> Any:
    """Returns a value with lists and arrays as tuples, and NumPy's numbers as Python's of the same value."""
    if isinstance(value, np.ndarray):
        return as_plain(value.tolist())
    if isinstance(value, list | tuple):
        return tuple(map(as_plain, value))
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return value.item()
    return value


def as_tuple(value: Any) -> Any:
    """Returns a list or an array as a tuple, and any other value unchanged."""
    return as_plain(value) if isinstance(value, list | np.ndarray) else value


def identity(value: Any) -> Any:
    """Returns a value that can be hashed and is equal for equal values.

    Numbers are equal by value, ``1`` and ``1.0`` too; lists and arrays if all elements are; NaN is equal to NaN.
    """
    if type(value) in (int, str):  # the most frequent types first
        return value
    value = as_plain(value)
    if isinstance(value, tuple):
        return tuple(map(identity, value))
    if is_nan(value):
        return math.nan  # the same object, which Python takes as equal in sets and dictionaries
    if isinstance(value, dict):
        return (dict, frozenset((key, identity(one)) for key, one in value.items()))
    if isinstance(value, set | frozenset):
        return frozenset(map(identity, value))
    try:
        hash(value)
    except TypeError:
        return (type(value).__name__, repr(value))
    return value


def is_nan(value: Any) -> bool:
    """Returns whether a value is no number although its type is one: NaN, ``NaT`` or a ``Decimal`` NaN."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, decimal.Decimal):
        return value.is_nan()
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return isinstance(value, complex | np.floating | np.complexfloating) and bool(np.isnan(value))
