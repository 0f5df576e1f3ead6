"""``aerchive vet``: lets HDF5 parse a file in a child process with limits."""

from __future__ import annotations

import argparse
import dataclasses

from aerchive.aer.opening import vet
from aerchive.cli.arguments import add_json, print_report
from aerchive.display.text import clean, format_runs


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive vet downloaded.h5"
    parser.add_argument("file", metavar="FILE", help="the project")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the report. The exit status is 1 if there are findings."""
    report = vet(options.file)
    found = f"{len(report.findings)} findings" if report.findings else "no findings"
    head = f"{report.path}: {format_runs(report.runs)}, {report.nodes} groups and datasets vetted, {found}"
    lines = [clean(line) for line in (head, *(f"  {finding}" for finding in report.findings))]
    print_report(options, {**dataclasses.asdict(report), "ok": report.ok}, "\n".join(lines))
    return 0 if report.ok else 1
