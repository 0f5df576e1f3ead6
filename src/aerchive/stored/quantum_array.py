"""The common base class of stored states and operators, and helper functions for them."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.display.progress import ProgressOf
from aerchive.errors import InvalidInputError
from aerchive.states.workers import Workers
from aerchive.stored.array import StoredArray
from aerchive.stored.decoder import MemoryDecoder
from aerchive.stored.location import ArrayLocation
from aerchive.stored.open_array import OpenArray
from aerchive.stored.opener import RunOpener

_ATOL, _RTOL = 1e-8, 1e-5
"""Qiskit's absolute and relative tolerance."""


class Initializer(Protocol):
    """Makes circuits that start from a state; implemented in the layer above this package."""

    def initialize(self, state: Any, circuit: Any) -> Any:
        """Returns a copy of the circuit that starts from the state."""


class StoredQuantumArray(StoredArray):
    """A state or an operator of Qiskit that is still on disk.

    Args:
        run: Opens the group of the run.
        location: Where the array is in the project.
        tree: The encoded value in the result document.
        bridge: Makes circuits of Qiskit that start from the state.
        label: The label under which the value was saved.

    Attributes:
        kind: ``statevector``, ``density_matrix``, ``operator`` or ``superop``.
        label: The label under which the value was saved.
    """

    def __init__(
        self, run: RunOpener, location: ArrayLocation, tree: dict[str, Any], bridge: Initializer, label: str
    ) -> None:
        super().__init__(run, location)
        self._tree = tree
        self._bridge = bridge
        self.kind = str(tree["$"]).partition("/")[0]
        self.label = label

    @property
    def is_consistent(self) -> bool:
        """Whether the shape and dtype of the array fit the dimensions, as they do in every file that aerchive wrote."""
        axes = 1 if self.kind == "statevector" else 2
        if self.ndim != axes or self.dtype != np.complex128:
            return False
        try:
            sizes = [math.prod(self._dims(side)) for side in range(axes)]
        except (TypeError, ValueError, LookupError):
            return False
        return tuple(size**2 for size in sizes) == self.shape if self.kind == "superop" else tuple(sizes) == self.shape

    def output_dims(self) -> tuple[int, ...]:
        """The dimension of each subsystem of a state, or of an operator's output; subsystem 0 is the first."""
        return self._dims(0)

    def _dims(self, side: int) -> tuple[int, ...]:
        dims = self._tree.get("dims")
        if dims is not None:
            return tuple(operator.index(dim) for dim in dims[side])
        length = math.isqrt(self.shape[side]) if self.kind == "superop" else self.shape[side]
        return (2,) * (length.bit_length() - 1)

    @property
    def num_qubits(self) -> int | None:
        """The number of qubits, or ``None`` if the subsystems are not qubits."""
        dims = self.output_dims()
        return len(dims) if all(dim == 2 for dim in dims) else None

    def to_qiskit(self) -> Any:
        """Reads the value into memory, as an object of the class that was saved; imports Qiskit.

        Raises:
            IntegrityError: The stored bytes are damaged.
        """
        return MemoryDecoder(np.asarray(self)).value(self._tree)

    def to_operator(self) -> Any:
        """Reads the value into memory as an ``Operator`` of Qiskit, which is the projector of a state vector.

        Qiskit calls this method, so that ``Operator``, ``DensityMatrix`` and ``evolve`` take stored values.
        """
        return self.to_qiskit().to_operator()

    def initialize(self, circuit: Any) -> Any:
        """Makes a circuit that starts from this state; imports Qiskit Aer.

        The whole state is read into the circuit's first instruction, one of Aer's ``set_...``.

        Args:
            circuit: A circuit with the same number of qubits; it is not changed.

        Returns:
            A copy of the circuit with the instruction in front.

        Raises:
            InvalidInputError: The circuit has another number of qubits, or the state is not normalised.
        """
        self._qubits("initialize")
        return self._bridge.initialize(self, circuit)

    def _read_all(self) -> NDArray[Any]:
        return self._read(..., ProgressOf("reading"))

    def _qubits(self, what: str) -> int:
        """The number of qubits, for methods that need them."""
        number = self.num_qubits
        if number is None:
            raise InvalidInputError(
                f"{self!r} has subsystems of dimensions {self.output_dims()}, not qubits: {what} is for qubits; "
                "to_qiskit() gives the object in memory"
            )
        return number

    @contextlib.contextmanager
    def _pass(self, what: str) -> Iterator[tuple[OpenArray, Workers]]:
        """Gives the open array and the threads that read it; shows progress if it takes long."""
        with self.opened() as source, Workers(watch=ProgressOf(what)) as workers:
            yield source, workers

    def _facts(self) -> dict[str, str]:
        qubits = self.num_qubits
        dims = " × ".join(map(str, self.output_dims())) if qubits is None else str(qubits)
        return {"label": self.label, "qubits" if qubits is not None else "subsystems": dims, **super()._facts()}

    def __repr__(self) -> str:
        run = self._location.group.rpartition("/")[2]
        again = ", recomputed" if self.is_recomputed else ""
        return f"<{type(self).__name__} {self.label!r} shape={self.shape} of run {run}{again}>"


def statevector(values: NDArray[Any], dims: Sequence[int] | None = None) -> Any:
    """Makes a ``Statevector`` of Qiskit from amplitudes, which are not copied; imports Qiskit."""
    from aerchive.codecs.states import STATEVECTOR

    return STATEVECTOR.decode({"class": "qiskit", "data": None, "dims": dims and [dims, []]}, MemoryDecoder(values))


def density_matrix(values: NDArray[Any]) -> Any:
    """Makes a ``DensityMatrix`` of Qiskit for qubits from its elements, which are not copied; imports Qiskit."""
    from aerchive.codecs.states import DENSITY_MATRIX

    return DENSITY_MATRIX.decode({"class": "qiskit", "data": None, "dims": None}, MemoryDecoder(values))


def tidied(probabilities: NDArray[np.float64], decimals: int | None) -> NDArray[np.float64]:
    """Clips probabilities in place to 0 to 1, because of rounding errors, and rounds them to ``decimals`` if given."""
    np.clip(probabilities, 0, 1, out=probabilities)
    return probabilities if decimals is None else probabilities.round(decimals)


def is_close_to_one(number: complex, atol: float | None = None, rtol: float | None = None) -> bool:
    """Whether a norm or a trace is 1 within the tolerances, as for a quantum state."""
    atol, rtol = _ATOL if atol is None else atol, _RTOL if rtol is None else rtol
    return bool(np.isclose(number, 1, rtol=rtol, atol=atol))
