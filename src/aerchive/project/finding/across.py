"""Saved arrays across runs: as one stack, and as variables of an ``xarray.Dataset``; no array is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

from numpy.typing import NDArray

from aerchive.display.text import format_runs
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.columns import Columns, array_of
from aerchive.interop.order import order_key
from aerchive.interop.xarray import to_dataset
from aerchive.project.finding.sweep import PointTable, SweepRow, sweep_columns
from aerchive.project.location import RunPlace
from aerchive.stored.points import SavedArray
from aerchive.stored.stack import StackedArray
from aerchive.text import listed, near_texts

_AXES = {"statevector": ("amplitude",), **dict.fromkeys(("density_matrix", "operator", "superop"), ("row", "column"))}
"""Names of the dimensions of states and operators."""


def stack_of(file: str, table: PointTable, label: str, x: Sequence[str]) -> StackedArray:
    """Stacks the arrays that runs have saved under a label; see `aerchive.Project.stack`.

    Args:
        file: Path of the project file, for messages.
        table: The points of all runs that are asked, each opened, with the arrays of the label.
        label: The label.
        x: Names of the columns by which the arrays are sorted.

    Raises:
        NotFoundError: No run has an array with this label.
        InvalidInputError: No run has one of the columns, or the arrays differ in shape or dtype.
    """
    having = table.only(lambda row: _has(row, label))
    _check_names(x, [label])
    if not len(having):
        raise NotFoundError(_no_array(file, table.rows, label))
    columns, _ = sweep_columns(having, x, [label])
    _check_rows(file, columns, x, [label])
    runs = {row.point.values[label].location.owner: row.run.place for row in having.rows}
    coords = {name: array_of(columns[name]) for name in dict.fromkeys(x)}
    return _stacked(columns[label].values, label, runs, coords)


def dataset_of(
    file: str, table: PointTable, x: Sequence[str], y: Sequence[str]
) -> tuple[Any, tuple[list[str], NDArray[Any]]]:
    """Makes an ``xarray.Dataset`` of numbers and arrays; see `aerchive.Project.dataset`.

    Args:
        file: Path of the project file, for messages.
        table: The points of all runs that are asked, each opened, with the arrays of ``y``.
        x: Names of the columns that become coordinates.
        y: Names of the columns and labels that become variables.

    Returns:
        The dataset, and job ids and rows of the catalogue of its runs.

    Raises:
        InvalidInputError: There is no such column, the arrays of a label differ in shape or dtype, or ``x`` is empty.
        MissingExtraError: xarray is not installed, or dask, if there are arrays.
    """
    labels = [name for name in dict.fromkeys(y) if any(_has(row, name) for row in table.rows)]
    having = table.only(lambda row: all(_has(row, label) for label in labels))
    _check_names(x, labels)
    columns, found = sweep_columns(having if len(having) else table, x, y)
    _check_rows(file, columns if len(having) else {}, x, y)
    dataset = to_dataset(columns, x, as_grid=_is_grid(columns, x))
    runs = {row.point.values[label].location.owner: row.run.place for row in having.rows for label in labels}
    taken = {*dataset.dims, *dataset.variables}
    lengths: dict[str, int] = {}
    for label in labels:
        members = dataset[label]
        stack = _stacked(members.values.reshape(-1), label, runs, {})
        axes = [_dimension(taken, lengths, label, stack, axis) for axis in range(1, stack.ndim)]
        lengths |= dict(zip(axes, stack.shape[1:], strict=True))
        values = stack.to_dask().reshape(members.shape + stack.shape[1:])
        dataset = dataset.assign({label: ((*members.dims, *axes), values)})
    return dataset, found


def _has(row: SweepRow, label: str) -> bool:
    return isinstance(row.point.values.get(label), SavedArray)


def _check_names(x: Sequence[str], labels: Sequence[str]) -> None:
    """Raises an error if a column to sort by is an array."""
    for name in (name for name in x if name in labels):
        raise InvalidInputError(
            f"x: {name!r} is the label of an array here, and nothing can be sorted by arrays; a parameter of this name "
            f"is 'params.{name}'"
        )


def _check_rows(file: str, columns: Columns, x: Sequence[str], y: Sequence[str]) -> None:
    """Raises an error if there are columns without any row."""
    if not columns or not next(iter(columns.values())).values:
        raise InvalidInputError(
            f"{file}: no run has all of {listed([*x, *y])}; leave out some of these names: project.table() shows which "
            "runs have what"
        )


def _no_array(file: str, rows: Sequence[SweepRow], label: str) -> str:
    """Describes that no run has an array with a label, and what the runs have."""
    number = len({row.run.job_id for row in rows})
    labels = list(dict.fromkeys(name for row in rows for name in row.point.arrays))
    text = f"{file}: none of {format_runs(number)} has an array {label!r}; "
    if any(label in row.point.values for row in rows):
        return f"{text}it is a number, and project.table(x, {label!r}) gives numbers"
    near = near_texts(label, labels)
    hint = f"did you mean {listed(near)}? " if near else ""
    return f"{text}{hint}there are {listed(labels, 40) if labels else 'no arrays'}"


class _Shape(NamedTuple):
    shape: tuple[int, ...]
    dtype: str


def _stacked(
    members: Iterable[SavedArray], label: str, runs: Mapping[str, RunPlace], coords: Mapping[str, NDArray[Any]]
) -> StackedArray:
    members = list(members)
    places = {owner: place.of_run(owner) for owner, place in runs.items()}
    shapes = Counter(_Shape(one.location.shape, one.location.dtype) for one in members)
    if len(shapes) > 1:
        (most, _), (other, _) = shapes.most_common(2)
        found = {_Shape(one.location.shape, one.location.dtype): one for one in reversed(members)}
        raise InvalidInputError(
            f"arrays of one shape and dtype can be stacked; {label!r} is "
            + ", and ".join(
                f"of shape {one.shape} and dtype {one.dtype} in run {runs[found[one].location.owner].job_id}"
                for one in (most, other)
            )
            + "; choose runs with where=, such as where='num_qubits == 4'"
        )
    kinds = {one.kind for one in members}
    return StackedArray(
        [places[one.location.owner] for one in members],
        [one.location for one in members],
        [label] * len(members),
        [one.experiment for one in members],
        kinds.pop() if len(kinds) == 1 else "",
        coords,
    )


def _is_grid(columns: Columns, x: Sequence[str]) -> bool:
    """Whether the rows fill a grid of which the columns ``x`` are the axes, each place equally often."""
    axes = [list(map(order_key, columns[name].values)) for name in x]
    rows = Counter(zip(*axes, strict=True))
    return len(rows) == math.prod(len(set(axis)) for axis in axes) and len(set(rows.values())) == 1


def _dimension(taken: Set[str], lengths: Mapping[str, int], label: str, stack: StackedArray, axis: int) -> str:
    """The name of the dimension of an axis: arrays of one kind and length share it, so that they can be compared.

    Args:
        taken: Names that a dimension cannot have.
        lengths: Lengths of the dimensions of other arrays.
        label: The label of the array.
        stack: The arrays with this label.
        axis: Number of the axis.
    """
    names, length = _AXES.get(stack.kind, ()), stack.shape[axis]
    name = names[axis - 1] if len(names) == stack.ndim - 1 else f"axis_{axis - 1}"
    if name in taken or lengths.get(name, length) != length:
        name = f"{label}_{name}"
    while name in taken or lengths.get(name, length) != length:
        name += "_"
    return name
