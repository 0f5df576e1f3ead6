"""Converts columns to a ``pyarrow.Table``."""

from __future__ import annotations

from typing import Any

from aerchive.interop.columns import Columns
from aerchive.interop.extras import import_extra


def to_arrow_table(columns: Columns) -> Any:
    """Converts columns to a table with the same rows and columns.

    Returns:
        A ``pyarrow.Table`` with columns of the types ``string``, ``int64``, ``uint64``, ``double``, ``bool``,
        ``timestamp[us, tz=UTC]`` or ``list<string>``. A missing value is null. Values of other types become text.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = import_extra("pyarrow", "arrow")
    types = {
        "text": arrow.string(),
        "integer": arrow.int64(),
        "unsigned": arrow.uint64(),
        "real": arrow.float64(),
        "truth": arrow.bool_(),
        "time": arrow.timestamp("us", tz="UTC"),
        "texts": arrow.list_(arrow.string()),
        "any": arrow.string(),
    }
    arrays = {}
    for name, (kind, values) in columns.items():
        given = [None if v is None else str(v) for v in values] if kind == "any" else list(values)
        arrays[name] = arrow.array(given, types[kind])
    return arrow.table(arrays)


def write_parquet(columns: Columns, path: str) -> None:
    """Writes columns as a Parquet file.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    table = to_arrow_table(columns)
    import_extra("pyarrow.parquet", "arrow").write_table(table, path)
