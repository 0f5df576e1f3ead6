"""``aerchive find CONDITION``: lists the runs that meet a condition."""

from __future__ import annotations

from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import at_most_one, command
from aerchive.cli.listing import listing_options, print_listing, print_nothing_found
from aerchive.cli.output import put, put_json
from aerchive.display.text import clean

_GRAMMAR = """\
Columns:    job_id name backend method precision outcome (or status)
            program parent message tags created shots seed nbytes
            num_circuits num_qubits num_clbits seconds noisy params.NAME
            metadata.NAME saved.NAME circuit.depth circuit.ops.NAME
Operators:  == != < <= > >=  in [a, b]  contains  startswith  not in
            not contains
Together:   and  or  not  ( )
Times:      2026-11-22  2026-11-22T14:00  today  yesterday  monday
            3 hours ago  2 days ago
"""


@command(
    "find",
    "aerchive find vqe.h5 'num_qubits >= 20 and status == error'",
    "aerchive find vqe.h5 'params.distance < 1' --columns job_id,saved.energy",
    file_word="first",
    notes=_GRAMMAR,
)
@click.argument("condition", nargs=-1)
@click.option("--sort", default="created", metavar="COLUMN", help="By this column, not by the time of submission.")
@click.option("--ascending", is_flag=True, help="The oldest, or the least, first.")
@click.option("--count", is_flag=True, help="Only how many there are.")
@click.option("--ids", is_flag=True, help="Only the job ids, one a line, all of them.")
@listing_options
def run(
    path: str | None,
    *,
    condition: tuple[str, ...],
    sort: str,
    ascending: bool,
    count: bool,
    ids: bool,
    nested: bool,
    as_json: bool,
    **listing: Any,
) -> int:
    """Prints the runs that were found, their number or their ids."""
    at_most_one(count=count, ids=ids)
    where = " ".join(condition) or None
    project = open_path(path, "r")
    nested = nested or bool(project.clause(where, {}).columns & {"parent", "job_id"})
    conditions: dict[str, Any] = {} if nested else {"parent": ""}
    order: dict[str, Any] = {"sort": sort, "descending": not ascending}
    if count:
        number = project.count(where, **conditions)
        put_json({"count": number}) if as_json else put(number)
    elif ids:
        found = [one.job_id for one in project.runs(where=where, **order, **conditions)]
        number = len(found)
        put_json(found) if as_json else put("".join(f"{clean(one)}\n" for one in found), end="")
    else:
        print_listing(project, where, conditions, as_json=as_json, **listing, **order)
        return 0
    if not number:
        print_nothing_found(project, where, conditions, to_errors=True)
    return 0
