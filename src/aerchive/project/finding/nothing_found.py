"""Messages that say what a project has if a question finds nothing: an empty answer looks like an empty project."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.display.text import clean, format_runs, format_time
from aerchive.errors import FormatError
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import OPERATIONS
from aerchive.project.catalogue.conditions import COLUMNS, OPERATORS, All, Clause, Single, numbers_of, text_of
from aerchive.project.catalogue.rows import is_gate
from aerchive.project.catalogue.value_conditions import GATES, GROUPS, short_name, sources
from aerchive.project.finding.listing import Listing
from aerchive.text import listed, near_texts

_GROUP_NAMES = {"params": "parameters", "saved": "saved numbers", "bound": "bound parameters"}
_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def described(expression: str | None, given: Mapping[str, Any]) -> str:
    """Formats the conditions of a call as one text, in the syntax of `find`."""
    parts = [expression] if expression else []
    for name, wanted in given.items():
        if (name, wanted) == ("parent", "") and len(given) + len(parts) > 1:  # every command adds this condition
            continue
        column, _, comparison = name.rpartition("__")
        if not column or comparison not in OPERATORS:
            column, comparison = name, "eq"
        sign = "contains" if column == "tags" else _SIGNS.get(comparison, comparison)
        is_one = column not in ("tags", *COLUMNS) and comparison != "in"
        values = [wanted.tolist() if isinstance(wanted, np.ndarray) else wanted] if is_one else _each(wanted)
        parts.append(f"{column.replace('__', '.')} {sign} {', '.join(map(_shown, values))}")
    return " and ".join(parts)


def _each(wanted: Any) -> list[Any]:
    """Returns the values that a condition compares, of which there may be one."""
    if isinstance(wanted, np.ndarray):
        wanted = wanted.tolist()  # a number, if the array has no axis
    return [wanted] if isinstance(wanted, str) or not isinstance(wanted, Iterable) else list(wanted)


def _shown(wanted: Any) -> str:
    return str(wanted) if isinstance(wanted, datetime.date) or (wanted and isinstance(wanted, str)) else repr(wanted)


def nothing_found(path: str, listing: Listing, clause: Clause, asked: str) -> str:
    """Explains why a question found nothing, and what it could find.

    Args:
        path: Path of the project file.
        listing: The runs of the project.
        clause: The conditions, which no run meets.
        asked: The conditions as text.
    """
    if not len(listing):
        return f"{path}: has no runs"
    has = f"{path}: no run of {len(listing)} meets {asked}"
    rows = listing.rows(All([]))
    unmet = [one for one in clause.conditions if not (one.column == "parent" and one.wanted == "")]
    unmet = [one for one in unmet if not listing.count(one)]
    if not unmet:
        return clean(f"{has}; each condition is met by some run, but not all by one")
    return clean("; ".join([has, *dict.fromkeys(_choices(listing, rows, one) for one in unmet)]))


def not_listed(path: str, number: int) -> str:
    """Explains why a list is empty although runs meet the conditions."""
    return f"{path}: {format_runs(number)} not listed because of limit, skip, instance or session_id"


def _choices(listing: Listing, rows: NDArray[Any], condition: Single) -> str:
    """Describes the values that a condition compares."""
    column, wanted = condition.column, condition.wanted
    if condition.parameter is not None:
        return _values_of(listing, f"{column}.{condition.parameter}" if column else condition.parameter, column, wanted)
    if column == GATES:
        names = sorted(name.removeprefix(OPERATIONS) for name in listing.value_names() if name.startswith(OPERATIONS))
        gates = [name for name in names if is_gate(name)]
        return f"gates there are: {listed(gates)}" if gates else "no run has circuits"
    if column == "created":
        times = np.sort(rows["created_us"])[[0, -1]].tolist()
        return f"runs were submitted from {' to '.join(map(format_time, times))}"
    elif column in NUMBERS:
        numbers, absent = numbers_of(rows, column, np.arange(len(rows)))
        values = numbers[~absent].tolist()
    else:
        values = [value for one in _texts(rows, column) for value in (one if column == "tags" else [one]) if value]
    return _values(column, values, wanted)


def _values_of(listing: Listing, name: str, group: str, wanted: Any) -> str:
    """Describes the values that runs have under a name."""
    values = [one for source in sources(name, of_points=False) for one in listing.all_values(source)]
    if values:
        return _values(name, values, wanted)
    prefix = GROUPS.get(group, "")
    names = [one.removeprefix(prefix) for one in listing.value_names() if one.startswith(prefix)]
    near = near_texts(short_name(name), names)
    what = _GROUP_NAMES.get(group, "values")
    there = f"{what} there are: {listed([*near, *(one for one in names if one not in near)])}"
    return f"no run has {name}; {there if names else f'no run has {what}'}"


def _values(column: str, values: list[Any], wanted: Any) -> str:
    what = column if column == "tags" else f"values of {column}"
    numbers = [one for one in values if isinstance(one, int | float) and not math.isnan(one)]
    if not values:
        return f"no run has a value of {column}"
    if len(numbers) == len(values):
        least, most = min(numbers), max(numbers)
        return f"{what} there are: {least}" if least == most else f"{what} there are: from {least} to {most}"
    texts = list(dict.fromkeys(map(str, values)))
    near = [one for each in _each(wanted) for one in near_texts(str(each), texts)]
    return f"{what} there are: {listed(list(dict.fromkeys([*near, *texts])))}"


def _texts(rows: NDArray[Any], column: str) -> list[Any]:
    """The different values of a text column; of a long text only the part that the catalogue has."""
    found = []
    for raw in dict.fromkeys(rows[column].tolist()):
        try:
            found.append(text_of(raw, column))
        except FormatError:  # the value is cut or damaged; the message is only a hint
            continue
    return found
