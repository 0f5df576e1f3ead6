"""``aerchive trust``: trusts a file from elsewhere as if it were the user's own."""

from __future__ import annotations

import dataclasses

import click

from aerchive.aer.opening import project_at, trust
from aerchive.cli.command import at_most_one, command, file_argument, json_option, needed
from aerchive.cli.output import put_json, put_report
from aerchive.cli.tables import TableColumn, put_table
from aerchive.display.text import format_runs
from aerchive.project.care.foreign import stop_trusting
from aerchive.storage.medium.known_files import all_known


@command("trust", "aerchive trust from-ann.h5")
@file_argument
@click.option("--remove", is_flag=True, help="Make the file foreign again.")
@click.option("--list", "only_list", is_flag=True, help="List the files that are known.")
@json_option()
def run(path: str | None, *, remove: bool, only_list: bool, as_json: bool) -> int:
    """Trusts the file, or makes it foreign again, or lists the known files; the exit status is 1 if it was foreign."""
    at_most_one(remove=remove, list=only_list)
    if only_list:
        only = None if path is None else str(project_at(path, "r").path)
        found = sorted((one for one in all_known() if only in (None, one.path)), key=lambda one: one.path)
        if as_json:
            put_json([dataclasses.asdict(one) for one in found])
        else:
            columns = {"how": "how", "project": "uuid", "path": "path"}
            put_table([TableColumn(head, [getattr(one, name) for one in found]) for head, name in columns.items()])
        return 0
    project = project_at(needed(path, "; or list the known ones with --list"), "r")
    if remove:
        was_trusted = stop_trusting(project.path)
        said = f"{project.path}: {'is foreign now' if was_trusted else 'was not trusted'}"
        put_report({"path": str(project.path), "was_trusted": was_trusted}, said, as_json=as_json)
        return 0 if was_trusted else 1
    known, runs = trust(project.path), len(project)
    said = f"{known.path}: project {known.uuid} with {format_runs(runs)} is trusted, until others change it"
    put_report({**dataclasses.asdict(known), "runs": runs}, said, as_json=as_json)
    return 0
