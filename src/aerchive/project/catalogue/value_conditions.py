"""Conditions on values beside the catalogue: ``params.theta < 0.5``, ``metadata.layers == 2``, ``circuit.ops.cx > 3``.

Names have one meaning wherever they are used, and `sources` says which. A name alone stands for a value that runs
have: a saved number, a parameter, a bound parameter or metadata of the circuit.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import InvalidInputError
from aerchive.interop.order import as_tuple, identity
from aerchive.models.cells import BOUND, CIRCUIT_NAME, METADATA, OPERATIONS, PARAMS, SAVED, numbers_of_vectors
from aerchive.project.catalogue.conditions import (
    COMPARE,
    NUMBER_KINDS,
    OPERATORS,
    ORDERED,
    SYNONYMS,
    Asked,
    Bounds,
    Condition,
    Places,
    Single,
    as_choices,
    is_column,
    looked_up,
)
from aerchive.project.catalogue.rows import Piece, RunRows

GROUPS = {"params": PARAMS, "metadata": METADATA, "saved": SAVED, "bound": BOUND, "circuit.ops": OPERATIONS}
"""The groups of names, and the prefix of the names of their values."""
GATES = "basis_gates"
OF_CIRCUITS = {"circuit_depth": "depth", "circuit_size": "size"}
"""The columns of the catalogue with numbers of circuits, and the names of these numbers in the facts of a circuit."""
_OTHER_NAMES = {"gates.": OPERATIONS, "circuit.gates": GATES}
_VECTORS = (list, tuple, np.ndarray)
_MOST_EXACT = 2**53


def full_name(name: str) -> str:
    """Returns a name of values or of a column as this module has it: ``circuit.ops.cx`` for ``gates.cx``."""
    for other, meant in _OTHER_NAMES.items():
        if name == other or (other.endswith(".") and name.startswith(other)):
            return meant + name.removeprefix(other)
    return SYNONYMS.get(name, name)


def short_name(name: str) -> str:
    """Returns a name without its group: ``theta`` for ``params.theta``."""
    return next((name.removeprefix(prefix) for prefix in GROUPS.values() if name.startswith(prefix)), name)


def sources(name: str, *, of_points: bool) -> tuple[str, ...]:
    """Returns the values that a name stands for; the first that a run has counts.

    Args:
        name: A name with its group, such as ``params.theta``, or alone.
        of_points: Whether single points of a run are meant, whose bound parameters count as parameters.
    """
    if name.startswith(PARAMS):
        return (name, BOUND + name.removeprefix(PARAMS)) if of_points else (name,)
    if name.startswith((METADATA, SAVED, BOUND, OPERATIONS)) or name == CIRCUIT_NAME:
        return (name,)
    return (SAVED + name, PARAMS + name, BOUND + name, METADATA + name)


class ValueCondition(Single):
    """A condition that compares the values under one name with one value.

    Args:
        name: The name, such as ``params.theta``, or a name alone.
        comparison: Name of the comparison, one of `OPERATORS`.
        wanted: The value with which it is compared.
        of_points: As for `sources`.
        otherwise: The condition for runs that have no such value; ``None``: they do not meet it.
        message: A function that adds to an error message where the condition was given.
    """

    def __init__(
        self,
        name: str,
        comparison: str,
        wanted: Any,
        *,
        of_points: bool,
        otherwise: Condition | None = None,
        message: Callable[[str], str] = str,
    ) -> None:
        group = next((group for group, prefix in GROUPS.items() if name.startswith(prefix)), "")
        self.column = otherwise.column if otherwise is not None else group
        self.parameter = name.removeprefix(GROUPS.get(group, ""))
        self.name = name
        self.wanted = wanted
        self.message = message
        self.sources = sources(name, of_points=of_points)
        self._otherwise = otherwise
        self.is_alone = otherwise is None and not group
        self._comparison = comparison
        self._compare = COMPARE[comparison]
        wanted = _without_enums(wanted)
        if comparison == "in" and type(wanted) in (list, tuple):  # NumPy compares an array with a number one by one
            wanted = [as_tuple(one) if isinstance(one, np.ndarray) else one for one in wanted]
        try:
            self._wanted = as_choices(wanted) if comparison == "in" else wanted
        except TypeError as error:
            raise InvalidInputError(f"cannot compare {name} with {wanted!r}") from error

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return 2

    def wants(self, name: str) -> bool:
        """See `Clause`."""
        return name in self.sources

    def is_known(self, rows: RunRows) -> bool:
        """Whether some run has a value under this name in a column, or there is a column of the catalogue."""
        return self._otherwise is not None or any(name in rows.names for name in self.sources)

    def has_value(self, run: Asked) -> bool:
        """Whether a run has a value under this name."""
        return any(run.values_of(name) for name in self.sources)

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """See `Clause`."""
        sure, unsure, left = np.zeros(len(at), bool), np.zeros(len(at), bool), np.ones(len(at), bool)
        for name in self.sources:
            is_in_run = rows.only_in_run(name, at)
            if name.startswith((SAVED, BOUND)):
                is_in_run |= rows.has_unknown_points(at)
            unsure |= is_in_run & left
            left &= ~is_in_run
            for piece in rows.pieces(name, at):
                sure[piece.at] |= self._piece(piece) & left[piece.at]
            given = np.concatenate([piece.at for piece in rows.pieces(name, at)] or [np.empty(0, np.intp)])
            left[given] = False
        if self.column == "circuit.ops" and left.any():  # circuits that are known have none of this operation
            sure |= left & (rows["circuit_size"][at] != -1) & self._meets(0)
        elif self._otherwise is not None and left.any():
            found = self._otherwise.bounds(rows, at[left])
            sure[left] = found.sure
            unsure[left] = found.possible & ~found.sure
        return Bounds(sure, sure | unsure)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        for name in self.sources:
            if values := run.values_of(name):
                return any(map(self._meets, values))
        if self.column == "circuit.ops":
            return int(run.row()["circuit_size"]) != -1 and self._meets(0)
        return self._otherwise is not None and self._otherwise.decide(run)

    def _piece(self, piece: Piece) -> NDArray[np.bool_]:
        if piece.form.shape:
            return self._vectors(piece)
        values = piece.values
        if self._comparison in ORDERED and not isinstance(self._wanted, _VECTORS) and _are_exact(values, self._wanted):
            return np.asarray(self._compare(values, self._wanted), bool)
        return looked_up(values.tolist(), self._meets)

    def _vectors(self, piece: Piece) -> NDArray[np.bool_]:
        """Compares lists and arrays of one shape, element by element."""
        numbers = numbers_of_vectors(piece.form, piece.rows)
        if self._comparison in ("eq", "ne"):
            choices = [self._wanted]
        elif self._comparison == "in" and isinstance(self._wanted, Iterable):
            choices = list(self._wanted)
        else:
            return np.fromiter(map(self._meets, piece.values), bool, len(piece.rows))
        found = np.zeros(len(numbers), bool)
        for one in choices:
            wanted = _numbers_in(one)
            if wanted is None or not _are_exact(numbers, wanted):
                key = identity(one)
                found |= np.fromiter((identity(value) == key for value in piece.values), bool, len(found))
                continue
            if wanted.shape != piece.form.shape:
                continue
            same = numbers == wanted
            if numbers.dtype.kind == "f" and wanted.dtype.kind == "f":
                same |= np.isnan(numbers) & np.isnan(wanted)
            found |= same.reshape(len(numbers), -1).all(axis=1)
        return ~found if self._comparison == "ne" else found

    def _meets(self, value: Any) -> bool:
        wanted = self._wanted
        try:
            if self._comparison in ("eq", "ne") and (isinstance(value, _VECTORS) or isinstance(wanted, _VECTORS)):
                return (identity(value) == identity(wanted)) is (self._comparison == "eq")
            if self._comparison == "in" and isinstance(value, _VECTORS):
                return identity(value) in map(identity, wanted)
            return bool(self._compare(value, _alike(wanted, value)))
        except Exception:  # noqa: BLE001  (values of other types, also of the caller's, refuse in many ways)
            return False


class GatesCondition(Single):
    """A condition on the gates of which the circuits of a run are made.

    Args:
        comparison: ``eq`` or ``contains``: all of the gates; ``ne``: not all; ``in``: any.
        wanted: Names of gates.

    Raises:
        InvalidInputError: There is no such comparison, or a name is no text.
    """

    def __init__(self, comparison: str, wanted: Any) -> None:
        if comparison not in ("eq", "contains", "ne", "in"):
            raise InvalidInputError(
                f"{GATES} can be compared with eq, contains, ne, in: a run must use all, not all, or any of those given"
            )
        names = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
        if not all(isinstance(name, str) for name in names):
            raise InvalidInputError(f"cannot compare {GATES} with {wanted!r}: names of gates are text")
        self.column, self.parameter, self.wanted, self._comparison = GATES, None, wanted, comparison
        self._names = frozenset(names)

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return 3

    def wants(self, name: str) -> bool:
        """See `Clause`."""
        return name.startswith(OPERATIONS) and name.removeprefix(OPERATIONS) in self._names

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """See `Clause`."""
        used = np.zeros((len(self._names), len(at)), bool)
        unsure = np.zeros(len(at), bool)
        for index, name in enumerate(sorted(self._names)):
            unsure |= rows.only_in_run(OPERATIONS + name, at)
            for piece in rows.pieces(OPERATIONS + name, at):
                used[index, piece.at] = piece.values > 0
        found = used.any(axis=0) if self._comparison == "in" else used.all(axis=0) != (self._comparison == "ne")
        sure = found & (rows["circuit_size"][at] != -1) & ~unsure
        return Bounds(sure, sure | unsure)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        used = {name for name in self._names if any(run.values_of(OPERATIONS + name))}
        if self._comparison == "in":
            return bool(used)
        return int(run.row()["circuit_size"]) != -1 and (used == self._names) != (self._comparison == "ne")


def condition(
    name: str, comparison: str, wanted: Any, *, of_points: bool = False, message: Callable[[str], str] = str
) -> Single:
    """Makes a condition on a column, or on the values under a name.

    Args:
        name: A column of the catalogue, a name with its group, such as ``params.theta``, or a name alone.
        comparison: Name of the comparison, one of `OPERATORS`.
        wanted: The value with which it is compared.
        of_points: As for `sources`. Then a name alone is first a value that runs have, and a column of the catalogue
            only for runs without such a value; otherwise it is first a column.
        message: As for `ValueCondition`.

    Raises:
        InvalidInputError: The column cannot be compared in this way.
    """
    name = full_name(name)
    if name in (*GROUPS, "circuit"):
        if name == "params":
            raise InvalidInputError("name the parameter, as in params__distance__lt=1 or params.distance < 1")
        raise InvalidInputError(f"name what is compared: {name}.NAME")
    if name == GATES:
        return GatesCondition(comparison, wanted)
    if not is_column(name):
        return ValueCondition(name, comparison, wanted, of_points=of_points, message=message)
    column = Condition(name, comparison, wanted)
    return ValueCondition(name, comparison, wanted, of_points=True, otherwise=column) if of_points else column


def condition_named(keyword: str, wanted: Any, *, of_points: bool = False) -> Single:
    """Makes a condition from a keyword argument: a name, optionally followed by ``__`` and an operator.

    Args:
        keyword: The name of the argument; ``__`` also stands for the dot in names such as ``params.theta``.
        wanted: The value of the argument.
        of_points: As for `condition`.

    Raises:
        InvalidInputError: There is no such operator, or the column cannot be compared in this way.
    """
    parts = keyword.split("__")
    comparison = parts.pop() if len(parts) > 1 and parts[-1] in OPERATORS else "eq"
    name = "__".join(parts)
    for group in sorted((*GROUPS, "gates", "circuit"), key=len, reverse=True):
        start = group.replace(".", "__")
        if name == start or name.startswith(f"{start}__"):
            name = group + name[len(start) :].replace("__", ".", 1)
            break
    first = parts[0]
    if name == "__".join(parts) and len(parts) > 1 and is_column(SYNONYMS.get(first, first)):
        raise InvalidInputError(f"condition {keyword!r}: no operator {parts[-1]!r}; there are {', '.join(OPERATORS)}")
    place = f"condition {keyword!r}: "
    try:
        return condition(name, comparison, wanted, of_points=of_points, message=place.__add__)
    except InvalidInputError as error:
        raise InvalidInputError(f"{place}{error}") from error


def _numbers_in(wanted: Any) -> NDArray[Any] | None:
    """Returns an array, or a list of numbers of one type, as an array of numbers; ``None`` if it is none of these."""
    if isinstance(wanted, list | tuple):
        if set(map(type, wanted)) not in ({float}, {int}):
            return None
        wanted = np.asarray(wanted)
    return wanted if isinstance(wanted, np.ndarray) and wanted.dtype.kind in "iuf" else None


def _are_exact(values: NDArray[Any], wanted: Any) -> bool:
    """Whether NumPy compares these numbers as Python does, which never rounds an integer."""
    if values.dtype.kind not in "if":
        return False
    if isinstance(wanted, np.ndarray):
        if wanted.dtype.kind == values.dtype.kind:
            return bool(wanted.dtype.itemsize <= 8)
        return all(bool((np.abs(one) <= _MOST_EXACT).all()) for one in (values, wanted) if one.dtype.kind in "iu")
    if not isinstance(wanted, NUMBER_KINDS):
        return False
    number: Any = wanted
    if values.dtype.kind == "f":
        return isinstance(wanted, float | np.floating) or abs(int(number)) <= _MOST_EXACT
    if isinstance(wanted, float | np.floating):
        return bool((np.abs(values) <= _MOST_EXACT).all())
    return -(2**63) <= int(number) < 2**63


_READ_AS: dict[type, Callable[[str], Any]] = {
    datetime.date: datetime.date.fromisoformat,
    datetime.datetime: datetime.datetime.fromisoformat,
    uuid.UUID: uuid.UUID,
    decimal.Decimal: decimal.Decimal,
    fractions.Fraction: fractions.Fraction,
    pathlib.PosixPath: pathlib.Path,
}
"""Types of parameters that have a notation as text, and how it is read."""


def _alike(wanted: Any, value: Any) -> Any:
    """Reads a text as the type of the parameter with which it is compared: ``params.day < 2026-11-30``."""
    if isinstance(wanted, list):
        return [_alike(one, value) for one in wanted]
    read = _READ_AS.get(type(value)) if isinstance(wanted, str) else None
    return wanted if read is None else read(wanted)


def _without_enums(wanted: Any) -> Any:
    """Replaces members of an ``Enum`` by their values, as which they are stored."""
    if type(wanted) in (list, tuple, set, frozenset):
        return type(wanted)(map(_without_enums, wanted))
    return wanted._value_ if isinstance(wanted, enum.Enum) else wanted
