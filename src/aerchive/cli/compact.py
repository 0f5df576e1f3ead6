"""``aerchive compact``: replaces a project file by a new, smaller file."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import project_at
from aerchive.display.progress import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive compact vqe.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be given back")
    parser.add_argument("--force", action="store_true", help="compact also where it is not worth it")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Compacts the project, and prints how much space was given back."""
    what, unit = ("measured", "") if options.dry_run else ("copied and verified", "B")
    with ProgressBar(what, unit) as bar:
        project = project_at(options.file or options.project, "r" if options.dry_run else "r+")
        report = project.compact(bar.show, dry_run=options.dry_run, force=options.force)
    if options.json:
        print(json.dumps(dataclasses.asdict(report) | {"bytes_given_back": report.bytes_given_back}))
    else:
        print(report)
    return 0
