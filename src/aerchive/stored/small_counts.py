"""Counts of a run whose table of counts is small: the table alone says which experiment each count is of."""

from __future__ import annotations

import sys

from aerchive import layout
from aerchive.codecs.counts import counts_from_rows
from aerchive.errors import check_version
from aerchive.storage.hdf5.reader import HDF5Group

_VERSION = 1
_MOST_BYTES = 64 * 1024
"""Size up to which a whole table is read for the counts of one experiment."""
_COLUMNS = ("experiment", "bitstring", "count")
_COUNT_BYTES = 32
"""What an integer takes in a dictionary."""


def read_small_counts(group: HDF5Group, owner: str) -> dict[int, dict[str, int]]:
    """Reads the counts of all experiments of a run without its result document.

    Args:
        group: The group of the run.
        owner: UUID of the run.

    Returns:
        The counts by bit string, of each experiment that has any in the table, in the order of the result. Of other
        experiments, and of all if there is no such table or it is larger than 64 KiB, the result document says what
        counts they have.

    Raises:
        FormatError: The table has a newer encoding.
        IntegrityError: The table is damaged.
    """
    table = group.read_small_table(layout.COUNTS, owner, _MOST_BYTES)
    if table is None or not set(_COLUMNS) <= set(table.rows.dtype.names or ()):
        return {}
    check_version(table.version, _VERSION, f"{group.where(layout.COUNTS)}: counts")
    numbers = table.rows["experiment"].tolist()
    starts = [place for place, number in enumerate(numbers) if not place or number != numbers[place - 1]]
    pieces = zip(starts, [*starts[1:], len(numbers)], strict=False)
    return {numbers[start]: counts_from_rows(table.rows[start:end]) for start, end in pieces}


def nbytes_of(counts: dict[int, dict[str, int]]) -> int:
    """How many bytes counts take in memory, about."""
    return sum(sys.getsizeof(one) + sum(map(sys.getsizeof, one)) + _COUNT_BYTES * len(one) for one in counts.values())
