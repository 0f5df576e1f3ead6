"""``aerchive compact``: a new, smaller file in the place of a project."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import project_at
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_bytes, format_runs


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive compact vqe.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Compacts, and says what was given back."""
    with ProgressBar("copied and verified", "B") as bar:
        report = project_at(options.file or options.project, "r+").compact(bar.show)
    if options.json:
        print(json.dumps(dataclasses.asdict(report) | {"bytes_given_back": report.bytes_given_back}))
    else:
        before, after = format_bytes(report.bytes_before), format_bytes(report.bytes_after)
        back = format_bytes(report.bytes_given_back)
        print(f"{report.path}: {format_runs(report.runs)}, {before} before, {after} now: {back} given back")
    return 0
