"""``aerchive clean``: deletes runs by age, size and outcome."""

from __future__ import annotations

import functools
import sys
from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.listing import LISTED, print_runs
from aerchive.cli.output import put, put_report
from aerchive.display.text import format_bytes, format_runs
from aerchive.errors import InvalidInputError
from aerchive.project.care.retention import CleanReport
from aerchive.project.project import Project

_MOST_SHOWN = 50


@command("clean", "aerchive clean vqe.h5 --older-than 30d --outcome failed --dry-run")
@file_argument
@click.option("--older-than", metavar="AGE", help="Submitted longer ago: 30d (also min, h, w, y), or before a time.")
@click.option("--larger-than", metavar="SIZE", help="With more bytes of values, before compression: 1GiB.")
@click.option("--outcome", multiple=True, metavar="OUTCOME", help="With this outcome; may be repeated.")
@click.option("--keep-tagged", is_flag=True, help="Runs that have tags stay.")
@click.option("--keep", type=int, metavar="N", help="The newest N stay.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option()
def run(path: str | None, *, outcome: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool, **rule: Any) -> int:
    """Shows the runs, asks, and deletes them."""
    project = open_path(path, "r" if dry_run else "r+")
    clean = functools.partial(project.clean, outcome=list(outcome) or None, **rule)
    report = None if yes and not dry_run else clean(dry_run=True)
    if report is None:
        report = clean()
    elif report.runs and not dry_run:
        _ask(report, project)
        report = clean(job_ids=[one.job_id for one in report.runs])
    deleted = bool(report.runs) and not report.dry_run
    if report.dry_run and report.runs and not as_json:
        _show(report, project)
    text = report.summary if report.dry_run else str(report)
    if deleted and not as_json:  # without --yes the user has just read the report
        back = format_bytes(project.space().reclaimable_bytes)
        text = f"{text}\n" if yes else f"deleted {format_runs(len(report.runs))}; "
        text += f"'aerchive compact' gives back about {back}; until then 'aerchive rm --restore JOB' brings a run back"
    ids = [one.job_id for one in report.runs]
    document = {"jobs": ids, "beneath": report.beneath, "nbytes": report.nbytes, "deleted": deleted}
    put_report(document, text, as_json=as_json)
    return 0


def _show(report: CleanReport, project: Project, *, to_errors: bool = False) -> None:
    """Prints the runs that would be deleted as a table, the oldest first."""
    ids = [one.job_id for one in report.runs[:_MOST_SHOWN]]
    page = project.page(names=LISTED, descending=False, job_id__in=ids)
    print_runs(page, to_errors=to_errors)
    more = len(report.runs) - len(ids)
    put(f"... and {more} more\n" if more else "", to_errors=to_errors)


def _ask(report: CleanReport, project: Project) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError("nothing was deleted: there is nobody to ask; add --yes, or look first with --dry-run")
    _show(report, project, to_errors=True)
    put(report.summary, to_errors=True)
    put(f"Delete {format_runs(len(report.runs))} from {project.path}? [y/N] ", end="", to_errors=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidInputError("nothing was deleted")
