"""``aerchive trust``: trusts a file from elsewhere as if it were the user's own."""

from __future__ import annotations

import argparse
import dataclasses

from aerchive.aer.opening import project_at, trust
from aerchive.cli.arguments import add_json, print_report
from aerchive.display.text import format_runs, format_table
from aerchive.errors import InvalidInputError
from aerchive.project.care.foreign import stop_trusting
from aerchive.storage.medium.known_files import all_known


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive trust from-ann.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--remove", action="store_true", help="make the file foreign again")
    which.add_argument("--list", action="store_true", help="list the files that are known")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Trusts the file, or makes it foreign again, or lists the known files; the exit status is 1 if it was foreign."""
    if options.list:
        path = None if options.file is None else str(project_at(options.file, "r").path)
        found = sorted((one for one in all_known() if path in (None, one.path)), key=lambda one: one.path)
        table = format_table(("how", "project", "path"), [(one.how, one.uuid, one.path) for one in found])
        print_report(options, [dataclasses.asdict(one) for one in found], table)
        return 0
    if options.file is None:
        raise InvalidInputError("which file? Name it, or list the known ones with --list")
    project = project_at(options.file, "r")
    if options.remove:
        was_trusted = stop_trusting(project.path)
        said = f"{project.path}: {'is foreign now' if was_trusted else 'was not trusted'}"
        document = {"path": str(project.path), "was_trusted": was_trusted}
        print_report(options, document, said)
        return 0 if was_trusted else 1
    known, runs = trust(options.file), len(project)
    said = f"{known.path}: project {known.uuid} with {format_runs(runs)} is trusted, until others change it"
    print_report(options, {**dataclasses.asdict(known), "runs": runs}, said)
    return 0
