"""Conditions on runs, decided for all rows of the catalogue at once: ``num_qubits__ge=20``, ``params__distance__lt=1``.

A text that did not fit into its column leaves open whether a row meets a condition. So a clause gives two sets of rows:
those that surely meet it, and those that possibly do; runs between the two are asked themselves.
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
from aerchive.text import decode_text, fit_text, listed, near_texts
from aerchive.times import Span, span_of

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
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
OPERATORS = tuple(_COMPARE)
"""What a condition may do with its column and value."""
NUMBERS = frozenset(("shots", "seed", "nbytes", "num_circuits", "num_qubits", "num_clbits", "seconds", "noisy"))
"""Columns of numbers."""
_TAG_OPERATORS = ("eq", "contains", "ne", "in")
_TIME_OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "in")
COLUMNS = (*(name for name in catalogue.TEXT_COLUMNS if name not in ("path", "tags", "params")), *sorted(NUMBERS))
"""What conditions may name, besides ``tags``, ``created`` and ``params__NAME``."""
SYNONYMS = {"status": "outcome", "tag": "tags", "id": "job_id"}
"""Other names of columns."""
_NUMBER_KINDS: tuple[type, ...] = (bool, int, float, np.bool_, np.integer, np.floating)
_COSTS = {"tags": 3, "params": 4}


def no_column(name: str) -> str:
    """Says that there is no such column, and which there are."""
    known = (*COLUMNS, "tags", "created")
    near = near_texts(name, (*known, *SYNONYMS))
    return f"no column {name!r}; {f'did you mean {listed(near)}? ' if near else ''}there are {', '.join(known)}"


Rows = NDArray[Any]
Places = NDArray[np.intp]


class Bounds(NamedTuple):
    """Which of some rows meet a clause.

    Attributes:
        sure: Those that do, whatever the runs say; bool, one a row.
        possible: Those that may; bool, one a row.
    """

    sure: NDArray[np.bool_]
    possible: NDArray[np.bool_]


class Asked(Protocol):
    """A run that can be asked for what the catalogue has not whole."""

    def column(self, column: str) -> Any:
        """The whole value of a text column."""

    def row(self) -> Any:
        """Its row of the catalogue."""


class Clause(Protocol):
    """A condition, or several put together."""

    @property
    def columns(self) -> frozenset[str]:
        """Which columns it looks at."""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions on single columns that it is made of."""

    @property
    def cost(self) -> int:
        """The higher, the more it costs to look at a row."""

    def bounds(self, rows: Rows, at: Places) -> Bounds:
        """Decides some rows.

        Args:
            rows: Of the catalogue, shape (rows,).
            at: Numbers of those to decide.
        """

    def decide(self, run: Asked) -> bool:
        """Decides a run."""


class UnknownColumnError(InvalidInputError):
    """A condition names a column that there is not; the message lists those there are, near ones first.

    Args:
        column: As it was named.
        message: In place of the usual one.
    """

    def __init__(self, column: str, message: str | None = None) -> None:
        super().__init__(message or f"{no_column(column)} and params with a name")
        self.column = column


def column_named(name: str, parameter: str | None = None) -> str:
    """The column that a name means, which may be another name of it.

    Args:
        name: As it was given.
        parameter: Which parameter, if the column is ``params``.

    Raises:
        InvalidInputError: There is no such column, or the parameter is not named.
    """
    column = SYNONYMS.get(name, name)
    if column not in (*COLUMNS, "tags", "created", "params"):
        raise UnknownColumnError(column)
    if column == "params" and not parameter:
        raise InvalidInputError("name the parameter, as in params__distance__lt=1 or params.distance < 1")
    return column


class Condition:
    """One column compared with one value.

    Args:
        column: Its name.
        comparison: One of `OPERATORS`.
        wanted: What the column is compared with.
        parameter: Which parameter, if the column is ``params``.

    Attributes:
        wanted: As it was given.
        parameter: As it was given.

    Raises:
        InvalidInputError: No such column, or it cannot be compared so; the message lists what is possible.
    """

    def __init__(self, column: str, comparison: str, wanted: Any, parameter: str | None = None) -> None:
        column = column_named(column, parameter)
        if column == "tags" and comparison not in _TAG_OPERATORS:
            raise InvalidInputError(
                f"tags can be compared with {', '.join(_TAG_OPERATORS)}: a run must have all, not all, or any of those "
                "given"
            )
        if column == "created" and comparison not in _TIME_OPERATORS:
            raise InvalidInputError(f"created can be compared with {', '.join(_TIME_OPERATORS)}")
        self.column = column
        self.parameter = parameter
        self.wanted = wanted
        self._comparison = comparison
        self._compare = _COMPARE[comparison]
        self._wanted = self._prepared(wanted)
        if column not in ("created", "tags", "params"):
            self._meets(0 if column in NUMBERS else "")  # says at once what can be compared with no value at all

    def _prepared(self, wanted: Any) -> Any:
        try:
            if self.column == "created":
                return [span_of(one) for one in (_listed(wanted) if self._comparison == "in" else [wanted])]
            if self.column == "tags":
                wanted = frozenset(_listed(wanted))
            elif self._comparison == "in" and (isinstance(wanted, str) or not hasattr(wanted, "__contains__")):
                wanted = _listed(wanted) if isinstance(wanted, str) else list(wanted)
            self._check_kind(wanted)
        except TypeError as error:
            raise InvalidInputError(f"cannot compare {self.column} with {wanted!r}") from error
        return wanted

    def _check_kind(self, wanted: Any) -> None:
        """Refuses what no run can have: a number where the column has text, and text where it has numbers."""
        if self.column == "params" or (self.column in NUMBERS and self._comparison not in _TIME_OPERATORS):
            return
        kinds, name = (_NUMBER_KINDS, "a number") if self.column in NUMBERS else ((str,), "text")
        several = self._comparison == "in" or self.column == "tags"
        for one in (wanted if isinstance(wanted, Iterable) else ()) if several else (wanted,):
            if not isinstance(one, kinds):
                raise InvalidInputError(f"cannot compare {self.column} with {one!r}: it is {name}")

    @classmethod
    def named(cls, name: str, wanted: Any) -> Condition:
        """A condition as a keyword: a column, then perhaps ``__`` and an operator.

        Raises:
            InvalidInputError: No such column or operator; the message lists them.
        """
        parts = name.split("__")
        comparison = parts.pop() if len(parts) > 1 and parts[-1] in _COMPARE else "eq"
        column, *rest = parts
        if column != "params" and rest and SYNONYMS.get(column, column) in (*COLUMNS, "tags", "created"):
            raise InvalidInputError(f"condition {name!r}: no operator {rest[-1]!r}; there are {', '.join(OPERATORS)}")
        try:
            return cls(column, comparison, wanted, "__".join(rest) or None)
        except UnknownColumnError as error:
            raise UnknownColumnError(error.column, f"condition {name!r}: {error}") from error
        except InvalidInputError as error:
            raise InvalidInputError(f"condition {name!r}: {error}") from error

    @property
    def columns(self) -> frozenset[str]:
        """See `Clause`."""
        return frozenset((self.column,))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """See `Clause`."""
        return (self,)

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return _COSTS.get(self.column, 0 if self.column in NUMBERS or self.column == "created" else 1)

    def bounds(self, rows: Rows, at: Places) -> Bounds:
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
        return bool(self.bounds(row, np.arange(1)).sure[0])

    def _meets(self, value: Any) -> bool:
        if self.column == "tags":
            tags = set(value or ())
            if self._comparison == "in":
                return bool(tags & self._wanted)
            return (self._wanted <= tags) is (self._comparison != "ne")
        if self.column == "params":
            try:
                return self.parameter in value and self._meets_parameter(value[self.parameter])
            except (TypeError, ValueError):
                return False
        try:
            return bool(self._compare(value, self._wanted))
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"cannot compare {self.column} with {self._wanted!r}") from error

    def _meets_parameter(self, value: Any) -> bool:
        if self._comparison in ("eq", "ne") and np.ndarray in (type(value), type(self._wanted)):
            return np.array_equal(value, self._wanted) is (self._comparison == "eq")  # as a whole, not each element
        return bool(self._compare(value, self._wanted))

    def _in_time(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        found = np.zeros(len(times), bool)
        for start, stop in self._wanted:
            found |= _TIME_TESTS[self._comparison](times, Span(start, stop))
        return found

    def _numbers(self, values: NDArray[Any], absent: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Absent numbers meet nothing."""
        plain = isinstance(self._wanted, _NUMBER_KINDS)
        if plain and self._comparison in _TIME_OPERATORS[:6]:
            meets = np.asarray(self._compare(values, self._wanted), bool)
        else:
            meets = _looked_up(values.tolist(), self._meets)
        return meets & ~absent

    def _texts(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        if self.column == "params":
            return self._parameters(_parse_all(values.tolist()))
        if self._comparison in ("eq", "ne", "startswith") and self.column != "tags":
            return self._bytes(values)
        return _looked_up(values.tolist(), lambda raw: self._meets(text_of(raw, self.column)))

    def _bytes(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Compares as they are stored: equal texts have equal bytes, and the same holds of beginnings."""
        found = np.zeros(len(values), bool)
        if isinstance(self._wanted, str):
            key, is_cut = fit_text(self._wanted, values.dtype.itemsize)
            if not is_cut:  # else no text that is whole here is as long
                found = np.strings.startswith(values, key) if self._comparison == "startswith" else values == key
        return ~found if self._comparison == "ne" else found

    def _parameters(self, values: list[dict[str, Any]]) -> NDArray[np.bool_]:
        name, compare, wanted = self.parameter, self._compare, self._wanted
        try:
            return np.fromiter((name in one and bool(compare(one[name], wanted)) for one in values), bool, len(values))
        except (TypeError, ValueError):  # runs of other studies may have anything under this name
            return np.fromiter(map(self._meets, values), bool, len(values))


class All:
    """Clauses that must all hold.

    Args:
        parts: The clauses; none is met by every run.
    """

    def __init__(self, parts: Iterable[Clause]) -> None:
        self._parts = sorted(parts, key=lambda part: part.cost)

    @property
    def columns(self) -> frozenset[str]:
        """See `Clause`."""
        return frozenset().union(*(part.columns for part in self._parts))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """See `Clause`."""
        return tuple(one for part in self._parts for one in part.conditions)

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return max((part.cost for part in self._parts), default=0)

    def bounds(self, rows: Rows, at: Places) -> Bounds:
        """See `Clause`; what one part excludes is not shown to the next, which costs more."""
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


class Not:
    """What does not meet a clause.

    Args:
        part: The clause.
    """

    def __init__(self, part: Clause) -> None:
        self._part = part

    @property
    def columns(self) -> frozenset[str]:
        """See `Clause`."""
        return self._part.columns

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """See `Clause`."""
        return self._part.conditions

    @property
    def cost(self) -> int:
        """See `Clause`."""
        return self._part.cost

    def bounds(self, rows: Rows, at: Places) -> Bounds:
        """See `Clause`."""
        found = self._part.bounds(rows, at)
        return Bounds(~found.possible, ~found.sure)

    def decide(self, run: Asked) -> bool:
        """See `Clause`."""
        return not self._part.decide(run)


def any_of(parts: Iterable[Clause]) -> Clause:
    """Clauses of which one must hold."""
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


def numbers_of(rows: Rows, column: str, at: Places) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A column of numbers, and where it has no value; shape (places,) both."""
    values = rows[column][at]
    if column == "seconds":
        return values, np.isnan(values)
    if column == "seed":
        return values.view(np.uint64), rows["seeded"][at] == 0
    return values, values == -1


class _Answers(dict[Any, bool]):
    """The answer to each value, found once."""

    def __init__(self, ask: Callable[[Any], bool]) -> None:
        super().__init__()
        self._ask = ask

    def __missing__(self, value: Any) -> bool:
        answer = self[value] = self._ask(value)
        return answer


def _looked_up(values: list[Any], meets: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Decides each different value once; so tags that many runs share cost next to nothing."""
    answers = _Answers(meets)
    return np.fromiter(map(answers.__getitem__, values), bool, len(values))


def _parse_all(texts: list[bytes]) -> list[dict[str, Any]]:
    """The parameters of many rows, parsed in one go, which takes a third of the time."""
    try:
        parsed = json.loads(b"[" + b",".join(text or b"{}" for text in texts) + b"]")
        if len(parsed) == len(texts) and b"\\" not in b"".join(texts) and all(type(one) is dict for one in parsed):
            return parsed  # type: ignore[no-any-return]  # looked at
    except (ValueError, RecursionError):
        pass
    return [_parsed(text, dict) for text in texts]


def _parsed(raw: bytes, kind: type) -> Any:
    """Tags or parameters of a row.

    Raises:
        FormatError: They are something else.
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
    """What a text column of the catalogue says: text, of ``tags`` a list, of ``params`` a dictionary.

    Raises:
        FormatError: It is not what it should be.
    """
    kind = {"tags": list, "params": dict}.get(column)
    return decode_text(raw) if kind is None else _parsed(raw, kind)


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)


def as_texts(tags: str | Sequence[str] | None) -> list[str]:
    """Tags as a list, where one may be given alone."""
    if tags is None:
        return []
    return [tags] if isinstance(tags, str) else list(tags)


def as_ids(job_ids: str | Iterable[str]) -> list[str]:
    """Job ids as a list, where one may be given alone.

    Raises:
        InvalidInputError: One of them is not text, or is empty.
    """
    ids = _listed(job_ids)
    for job_id in ids:
        if type(job_id) is not str or not job_id:
            raise InvalidInputError(f"a job id is text and not empty, found {job_id!r}")
    return ids
