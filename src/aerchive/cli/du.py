"""``aerchive du``: shows what takes the space of a project."""

from __future__ import annotations

import dataclasses

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.output import is_terminal, put_report, terminal
from aerchive.display.progress import ProgressBar

_TOP = 10


@command("du", "aerchive du vqe.h5 --top 3")
@file_argument
@click.option("--top", type=int, default=_TOP, metavar="N", help=f"How many runs are shown (default {_TOP}).")
@json_option("As JSON, all runs.")
def run(path: str | None, *, top: int, as_json: bool) -> int:
    """Prints the sizes, the largest size first."""
    with ProgressBar("measured") as bar:
        report = open_path(path, "r").space(bar.show)
    document = dataclasses.asdict(report) | {"reclaimable_bytes": report.reclaimable_bytes}
    put_report(document, report.to_text(max(0, top), terminal().width if is_terminal() else None), as_json=as_json)
    return 0
