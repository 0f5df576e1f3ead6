"""A table as a ``pandas.DataFrame`` that a file can store."""

from __future__ import annotations

import math
from typing import Any

from aerchive.errors import InvalidInputError
from aerchive.interop.extras import import_extra
from aerchive.interop.plain_columns import JSON, are_texts, is_missing, to_json_texts
from aerchive.interop.xarray import POINT

TEXT = "text"
"""The type of a column of texts, of which none is missing."""
TEXT_OR_MISSING = "text or missing"
"""The type of a column of texts, of which none is empty and some are missing."""
_MOST_CELLS = 10_000_000


def plain_frame(table: Any) -> tuple[Any, dict[str, str]]:
    """Converts a table to a data frame with columns of texts, numbers, truth values and times only.

    Args:
        table: A ``pandas.DataFrame`` or ``xarray.Dataset``. An index that has a name becomes a column.

    Returns:
        A new ``pandas.DataFrame``, and the type of each column by name: `JSON`, `TEXT`, `TEXT_OR_MISSING` or its
        dtype.

    Raises:
        InvalidInputError: A column has a name that is not text, or values that a file cannot store.
        MissingExtraError: pandas is not installed.
    """
    pandas = import_extra("pandas", "pandas")
    frame = table if isinstance(table, pandas.DataFrame) else _frame_of_dataset(table)
    frame = frame.reset_index(drop=frame.index.dtype.kind in "iu" and frame.index.name in (None, POINT))
    types: dict[str, str] = {}
    columns: dict[str, Any] = {}
    for place, name in enumerate(frame.columns):
        if not isinstance(name, str) or name in columns:
            raise InvalidInputError(
                f"the table has a column {name!r}, and a file needs columns with different names that are text: "
                "rename it, for example with table.columns = [...]"
            )
        series = frame.iloc[:, place]
        columns[name], types[name] = _plain_series(pandas, name, series)
    return pandas.DataFrame(columns, index=frame.index), types


def _plain_series(pandas: Any, name: str, series: Any) -> tuple[Any, str]:
    dtype = series.dtype
    if isinstance(dtype, pandas.StringDtype) or dtype.kind == "O":
        values = series.tolist()
        known = [value for value in values if not is_missing(value)]
        if are_texts(known) and ("" not in known or len(known) == len(values)):
            return series.astype("string"), TEXT if len(known) == len(values) else TEXT_OR_MISSING
        return pandas.Series(to_json_texts(values), index=series.index, dtype="string"), JSON
    is_number = pandas.api.types.is_numeric_dtype(dtype) and dtype.kind in "biuf"
    if is_number or pandas.api.types.is_datetime64_any_dtype(dtype):
        return series, str(dtype)
    raise InvalidInputError(
        f"column {name!r} has dtype {dtype}, which a file cannot store exactly; convert it to numbers or text, "
        f"for example with table[{name!r}].astype(str), or .real and .imag of complex numbers"
    )


def _frame_of_dataset(dataset: Any) -> Any:
    cells = math.prod(dataset.sizes.values()) * (len(dataset.data_vars) + len(dataset.dims))
    if cells > _MOST_CELLS:
        raise InvalidInputError(
            f"a table of the sizes {dict(dataset.sizes)} would have {cells} cells, and at most {_MOST_CELLS} are "
            "written row by row; write a .nc file, or choose fewer variables"
        )
    return dataset.to_dataframe()
