"""The catalogue as columns, from which tables of other libraries are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import Column, Columns, as_objects, column_of
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.project.catalogue.conditions import numbers_of, texts_of
from aerchive.times import from_microseconds

PARAMS = "params."
"""Prefix of the name of a parameter given with a run, as in ``params.distance``."""
ABSENT: Any = object()
"""The value of a run that has no such parameter."""


def catalogue_columns(rows: NDArray[Any], ask: Callable[[int, str], Any]) -> Columns:
    """Makes columns from rows of the catalogue, with one value for each run.

    Args:
        rows: Rows of the catalogue, dtype `catalogue.DTYPE`.
        ask: A function of an index in ``rows`` and the name of a column; it returns the whole value of a text that the
            catalogue has cut.
    """
    names = [name for name in catalogue.IN_TABLES if name != "params"]
    columns = {name: Column(_kind(name), _values(rows, name, ask)) for name in names}
    return columns | parameter_columns(_texts(rows, "params", ask))


def run_values(
    rows: NDArray[Any], names: Sequence[str], ask: Callable[[int, str], Any]
) -> tuple[list[list[Any]], list[str]]:
    """Looks up values of runs by name: a parameter given with the run, or else a column of the catalogue.

    Args:
        rows: As for `catalogue_columns`.
        names: Names of parameters, also with the prefix ``params.``, and of columns.
        ask: As for `catalogue_columns`.

    Returns:
        For each name a list with the value of each run, `ABSENT` if it has none; and the names of all parameters.
    """
    params = _texts(rows, "params", ask)
    found = []
    for name in names:
        plain = name.removeprefix(PARAMS)
        values = [one.get(plain, ABSENT) for one in params]
        if name in catalogue.IN_TABLES and name != "params" and ABSENT in values:
            others = [ABSENT if value is None else value for value in _values(rows, name, ask)]
            others = list(map(from_microseconds, others)) if name == "created" else others
            values = [other if value is ABSENT else value for value, other in zip(values, others, strict=True)]
        found.append(values)
    return found, list(dict.fromkeys(name for one in params for name in one))


def _kind(name: str) -> Any:
    return catalogue.COLUMN["created_us" if name == "created" else name].kind


def _values(rows: NDArray[Any], name: str, ask: Callable[[int, str], Any]) -> list[Any]:
    if name == "created":
        return list(rows["created_us"].tolist())
    if name not in NUMBERS:
        return _texts(rows, name, ask)
    numbers, absent = numbers_of(rows, name, np.arange(len(rows)))
    given = (numbers != 0 if name == "noisy" else numbers).tolist()
    return [None if is_absent else one for one, is_absent in zip(given, absent.tolist(), strict=True)]


def parameter_columns(given: Sequence[dict[str, Any]]) -> Columns:
    """Makes one column for each parameter, in the order in which the parameters first occur."""
    names = dict.fromkeys(name for one in given for name in one)
    return {PARAMS + name: column_of([one.get(name) for one in given]) for name in names}


def _texts(rows: NDArray[Any], column: str, ask: Callable[[int, str], Any]) -> list[Any]:
    is_cut = rows["overflow"] & np.uint32(catalogue.OVERFLOW[column]) != 0
    values = as_objects([None] * len(rows))
    whole = rows[column][~is_cut].tolist()
    known = texts_of(list(dict.fromkeys(whole)), column)
    values[~is_cut] = as_objects([known[raw] for raw in whole])
    for number in np.flatnonzero(is_cut).tolist():
        values[number] = ask(number, column)
    may_be_empty = column in ("tags", "params", "job_id")
    return [value if value or may_be_empty else None for value in values]
