"""Converts columns to a ``pandas.DataFrame``."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.interop.columns import Column, Columns, as_objects
from aerchive.interop.extras import import_extra

_DTYPES = {"text": "string", "integer": "Int64", "unsigned": "UInt64", "truth": "boolean"}
"""The extension dtypes of pandas, which can represent missing values."""


def to_frame(columns: Columns) -> Any:
    """Converts columns to a data frame with the same rows and columns.

    Returns:
        A ``pandas.DataFrame``. Texts are ``string``, integers ``Int64`` (seeds ``UInt64``), and truth values
        ``boolean``; a missing value of these types is ``NA``. Other numbers are ``float64`` with NaN for a missing
        value. Times are ``datetime64[us, UTC]``. Lists and all other values are ``object``.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = import_extra("pandas", "pandas")
    return pandas.DataFrame({name: _series(pandas, column) for name, column in columns.items()})


def _series(pandas: Any, column: Column) -> Any:
    kind, values = column
    if kind == "time":
        return pandas.Series(pandas.DatetimeIndex(np.array(values, "M8[us]")).tz_localize("UTC"))
    if kind == "real":
        return pandas.Series(np.array([np.nan if value is None else value for value in values], np.float64))
    if kind in _DTYPES:
        return pandas.Series(pandas.array(list(values), dtype=_DTYPES[kind]))
    return pandas.Series(as_objects(values))
