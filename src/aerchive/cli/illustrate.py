"""``aerchive illustrate``: draws pictures of runs, and the cover of the project, for viewers such as HDFView."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli import EXIT_PROBLEM
from aerchive.cli.arguments import add_json, print_report
from aerchive.display.text import clean, format_runs


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = (
        "examples: aerchive -p vqe.h5 illustrate;  aerchive -p vqe.h5 illustrate 'num_qubits > 3 and status == ok'"
    )
    text = "the conditions that runs meet, as for find; without it, all runs"
    parser.add_argument("query", nargs="?", metavar="QUERY", help=text)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Draws, and prints the number of runs that have new pictures."""
    drawn = open_path(options.project, "r+").illustrate(options.query)
    lines = [f"drew pictures of {format_runs(drawn.runs)}", *(f"  {clean(problem)}" for problem in drawn.problems)]
    print_report(options, drawn._asdict(), "\n".join(lines), None)
    return EXIT_PROBLEM if drawn.problems else 0
