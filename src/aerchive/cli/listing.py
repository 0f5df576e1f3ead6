"""Output of the commands that list runs: a table that fits the terminal, or JSON."""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import numpy as np

from aerchive.cli.command import json_option
from aerchive.cli.output import is_terminal, put, put_json, terminal
from aerchive.cli.tables import TableColumn, fitted, put_table
from aerchive.display.text import format_bytes, format_runs, format_time
from aerchive.errors import InvalidInputError
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.models.cells import PARAMS
from aerchive.project.finding.asking import BadRuns, whole_value
from aerchive.project.finding.job_list import outcome_text
from aerchive.project.finding.page import Page
from aerchive.project.project import Project
from aerchive.project.run import Run

Function = TypeVar("Function", bound=Callable[..., Any])
_LIMIT = 20
_SHORTEST_ID = 8
OUTCOME_STYLES = {
    "ok": "green",
    "partial": "magenta",
    "failed": "bold red",
    "error": "bold red",
    "lost": "bold red",
    "cancelled": "magenta",
    "running": "bold blue",
}
_HEADS = {"job_id": "job", "num_qubits": "qubits", "nbytes": "size"}
_ALL_PARAMS = "params.*"
LISTED = (
    *("job_id", "created", "outcome", "name", "circuit", _ALL_PARAMS),
    *("num_qubits", "shots", "method", "nbytes", "tags"),
)
"""The columns of a list without ``--columns``."""
_IMPORTANT = ("job", "created", "outcome", "name", "params", "qubits", "circuit", "shots", "tags", "size", "method")
"""The same in the order in which they are kept."""
_WIDTHS = {"name": (9, 24), "circuit": (12, 24), "params": (20, 40), "tags": (12, 24)}
"""The least and the greatest width of texts."""


def listing_options(function: Function) -> Function:
    """The options for the number of runs that are printed, for the columns, and for the form of the output."""
    options = (
        click.option("--limit", type=int, default=_LIMIT, metavar="N", help=f"How many at most (default {_LIMIT})."),
        click.option("--all", "all_runs", is_flag=True, help="All of them."),
        click.option("--nested", is_flag=True, help="Also the simulations beneath runs of primitives."),
        click.option(
            "--columns",
            metavar="A,B,C",
            help="These columns: of the catalogue, circuit, params.NAME, metadata.NAME, saved.NAME; params.* for all.",
        ),
        json_option("As JSON, one object a run."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), function)


def print_listing(
    project: Project,
    where: str | None,
    conditions: dict[str, Any],
    *,
    limit: int,
    all_runs: bool,
    columns: str | None,
    as_json: bool,
    **order: Any,
) -> None:
    """Prints the runs that meet the conditions.

    Args:
        project: The project that contains the runs.
        where: The conditions as one text.
        conditions: The conditions by keyword.
        limit: Number of runs, at most.
        all_runs: Whether all are printed.
        columns: Names of columns, separated by commas; ``None``: those that fit.
        as_json: Whether to print JSON.
        **order: The arguments ``sort`` and ``descending`` of `Project.page`.
    """
    if limit < 0:
        raise InvalidInputError(f"--limit must be 0 or more; found {limit}")
    names = [name.strip() for name in (columns or "").split(",") if name.strip()]
    if columns is not None and not names:
        raise InvalidInputError("--columns takes names, separated by commas, such as job_id,params.distance")
    wanted = names or [] if as_json else names or LISTED
    page = project.page(None if all_runs else limit, wanted, where=where, **order, **conditions)
    if as_json:
        bad = BadRuns()
        put_json([*_chosen(page)] if names else [summary(run, bad) for run in page.runs])
        if not page.total:
            print_nothing_found(project, where, conditions, to_errors=True)
        return
    if not page.total:
        print_nothing_found(project, where, conditions)
        return
    left_out = print_runs(page, chosen=bool(names)) if page.runs else []
    hints = []
    if len(page.runs) < page.total:
        hints.append("--all shows the rest")
    if left_out:
        hints.append(f"the terminal is too narrow for {', '.join(left_out)}")
    put(f"{len(page.runs)} of {format_runs(page.total)}{'; ' if hints else ''}{'; '.join(hints)}")


def print_runs(page: Page, *, chosen: bool = False, to_errors: bool = False) -> list[str]:
    """Prints runs as a table. Where circuits have no column, a run without a name is called by its circuit.

    Args:
        page: The runs, with the values of the columns.
        chosen: Whether the user has named the columns, which are then all printed.
        to_errors: Whether to print to standard error.

    Returns:
        The heads of columns that did not fit.
    """
    is_short = is_terminal(to_errors=to_errors)
    if chosen:
        return put_table([_column(page, name, name, is_short=is_short) for name in page.columns])
    columns = {
        name: _params(page) if name == _ALL_PARAMS else _column(page, name, _HEADS.get(name, name), is_short=is_short)
        for name in LISTED
        if name == _ALL_PARAMS or name in page.columns
    }
    made = [one for one in columns.values() if one.head in ("job", "outcome") or any(one.cells)]
    important = [one.head for word in _IMPORTANT for one in made if one.head.partition(" ")[0] == word]
    if is_short and "circuit" in columns:
        width = terminal(to_errors=to_errors).width
        if all(one.head != "circuit" for one in fitted(made, width, important)[0]):
            names = [
                name or circuit for name, circuit in zip(columns["name"].cells, columns["circuit"].cells, strict=True)
            ]
            made = [one for one in columns.values() if one.head != "circuit" and (one.head == "name" or one in made)]
            made = [one._replace(cells=names) if one.head == "name" else one for one in made]
    return [head.partition(" ")[0] for head in put_table(made, important, to_errors=to_errors)]


def print_nothing_found(
    project: Project, where: str | None, conditions: dict[str, Any], *, to_errors: bool = False
) -> None:
    """Prints why no run was found, and which values exist in the project.

    Args:
        project: The project that was searched.
        where: The conditions as one text.
        conditions: The conditions by keyword.
        to_errors: Whether to print to standard error, because a program reads standard output.
    """
    put(project.why_nothing(where, conditions), to_errors=to_errors)


def _column(page: Page, name: str, head: str, *, is_short: bool) -> TableColumn:
    """A column; job ids are short in a terminal."""
    column = page.columns[name]
    if name == "job_id":
        cells = [shorter(one, page.id_width) if is_short else one for one in column.values]
        return TableColumn(head, cells, style=lambda _: "bold")
    if name == "created":
        return _times(head, column.values)
    cells = [cell_text(name, value) for value in column.values]
    if name == "outcome":
        cells = [outcome_text(run, one) for one, run in zip(cells, page.runs, strict=True)]
        return TableColumn(head, cells, style=lambda cell: OUTCOME_STYLES.get(cell.partition(" ")[0], ""))
    is_long = name in _WIDTHS or column.kind in ("texts", "any") or name == "message"
    least, most = _WIDTHS.get(name, (12, 40)) if is_long else (None, None)
    return TableColumn(head, cells, column.kind in ("integer", "unsigned", "real"), least, most)


def shorter(job_id: str, width: int) -> str:
    """Returns the beginning of a job id that no other run of the project has."""
    return job_id[: max(width, _SHORTEST_ID)]


def _times(head: str, values: Sequence[Any]) -> TableColumn:
    """Local times; the offset from UTC is in the head if it is the same for all."""
    cells = [format_time(value) for value in values]
    offsets = {cell[19:] for cell in cells}
    if len(offsets) == 1 and all(len(cell) == 25 for cell in cells):
        return TableColumn(f"{head} ({offsets.pop()})", [cell[:19] for cell in cells])
    return TableColumn(head, cells)


def _params(page: Page) -> TableColumn:
    """The parameters of each run in one cell; those in which the runs differ come first."""
    given = {name.removeprefix(PARAMS): one.values for name, one in page.columns.items() if name.startswith(PARAMS)}
    texts = {
        name: ["" if value is None else cell_text(name, value) for value in values] for name, values in given.items()
    }
    names = sorted(texts, key=lambda name: -len({text for text in texts[name] if text}))
    cells = [
        ", ".join(f"{name}={texts[name][at]}" for name in names if texts[name][at]) for at in range(len(page.runs))
    ]
    return TableColumn("params", cells, False, *_WIDTHS["params"])


def cell_text(name: str, value: Any) -> str:
    """Returns a value of a column as a short text."""
    if value is None:
        return ""
    if name == "nbytes":
        return format_bytes(value) if value else ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | np.ndarray):
        items = [cell_text("", one) for one in value]
        return ", ".join(items) if name == "tags" else f"[{', '.join(items)}]"
    return str(value)


def _chosen(page: Page) -> Any:
    """Yields one object for each run, with the columns that were chosen."""
    for at in range(len(page.runs)):
        yield {name: _plain(name, column.values[at]) for name, column in page.columns.items()}


def _plain(name: str, value: Any) -> Any:
    """A value as JSON can represent it."""
    if name == "created":
        return datetime.datetime.fromtimestamp(value / 1e6, datetime.UTC).isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain("", one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return value if value is None or isinstance(value, str | int) else str(value)


def summary(run: Run, bad: BadRuns) -> dict[str, Any]:
    """Returns the catalogue entry of a run for JSON. The run is opened only for texts that the catalogue has cut.

    Args:
        run: The run.
        bad: The collection that notes the run if it cannot be read.
    """
    row = run.row()
    numbers = {name: _number(row, name) for name in sorted(NUMBERS - {"nbytes"})}
    names = [name for name in catalogue.IN_TABLES if name in catalogue.TEXT_COLUMNS and name != "job_id"]
    texts = {name: _json_text(run, name, bad) for name in names}
    return {
        "job_id": run.job_id,
        "created": run.created,
        "outcome": texts.pop("outcome"),
        "pending": run.pending,
        "in_pending_file": run.in_pending_file,
        "is_recomputed": run.is_recomputed,
        **texts,
        **numbers,
        "nbytes": run.nbytes,
    }


def _number(row: Any, column: str) -> int | float | bool | None:
    value = catalogue.row_number(row, column)
    return bool(value) if column == "noisy" else value


def _json_text(run: Run, column: str, bad: BadRuns) -> Any:
    value = whole_value(run, column, bad)
    if column == "params":  # JSON has no NaN and no infinities
        plain = catalogue.plain_params(value)
        return {name: str(one) if type(one) is float and not math.isfinite(one) else one for name, one in plain.items()}
    return None if value == "" else value
