"""``aerchive recover``: completes a commit that a crash interrupted, or makes the catalogue again."""

from __future__ import annotations

import argparse
import dataclasses

from aerchive.aer.opening import project_at
from aerchive.cli.arguments import add_file, add_json, print_report
from aerchive.display.progress import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive recover vqe.h5"
    add_file(parser)
    parser.add_argument("--rebuild-catalogue", action="store_true", help="make the catalogue anew from the runs")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Recovers the project, and prints whether there was anything to do."""
    project = project_at(options.file or options.project, "r+")
    if options.rebuild_catalogue:
        with ProgressBar("read", "runs") as bar:
            report = project.rebuild_catalogue(bar.show)
        print_report(options, dataclasses.asdict(report), report)
        return 1 if report.problems else 0
    found = project.recover()
    document = {"path": str(project.path), "recovered": found, "runs": len(project)}
    what = "an interrupted commit was completed" if found else "nothing to recover"
    print_report(options, document, f"{project.path}: {what}; the project has {len(project)} runs", None)
    return 0
