"""The catalogue as columns, from which tables of other libraries are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import Column, Columns, as_objects, column_of
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import PARAMS
from aerchive.project.catalogue.conditions import numbers_of, texts_of
from aerchive.text import JSON_FORM

ABSENT: Any = object()
"""The value of a run that has none under a name."""
MAY_BE_EMPTY = ("tags", "params", "job_id")
"""The columns of texts of which an empty one is a value."""


def catalogue_columns(rows: NDArray[Any], ask: Callable[[int, str], Any]) -> Columns:
    """Makes columns from rows of the catalogue, with one value for each run.

    Args:
        rows: Rows of the catalogue, dtype `catalogue.DTYPE`.
        ask: A function of an index in ``rows`` and the name of a column; it returns the whole value of a text that the
            catalogue has cut.
    """
    names = [name for name in catalogue.IN_TABLES if name != "params"]
    return {name: Column(kind_of(name), column_values(rows, name, ask)) for name in names}


def kind_of(name: str) -> Any:
    """The kind of the values of a column in tables."""
    return catalogue.COLUMN["created_us" if name == "created" else name].kind


def column_values(rows: NDArray[Any], name: str, ask: Callable[[int, str], Any]) -> list[Any]:
    """The values of a column in tables, ``None`` where a run has none; arguments as for `catalogue_columns`."""
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
    whole = np.ascontiguousarray(rows[column][~is_cut])
    if column in ("tags", "params") or not _are_ascii(whole):
        known = texts_of(list(dict.fromkeys(whole.tolist())), column)
        values[~is_cut] = as_objects([known[raw] for raw in whole.tolist()])
    else:
        values[~is_cut] = whole.astype(str).tolist()
    for number in np.flatnonzero(is_cut).tolist():
        values[number] = ask(number, column)
    return [value if value or column in MAY_BE_EMPTY else None for value in values]


def _are_ascii(texts: NDArray[np.bytes_]) -> bool:
    """Whether texts are ASCII, and none is stored as JSON, so that NumPy can decode them at once."""
    return bool((texts.view(np.uint8) < 128).all()) and not np.strings.startswith(texts, JSON_FORM).any()
