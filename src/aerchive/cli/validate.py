"""``aerchive validate``: checks each node of a file against the rules of the format."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import validate
from aerchive.cli.arguments import add_json, print_report


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive validate made-by-another-program.h5"
    parser.add_argument("file", metavar="FILE", help="the project")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the report. The exit status is 1 if anything departs from the format."""
    report = validate(options.file)
    document = {name: getattr(report, name) for name in ("path", "ok", "nodes", "others")}
    departures = [one._asdict() for one in report.departures]
    print_report(options, {**document, "departures": departures}, report)
    return 0 if report.ok else 1
