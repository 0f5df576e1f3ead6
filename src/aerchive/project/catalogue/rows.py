"""Rows of the catalogue together with the columns beside it, as conditions and tables need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.lazy import cached_property
from aerchive.models import catalogue
from aerchive.models.cells import ABSENT, GIVEN, IN_RUN, OPERATIONS, Form, left_out_bit, values_of
from aerchive.project.catalogue.cells import CellColumns

WITHOUT_RESULT = (b"error", b"cancelled", b"lost", b"running")
"""The outcomes of runs that have no result, and so no points."""
_NO_GATES = frozenset(
    {
        *("measure", "reset", "barrier", "delay", "store", "box", "initialize", "kraus", "superop", "roerror"),
        *("if_else", "for_loop", "while_loop", "switch_case", "break_loop", "continue_loop", "mark", "jump"),
        *("quantum_channel", "snapshot", "qerror_loc", "set_statevector", "set_density_matrix", "set_stabilizer"),
        *("set_unitary", "set_superop", "set_matrix_product_state"),
    }
)
"""Names of operations that are no gates, besides those that begin with ``save_``."""


class Piece(NamedTuple):
    """The values of one form that some runs have under a name.

    Attributes:
        at: Indices of these runs among those that were asked for.
        form: The form of the values.
        rows: Their rows of the column, shape ``(len(at),)``.
    """

    at: NDArray[np.intp]
    form: Form
    rows: NDArray[Any]

    @property
    def values(self) -> NDArray[Any]:
        """The values; see `values_of`."""
        return values_of(self.form, self.rows)


class RunRows:
    """Rows of runs, and the columns beside them.

    Args:
        rows: Rows of the catalogue, dtype `catalogue.DTYPE`.
        columns: Columns whose row ``n`` is of the same run as row ``n`` of the rows, by name of their values.
        names: The names of all columns that there are; by default those of ``columns``.
    """

    def __init__(self, rows: NDArray[Any], columns: CellColumns, names: Iterable[str] | None = None) -> None:
        self.rows = rows
        self.columns = columns
        self.names = list(dict.fromkeys(columns if names is None else names))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.rows[column]

    def pieces(self, name: str, at: NDArray[np.intp]) -> Iterator[Piece]:
        """Yields the values of some runs under a name, by form.

        Args:
            name: Name of the values, such as ``params.theta``.
            at: Indices of the rows.
        """
        for form, given, rows in self._given(name, at):
            found = np.flatnonzero(given == GIVEN)
            if len(found):
                yield Piece(found, form, rows[at[found]])

    def forms(self, name: str, at: NDArray[np.intp]) -> list[Form]:
        """The forms of the values that some runs have under a name, or of which a column notes that they have one.

        Args:
            name: Name of the values.
            at: Indices of the rows.
        """
        return [form for form, given, _ in self._given(name, at) if given.any()]

    def only_in_run(self, name: str, at: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each of some runs has a value under a name, or may have one, that only the run itself can tell.

        Args:
            name: Name of the values.
            at: Indices of the rows, shape ``(n,)``.

        Returns:
            A bool array of shape ``(n,)``.
        """
        is_in_run = np.zeros(len(at), bool)
        has = np.zeros(len(at), bool)
        for _, given, _ in self._given(name, at):
            is_in_run |= given == IN_RUN
            has |= given != ABSENT
        if (is_left_out := self._is_left_out[left_out_bit(name)]) is not None:
            is_in_run |= is_left_out[at] & ~has
        return is_in_run

    def first_only_in_run(self, names: Iterable[str], at: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether, of some names, the first under which a run has a value may be one that only the run can tell.

        Args:
            names: Names of values.
            at: As for `only_in_run`.
        """
        found, left = np.zeros(len(at), bool), np.ones(len(at), bool)
        for name in names:
            found |= self.only_in_run(name, at) & left
            for _, given, _ in self._given(name, at):
                left &= given == ABSENT
        return found

    @cached_property
    def _is_left_out(self) -> dict[int, NDArray[np.bool_] | None]:
        """Whether each run has values for which there is no column, by bit of ``overflow``; ``None`` if none has."""
        found: dict[int, NDArray[np.bool_] | None] = {}
        for bit in (catalogue.CELLS_LEFT_OUT, catalogue.BOUND_LEFT_OUT):
            is_left_out = self.rows["overflow"] & np.uint32(bit) != 0
            found[bit] = is_left_out if is_left_out.any() else None
        return found

    def _given(self, name: str, at: NDArray[np.intp]) -> Iterator[tuple[Form, NDArray[Any], NDArray[Any]]]:
        for column in self.columns.get(name, ()):
            given = np.zeros(len(at), np.uint8)
            inside = at < len(column.rows)
            given[inside] = column.rows["given"][at[inside]]
            yield column.form, given, column.rows

    def has_unknown_points(self, at: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each of some runs has a result of which columns do not tell the points."""
        has_result = ~np.isin(self.rows["outcome"][at], WITHOUT_RESULT)
        found: NDArray[np.bool_] = (self.rows["num_points"][at] == -1) & has_result
        return found

    def gates(self, at: NDArray[np.intp]) -> list[tuple[str, ...] | None]:
        """The names of the gates of the circuits of some runs, in order of name; ``None`` if they are not known."""
        found: list[list[str]] = [[] for _ in range(len(at))]
        for name in sorted(name for name in self.columns if name.startswith(OPERATIONS)):
            gate = name.removeprefix(OPERATIONS)
            if is_gate(gate):
                for piece in self.pieces(name, at):
                    for index in piece.at[piece.values > 0].tolist():
                        found[index].append(gate)
        known = self.rows["circuit_size"][at] != -1
        return [tuple(names) if is_known else None for names, is_known in zip(found, known.tolist(), strict=True)]


def is_gate(operation: str) -> bool:
    """Whether an operation of a circuit of this name is a gate, and neither a measurement nor an instruction of Aer."""
    return operation not in _NO_GATES and not operation.startswith("save_")


def gates_in(facts: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...] | None:
    """The names of the gates of circuits, in order of name; ``None`` if the circuits are not known."""
    counts = [fact["ops"] for fact in facts or () if "ops" in fact]
    return tuple(sorted({name for ops in counts for name in ops if is_gate(name)})) if counts else None
