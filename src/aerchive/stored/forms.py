"""Arrays that are not stored element by element: what is stored of them, and how their elements are computed.

An array has the form that the attribute ``layout`` of its dataset names. `ArrayLocation.form` is ``None`` for arrays
whose elements are those of a dataset.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aerchive.kinds import KINDS
from aerchive.states.matrix_product.expand import Expansion
from aerchive.states.matrix_product.tensors import MatrixProduct
from aerchive.states.source import Source
from aerchive.storage.chunks.read_plan import DatasetShape
from aerchive.stored.opener import Planner

MATRIX_PRODUCT = "matrix_product"
BONDS = "bonds"
_MOST_QUBITS = 48
"""The greatest number of qubits of a state; a file that claims more is not one of states."""
_PIECE = 2**16
"""The number of amplitudes that are computed at a time: 1 MiB."""


class Form(ABC):
    """What is stored of an array, as the attributes of its dataset say.

    Objects are compared by value, and may be pickled. The elements of the array are complex128.

    Attributes:
        stored: The module below ``aerchive`` and the class of the object that reads such a state, as in `Kind.stored`.
    """

    stored: ClassVar[tuple[str, str]] = KINDS["statevector"].stored

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of the pieces that are computed as a whole."""
        return (min(self.shape[0], _PIECE),)

    def members(self, name: str) -> tuple[str, ...]:
        """The names of the datasets from which the array is computed.

        Args:
            name: Name of the dataset that the reference of the array names.
        """
        return (name,)

    @abstractmethod
    def plan(self, group: Planner, name: str, owner: str) -> Callable[[int], Source]:
        """Finds the datasets in an open file.

        Args:
            group: Plans how to read the datasets of the run.
            name: Name of the dataset that the reference of the array names.
            owner: UUID of the run.

        Returns:
            A function that takes the descriptor of the file, and gives what computes the elements.
        """


@dataclass(frozen=True)
class MatrixProductForm(Form):
    """A state vector as a product of matrices, whose tensors lie one after another in a dataset with one axis.

    Attributes:
        bonds: The bond dimensions, from 1, left of the highest qubit, to 1, right of qubit 0.
        start: Index in the dataset of the first element of the first tensor.
    """

    stored: ClassVar[tuple[str, str]] = ("stored.product_state", "StoredProductState")

    bonds: tuple[int, ...]
    start: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the state vector."""
        return (1 << (len(self.bonds) - 1),)

    @property
    def stop(self) -> int:
        """Index in the dataset of the element after the last of the last tensor."""
        return self.start + sum(2 * left * right for left, right in itertools.pairwise(self.bonds))

    def plan(self, group: Planner, name: str, owner: str) -> Callable[[int], Source]:
        """See `Form`."""
        plan = group.plan(name, owner, slice(self.start, self.stop))

        def opened(fd: int) -> Source:
            values, tensors, at = plan.read(fd), [], 0
            for left, right in itertools.pairwise(self.bonds):
                tensors.append(values[at : at + 2 * left * right].reshape(left, 2, right))
                at += 2 * left * right
            return Expansion(MatrixProduct(tuple(tensors)))

        return opened

    @classmethod
    def of(cls, attributes: Mapping[str, Any], what: DatasetShape, row: int | None) -> MatrixProductForm:
        """The form that attributes describe; raises `ValueError` or `TypeError` if it does not fit the dataset."""
        rows = [tuple(map(int, text.split())) for text in str(attributes.get(BONDS, "")).split(";")]
        start = 0
        for bonds in rows:
            if not 2 <= len(bonds) <= _MOST_QUBITS + 1 or bonds[0] != 1 or bonds[-1] != 1 or min(bonds) < 1:
                raise ValueError(f"{bonds} are not the bond dimensions of a matrix product")
        if not 0 <= (row or 0) < len(rows) or (row is None and len(rows) > 1):
            raise ValueError(f"row {row} of {len(rows)} matrix products")
        forms = []
        for bonds in rows:
            forms.append(cls(bonds, start))
            start = forms[-1].stop
        if len({form.shape for form in forms}) > 1 or len(what.shape) != 1 or what.shape[0] != start:
            raise ValueError(f"{start} elements of tensors are expected, the dataset has the shape {what.shape}")
        if what.dtype not in map(np.dtype, ("<c16", "<f8", "<c8", "<f4")):
            raise ValueError(f"tensors of dtype {what.dtype}")
        return forms[row or 0]


_FORMS: dict[str, Callable[[Mapping[str, Any], DatasetShape, int | None], Form]] = {
    MATRIX_PRODUCT: MatrixProductForm.of,
}
ATTRIBUTES = ("layout", BONDS)
"""The attributes of a dataset that describe a form."""


def form_of(attributes: Mapping[str, Any], what: DatasetShape, row: int | None) -> Form | None:
    """The form of an array, or ``None`` if its elements are those of its dataset.

    Args:
        attributes: The attributes of the dataset.
        what: Shape and dtype of the dataset.
        row: The second part of the reference to the array.

    Raises:
        ValueError: The attributes do not fit the dataset.
        TypeError: The same.
    """
    make = _FORMS.get(str(attributes.get("layout")))
    return None if make is None else make(attributes, what, row)


def largest_bond(attributes: Mapping[str, Any]) -> int | None:
    """The largest bond dimension of the matrix products of a dataset; ``None`` if it has none, or says it wrongly."""
    numbers = str(attributes.get(BONDS, "")).replace(";", " ").split()
    return max(map(int, numbers)) if numbers and all(number.isdecimal() for number in numbers) else None
