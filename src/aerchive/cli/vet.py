"""``aerchive vet``: lets HDF5 parse a file in a child process with limits."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import vet
from aerchive.display.text import clean, format_runs


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive vet downloaded.h5"
    parser.add_argument("file", metavar="FILE", help="the project")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the report. The exit status is 1 if there are findings."""
    report = vet(options.file)
    if options.json:
        print(json.dumps({**dataclasses.asdict(report), "ok": report.ok}, indent=2))
    else:
        found = f"{len(report.findings)} findings" if report.findings else "no findings"
        print(clean(f"{report.path}: {format_runs(report.runs)}, {report.nodes} groups and datasets vetted, {found}"))
        for finding in report.findings:
            print(f"  {clean(finding)}")
    return 0 if report.ok else 1
