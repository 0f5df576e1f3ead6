"""``aerchive diff A B``: compares two runs and prints what differs."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.output import put_report


@command("diff", "aerchive diff vqe.h5 latest 'noisy GHZ'", "aerchive -p vqe.h5 diff -1 -2")
@job_argument("first", "A")
@job_argument("second", "B")
@click.option("--other", metavar="FILE", help="The project that B is in; by default that of A.")
@json_option()
def run(path: str | None, *, first: str, second: str, other: str | None, as_json: bool) -> int:
    """Prints the differences. The exit status is 1 if the runs differ."""
    project = open_path(path, "r")
    report = project[first].diff((project if other is None else open_path(other, "r"))[second])
    put_report(report.to_json(), report, as_json=as_json)
    return 0 if report.same else 1
