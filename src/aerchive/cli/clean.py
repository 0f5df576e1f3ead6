"""``aerchive clean``: deletes runs by age, size and outcome."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_json, print_report
from aerchive.cli.output import put
from aerchive.display.text import format_bytes, format_runs
from aerchive.errors import InvalidInputError
from aerchive.project.care.retention import CleanReport
from aerchive.project.project import Project


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 clean --older-than 30d --outcome failed --keep-tagged --dry-run"
    parser.add_argument(
        "--older-than", metavar="AGE", help="submitted longer ago: 30d (also min, h, w, y), or before a time"
    )
    parser.add_argument("--larger-than", metavar="SIZE", help="with more bytes of values, before compression: 1GiB")
    parser.add_argument("--outcome", action="append", metavar="OUTCOME", help="with this outcome; may be repeated")
    parser.add_argument("--keep-tagged", action="store_true", help="runs that have tags stay")
    parser.add_argument("--keep", type=int, metavar="N", help="the newest N stay")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Shows the runs, asks, and deletes them."""
    project = open_path(options.project, "r" if options.dry_run else "r+")
    report = None if options.yes and not options.dry_run else _clean(project, options, dry_run=True)
    if report is None:
        report = _clean(project, options)
    elif report.runs and not options.dry_run:
        _ask(report, project)
        report = _clean(project, options, job_ids=[one.job_id for one in report.runs])
    deleted = bool(report.runs) and not report.dry_run
    text = str(report)
    if deleted and not options.json:  # without --yes the user has just read the report
        back = format_bytes(project.space().reclaimable_bytes)
        text = f"{text}\n" if options.yes else f"deleted {format_runs(len(report.runs))}; "
        text += f"'aerchive compact' gives back about {back}; until then 'aerchive rm --restore JOB' brings a run back"
    ids = [one.job_id for one in report.runs]
    document = {"jobs": ids, "beneath": report.beneath, "nbytes": report.nbytes, "deleted": deleted}
    print_report(options, document, text)
    return 0


def _clean(project: Project, options: argparse.Namespace, **more: Any) -> CleanReport:
    rule = {name: getattr(options, name) for name in ("older_than", "larger_than", "outcome", "keep_tagged", "keep")}
    return project.clean(**rule, **more)


def _ask(report: CleanReport, project: Project) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError("nothing was deleted: there is nobody to ask; add --yes, or look first with --dry-run")
    put(report, to_errors=True)
    put(f"Delete {format_runs(len(report.runs))} from {project.path}? [y/N] ", end="", to_errors=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InvalidInputError("nothing was deleted")
