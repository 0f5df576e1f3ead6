"""``aerchive trust``: trusts a file from elsewhere as if it were the user's own."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import project_at, trust
from aerchive.display.text import clean, format_runs, format_table
from aerchive.errors import InvalidInputError
from aerchive.project.care.foreign import stop_trusting
from aerchive.storage.medium.known_files import KnownFile, all_known


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive trust from-ann.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--remove", action="store_true", help="make the file foreign again")
    which.add_argument("--list", action="store_true", help="list the files that are known")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Trusts the file, or makes it foreign again, or lists the known files; the exit status is 1 if it was foreign."""
    if options.list:
        path = None if options.file is None else str(project_at(options.file, "r").path)
        _list([known for known in all_known() if path in (None, known.path)], options.json)
        return 0
    if options.file is None:
        raise InvalidInputError("which file? Name it, or list the known ones with --list")
    project = project_at(options.file, "r")
    if options.remove:
        was_trusted = stop_trusting(project.file)
        said = f"{project.path}: {'is foreign now' if was_trusted else 'was not trusted'}"
        document = {"path": str(project.path), "was_trusted": was_trusted}
        print(json.dumps(document) if options.json else clean(said))
        return 0 if was_trusted else 1
    known, runs = trust(options.file), len(project)
    if options.json:
        print(json.dumps({**dataclasses.asdict(known), "runs": runs}))
    else:
        print(clean(f"{known.path}: project {known.uuid} with {format_runs(runs)} is trusted, until others change it"))
    return 0


def _list(known: list[KnownFile], as_json: bool) -> None:
    known.sort(key=lambda one: one.path)
    if as_json:
        print(json.dumps([dataclasses.asdict(one) for one in known], indent=2))
    else:
        print(format_table(("how", "project", "path"), [(one.how, one.uuid, one.path) for one in known]))
