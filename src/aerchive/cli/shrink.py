"""``aerchive shrink``: replaces large arrays by what computes them again."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, json_option
from aerchive.cli.output import put, put_report
from aerchive.display.progress import ProgressBar
from aerchive.errors import InvalidInputError
from aerchive.project.shrinking.report import PROMISE


@command(
    "shrink",
    "aerchive shrink vqe.h5 'seconds < 60' --dry-run",
    "aerchive shrink vqe.h5 'tags == scan' --max-seconds 10 --yes",
    notes=textwrap.fill(PROMISE, 76),
)
@click.argument("expression", metavar="WHERE")
@click.option("--to", type=click.Choice(["recipe"]), default="recipe", help="What replaces the arrays.")
@click.option("--min-size", default="1 MiB", metavar="SIZE", help="The smallest array that goes (default 1 MiB).")
@click.option("--max-seconds", type=float, metavar="N", help="Only runs that took at most N seconds.")
@click.option("--dry-run", is_flag=True, help="Only show what would be saved, and what computing it takes.")
@click.option("--yes", is_flag=True, help="Do it: I know that the promise holds for this build of Aer.")
@json_option()
def run(
    path: str | None,
    *,
    expression: str,
    to: str,
    min_size: str,
    max_seconds: float | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Shows the runs, or computes them again, and takes their large arrays out if these come out the same.

    The exit status is 1 if the arrays of a run came out otherwise, or could not be tried.
    """
    if to != "recipe":
        raise InvalidInputError(f"--to {to}: arrays can be replaced by their recipe only")
    is_done = yes and not dry_run
    project = open_path(path, "r+" if is_done else "r")
    chosen: dict[str, Any] = {"min_bytes": min_size, "max_seconds": max_seconds}
    if not is_done:
        report = project.shrink(expression, dry_run=True, **chosen)
        put_report(report.document(), report, as_json=as_json)
        if dry_run or not report.runs:
            return 0
        put(PROMISE, to_errors=True)
        raise InvalidInputError("nothing was changed: if you accept that, call the command again with --yes")
    planned = {one.job_id for one in project.shrink(expression, dry_run=True, **chosen).runs}
    with ProgressBar("tried and replaced", "B") as bar:
        report = project.shrink(expression, progress=bar.show, **chosen)
    put_report(report.document(), report, as_json=as_json)
    return 1 if planned & {one.job_id for one in report.left_out} else 0
