"""The columns of the list of runs: which there are, their types, and their values as answers.

A run is opened only if few runs would have to be opened for a column; else a text that the catalogue has cut ends
with an ellipsis, and a value that only the run itself has is missing.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import FormatError
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS, OVERFLOW
from aerchive.models.cells import BOUND, CIRCUIT_NAME, COUNTS, METADATA, OPERATIONS, PARAMS, SAVED, Form
from aerchive.project.catalogue.columns import column_values
from aerchive.project.catalogue.conditions import numbers_of, texts_of
from aerchive.project.finding.asking import cut_value, whole_value
from aerchive.project.finding.listing import Listing
from aerchive.view.answer import JSON, MOST_EXACT, Answer, plain
from aerchive.view.keys import key_of

Type = Literal["number", "integer", "truth", "time", "text", "texts", "value"]
KEY = "key"
MOST_OPENED = 100
"""The greatest number of runs that are opened for one column: a run takes about a millisecond."""
_CATALOGUE = tuple(name for name in catalogue.IN_TABLES if name != "params")
_TITLES = {"created": "submitted"}
_GROUPS = {PARAMS: "params", METADATA: "metadata", OPERATIONS: "circuit", SAVED: "saved", BOUND: "bound"}
"""Beginnings of the names of values, in the order in which a list shows them, with the names of their groups."""
_TYPES: dict[str, Type] = {"real": "number", "integer": "integer", "unsigned": "integer", "truth": "truth"}
_MANY_POINTS = (SAVED, BOUND)
"""Values of these groups are not in columns if a run has several, of which none is the value of the run."""


class ListedColumn(NamedTuple):
    """A column of the list.

    Attributes:
        name: The name of the column of the catalogue, or of the values with their group.
        title: Its title.
        group: The group of columns it belongs to.
        type: The type of its values.
    """

    name: str
    title: str
    group: str
    type: Type

    @property
    def file(self) -> str:
        """The name of the file of its values."""
        return key_of(self.name) + (".f64" if self.type in ("number", "integer", "truth", "time") else ".json")


class RunColumns:
    """The columns of all runs of a listing, in order of submission; the caller guards against other threads.

    Args:
        listing: The listing, with all values beside the catalogue.
        places: The places of the runs in it.
    """

    def __init__(self, listing: Listing, places: NDArray[np.intp]) -> None:
        self._listing = listing
        self._places = places
        self._opened: dict[str, list[Any]] = {}
        self.left_out: list[str] = []
        self.listed = {one.name: one for one in self._all()}

    def _all(self) -> list[ListedColumn]:
        found = [ListedColumn(KEY, KEY, "run", "text")]
        found += [ListedColumn(name, _TITLES.get(name, name), "run", self._own_type(name)) for name in _CATALOGUE]
        names = self._listing.wanted_names()
        if CIRCUIT_NAME in names:
            after = next(place for place, one in enumerate(found, 1) if one.name == "name")
            found.insert(after, ListedColumn(CIRCUIT_NAME, "circuit", "run", "text"))
        names = sorted(names, key=self._number_without)
        for prefix, group in _GROUPS.items():
            for name in names:
                if name.startswith(prefix) and (kind := self._type(name)) is not None:
                    found.append(ListedColumn(name, name.removeprefix(prefix), group, kind))
        if self._listing.forms(COUNTS):
            found.append(ListedColumn(COUNTS, COUNTS, COUNTS, "value"))
        return found

    def _number_without(self, name: str) -> int:
        """The number of runs that have no value of a name in its column; those that most runs have come first."""
        return len(self._places) - int(np.count_nonzero(self._listing.values(self._places, name, 0).has))

    def _own_type(self, name: str) -> Type:
        if name == "created":
            return "time"
        kind = catalogue.COLUMN[name].kind
        if kind == "unsigned":
            numbers, absent = self._numbers(name)
            return "integer" if (numbers[~absent] <= MOST_EXACT).all() else "value"
        return "texts" if kind == "texts" else _TYPES.get(kind, "text")

    def _type(self, name: str) -> Type | None:
        """The type of the values under a name; ``None`` if no run has one here."""
        forms = set(self._listing.forms(name))
        number = 0 if name.startswith(_MANY_POINTS) else self._listing.number_opened(self._places, name)
        if 0 < number <= MOST_OPENED:
            values = self._opened[name] = self._listing.values(self._places, name).listed()
            return _type_of(values)
        if number:
            self.left_out.append(
                f"{name} of {number} runs is not listed: it is too long for a column, or circuits differ"
            )
        kinds = {_kind_of(form) for form in forms if form.type != "run"}
        if not kinds:
            return None
        if kinds <= {"integer", "number"}:
            if "integer" in kinds and not self._are_exact(name):
                return "value"
            return "number" if "number" in kinds else "integer"
        return kinds.pop() if len(kinds) == 1 else "value"

    def _are_exact(self, name: str) -> bool:
        items, has = self._listing.values(self._places, name, 0)
        if items.dtype == object:
            return all(map(_is_exact, items[has].tolist()))
        known = items[has]
        if known.dtype.kind == "i":
            return bool(((known >= -MOST_EXACT) & (known <= MOST_EXACT)).all())
        return bool((np.abs(known.astype(np.float64)) <= MOST_EXACT).all())

    # -- values

    def answer(self, column: ListedColumn) -> Answer:
        """The values of a column."""
        if column.name == KEY:
            return _coded(self._texts("job_id"), {}, key_of)
        if column.name in _CATALOGUE:
            return self._of_catalogue(column)
        if column.type in ("number", "integer", "truth"):
            return self._of_numbers(column)
        listed = self._values(column.name)
        if column.type == "text":
            return _coded(["" if one is None else one for one in listed], {})
        if column.name == COUNTS:
            return _documents(listed)
        return _values([plain(one) for one in listed])

    def counted(self, name: str) -> Counter[str]:
        """The number of runs with each text of a column of the catalogue; of tags, with each tag."""
        rows = self._listing.rows_of(self._places, [name, "overflow"])
        is_cut = rows["overflow"] & np.uint32(OVERFLOW[name]) != 0
        if is_cut.any():
            pairs = [(one, 1) for one in self._texts(name)]
        else:
            raws = Counter(rows[name].tolist())
            known = texts_of(list(raws), name)
            pairs = [(known[raw], number) for raw, number in raws.items()]
        found: Counter[str] = Counter()
        for text, number in pairs:
            for one in text if isinstance(text, list) else [text]:
                found[one] += number
        return found

    def _of_catalogue(self, column: ListedColumn) -> Answer:
        name = column.name
        if name == "created":
            return _numbers(self._listing.rows_of(self._places, ["created_us"])["created_us"])
        if name in NUMBERS:
            numbers, absent = self._numbers(name)
            if column.type == "value":
                pairs = zip(numbers.tolist(), absent.tolist(), strict=True)
                return _values([None if is_absent else plain(one) for one, is_absent in pairs])
            numbers = (numbers != 0 if name == "noisy" else numbers).astype(np.float64)
            numbers[absent] = np.nan
            return _numbers(numbers)
        rows = self._listing.rows_of(self._places, [name, "overflow"])
        if not (rows["overflow"] & np.uint32(OVERFLOW[name])).any():
            raws = rows[name].tolist()
            return _coded(raws, texts_of(list(dict.fromkeys(raws)), name))
        texts = self._texts(name)
        return _values(texts) if column.type == "texts" else _coded(["" if one is None else one for one in texts], {})

    def _numbers(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        rows = self._listing.rows_of(self._places, catalogue.COLUMNS_OF.get(name, (name,)))
        return numbers_of(rows, name, np.arange(len(rows)))

    def _texts(self, name: str) -> list[Any]:
        rows = self._listing.rows_of(self._places, [name, "overflow"])
        number = int(np.count_nonzero(rows["overflow"] & np.uint32(OVERFLOW[name])))
        is_whole = number <= MOST_OPENED or name == "job_id"  # by which runs are addressed
        ask: Callable[[int, str], Any] = functools.partial(self._whole if is_whole else self._cut, rows)
        return column_values(rows, name, ask)

    def _whole(self, rows: NDArray[Any], number: int, name: str) -> Any:
        del rows
        return whole_value(self._listing.asking(int(self._places[number])), name, self._listing.bad)

    @staticmethod
    def _cut(rows: NDArray[Any], number: int, name: str) -> Any:
        found = cut_value(rows[number], name)
        return [*found, "…"] if isinstance(found, list) else f"{found}…"

    def _of_numbers(self, column: ListedColumn) -> Answer:
        listed = self._opened.get(column.name)
        if listed is not None:
            return _numbers(np.array([np.nan if one is None else one for one in listed], np.float64))
        items, has = self._listing.values(self._places, column.name, 0)
        numbers = np.full(len(has), np.nan)
        numbers[has] = items[has].astype(np.float64)
        return _numbers(numbers)

    def _values(self, name: str) -> list[Any]:
        known = self._opened.get(name)
        return self._listing.values(self._places, name, 0).listed() if known is None else known


def _kind_of(form: Form) -> Type:
    if form.shape:
        return "value"
    if form.type == "numpy":
        return "number" if form.dtype == "<f8" else "integer"
    kinds: dict[str, Type] = {"float": "number", "int": "integer", "bool": "truth", "str": "text"}
    return kinds.get(form.type, "value")


def _is_exact(value: Any) -> bool:
    """Whether a number is exact as a float64; other values are."""
    return not isinstance(value, int | np.integer) or abs(int(value)) <= MOST_EXACT


def _type_of(values: Sequence[Any]) -> Type | None:
    kinds = {type(one) for one in values if one is not None}
    if not kinds:
        return None
    if kinds <= {int, float, np.int64, np.float64}:
        if not all(map(_is_exact, values)):
            return "value"
        return "integer" if kinds <= {int, np.int64} else "number"
    return "truth" if kinds == {bool} else "text" if kinds == {str} else "value"


def _numbers(values: NDArray[Any]) -> Answer:
    return Answer.of(values.astype("<f8", copy=False).tobytes(), is_fixed=True)


def _coded(items: list[Any], texts: Mapping[Any, Any], made: Callable[[Any], Any] = lambda item: item) -> Answer:
    """Texts, each different one once if that is shorter.

    Args:
        items: What stands for each text.
        texts: The texts for which something else stands.
        made: A function of an item that returns its text if it is not in ``texts``.
    """
    numbers = {item: number for number, item in enumerate(dict.fromkeys(items))}
    known = {item: texts[item] if item in texts else made(item) for item in numbers}
    if 2 * len(known) > len(items):
        return _values([known[item] for item in items])
    codes = [numbers[item] for item in items]
    return Answer.json({"values": list(known.values()), "codes": codes}, is_fixed=True)


def _documents(texts: list[str | None]) -> Answer:
    """Documents that are JSON already; all are parsed at once, to be sure."""
    text = f"[{','.join('null' if one is None else one for one in texts)}]"
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the column of counts has no counts: {error}") from error
    if len(found) != len(texts):
        raise FormatError("the column of counts has no counts")
    return Answer.of(f'{{"values":{text}}}'.encode(), JSON, is_fixed=True)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no count")


def _values(values: list[Any]) -> Answer:
    return Answer.json({"values": values}, is_fixed=True)
