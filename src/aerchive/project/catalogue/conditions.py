"""Conditions on runs, decided for all rows of the catalogue at once: ``num_qubits__ge=20``, ``params__distance__lt=1``.

If a text did not fit into its column, the row may not decide whether a condition is met. So a clause gives two sets of
rows: those that surely meet it, and those that possibly do. A run that is only in the second set is read to decide.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError, InvalidInputError
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.project.catalogue.rows import RunRows
from aerchive.text import JSON_FORM, decode_text, fit_text, listed, near_texts
from aerchive.times import Span, span_of

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": lambda value, choices: value in choices,
    "contains": lambda value, part: part in value,
    "startswith": lambda value, start: str(value).startswith(start),
}
OPERATORS = tuple(COMPARE)
"""Names of the comparisons that a condition can make."""
_TAG_OPERATORS = ("eq", "contains", "ne", "in")
ORDERED = ("eq", "ne", "lt", "le", "gt", "ge")
"""Names of the comparisons by order."""
_TIME_OPERATORS = (*ORDERED, "in")
COLUMNS = (*(name for name in catalogue.TEXT_COLUMNS if name not in ("path", "tags", "params")), *sorted(NUMBERS))
"""Names of the columns that conditions may use, besides ``tags``, ``created`` and ``params__NAME``."""
SYNONYMS = {
    **{"status": "outcome", "tag": "tags", "id": "job_id"},
    **{"circuit.depth": "circuit_depth", "circuit.size": "circuit_size"},
}
"""Other names of columns, and the column that each stands for."""
NUMBER_KINDS: tuple[type, ...] = (bool, int, float, np.bool_, np.integer, np.floating)
_COSTS = {"tags": 3}


def no_column(name: str) -> str:
    """Makes the message that there is no such column, with the names of those that exist."""
    known = (*COLUMNS, "tags", "created")
    near = near_texts(name, (*known, *SYNONYMS))
    return f"no column {name!r}; {f'did you mean {listed(near)}? ' if near else ''}there are {', '.join(known)}"


def no_value(name: str, known: Sequence[str]) -> str:
    """Makes the message that a name is no column, and that no run has a value under it.

    Args:
        name: The name.
        known: Names under which runs have values, with their groups.
    """
    alone = {one.rpartition(".")[2]: one for one in known}
    near = [alone[one] for one in near_texts(name, alone)]
    hint = f"; did you mean {listed(near)}?" if near else ""
    return f"{no_column(name)}, and no run has a value of this name{hint}"


Places = NDArray[np.intp]


def is_column(name: str) -> bool:
    """Whether conditions may use a column of the catalogue of this name."""
    return name in (*COLUMNS, "tags", "created")


class Bounds(NamedTuple):
    """The rows that meet a clause, as far as the catalogue decides this.

    Attributes:
        sure: Whether each row surely meets the clause; bool, shape (rows,).
        possible: Whether each row possibly meets the clause; true also where ``sure`` is; bool, shape (rows,).
    """

    sure: NDArray[np.bool_]
    possible: NDArray[np.bool_]


class Asked(Protocol):
    """A run from which values can be read that the catalogue has only in part."""

    def column(self, column: str) -> Any:
        """The whole value of a text column."""

    def row(self) -> Any:
        """The run's row of the catalogue."""

    def values_of(self, name: str) -> Sequence[Any]:
        """All values under a name, such as ``params.theta``: of several circuits or points there may be several."""


class Clause(Protocol):
    """A condition, or a combination of several conditions."""

    @property
    def conditions(self) -> tuple[Single, ...]:
        """The conditions on single columns of which the clause is made."""

    @property
    def columns(self) -> frozenset[str]:
        """Names of the columns that the clause uses."""
        return frozenset(one.column for one in self.conditions)

    @property
    def cost(self) -> int:
        """Relative cost of deciding a row; a higher number means a slower decision."""
        return max((one.cost for one in self.conditions), default=0)

    def wants(self, name: str) -> bool:
        """Whether the clause needs the values under a name, such as ``params.theta``, to decide rows."""
        return any(one.wants(name) for one in self.conditions)

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """Decides which of some rows meet the clause.

        Args:
            rows: Rows of the catalogue, with the columns beside them that the clause wants.
            at: Indices of the rows to decide, shape (places,); the answer has this shape.
        """

    def decide(self, run: Asked) -> bool:
        """Decides whether a run meets the clause."""


class Single(Clause, Protocol):
    """A condition that compares one column, or the values under one name, with one value.

    Attributes:
        column: Name of the column, or of the group of names, such as ``params``.
        parameter: The name in this group; ``None`` if it is a column of the catalogue.
        wanted: The value, as it was given.
    """

    column: str
    parameter: str | None
    wanted: Any

    @property
    def conditions(self) -> tuple[Single, ...]:
        """See `Clause`."""
        return (self,)


class UnknownColumnError(InvalidInputError):
    """The error for a condition on a column that does not exist; its message lists the columns, similar ones first.

    Args:
        column: The name that was given.
        message: A message that replaces the usual one.
    """

    def __init__(self, column: str, message: str | None = None) -> None:
        super().__init__(message or f"{no_column(column)} and params with a name")
        self.column = column


class Condition(Single):
    """A condition that compares one column of the catalogue with one value.

    Args:
        column: Name of the column.
        comparison: Name of the comparison, one of `OPERATORS`.
        wanted: The value with which the column is compared.

    Attributes:
        wanted: The value, as it was given.

    Raises:
        InvalidInputError: There is no such column, or it cannot be compared in this way; the message lists what is
            possible.
    """

    def __init__(self, column: str, comparison: str, wanted: Any) -> None:
        column = SYNONYMS.get(column, column)
        if not is_column(column):
            raise UnknownColumnError(column)
        if column == "tags" and comparison not in _TAG_OPERATORS:
            raise InvalidInputError(
                f"tags can be compared with {', '.join(_TAG_OPERATORS)}: a run must have all, not all, or any of those "
                "given"
            )
        if column == "created" and comparison not in _TIME_OPERATORS:
            raise InvalidInputError(f"created can be compared with {', '.join(_TIME_OPERATORS)}")
        self.column = column
        self.parameter = None
        self.wanted = wanted
        self._comparison = comparison
        self._compare = COMPARE[comparison]
        self._wanted = self._prepared(wanted)
        if column not in ("created", "tags"):
            self._meets(0 if column in NUMBERS else "")  # raises an error now if no value can be compared

    def _prepared(self, wanted: Any) -> Any:
        try:
            if self.column == "created":
                return [span_of(one) for one in (_listed(wanted) if self._comparison == "in" else [wanted])]
            if self.column == "tags":
                wanted = frozenset(_listed(wanted))
            elif self._comparison == "in":
                wanted = as_choices(wanted)
            self._check_kind(wanted)
        except TypeError as error:
            raise InvalidInputError(f"cannot compare {self.column} with {wanted!r}") from error
        return wanted

    def _check_kind(self, wanted: Any) -> None:
        """Raises an error for what no run can have: a number if the column has text, and text if it has numbers."""
        if self.column in NUMBERS and self._comparison not in _TIME_OPERATORS:
            return
        kinds, name = (NUMBER_KINDS, "a number") if self.column in NUMBERS else ((str,), "text")
        several = self._comparison == "in" or self.column == "tags"
        for one in (wanted if isinstance(wanted, Iterable) else ()) if several else (wanted,):
            if not isinstance(one, kinds):
                raise InvalidInputError(f"cannot compare {self.column} with {one!r}: it is {name}")

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return _COSTS.get(self.column, 0 if self.column in NUMBERS or self.column == "created" else 1)

    def wants(self, name: str) -> bool:
        """See `Clause`."""
        return False

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """See `Clause`."""
        if self.column == "created":
            sure = self._in_time(rows["created_us"][at])
        elif self.column in NUMBERS:
            sure = self._numbers(*numbers_of(rows, self.column, at))
        else:
            whole = rows["overflow"][at] & np.uint32(catalogue.OVERFLOW[self.column]) == 0
            sure = np.zeros(len(at), bool)
            sure[whole] = self._texts(rows[self.column][at[whole]])
            return Bounds(sure, sure | ~whole)
        return Bounds(sure, sure)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        if self.column in catalogue.TEXT_COLUMNS:
            return self._meets(run.column(self.column))
        row = np.array([run.row()], catalogue.DTYPE)
        return bool(self.bounds(RunRows(row, {}), np.arange(1)).sure[0])

    def _meets(self, value: Any) -> bool:
        if self.column == "tags":
            tags = set(value or ())
            if self._comparison == "in":
                return bool(tags & self._wanted)
            return (self._wanted <= tags) is (self._comparison != "ne")
        try:
            return bool(self._compare(value, self._wanted))
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"cannot compare {self.column} with {self._wanted!r}") from error

    def _in_time(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        found = np.zeros(len(times), bool)
        for start, stop in self._wanted:
            found |= _TIME_TESTS[self._comparison](times, Span(start, stop))
        return found

    def _numbers(self, values: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Compares a column of numbers; a row without a number never meets the condition."""
        plain = isinstance(self._wanted, NUMBER_KINDS)
        if plain and self._comparison in ORDERED:
            meets = np.asarray(self._compare(values, self._wanted), bool)
        else:
            meets = looked_up(values.tolist(), self._meets)
        return meets & ~absent

    def _texts(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        if self._comparison in ("eq", "ne", "startswith") and self.column != "tags":
            return self._bytes(values)
        return looked_up(values.tolist(), lambda raw: self._meets(text_of(raw, self.column)))

    def _bytes(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Compares texts as stored: equal texts have equal bytes, and equal beginnings too, but for texts as JSON."""
        found = np.zeros(len(values), bool)
        if isinstance(self._wanted, str):
            key, is_cut = fit_text(self._wanted, values.dtype.itemsize)
            if not is_cut:  # if it is cut, it is longer than any whole text of the column
                found = values == key
                if self._comparison == "startswith":
                    found = np.strings.startswith(values, key)
                    other = np.strings.startswith(values, JSON_FORM)
                    found[other] = [self._meets(text_of(raw, self.column)) for raw in values[other].tolist()]
        return ~found if self._comparison == "ne" else found


class All(Clause):
    """A combination of clauses that must all hold.

    Args:
        parts: The clauses; if there are none, every run meets the combination.
    """

    def __init__(self, parts: Iterable[Clause]) -> None:
        self._parts = sorted(parts, key=lambda part: part.cost)

    @property
    def conditions(self) -> tuple[Single, ...]:
        """See `Clause`."""
        return tuple(one for part in self._parts for one in part.conditions)

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """See `Clause`; rows that one part excludes are not decided by the next, which costs more."""
        sure = np.ones(len(at), bool)
        left = np.arange(len(at))
        for part in self._parts:
            found = part.bounds(rows, at[left])
            sure[left] &= found.sure
            left = left[found.possible]
        possible = np.zeros(len(at), bool)
        possible[left] = True
        return Bounds(sure, possible)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        return all(part.decide(run) for part in self._parts)


class Not(Clause):
    """The negation of a clause: it holds for the runs that do not meet the clause.

    Args:
        part: The clause to negate.
    """

    def __init__(self, part: Clause) -> None:
        self._part = part

    @property
    def conditions(self) -> tuple[Single, ...]:
        """See `Clause`."""
        return self._part.conditions

    def bounds(self, rows: RunRows, at: Places) -> Bounds:
        """See `Clause`."""
        found = self._part.bounds(rows, at)
        return Bounds(~found.possible, ~found.sure)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        return not self._part.decide(run)


def any_of(parts: Iterable[Clause]) -> Clause:
    """Combines clauses of which at least one must hold."""
    return Not(All(Not(part) for part in parts))


_TIME_TESTS: dict[str, Callable[[NDArray[np.int64], Span], NDArray[np.bool_]]] = {
    "eq": lambda times, span: (times >= span.start) & (times < span.stop),
    "in": lambda times, span: (times >= span.start) & (times < span.stop),
    "ne": lambda times, span: (times < span.start) | (times >= span.stop),
    "lt": lambda times, span: times < span.start,
    "le": lambda times, span: times < span.stop,
    "gt": lambda times, span: times >= span.stop,
    "ge": lambda times, span: times >= span.start,
}


def numbers_of(rows: RunRows | NDArray[Any], column: str, at: Places) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Returns the numbers of a column, and a bool array that is true where there is none; shape (places,) both."""
    values = rows[column][at]
    if column == "seconds":
        return values, np.isnan(values)
    if column == "seed":
        return values.view(np.uint64), rows["seeded"][at] == 0
    return values, values == -1


def looked_up(values: list[Any], meets: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Decides each different value only once, so tags that many runs share cost very little."""
    answers = {value: meets(value) for value in dict.fromkeys(values)}
    return np.fromiter(map(answers.__getitem__, values), bool, len(values))


def _parse_all(texts: list[bytes]) -> list[dict[str, Any]]:
    """Parses the parameters of many rows as one text, which takes a third of the time."""
    try:
        parsed = json.loads(b"[" + b",".join(text or b"{}" for text in texts) + b"]")
        if len(parsed) == len(texts) and all(type(one) is dict for one in parsed):
            return parsed  # type: ignore[no-any-return]  # checked above
    except (ValueError, RecursionError):
        pass
    return [_parsed(text, dict) for text in texts]


def _parsed(raw: bytes, kind: type) -> Any:
    """Parses the tags or parameters of a row.

    Raises:
        FormatError: The text is not the JSON of the expected kind.
    """
    if not raw:
        return kind()
    try:
        value = json.loads(decode_text(raw))
    except (ValueError, RecursionError) as error:
        value = error
    if type(value) is not kind or (isinstance(value, list) and not all(type(tag) is str for tag in value)):
        raise FormatError(f"the catalogue has {raw[:60]!r} where it should have the JSON of a {kind.__name__}")
    return value


def text_of(raw: bytes, column: str) -> Any:
    """Decodes a value of a text column: a list for ``tags``, a dictionary for ``params``, else text.

    Raises:
        FormatError: The value is no text, or not the JSON of tags or parameters.
    """
    kind = {"tags": list, "params": dict}.get(column)
    return catalogue.column_text(raw, column) if kind is None else _parsed(raw, kind)


def texts_of(raws: list[bytes], column: str) -> dict[bytes, Any]:
    """Decodes several values of a text column, as `text_of` does; parameters all at once, which is faster."""
    values = _parse_all(raws) if column == "params" else [text_of(raw, column) for raw in raws]
    return dict(zip(raws, values, strict=True))


def as_choices(wanted: Any) -> Any:
    """Returns what stands after ``in`` as something that tells whether a value is in it; text is one choice."""
    if isinstance(wanted, str) or not hasattr(wanted, "__contains__"):
        return _listed(wanted) if isinstance(wanted, str) else list(wanted)
    return wanted


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)


def as_texts(tags: str | Sequence[str] | None) -> list[str]:
    """Returns tags as a list; a single tag may be given as text."""
    if tags is None:
        return []
    return [tags] if isinstance(tags, str) else list(tags)


def as_ids(job_ids: str | Iterable[str]) -> list[str]:
    """Returns job ids as a list; a single id may be given as text.

    Raises:
        InvalidInputError: One of the ids is not text, or is empty.
    """
    ids = _listed(job_ids)
    for job_id in ids:
        if type(job_id) is not str or not job_id:
            raise InvalidInputError(f"a job id is text and not empty, found {job_id!r}")
    return ids
