"""``aerchive du``: shows what takes the space of a project."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import open_path
from aerchive.display.progress import ProgressBar

_TOP = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive du vqe.h5 --top 3"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--top", type=int, default=_TOP, metavar="N", help=f"how many runs are shown (default {_TOP})")
    parser.add_argument("--json", action="store_true", help="as JSON, all runs")


def run(options: argparse.Namespace) -> int:
    """Prints the sizes, the largest size first."""
    with ProgressBar("measured") as bar:
        report = open_path(options.file or options.project, "r").space(bar.show)
    if options.json:
        document = dataclasses.asdict(report) | {"reclaimable_bytes": report.reclaimable_bytes}
        print(json.dumps(document, indent=2))
    else:
        print(report.to_text(max(0, options.top)))
    return 0
