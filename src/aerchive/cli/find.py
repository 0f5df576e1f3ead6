"""``aerchive find CONDITION``: lists the runs that meet a condition."""

from __future__ import annotations

import argparse
from typing import Any

from aerchive.aer.opening import open_path
from aerchive.cli.listing import add_listing_arguments, print_listing, print_nothing_found
from aerchive.cli.output import put
from aerchive.display.text import clean

_GRAMMAR = """\
columns:    job_id name backend method precision outcome (or status) program parent message tags created
            shots seed nbytes num_circuits num_qubits num_clbits seconds noisy params.NAME
operators:  == != < <= > >=  in [a, b]  contains  startswith  not in  not contains
together:   and  or  not  ( )
times:      2026-11-22  2026-11-22T14:00  today  yesterday  monday  3 hours ago  2 days ago

example: aerchive -p vqe.h5 find 'num_qubits >= 20 and status == error and tags contains vqe'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _GRAMMAR
    parser.add_argument("condition", nargs="*", metavar="CONDITION", help="best in quotes, for the shell")
    parser.add_argument("--sort", default="created", metavar="COLUMN", help="instead of the time of submission")
    parser.add_argument("--ascending", action="store_true", help="the oldest, or the least, first")
    add_listing_arguments(parser)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--count", action="store_true", help="only how many there are")
    only.add_argument("--ids", action="store_true", help="only the job ids, one a line, all of them")


def run(options: argparse.Namespace) -> int:
    """Prints the runs that were found, their number or their ids."""
    where = " ".join(options.condition) or None
    project = open_path(options.project, "r")
    nested = options.nested or project.clause(where, {}).columns & {"parent", "job_id"}
    conditions: dict[str, Any] = {} if nested else {"parent": ""}
    order = {"sort": options.sort, "descending": not options.ascending}
    if options.count:
        number = project.count(where, **conditions)
        put(number)
    elif options.ids:
        runs = project.runs(where=where, **order, **conditions)
        number = len(runs)
        for one in runs:
            put(clean(one.job_id))
    else:
        print_listing(project, options, where, conditions, **order)
        return 0
    if not number:
        print_nothing_found(project, where, conditions, to_errors=True)
    return 0
