"""Whether two runs of one job have the same states, which may be stored in different forms.

A state may be stored by its amplitudes, rounded, as a product of matrices, or as a prediction and its residual. Exact
forms are compared bit for bit. Where digits were lost, the states must be as near to each other as the infidelities of
both allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.states.source import Source, cut
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.chunks.grid import select
from aerchive.storage.chunks.read_plan import DatasetShape, ReadPlan
from aerchive.stored.composing import plan_form
from aerchive.stored.forms import BONDS, form_of, is_composed

Datasets = Mapping[str, DatasetDraft]
_PIECE = 2**20
"""The number of amplitudes that are compared at a time: 16 MiB of each state."""
_SLACK = 4.0
"""A margin for the squared distance: a product is near its state up to a phase, too."""


def are_same_states(one: Datasets, other: Datasets, name: str) -> bool:
    """Whether a dataset of two runs has the same states, each in any form.

    Args:
        one: The datasets of a run, with those that belong to predictions.
        other: The datasets of another run.
        name: The name of the dataset in both.

    Returns:
        ``False`` also if what a run has does not make a state, as if a part of a prediction is missing.
    """
    try:
        states = _states(one, name), _states(other, name)
        bounds = [run[name].attributes.get("infidelity_bound", 0.0) for run in (one, other)]
        near = _SLACK * sum(math.sqrt(float(str(bound))) for bound in bounds) ** 2
    except (ValueError, TypeError, KeyError):
        return False
    if len(states[0]) != len(states[1]):
        return False
    return all(_are_near(*pair, near) for pair in zip(*states, strict=True))


def _are_near(one: Source, other: Source, near: float) -> bool:
    """Whether the squared distance of two states is small compared with the squared norm; at 0 all bits are equal."""
    if one.shape != other.shape:
        return False
    apart = whole = 0.0
    with np.errstate(all="ignore"):
        for piece in cut(one.shape[0], _PIECE):
            first, second = _amplitudes(one, piece), _amplitudes(other, piece)
            if not near and not np.array_equal(first.view(np.uint64), second.view(np.uint64)):
                return False
            apart += float(np.square(np.abs(first - second)).sum())
            whole += float(np.square(np.abs(first)).sum())
        return not near or apart <= near * whole


def _amplitudes(source: Source, piece: slice) -> NDArray[np.complex128]:
    values = source.read(piece)
    length = piece.stop - piece.start
    return np.zeros(length, np.complex128) if values is None else np.ascontiguousarray(values, np.complex128)


def _states(datasets: Datasets, name: str) -> list[Source]:
    draft = datasets[name]
    if is_composed(draft.attributes):
        number = str(draft.attributes.get(BONDS, "")).count(";") + 1
        return list(_composed(datasets, name, number))
    if len(draft.shape) == 1:
        return [_Plain(draft, None)]
    return [_Plain(draft, row) for row in range(draft.shape[0])]


def _composed(datasets: Datasets, name: str, number: int) -> Iterator[Source]:
    draft = datasets[name]
    for row in range(number):
        what = DatasetShape(draft.dtype, draft.shape, None)
        form = form_of(draft.attributes, what, row if number > 1 else None)
        assert form is not None  # noqa: S101  (it is composed)
        yield plan_form(form, _Drafts(datasets), name, "")(-1)


@dataclass(frozen=True)
class _Plain:
    """A state whose amplitudes are those of a dataset; a `Source`."""

    draft: DatasetDraft
    row: int | None

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Source`."""
        return self.draft.shape[-1:]

    @property
    def chunk(self) -> tuple[int, ...]:
        """See `Source`."""
        return self.shape

    def read(self, *box: slice) -> NDArray[Any]:
        """See `Source`."""
        (piece,) = box
        if self.row is None:
            return self.draft.rows(piece.start, piece.stop)
        (values,) = self.draft.rows(self.row, self.row + 1)
        amplitudes: NDArray[Any] = values[piece]
        return amplitudes


@dataclass(frozen=True)
class _Drafts:
    """Plans how to read datasets that are in memory or read as a whole; a `Planner`."""

    datasets: Datasets

    def plan(self, name: str, owner: str, key: object = ...) -> ReadPlan:
        """See `Planner`."""
        draft = self.datasets[name]
        values = draft.rows(0, draft.shape[0])
        selection = select(key, values.shape)
        return ReadPlan(name, owner, name, values.dtype, values.dtype, values.shape, selection, values=values)
