"""The catalogue as columns, from which tables of other libraries are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import Column, Columns, column_of
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.project.catalogue.conditions import numbers_of, text_of

PARAMS = "params."
"""Prefix of the name of a parameter given with a run, as in ``params.distance``."""


def catalogue_columns(rows: NDArray[Any], ask: Callable[[int, str], Any]) -> Columns:
    """Makes columns from rows of the catalogue, with one value for each run.

    Args:
        rows: Rows of the catalogue, dtype `catalogue.DTYPE`.
        ask: A function of an index in ``rows`` and the name of a column; it returns the whole value of a text that the
            catalogue has cut.
    """
    columns: Columns = {}
    for name in catalogue.IN_TABLES:
        kind = catalogue.COLUMN["created_us" if name == "created" else name].kind
        if kind == "params" or kind == "own":  # noqa: PLR1714  (mypy narrows the kind by these comparisons)
            continue
        if name == "created":
            values: Sequence[Any] = rows["created_us"].tolist()
        elif name in NUMBERS:
            numbers, absent = numbers_of(rows, name, np.arange(len(rows)))
            given = (numbers != 0 if name == "noisy" else numbers).tolist()
            values = [None if is_absent else one for one, is_absent in zip(given, absent.tolist(), strict=True)]
        else:
            values = _texts(rows, name, ask)
        columns[name] = Column(kind, values)
    return columns | parameter_columns(_texts(rows, "params", ask))


def parameter_columns(given: Sequence[dict[str, Any]]) -> Columns:
    """Makes one column for each parameter, in the order in which the parameters first occur."""
    names = dict.fromkeys(name for one in given for name in one)
    return {PARAMS + name: column_of([one.get(name) for one in given]) for name in names}


def _texts(rows: NDArray[Any], column: str, ask: Callable[[int, str], Any]) -> list[Any]:
    known: dict[bytes, Any] = {}
    values = []
    is_cut = (rows["overflow"] & np.uint32(catalogue.OVERFLOW[column]) != 0).tolist()
    for number, (raw, must_ask) in enumerate(zip(rows[column].tolist(), is_cut, strict=True)):
        if must_ask:
            values.append(ask(number, column))
            continue
        if raw not in known:
            known[raw] = text_of(raw, column)
        values.append(known[raw] if known[raw] or column in ("tags", "params", "job_id") else None)
    return values
