"""``aerchive du``: shows what takes the space of a project."""

from __future__ import annotations

import argparse
import dataclasses

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_file, add_json, print_report
from aerchive.display.progress import ProgressBar

_TOP = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive du vqe.h5 --top 3"
    add_file(parser)
    parser.add_argument("--top", type=int, default=_TOP, metavar="N", help=f"how many runs are shown (default {_TOP})")
    add_json(parser, "as JSON, all runs")


def run(options: argparse.Namespace) -> int:
    """Prints the sizes, the largest size first."""
    with ProgressBar("measured") as bar:
        report = open_path(options.file or options.project, "r").space(bar.show)
    document = dataclasses.asdict(report) | {"reclaimable_bytes": report.reclaimable_bytes}
    print_report(options, document, report.to_text(max(0, options.top)))
    return 0
