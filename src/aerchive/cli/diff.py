"""``aerchive diff A B``: compares two runs and prints what differs."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, add_json, print_report


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 diff 4ff2da70 91c0"
    add_job(parser, "first", metavar="A")
    parser.add_argument("second", metavar="B", help="the other one")
    parser.add_argument("--other", metavar="FILE", help="the project that B is in; by default that of A")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the differences. The exit status is 1 if the runs differ."""
    from aerchive.aer.again.diff import diff_runs

    project = open_path(options.project, "r")
    other = project if options.other is None else open_path(options.other, "r")
    report = diff_runs(project[options.first], other[options.second])
    print_report(options, report.to_json(), report)
    return 0 if report.same else 1
