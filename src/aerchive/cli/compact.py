"""``aerchive compact``: replaces a project file by a new, smaller file."""

from __future__ import annotations

import dataclasses

import click

from aerchive.aer.opening import project_at
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar


@command("compact", "aerchive compact vqe.h5")
@file_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be given back.")
@click.option("--force", is_flag=True, help="Compact also where it is not worth it.")
@json_option()
def run(path: str | None, *, dry_run: bool, force: bool, as_json: bool) -> int:
    """Compacts the project, and prints how much space was given back."""
    what, unit = ("measured", "it") if dry_run else ("copied and verified", "B")
    with ProgressBar(what, unit) as bar:
        project = project_at(path, "r" if dry_run else "r+")
        report = project.compact(bar.show, dry_run=dry_run, force=force)
    put_report(dataclasses.asdict(report) | {"bytes_given_back": report.bytes_given_back}, report, as_json=as_json)
    return 0
