"""What is stored of arrays that are not stored element by element.

An array has the form that the attribute ``layout`` of its dataset names. `ArrayLocation.form` is ``None`` for arrays
whose elements are those of a dataset. `aerchive.stored.composing` computes the elements of the others.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aerchive.kinds import KINDS
from aerchive.layout import LOW_RANK, MATRIX_PRODUCT, VALUE_TABLE
from aerchive.storage.chunks.read_plan import DatasetShape

BONDS = "bonds"
MEMBERS = "members"
PRECISION = "precision"
_MOST_QUBITS = 36
"""The greatest number of qubits of a state. It was in memory when it was saved, and 36 qubits have 1 TiB. A few bytes
can claim any number of amplitudes, and a method that makes all of them would never end."""
_PIECE = 2**16
"""The number of amplitudes that are computed at a time: 1 MiB."""
_MEMBER = re.compile(r"[a-z][a-z_]*\Z")


@dataclass(frozen=True)
class Form:
    """What is stored of a state vector, as the attributes of its dataset say.

    Objects are compared by value, and may be pickled. The elements of the array are complex128.

    Attributes:
        stored: The module below ``aerchive`` and the class of the object that reads such a state, as in `Kind.stored`.
        size: The number of amplitudes.
    """

    stored: ClassVar[tuple[str, str]] = KINDS["statevector"].stored

    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return (self.size,)

    @property
    def chunk(self) -> tuple[int, ...]:
        """The shape of the pieces that are computed as a whole."""
        return (min(self.size, _PIECE),)

    def datasets(self, name: str) -> tuple[str, ...]:
        """The names of the datasets from which the array is computed.

        Args:
            name: Name of the dataset that the reference of the array names.
        """
        return (name,)


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
    def stop(self) -> int:
        """Index in the dataset of the element after the last of the last tensor."""
        return self.start + sum(2 * left * right for left, right in itertools.pairwise(self.bonds))

    @classmethod
    def of(cls, attributes: Mapping[str, Any], what: DatasetShape, row: int | None) -> MatrixProductForm:
        """The form that attributes describe; raises `ValueError` or `TypeError` if it does not fit the dataset."""
        rows = [tuple(map(int, text.split())) for text in str(attributes.get(BONDS, "")).split(";")]
        for bonds in rows:
            if not 2 <= len(bonds) <= _MOST_QUBITS + 1 or bonds[0] != 1 or bonds[-1] != 1 or min(bonds) < 1:
                raise ValueError(f"{bonds} are not the bond dimensions of a matrix product")
        if not 0 <= (row or 0) < len(rows) or (row is None and len(rows) > 1):
            raise ValueError(f"row {row} of {len(rows)} matrix products")
        forms: list[MatrixProductForm] = []
        for bonds in rows:
            forms.append(cls(1 << (len(bonds) - 1), bonds, forms[-1].stop if forms else 0))
        if len({form.size for form in forms}) > 1 or what.shape != (forms[-1].stop,):
            raise ValueError(f"{forms[-1].stop} elements of tensors are expected; its shape is {what.shape}")
        if what.dtype not in map(np.dtype, ("<c16", "<f8", "<c8", "<f4")):
            raise ValueError(f"tensors of dtype {what.dtype}")
        return forms[row or 0]


@dataclass(frozen=True)
class PredictedForm(Form):
    """A state vector as a prediction and what it is off by, which gives every bit of the amplitudes.

    The dataset holds the residual, shape ``(parts, size)``; further datasets are named after it, with a dot.

    Attributes:
        layout: How the prediction is made: ``low_rank`` or ``value_table``.
        precision: The precision of the amplitudes, ``single`` or ``double``.
        members: Names of the further arrays.
    """

    layout: str
    precision: str
    members: tuple[str, ...]

    def datasets(self, name: str) -> tuple[str, ...]:
        """See `Form`."""
        return name, *(f"{name}.{member}" for member in self.members)

    @classmethod
    def of(cls, attributes: Mapping[str, Any], what: DatasetShape, row: int | None) -> PredictedForm:
        """The form that attributes describe; raises `ValueError` or `TypeError` if it does not fit the dataset."""
        members = tuple(str(attributes.get(MEMBERS, "")).split())
        if row is not None or len(what.shape) != 2 or what.shape[0] not in (1, 2) or what.dtype.kind != "u":
            raise ValueError(f"a residual of shape {what.shape} and dtype {what.dtype}")
        size = what.shape[1]
        if size & (size - 1) or not 1 < size <= 1 << _MOST_QUBITS:
            raise ValueError(f"a state of {size} amplitudes")
        if not members or len(set(members)) < len(members) or not all(map(_MEMBER.match, members)):
            raise ValueError(f"{members} are not the names of arrays")
        return cls(size, str(attributes.get("layout")), str(attributes.get(PRECISION)), members)


_FORMS: dict[str, Callable[[Mapping[str, Any], DatasetShape, int | None], Form]] = {
    MATRIX_PRODUCT: MatrixProductForm.of,
    LOW_RANK: PredictedForm.of,
    VALUE_TABLE: PredictedForm.of,
}
ATTRIBUTES = ("layout", BONDS, MEMBERS, PRECISION)
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


def is_composed(attributes: Mapping[str, Any]) -> bool:
    """Whether the elements of the arrays in a dataset are computed from what is stored."""
    return str(attributes.get("layout")) in _FORMS


def member_names(name: str, attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the datasets that belong to the prediction in a dataset; none if it has no prediction."""
    if not is_composed(attributes):
        return ()
    return tuple(f"{name}.{member}" for member in str(attributes.get(MEMBERS, "")).split())


def largest_bond(attributes: Mapping[str, Any]) -> int | None:
    """The largest bond dimension of the matrix products of a dataset; ``None`` if it has none, or says it wrongly."""
    numbers = str(attributes.get(BONDS, "")).replace(";", " ").split()
    return max(map(int, numbers)) if numbers and all(number.isdecimal() for number in numbers) else None
