"""Computes the elements of arrays that are not stored element by element, from the datasets that their form names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.states.matrix_product.expand import Expansion
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.predicted.decode import decode
from aerchive.states.source import Source
from aerchive.storage.chunks.read_plan import ReadPlan
from aerchive.stored.forms import Form, MatrixProductForm, PredictedForm
from aerchive.stored.opener import Planner

_ALIGNED = frozenset({"index"})
"""The further arrays with an element for each amplitude, besides the residual; the others are small."""


def plan_form(form: Form, group: Planner, name: str, owner: str) -> Callable[[int], Source]:
    """Finds the datasets of an array in an open file.

    Args:
        form: What is stored of the array.
        group: Plans how to read the datasets of the run.
        name: Name of the dataset that the reference of the array names.
        owner: UUID of the run.

    Returns:
        A function that takes the descriptor of the file, and gives what computes the elements.
    """
    if isinstance(form, MatrixProductForm):
        return _plan_product(form, group, name, owner)
    assert isinstance(form, PredictedForm)  # noqa: S101  (there is no other)
    return _plan_prediction(form, group, name, owner)


def _plan_product(form: MatrixProductForm, group: Planner, name: str, owner: str) -> Callable[[int], Source]:
    plan = group.plan(name, owner, slice(form.start, form.stop))

    def opened(fd: int) -> Source:
        values, tensors, at = plan.read(fd), [], 0
        if not np.isfinite(values).all():
            raise FormatError(f"{plan.where}: the tensors of a state are not finite")
        for left, right in itertools.pairwise(form.bonds):
            tensors.append(values[at : at + 2 * left * right].reshape(left, 2, right))
            at += 2 * left * right
        return Expansion(MatrixProduct(tuple(tensors)))

    return opened


def _plan_prediction(form: PredictedForm, group: Planner, name: str, owner: str) -> Callable[[int], Source]:
    plans = {member: group.plan(f"{name}.{member}", owner) for member in form.members}
    residual = group.plan(name, owner)

    def opened(fd: int) -> Source:
        aligned = {member: plan for member, plan in plans.items() if member in _ALIGNED}
        for plan in aligned.values():
            if plan.selection.shape != (form.size,):
                raise FormatError(f"{plan.where}: has the shape {plan.selection.shape} instead of ({form.size},)")
        small = {member: plan.read(fd) for member, plan in plans.items() if member not in _ALIGNED}
        return _Predicted(form, fd, residual, small, aligned)

    return opened


class _Predicted:
    """A state that is restored from its prediction, slice by slice; a `Source`.

    Args:
        form: What is stored of the state.
        fd: The descriptor of the file.
        residual: Plan for what the prediction is off by, shape ``(parts, size)``.
        small: The small arrays.
        aligned: Plans for the other arrays with an element for each amplitude, shape ``(size,)``.
    """

    def __init__(
        self,
        form: PredictedForm,
        fd: int,
        residual: ReadPlan,
        small: dict[str, NDArray[Any]],
        aligned: dict[str, ReadPlan],
    ) -> None:
        self.shape, self.chunk = form.shape, form.chunk
        self._form = form
        self._fd = fd
        self._residual = residual
        self._small = small
        self._aligned = aligned

    def read(self, *box: slice) -> NDArray[Any]:
        """See `Source`."""
        (piece,) = box
        factors = self._small | {name: plan.narrowed(piece).read(self._fd) for name, plan in self._aligned.items()}
        residual = self._residual.narrowed((slice(None), piece)).read(self._fd)
        try:
            return decode(self._form.layout, {"precision": self._form.precision}, factors, residual, piece.start)
        except (FormatError, KeyError, ValueError, IndexError) as error:
            raise FormatError(f"{self._residual.where}: its amplitudes cannot be restored: {error}") from error
