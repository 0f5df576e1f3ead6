"""Extensible tables of flat rows, not compressed: the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5g, h5p, h5s
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.storage.border import hdf5_errors
from aerchive.storage.types import memory_dtype, stored_type


def create_table(parent: h5g.GroupID, name: str, dtype: np.dtype[Any], chunk_rows: int) -> None:
    """Makes an empty table."""
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk((chunk_rows,))
    properties.set_obj_track_times(False)
    h5d.create(parent, name.encode(), stored_type(dtype), h5s.create_simple((0,), (h5s.UNLIMITED,)), dcpl=properties)


class TableReader:
    """A table of an open file.

    Args:
        dsid: The open dataset.
        where: Its file and path, for messages.
    """

    def __init__(self, dsid: h5d.DatasetID, where: str) -> None:
        self._dsid = dsid
        self.where = where
        with hdf5_errors(where):
            if len(dsid.shape) != 1:
                raise FormatError(f"{where}: is not a table")
            self.dtype = memory_dtype(dsid.get_type(), where)

    def __len__(self) -> int:
        return int(self._dsid.shape[0])

    def rows(self, first: int = 0, number: int | None = None) -> NDArray[Any]:
        """Reads rows.

        Args:
            first: The first one.
            number: How many; ``None`` for all that follow.
        """
        number = len(self) - first if number is None else number
        rows = np.empty(number, self.dtype)
        if number:
            with hdf5_errors(self.where):
                space = self._dsid.get_space()
                space.select_hyperslab((first,), (number,))
                self._dsid.read(h5s.create_simple((number,)), space, rows, stored_type(self.dtype))
        return rows


def append_rows(dsid: h5d.DatasetID, rows: NDArray[Any]) -> None:
    """Adds rows at the end."""
    first = dsid.shape[0]
    dsid.set_extent((first + len(rows),))
    _write(dsid, first, rows)


def replace_row(dsid: h5d.DatasetID, number: int, row: NDArray[Any]) -> None:
    """Writes one row anew.

    Args:
        dsid: The open table.
        number: Of the row.
        row: Shape ``(1,)``.
    """
    _write(dsid, number, row)


def _write(dsid: h5d.DatasetID, first: int, rows: NDArray[Any]) -> None:
    space = dsid.get_space()
    space.select_hyperslab((first,), (len(rows),))
    dsid.write(h5s.create_simple((len(rows),)), space, np.ascontiguousarray(rows), stored_type(rows.dtype))
