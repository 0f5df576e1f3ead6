"""Columns as a ``pandas.DataFrame``."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.interop.columns import Column, Columns, as_objects
from aerchive.interop.extras import import_extra

_DTYPES = {"text": "string", "integer": "Int64", "unsigned": "UInt64", "truth": "boolean"}
"""Those of pandas' own, which have a place for what is missing."""


def to_frame(columns: Columns) -> Any:
    """One row a row, one column a column.

    Returns:
        A ``pandas.DataFrame``: texts are ``string``, integers ``Int64`` (seeds ``UInt64``), truth values ``boolean``,
        each with ``NA`` where there is none; other numbers are ``float64`` with NaN; times ``datetime64[us, UTC]``;
        lists and everything else ``object``.

    Raises:
        MissingExtraError: There is no pandas.
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
