"""Parquet files with the data of a figure; the origin is where pandas keeps attributes of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aerchive.interop.extras import import_extra
from aerchive.interop.plain_columns import JSON, from_json_texts
from aerchive.interop.plain_frame import plain_frame

_TYPES = "column_types"
"""The attribute with the names of the columns that are stored as JSON."""


def write(table: Any, path: Path, attrs: Mapping[str, Any]) -> None:
    """Writes a table; see `aerchive.interop.figure_file.write_figure`."""
    import_extra("pyarrow", "arrow")
    frame, types = plain_frame(table)
    frame.attrs = dict(attrs) | {_TYPES: json.dumps([name for name, kind in types.items() if kind == JSON])}
    frame.to_parquet(path, engine="pyarrow", index=False)


def read(path: Path) -> Any:
    """Reads a table; see `aerchive.interop.figure_file.read_figure_data`."""
    pandas = import_extra("pandas", "pandas")
    import_extra("pyarrow", "arrow")
    frame = pandas.read_parquet(path, engine="pyarrow")
    for name in json.loads(frame.attrs.pop(_TYPES, "[]")):
        frame[name] = pandas.Series(from_json_texts(frame[name].tolist()), dtype=object)
    return frame
