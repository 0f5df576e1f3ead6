"""Prints the results of a client's program so that two runs of it can be compared bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def exact(value: Any) -> Any:
    """Returns JSON that differs if the value differs in a type, a bit or the order of keys."""
    if isinstance(value, np.ndarray):
        return [
            value.dtype.str,
            list(value.shape),
            value.tobytes().hex() if value.dtype != object else exact(list(value)),
        ]
    if isinstance(value, np.generic):
        return [value.dtype.str, value.tobytes().hex()]
    if isinstance(value, bool | int | str | None):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, complex):
        return [value.real.hex(), value.imag.hex()]
    if isinstance(value, Mapping):
        return [[exact(key), exact(item)] for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    raise TypeError(f"a result of type {type(value).__qualname__} cannot be compared")


def tell(**results: Any) -> None:
    """Prints named results."""
    print(json.dumps(exact(results)))
