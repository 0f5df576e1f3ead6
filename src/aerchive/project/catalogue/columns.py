"""The catalogue as columns: what tables of other libraries are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.interop.columns import Column, Columns, column_of
from aerchive.models import catalogue
from aerchive.project.catalogue.conditions import NUMBERS, numbers_of, text_of

PARAMS = "params."
"""Begins the name of a parameter given with a run, as in ``params.distance``."""
_ORDER = (
    *("job_id", "created", "outcome", "name", "tags", "program", "parent", "backend", "method", "precision"),
    *("num_circuits", "num_qubits", "num_clbits", "shots", "seed", "noisy", "seconds", "nbytes", "message"),
)
_KINDS: dict[str, Any] = {"seed": "unsigned", "noisy": "truth", "seconds": "real", "created": "time", "tags": "texts"}


def catalogue_columns(rows: NDArray[Any], ask: Callable[[int, str], Any]) -> Columns:
    """One row a run.

    Args:
        rows: Of the catalogue, dtype `catalogue.DTYPE`.
        ask: Gives the whole value of a text that the catalogue cuts, by the number of the row here and the column.
    """
    columns: Columns = {}
    for name in _ORDER:
        if name == "created":
            values: Sequence[Any] = rows["created_us"].tolist()
        elif name in NUMBERS:
            numbers, absent = numbers_of(rows, name, np.arange(len(rows)))
            given = (numbers != 0 if name == "noisy" else numbers).tolist()
            values = [None if is_absent else one for one, is_absent in zip(given, absent.tolist(), strict=True)]
        else:
            values = _texts(rows, name, ask)
        columns[name] = Column(_KINDS.get(name, "integer" if name in NUMBERS else "text"), values)
    return columns | parameter_columns(_texts(rows, "params", ask))


def parameter_columns(given: Sequence[dict[str, Any]]) -> Columns:
    """One column a parameter, in the order in which they first occur."""
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
