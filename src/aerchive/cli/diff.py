"""``aerchive diff A B``: compares two runs, or two projects, and prints what differs."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, is_project_name, job_argument, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar


@command(
    "diff",
    "aerchive diff vqe.h5 latest 'noisy GHZ'",
    "aerchive -p vqe.h5 diff -1 -2",
    "aerchive diff mine.h5 from-ann.h5",
)
@job_argument("runs", "A B", nargs=-1)
@click.option("--other", metavar="FILE", help="The project that B is in; by default that of A.")
@click.option("--projects", is_flag=True, help="A and B are projects, as they are if both are names of HDF5 files.")
@json_option()
def run(path: str | None, *, runs: tuple[str, ...], other: str | None, projects: bool, as_json: bool) -> int:
    """Prints the differences. The exit status is 1 if the runs or projects differ."""
    words = [*([path] if path is not None else []), *runs]
    if projects or (len(words) == 2 and all(map(is_project_name, words)) and other is None):
        return _diff_projects(words, as_json=as_json)
    if len(runs) != 2:
        raise click.UsageError("name two runs, or two projects")
    first, second = runs
    project = open_path(path, "r")
    report = project[first].diff((project if other is None else open_path(other, "r"))[second])
    put_report(report.to_json(), report, as_json=as_json)
    return 0 if report.same else 1


def _diff_projects(words: list[str], *, as_json: bool) -> int:
    """Compares two projects."""
    if len(words) != 2:
        raise click.UsageError("name two projects")
    with ProgressBar("compared", "runs") as bar:
        report = open_path(words[0], "r").diff(words[1], bar.show)
    put_report(report.to_json(), report, as_json=as_json)
    return 0 if report.is_same else 1
