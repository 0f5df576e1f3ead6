"""``aerchive recover``: completes a commit that a crash interrupted, or makes the catalogue again."""

from __future__ import annotations

import dataclasses

import click

from aerchive.aer.opening import project_at
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_runs


@command("recover", "aerchive recover vqe.h5")
@file_argument
@click.option("--rebuild-catalogue", is_flag=True, help="Make the catalogue anew from the runs.")
@json_option()
def run(path: str | None, *, rebuild_catalogue: bool, as_json: bool) -> int:
    """Recovers the project, and prints whether there was anything to do."""
    project = project_at(path, "r+")
    if rebuild_catalogue:
        with ProgressBar("read", "runs") as bar:
            report = project.rebuild_catalogue(bar.show)
        put_report(dataclasses.asdict(report), report, as_json=as_json)
        return 1 if report.problems else 0
    found, runs = project.recover(), len(project)
    what = "an interrupted commit was completed" if found else "nothing to recover"
    document = {"path": str(project.path), "recovered": found, "runs": runs}
    put_report(document, f"{project.path}: {what}; the project has {format_runs(runs)}", as_json=as_json)
    return 0
