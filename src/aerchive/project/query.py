"""Conditions on runs, as ``find`` takes them: ``num_qubits__ge=20``, ``params__distance__lt=1``."""

from __future__ import annotations

import datetime
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aerchive.errors import InvalidInputError
from aerchive.models import catalogue

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
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
_NUMBERS = frozenset(("shots", "seed", "nbytes", "num_circuits", "num_qubits", "num_clbits", "seconds", "noisy"))
_TAG_OPERATORS = ("eq", "contains", "ne", "in")
COLUMNS = (*(name for name in catalogue.TEXT_COLUMNS if name not in ("path", "tags", "params")), *sorted(_NUMBERS))
"""What conditions may name, besides ``tags``, ``created`` and ``params__NAME``."""


class Condition:
    """One condition.

    Args:
        name: Column, then perhaps ``__`` and an operator.
        wanted: What it is compared with.

    Raises:
        InvalidInputError: No such column or operator; the message lists them.
    """

    def __init__(self, name: str, wanted: Any) -> None:
        self._wanted = wanted
        parts = name.split("__")
        self._operator = parts.pop() if len(parts) > 1 and parts[-1] in _COMPARE else "eq"
        self.column = parts[0]
        self._parameter = "__".join(parts[1:]) if self.column == "params" else None
        if self.column == "params" and not self._parameter:
            raise InvalidInputError(f"condition {name!r}: name the parameter, as in params__distance__lt=1")
        if self.column not in (*COLUMNS, "tags", "created", "params"):
            raise InvalidInputError(
                f"condition {name!r}: no column {self.column!r}; there are {', '.join(COLUMNS)}, "
                "tags, created and params__NAME"
            )
        if self.column != "params" and len(parts) > 1:
            raise InvalidInputError(f"condition {name!r}: no operator {parts[-1]!r}; there are {', '.join(_COMPARE)}")
        if self.column == "tags" and self._operator not in _TAG_OPERATORS:
            raise InvalidInputError(
                f"condition {name!r}: tags can be compared with {', '.join(_TAG_OPERATORS)}: a run must have all, "
                "not all, or any of those given"
            )
        if self.column == "created":
            self._wanted = moment(wanted)

    def decide(self, row: Any) -> bool | None:
        """Whether a row meets it; ``None`` if its text was cut, so that the run must be asked."""
        if self.column in catalogue.TEXT_COLUMNS and catalogue.is_cut(row, self.column):
            return None
        if self.column == "created":
            return self._compare(int(row["created_us"]))
        if self.column in ("tags", "params"):
            text = catalogue.row_text(row, self.column)
            return self._decide_labels(json.loads(text) if text else None)
        if self.column in _NUMBERS:
            return self._compare(_number(row, self.column))
        return self._compare(catalogue.row_text(row, self.column))

    def decide_run(self, value: Any) -> bool:
        """Whether the whole value of a run meets it."""
        return self._decide_labels(value) if self.column in ("tags", "params") else self._compare(value)

    def _decide_labels(self, value: Any) -> bool:
        if self.column == "params":
            return self._parameter in (value or {}) and self._compare((value or {})[self._parameter])
        tags = set(value or ())
        wanted = {self._wanted} if isinstance(self._wanted, str) else set(self._wanted)
        return bool(tags & wanted) if self._operator == "in" else (wanted <= tags) is (self._operator != "ne")

    def _compare(self, value: Any) -> bool:
        try:
            return value is not None and bool(_COMPARE[self._operator](value, self._wanted))
        except TypeError as error:
            raise InvalidInputError(
                f"condition on {self.column!r}: cannot compare {value!r} with {self._wanted!r}"
            ) from error


def _number(row: Any, column: str) -> int | float | None:
    if column == "seconds":
        seconds = float(row["seconds"])
        return None if seconds != seconds else seconds  # noqa: PLR0124  (NaN)
    if column == "seed":
        return catalogue.row_seed(row)
    value = int(row[column])
    return None if value == -1 else value


def conditions(given: Mapping[str, Any]) -> list[Condition]:
    """The conditions of a call."""
    return [Condition(name, wanted) for name, wanted in given.items()]


def moment(when: Any) -> int:
    """A time as microseconds since 1970.

    Args:
        when: A ``datetime`` (without zone: local time), or ISO 8601 text.

    Raises:
        InvalidInputError: It is neither.
    """
    try:
        parsed = datetime.datetime.fromisoformat(when) if isinstance(when, str) else when
        return catalogue.to_microseconds(parsed.astimezone(datetime.UTC).isoformat())
    except (ValueError, AttributeError) as error:
        raise InvalidInputError(
            f"{when!r} is not a time; give a datetime, or text such as '2026-11-22T14:00'"
        ) from error


def as_texts(tags: str | Sequence[str] | None) -> list[str]:
    """Tags as a list, where one may be given alone."""
    if tags is None:
        return []
    return [tags] if isinstance(tags, str) else list(tags)
