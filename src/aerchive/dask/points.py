"""The points of a sweep, and what makes two of them the same point."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Columns
from aerchive.interop.order import as_plain
from aerchive.project.arguments import refuse

_FORMS = (
    "a list of dictionaries, such as [{'x': 0.1}, {'x': 0.2}], a pandas.DataFrame, or a dictionary of the values of "
    "each name, such as {'x': [0.1, 0.2], 'n': [1, 2]}"
)
PARAMETER = "params."
"""What the names of columns of parameters begin with."""
Point = dict[str, Any]


def points_of(points: Any) -> list[Point]:
    """Returns the points of a sweep as dictionaries of values that can be stored as parameters of a run.

    Args:
        points: Dictionaries with the same names, a ``pandas.DataFrame`` with a column for each name, or a dictionary of
            names and values, whose combinations are the points, the last name fastest.

    Raises:
        InvalidInputError: The points have none of these forms, or a value is neither a number nor a text, nor a list of
            such.
    """
    if isinstance(points, Mapping):
        names, axes = list(points), [_axis(name, values) for name, values in points.items()]
        given: list[Any] = [dict(zip(names, values, strict=True)) for values in itertools.product(*axes)]
    elif hasattr(points, "to_dict") and hasattr(points, "columns"):
        given = points.to_dict("records")
    elif isinstance(points, str | bytes) or not isinstance(points, Iterable):
        refuse("points", points, _FORMS)
    else:
        given = list(points)
    for number, one in enumerate(given):
        if not isinstance(one, Mapping) or not one or not all(isinstance(name, str) and name for name in one):
            refuse(f"points[{number}]", one, "a dictionary of a point, such as {'x': 0.1}")
        if one.keys() != given[0].keys():
            raise InvalidInputError(f"points[{number}] has the names {list(one)}, and points[0] has {list(given[0])}")
        point_id(one)  # raises for values that have no identity
    return [{name: _storable(value) for name, value in one.items()} for one in given]


def _axis(name: Any, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        refuse(f"points[{name!r}]", values, "the values of a name, such as [0.1, 0.2]")
    return list(values)


def _storable(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufc" else value


def point_id(point: Mapping[str, Any]) -> str:
    """Returns the identity of a point: equal points have the same one in every process, and different points others.

    Numbers are equal by value, ``1`` and ``1.0`` too, and NaN is equal to NaN, as for `aerchive.Project.missing`.

    Raises:
        InvalidInputError: A value is neither a number nor a text, nor a list of such.
    """
    text = json.dumps([[name, _text(name, as_plain(point[name]))] for name in sorted(point)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _text(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [_text(name, one) for one in value]
    if isinstance(value, complex):
        return _text(name, value.real) if value.imag == 0 else ["complex", _text(name, value.real), repr(value.imag)]
    if isinstance(value, bool | int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return ["number", repr(value)]
        return ["number", str(int(value)) if value == int(value) else repr(float(value))]
    refuse(f"the value of {name!r} in points", value, "a number, a text, or a list of such")


def identities(columns: Columns, names: Sequence[str]) -> list[str | None]:
    """Returns the identity of the point of each run; ``None`` for a run without one of the parameters.

    Args:
        columns: Columns of the catalogue, one value for each run.
        names: Names of the parameters of a point.
    """
    values = [columns[PARAMETER + name].values if PARAMETER + name in columns else None for name in names]
    if any(column is None for column in values):
        return [None] * len(columns["job_id"].values)
    found: list[str | None] = []
    for row in zip(*(column for column in values if column is not None), strict=True):
        try:
            found.append(point_id(dict(zip(names, row, strict=True))))
        except InvalidInputError:  # without one of the parameters, or of another study
            found.append(None)
    return found
