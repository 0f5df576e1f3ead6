"""Tables of dask."""

from __future__ import annotations

from typing import Any

from aerchive.interop.extras import import_extra

_ROWS = 50_000
"""Number of rows in one partition."""


def to_dask_frame(frame: Any) -> Any:
    """Makes a ``dask.dataframe.DataFrame`` of a ``pandas.DataFrame``, with the same dtypes.

    Raises:
        MissingExtraError: dask, or its part for tables, is not installed.
    """
    dask = import_extra("dask", "dask")
    tables = import_extra("dask.dataframe", "dask")
    with dask.config.set({"dataframe.convert-string": False}):  # else lists, such as those of tags, become text
        return tables.from_pandas(frame, chunksize=_ROWS, sort=False)
