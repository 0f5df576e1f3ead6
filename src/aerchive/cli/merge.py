"""``aerchive merge A B...``: brings all that other projects have into a project."""

from __future__ import annotations

import os

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar
from aerchive.errors import FormatError, NotFoundError, UnsafeContentError
from aerchive.project.sharing.report import MergeReport


@command("merge", "aerchive merge vqe.h5 from-ann.h5", "aerchive merge all.h5 task-*.h5", file_word="none")
@click.argument("files", nargs=-1, metavar="[A] B...", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only say what would be merged; nothing is changed.")
@json_option()
def run(path: str | None, *, files: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Merges B... into A, which is made if there is none. The exit status is 1 if there is something to decide.

    A file that cannot be read is reported as a problem, and the others are merged.
    """
    words = files if path is None else (path, *files)
    if len(words) < 2:
        raise click.UsageError("name the project A that is merged into, and the projects B... that are merged")
    target, *others = words
    project = open_path(target, "a")
    reports = []
    for other in others:
        with ProgressBar("merged", "B") as bar:
            try:
                report = project.merge(other, bar.show, dry_run=dry_run)
            except (FormatError, NotFoundError, UnsafeContentError) as error:
                if len(others) == 1 or not str(error).startswith(os.path.realpath(other)):
                    raise
                report = MergeReport(str(project.path), os.path.realpath(other), problems=[str(error)], dry_run=dry_run)
        reports.append(report)
    put_report([report.to_json() for report in reports], "\n".join(map(str, reports)), as_json=as_json)
    return 0 if all(report.ok for report in reports) else 1
