"""``aerchive verify``: look at every byte of a project that a read can return."""

from __future__ import annotations

import argparse
import json

from aerchive.aer.opening import open_path
from aerchive.display.progress import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive verify vqe.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the report; the exit status is 1 if there are problems."""
    with ProgressBar("verified", "B") as bar:
        report = open_path(options.file or options.project, "r").verify(bar.show)
    if options.json:
        print(
            json.dumps(
                {
                    "path": report.path,
                    "ok": report.ok,
                    "runs": report.runs,
                    "objects": report.objects,
                    "problems": report.problems,
                },
                indent=2,
            )
        )
    else:
        print(report)
    return 0 if report.ok else 1
