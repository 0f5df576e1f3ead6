"""``aerchive compact``: replaces a project file by a new, smaller file."""

from __future__ import annotations

import argparse
import dataclasses

from aerchive.aer.opening import project_at
from aerchive.cli.arguments import add_file, add_json, print_report
from aerchive.display.progress import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive compact vqe.h5"
    add_file(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be given back")
    parser.add_argument("--force", action="store_true", help="compact also where it is not worth it")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Compacts the project, and prints how much space was given back."""
    what, unit = ("measured", "") if options.dry_run else ("copied and verified", "B")
    with ProgressBar(what, unit) as bar:
        project = project_at(options.file or options.project, "r" if options.dry_run else "r+")
        report = project.compact(bar.show, dry_run=options.dry_run, force=options.force)
    print_report(options, dataclasses.asdict(report) | {"bytes_given_back": report.bytes_given_back}, report, None)
    return 0
