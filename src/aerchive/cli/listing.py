"""Output of the commands that list runs: a table, JSON, or ids on standard output."""

from __future__ import annotations

import argparse
import math
from typing import Any

from aerchive.cli.arguments import add_json
from aerchive.cli.output import put, put_json
from aerchive.display.text import format_runs
from aerchive.errors import InvalidInputError
from aerchive.models import catalogue
from aerchive.models.catalogue import NUMBERS
from aerchive.project.finding.asking import BadRuns, whole_value
from aerchive.project.finding.job_list import runs_table
from aerchive.project.project import Project
from aerchive.project.run import Run

_LIMIT = 20


def add_listing_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments for the number of runs that are printed, and for the form of the output."""
    parser.add_argument("--limit", type=int, default=_LIMIT, metavar="N", help=f"how many at most (default {_LIMIT})")
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--nested", action="store_true", help="also the simulations beneath runs of primitives")
    add_json(parser, "as JSON, one object a run")


def print_listing(
    project: Project, options: argparse.Namespace, where: str | None, conditions: dict[str, Any], **order: Any
) -> None:
    """Prints the runs that meet the conditions.

    Args:
        project: The project that contains the runs.
        options: The parsed options of `add_listing_arguments`.
        where: The conditions as one text.
        conditions: The conditions by keyword.
        **order: The arguments ``sort`` and ``descending`` of `Project.runs`.
    """
    if options.limit < 0:
        raise InvalidInputError(f"--limit must be 0 or more; found {options.limit}")
    limit = None if options.all else options.limit
    runs = project.runs(limit, where=where, **order, **conditions)
    if options.json:
        bad = BadRuns()
        put_json([summary(run, bad) for run in runs])
        if not runs:
            print_nothing_found(project, where, conditions, to_errors=True)
        return
    total = len(runs) if limit is None or len(runs) < limit else project.count(where, **conditions)
    if not total:
        print_nothing_found(project, where, conditions)
        return
    if runs:
        put(runs_table(runs))
    if len(runs) < total:
        put(f"... {len(runs)} of {format_runs(total)}; --all shows the rest")


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


def summary(run: Run, bad: BadRuns) -> dict[str, Any]:
    """Returns the catalogue entry of a run for JSON. The run is opened only for texts that the catalogue has cut.

    Args:
        run: The run.
        bad: The collection that notes the run if it cannot be read.
    """
    row = run.row()
    numbers = {name: _number(row, name) for name in sorted(NUMBERS - {"nbytes"})}
    names = [name for name in catalogue.IN_TABLES if name in catalogue.TEXT_COLUMNS and name != "job_id"]
    texts = {name: _text(run, name, bad) for name in names}
    return {
        "job_id": run.job_id,
        "created": run.created,
        "outcome": texts.pop("outcome"),
        "pending": run.pending,
        "in_pending_file": run.in_pending_file,
        **texts,
        **numbers,
        "nbytes": run.nbytes,
    }


def _number(row: Any, column: str) -> int | float | bool | None:
    value = catalogue.row_number(row, column)
    return bool(value) if column == "noisy" else value


def _text(run: Run, column: str, bad: BadRuns) -> Any:
    value = whole_value(run, column, bad)
    if column == "params":  # JSON has no NaN and no infinities
        plain = catalogue.plain_params(value)
        return {name: str(one) if type(one) is float and not math.isfinite(one) else one for name, one in plain.items()}
    return None if value == "" else value
