"""``aerchive diff A B``: compares two runs and prints what differs."""

from __future__ import annotations

import argparse
import json

from aerchive.aer.opening import open_path


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 diff 4ff2da70 91c0"
    parser.add_argument("first", metavar="A", help="a job id, an unambiguous beginning of one, a name, or latest")
    parser.add_argument("second", metavar="B", help="the other one")
    parser.add_argument("--other", metavar="FILE", help="the project that B is in; by default that of A")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the differences. The exit status is 1 if the runs differ."""
    from aerchive.aer.again.diff import diff_runs

    project = open_path(options.project, "r")
    other = project if options.other is None else open_path(options.other, "r")
    report = diff_runs(project[options.first], other[options.second])
    if options.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        print(report)
    return 0 if report.same else 1
