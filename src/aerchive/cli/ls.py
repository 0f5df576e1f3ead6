"""``aerchive ls``: lists the runs of a project, newest first."""

from __future__ import annotations

import argparse
from typing import Any

from aerchive.aer.opening import open_path
from aerchive.cli.listing import add_listing_arguments, print_listing
from aerchive.cli.output import put
from aerchive.display.text import clean
from aerchive.layout import OUTCOMES


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 ls --since yesterday --tag vqe"
    parser.add_argument(
        "--since", metavar="TIME", help="submitted from then on: 2026-11-22, 2026-11-22T14:00, yesterday, '2 days ago'"
    )
    parser.add_argument("--until", metavar="TIME", help="submitted up to then; a day is meant to its end")
    parser.add_argument("--tag", action="append", metavar="TAG", help="with this tag; given again, with both")
    parser.add_argument("--status", choices=OUTCOMES, help="with this outcome")
    add_listing_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the list."""
    conditions: dict[str, Any] = {} if options.nested else {"parent": ""}
    given = {"created__ge": options.since, "created__le": options.until, "tags": options.tag, "outcome": options.status}
    conditions |= {name: value for name, value in given.items() if value is not None}
    project = open_path(options.project, "r")
    print_listing(project, options, None, conditions)
    for note in project.notes():
        put(f"aerchive: note: {clean(note)}", to_errors=True)
    return 0
