"""``aerchive watch``: prints a line for each run of a project as it starts and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aerchive.aer.opening import open_path
from aerchive.cli.command import command
from aerchive.cli.listing import OUTCOME_STYLES, cell_text, summary
from aerchive.cli.output import is_terminal, json_text, put, terminal
from aerchive.display.text import clean, cut, format_time
from aerchive.errors import InvalidInputError, NotFoundError, ProjectLockedError
from aerchive.models.catalogue import OVERFLOW
from aerchive.models.shown import shown_attributes
from aerchive.project.finding.asking import BadRuns
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.storage.medium.opening import stamp_at
from aerchive.times import now

_ID = 8
_RUNNING = "running"
_MOST_TITLE = 80


@command(
    "watch", "aerchive watch vqe.h5", "aerchive watch vqe.h5 'params.distance < 1' --until-idle 60", file_word="first"
)
@click.argument("condition", nargs=-1)
@click.option("--interval", type=float, default=1.0, metavar="S", help="Seconds between two looks (default 1).")
@click.option("--until-idle", type=float, metavar="S", help="Ends when nothing has changed for so many seconds.")
@click.option("--nested", is_flag=True, help="Also the simulations beneath runs of primitives.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line.")
def run(
    path: str | None,
    *,
    condition: tuple[str, ...],
    interval: float,
    until_idle: float | None,
    nested: bool,
    as_json: bool,
) -> int:
    """Prints changes until it is interrupted, or until nothing has changed for a while."""
    for name, value in (("--interval", interval), ("--until-idle", until_idle)):
        if value is not None and not 0 < value < float("inf"):
            raise InvalidInputError(f"{name} {value}: a number of seconds greater than 0 is expected")
    project = open_path(path, "r")
    where = " ".join(condition) or None
    project.count(where)  # a mistake in the condition is found before anything is printed
    changes = _changes(project, where, {} if nested else {"parent": ""}, interval, until_idle)
    if not as_json:
        put(f"aerchive: watching {clean(str(project.path))}; Ctrl-C ends it", to_errors=True)
    try:
        for one in changes:
            if as_json:
                put(json_text(summary(one, BadRuns()), None))
            else:
                _put_line(one)
    except KeyboardInterrupt:
        return 0
    return 0


def _changes(
    project: Project, where: str | None, conditions: dict[str, Any], interval: float, until_idle: float | None
) -> Iterator[Run]:
    """Yields runs that were submitted from now on, and those that run now, whenever their outcome is another one."""
    start, last = now(), time.monotonic()
    stamp = stamp_at(project.path)
    there = project.catalogue()["job_id"]
    running = _found(project, where, {**conditions, "outcome": _RUNNING})
    known = {one.job_id: _RUNNING for one in running}
    yield from running
    while until_idle is None or time.monotonic() < last + until_idle:
        time.sleep(interval)
        left = [job_id for job_id, outcome in known.items() if outcome == _RUNNING]
        found = _found(project, where, {**conditions, "created__ge": start})
        new, before, stamp = left, stamp, stamp_at(project.path)
        if stamp != before:  # runs of the past are archived, too, such as those of a merge
            new = [*left, *_new_ids(project, there)]
        found += _found(project, where, {**conditions, "job_id__in": new}) if new else []
        for one in sorted({one.job_id: one for one in found}.values(), key=lambda one: one.created):
            if known.get(one.job_id) != one.outcome:
                known[one.job_id] = one.outcome
                last = time.monotonic()
                yield one


def _new_ids(project: Project, there: NDArray[Any]) -> list[str]:
    """The job ids of runs that were not in the file at the start; a long one, which its row has cut, is left out."""
    try:
        rows = project.catalogue()
    except (NotFoundError, ProjectLockedError):
        return []
    is_new = ~np.isin(rows["job_id"], there) & (rows["overflow"] & np.uint32(OVERFLOW["job_id"]) == 0)
    return [one.decode() for one in rows["job_id"][is_new].tolist()]


def _found(project: Project, where: str | None, conditions: dict[str, Any]) -> list[Run]:
    try:
        return project.runs(where=where, descending=False, **conditions)
    except (NotFoundError, ProjectLockedError):  # another program has locked or replaced the file: look again later
        return []


def _put_line(one: Run) -> None:
    """Prints the time, the id, what ran with its outcome, and the parameters."""
    title = cut(clean(str(shown_attributes(one.record)["title"])), _MOST_TITLE)
    params = ", ".join(f"{clean(name)}={clean(cell_text('', value))}" for name, value in one.params.items())
    parts = [format_time(one.created), clean(one.job_id[:_ID]), title, params]
    line = "  ".join(parts).rstrip()
    if is_terminal():
        terminal().print(line, style=OUTCOME_STYLES.get(one.outcome), soft_wrap=True)
    else:
        put(line)
