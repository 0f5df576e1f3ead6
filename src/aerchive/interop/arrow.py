"""Columns as a ``pyarrow.Table``."""

from __future__ import annotations

from typing import Any

from aerchive.interop.columns import Columns
from aerchive.interop.extras import import_extra


def to_arrow_table(columns: Columns) -> Any:
    """One row a row, one column a column.

    Returns:
        A ``pyarrow.Table``: ``string``, ``int64``, ``uint64``, ``double``, ``bool``, ``timestamp[us, tz=UTC]`` or
        ``list<string>``, null where there is no value; what is of no such type is described in words.

    Raises:
        MissingExtraError: There is no pyarrow.
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
        MissingExtraError: There is no pyarrow.
    """
    table = to_arrow_table(columns)
    import_extra("pyarrow.parquet", "arrow").write_table(table, path)
