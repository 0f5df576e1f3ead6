"""The counts of all outcomes as columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Column, Columns
from aerchive.stored.count_arrays import Counted
from aerchive.stored.points import ALL_COUNTS, COUNTS

MOST_OUTCOMES = 4096
"""The largest number of columns of counts: all outcomes of 12 classical bits."""
_Row = TypeVar("_Row")


def bounded(rows: Iterable[_Row], counted_of: Callable[[_Row], Counted | None]) -> Iterator[_Row]:
    """Yields rows, and stops as soon as they have more different outcomes than a table may have.

    Args:
        rows: The rows.
        counted_of: A function that returns the counts of a row, or ``None``.

    Raises:
        InvalidInputError: There are more than `MOST_OUTCOMES` different outcomes.
    """
    texts: list[NDArray[np.bytes_]] = [np.zeros(0, "S1")]
    number = 0
    for row in rows:
        counted = counted_of(row)
        if counted is not None:
            texts.append(counted.texts)
            number += len(counted.texts)
        if number > MOST_OUTCOMES:
            texts = [np.unique(np.concatenate(texts))]
            _check(len(texts[0]))
            number = 0
        yield row


def outcome_columns(rows: Sequence[Counted | None]) -> Columns:
    """Makes a column for each outcome that occurs.

    Args:
        rows: The counts of each row; ``None`` for a row without counts.

    Returns:
        Columns of integers, named ``counts.`` and the bit string; shorter bit strings first, and those of one length in
        ascending order. A row with counts has zero for an outcome that did not occur in it, and a row without counts
        has ``None``.

    Raises:
        InvalidInputError: There are more than `MOST_OUTCOMES` different outcomes.
    """
    known = [counted for counted in rows if counted is not None]
    texts = np.concatenate([np.zeros(0, "S1"), *(counted.texts for counted in known)])
    names, places = np.unique(texts, return_inverse=True)
    _check(len(names))
    table = np.zeros((len(names), len(rows)), np.int64)
    lengths = [0 if counted is None else len(counted.texts) for counted in rows]
    counts = np.concatenate([np.zeros(0, np.int64), *(counted.counts for counted in known)])
    table[places, np.repeat(np.arange(len(rows)), lengths)] = counts
    without = [number for number, counted in enumerate(rows) if counted is None]
    columns = {}
    for place in np.lexsort((names, np.strings.str_len(names))):
        values: list[Any] = table[place].tolist()
        for number in without:
            values[number] = None
        columns[COUNTS + names[place].decode()] = Column("integer", values)
    return columns


def _check(number: int) -> None:
    if number > MOST_OUTCOMES:
        raise InvalidInputError(
            f"{ALL_COUNTS}: there are at least {number} different outcomes, and a table has at most {MOST_OUTCOMES}; "
            f"name those that you need (y=['{COUNTS}00', '{COUNTS}11']), or keep a few classical bits (bits=[0, 1]), "
            "or read each run with run.counts_array()"
        )
