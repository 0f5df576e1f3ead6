"""``aerchive unshrink``: writes back the arrays that runs compute again."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar


@command("unshrink", "aerchive unshrink vqe.h5 'tags == scan'")
@click.argument("expression", metavar="WHERE")
@json_option()
def run(path: str | None, *, expression: str, as_json: bool) -> int:
    """Computes the runs again, and writes their arrays back. The exit status is 1 if that failed for one."""
    project = open_path(path, "r+")
    with ProgressBar("written back", "runs") as bar:
        report = project.unshrink(expression, progress=bar.show)
    put_report(report.document(), report, as_json=as_json)
    return 1 if report.left_out else 0
