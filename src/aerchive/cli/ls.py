"""``aerchive ls``: lists the runs of a project, newest first."""

from __future__ import annotations

from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, complete_tags, file_argument
from aerchive.cli.listing import listing_options, print_listing
from aerchive.cli.output import put
from aerchive.display.text import clean
from aerchive.layout import OUTCOMES


@command(
    "ls",
    "aerchive ls vqe.h5 --since yesterday --tag vqe",
    "aerchive ls vqe.h5 --columns job_id,params.distance,saved.energy",
)
@file_argument
@click.option(
    "--since", metavar="TIME", help="Submitted from then on: 2026-11-22, 2026-11-22T14:00, yesterday, '2 days ago'."
)
@click.option("--until", metavar="TIME", help="Submitted up to then; a day is meant to its end.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="With this tag; given again, with both.",
)
@click.option("--status", type=click.Choice(OUTCOMES), help="With this outcome.")
@listing_options
def run(
    path: str | None,
    *,
    since: str | None,
    until: str | None,
    tags: tuple[str, ...],
    status: str | None,
    nested: bool,
    **listing: Any,
) -> int:
    """Prints the list."""
    conditions: dict[str, Any] = {} if nested else {"parent": ""}
    given = {"created__ge": since, "created__le": until, "tags": list(tags) or None, "outcome": status}
    conditions |= {name: value for name, value in given.items() if value is not None}
    project = open_path(path, "r")
    print_listing(project, None, conditions, **listing)
    for note in project.notes():
        put(f"aerchive: note: {clean(note)}", to_errors=True)
    return 0
