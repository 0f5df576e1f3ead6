"""``aerchive recover``: completes a commit that a crash interrupted, or makes the catalogue again."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import project_at
from aerchive.display.progress import ProgressBar
from aerchive.project.project import Project


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive recover vqe.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--rebuild-catalogue", action="store_true", help="make the catalogue anew from the runs")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Recovers the project, and prints whether there was anything to do."""
    project = project_at(options.file or options.project, "r+")
    if options.rebuild_catalogue:
        return _rebuild(project, as_json=options.json)
    found = project.recover()
    if options.json:
        print(json.dumps({"path": str(project.path), "recovered": found, "runs": len(project)}))
    elif found:
        print(f"{project.path}: an interrupted commit was completed; the project has {len(project)} runs")
    else:
        print(f"{project.path}: nothing to recover; the project has {len(project)} runs")
    return 0


def _rebuild(project: Project, *, as_json: bool) -> int:
    with ProgressBar("read", "runs") as bar:
        report = project.rebuild_catalogue(bar.show)
    print(json.dumps(dataclasses.asdict(report), indent=2) if as_json else report)
    return 1 if report.problems else 0
