"""The points of a sweep that are done, and those that are missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import Column, column_of
from aerchive.interop.extras import import_extra
from aerchive.interop.order import identity
from aerchive.interop.pandas import to_frame
from aerchive.project.arguments import refuse
from aerchive.project.catalogue.columns import ABSENT

_FORMS = (
    "a pandas.DataFrame, a list of dictionaries, such as [{'x': 0.1}, {'x': 0.2}], or a dictionary of the values of "
    "each name, such as {'x': [0.1, 0.2], 'n': [1, 2]}"
)
_GREATEST = 1e300
_MOST_PAIRS = 1_000_000
"""Number of pairs of a point and a run that are compared at once."""
_Key = tuple[Any, ...]


def check_names(argument: str, names: Sequence[Any]) -> None:
    """Checks names of parameters.

    Raises:
        InvalidInputError: There is none, or one is no text or is empty.
    """
    if not names or not all(isinstance(name, str) and name for name in names):
        refuse(argument, tuple(names), "names of parameters or columns, such as 'theta'")


def check_tolerance(tolerance: float) -> None:
    """Checks a tolerance.

    Raises:
        InvalidInputError: It is negative, or no finite number.
    """
    if not 0 <= tolerance < math.inf:
        refuse("tolerance", tolerance, "a number of at least 0, such as 1e-9")


def done_values(columns: Sequence[Sequence[Any]]) -> set[Any]:
    """Returns the values of runs, as tuples if there are several columns; runs without one of them are left out."""
    rows = {row for row in zip(*(map(identity, column) for column in columns), strict=True) if ABSENT not in row}
    return rows if len(columns) > 1 else {value for (value,) in rows}


def points_frame(points: Any) -> Any:
    """Returns points as a ``pandas.DataFrame``.

    Args:
        points: A ``pandas.DataFrame``, mappings, or a mapping of names to values, whose combinations are the points.

    Raises:
        InvalidInputError: The points have none of these forms.
        MissingExtraError: pandas is not installed.
    """
    pandas = import_extra("pandas", "pandas")
    if isinstance(points, pandas.DataFrame):
        check_names("the columns of points", list(points.columns))
        if not points.columns.is_unique:
            refuse("the columns of points", list(points.columns), "different names")
        return points
    if isinstance(points, Mapping):
        names, axes = list(points), [_axis(name, values) for name, values in points.items()]
        rows = list(itertools.product(*axes))
    else:
        if isinstance(points, str | bytes) or not isinstance(points, Iterable):
            refuse("points", points, _FORMS)
        given = list(points)
        names = list(given[0]) if given and isinstance(given[0], Mapping) else []
        for number, one in enumerate(given):
            if not isinstance(one, Mapping):
                refuse(f"points[{number}]", one, "a dictionary of a point, such as {'x': 0.1}")
            if one.keys() != set(names):
                raise InvalidInputError(f"points[{number}] has the names {list(one)}, and points[0] has {names}")
        rows = [tuple(one[name] for name in names) for one in given]
        if not rows:
            return pandas.DataFrame()
    check_names("the names of points", names)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    plain = {name: list(map(_plain, column)) for name, column in zip(names, columns, strict=True)}
    return to_frame({name: Column(column_of(values).kind, values) for name, values in plain.items()})


def _axis(name: Any, values: Any) -> list[Any]:
    is_one = isinstance(values, str | bytes | Mapping) or (isinstance(values, np.ndarray) and not values.ndim)
    if is_one or not isinstance(values, Iterable):
        refuse(f"points[{name!r}]", values, "the values of a name, such as [0.1, 0.2]")
    return list(values)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biufc" else value


def without(frame: Any, columns: Sequence[Sequence[Any]], tolerance: float) -> Any:
    """Returns the rows of a frame that no run has.

    Args:
        frame: The points, a ``pandas.DataFrame``.
        columns: The values of runs, a sequence for each column of the frame.
        tolerance: As for `aerchive.Project.missing`.
    """
    wanted = list(zip(*(map(identity, frame[name].tolist()) for name in frame.columns), strict=True))
    there = set(zip(*(map(identity, column) for column in columns), strict=True))
    is_done = [point in there for point in wanted]
    left = [number for number, done in enumerate(is_done) if not done]
    if tolerance and left:
        runs = [row for row in there if ABSENT not in row]
        for number, done in zip(left, _are_near([wanted[i] for i in left], runs, tolerance), strict=True):
            is_done[number] = done
    return frame[~np.array(is_done, bool)]


def _are_near(points: Sequence[_Key], runs: Sequence[_Key], tolerance: float) -> list[bool]:
    """Returns for each point whether a run is within the tolerance."""
    there: dict[Any, list[list[float]]] = {}
    for run in runs:
        form, numbers = _split(run)
        there.setdefault(form, []).append(numbers)
    wanted: dict[Any, tuple[list[int], list[list[float]]]] = {}
    for place, point in enumerate(points):
        form, numbers = _split(point)
        if form in there:
            places, values = wanted.setdefault(form, ([], []))
            places.append(place)
            values.append(numbers)
    found = np.zeros(len(points), bool)
    for form, (places, values) in wanted.items():
        found[places] = _numbers_near(np.array(values), np.array(there[form]), tolerance)
    return list(found.tolist())


def _split(value: Any) -> tuple[Any, list[float]]:
    """Splits a key into its form, which must be the same, and its finite numbers, which may be near."""
    if isinstance(value, tuple):
        if all(type(one) in (float, int) and -_GREATEST <= one <= _GREATEST for one in value):  # most are: the fast way
            return (float,) * len(value), list(map(float, value))
        parts = [_split(one) for one in value]
        return tuple(form for form, _ in parts), [number for _, numbers in parts for number in numbers]
    if isinstance(value, complex):
        (real, first), (imag, second) = _split(value.real), _split(value.imag)
        return (complex, real, imag), first + second
    if isinstance(value, int | float) and abs(value) <= _GREATEST:
        return float, [float(value)]
    return value, []


def _numbers_near(points: NDArray[Any], runs: NDArray[Any], tolerance: float) -> NDArray[np.bool_]:
    """Returns for each point whether all its numbers are within the tolerance of those of one run.

    Args:
        points: Shape (points, numbers), float64.
        runs: Shape (runs, numbers), float64, all different.
        tolerance: As for `aerchive.Project.missing`.

    Returns:
        A bool array of shape (points,).
    """
    reach = tolerance * (1 + np.abs(points))
    first, stop, order = _candidates(points, runs, reach)
    runs = runs[order]
    found = np.zeros(len(points), bool)
    ends = np.cumsum(stop - first)
    start = 0
    while start < len(points):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _MOST_PAIRS, "right")))
        counts = (stop - first)[start:end]
        point = np.repeat(np.arange(start, end), counts)
        run = (
            np.arange(len(point)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first[start:end], counts)
        )
        near = (np.abs(points[point] - runs[run]) <= reach[point]).all(axis=1)
        found[point[near]] = True
        start = end
    return found


def _candidates(
    points: NDArray[Any], runs: NDArray[Any], reach: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Sorts runs so that those which a point may match are neighbours.

    A number of a point is near a range of the different numbers of the runs. Where no range has more than one number,
    its index decides, and so runs of the same indices are a group, which is sorted by one of the other numbers.

    Returns:
        The first candidate of each point and the one after the last, as indices of the sorted runs, and the order by
        which the runs are sorted.
    """
    group, group_of = np.zeros(len(runs), np.intp), np.zeros(len(points), np.intp)
    ranges = []
    for column in range(points.shape[1]):
        values, place = np.unique(runs[:, column], return_inverse=True)
        least, most = points[:, column] - reach[:, column], points[:, column] + reach[:, column]
        first = np.searchsorted(values, np.nextafter(least, -np.inf))
        stop = np.searchsorted(values, np.nextafter(most, np.inf), "right")
        ranges.append((bool((stop - first > 1).any()), len(values), first, stop, place))
    ranges.sort(key=lambda one: one[:2])  # the last is one of several candidates, and has the most different numbers
    for is_wide, number, first, stop, place in ranges[:-1]:
        if not is_wide:
            codes = np.concatenate([group * number + place, np.where(stop > first, group_of * number + first, -1)])
            codes = np.unique(codes, return_inverse=True)[1]  # small again, so that no product overflows
            group, group_of = codes[: len(runs)], codes[len(runs) :]
    _, number, first, stop, place = ranges[-1]
    keys = group * number + place
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    return np.searchsorted(keys, group_of * number + first), np.searchsorted(keys, group_of * number + stop), order
