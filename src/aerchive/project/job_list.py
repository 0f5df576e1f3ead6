"""A list of jobs that prints as a table."""

from __future__ import annotations

import functools
import html
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, SupportsIndex, overload

from aerchive.display.text import cut, format_bytes, format_table
from aerchive.models import catalogue
from aerchive.project.asking import BadRuns, cut_value, whole_value
from aerchive.project.run import Bridge, Run

_HEAD = ("job id", "created (UTC)", "outcome", "method", "qubits", "shots", "size", "name", "tags")
_RIGHT = (4, 5, 6)
_ID_WIDTH = 36
_NAME_WIDTH = 24


def run_row(run: Run, bad: BadRuns) -> tuple[str, ...]:
    """What a listing shows of a run; the run is opened only if its row of the catalogue has less than is shown.

    Args:
        run: The run.
        bad: Notes if it cannot be read.
    """
    row = run.row()
    outcome = catalogue.row_text(row, "outcome")
    return (
        cut(run.job_id, _ID_WIDTH),
        run.created[:19].replace("T", " "),
        f"{outcome} (pending)" if run.pending else outcome,
        catalogue.row_text(row, "method"),
        _number(row, "num_qubits"),
        _number(row, "shots"),
        format_bytes(run.nbytes) if run.nbytes else "",
        cut(_text(run, row, "name", bad), _NAME_WIDTH),
        cut(_text(run, row, "tags", bad), _NAME_WIDTH),
    )


def _number(row: Any, column: str) -> str:
    return "" if row[column] == -1 else str(row[column])


def _text(run: Run, row: Any, column: str, bad: BadRuns) -> str:
    text = _joined(cut_value(row, column))
    is_enough = not catalogue.is_cut(row, column) or len(text) > _NAME_WIDTH
    return text if is_enough else _joined(whole_value(run, column, bad))


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def runs_table(runs: Iterable[Run]) -> str:
    """Runs as a table of text."""
    bad = BadRuns()
    return format_table(_HEAD, [run_row(run, bad) for run in runs], _RIGHT)


class JobList(list[Any]):
    """``ArchivedJob`` objects; prints as a table, in a terminal and in a notebook.

    A job is made, and Qiskit imported, when it is taken out of the list; printing takes none.

    Args:
        bridge: Makes the jobs.
        runs: Of which they are.

    Attributes:
        head: Names of the columns of the table.
        right: Which of them are numbers.
    """

    head: ClassVar[tuple[str, ...]] = _HEAD
    right: ClassVar[tuple[int, ...]] = _RIGHT

    def __init__(self, bridge: Bridge, runs: Iterable[Run]) -> None:
        super().__init__(runs)
        self._bridge = bridge

    def _take(self, place: int) -> Any:
        item = super().__getitem__(place)
        if isinstance(item, Run):
            item = self._bridge.job(item)
            super().__setitem__(place, item)
        return item

    def _with_jobs(self) -> list[Any]:
        """Itself, when all jobs have been made."""
        for place in range(len(self)):
            self._take(place)
        return self

    @overload
    def __getitem__(self, place: SupportsIndex) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> JobList: ...

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return type(self)(self._bridge, super().__getitem__(place))
        return self._take(operator.index(place))

    def __radd__(self, other: list[Any]) -> list[Any]:
        return list.__add__(other, self._with_jobs())

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while place < len(self):
            yield self._take(place)
            place += 1

    def __reversed__(self) -> Iterator[Any]:
        return (self._take(place) for place in range(len(self) - 1, -1, -1))

    def copy(self) -> JobList:
        """Another list of the same jobs."""
        return self[:]

    def __repr__(self) -> str:
        return format_table(self.head, self._rows(), self.right) if self else "no jobs"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        bad = BadRuns()
        for item in super().__iter__():
            run = item if isinstance(item, Run) else getattr(item, "run", None)
            yield run_row(run, bad) if isinstance(run, Run) else (str(item), *[""] * (len(_HEAD) - 1))


def _with_jobs(name: str) -> Callable[..., Any]:
    """A method of ``list`` that shows or compares items: it must meet jobs."""
    of_list = getattr(list, name)

    @functools.wraps(of_list)
    def method(self: JobList, *arguments: Any, **options: Any) -> Any:
        return of_list(self._with_jobs(), *arguments, **options)

    return method


for _name in (
    *("__add__", "__mul__", "__rmul__", "__imul__", "__contains__", "__reduce_ex__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("count", "index", "pop", "remove", "sort"),
):
    setattr(JobList, _name, _with_jobs(_name))
