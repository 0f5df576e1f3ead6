"""``aerchive ls``: the runs of a project, newest first."""

from __future__ import annotations

import argparse
import json

from aerchive.aer.opening import open_path
from aerchive.project.job_list import runs_table
from aerchive.project.run import Run

_LIMIT = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 ls --limit 5"
    parser.add_argument("--limit", type=int, default=_LIMIT, metavar="N", help=f"how many at most (default {_LIMIT})")
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--nested", action="store_true", help="also the simulations beneath runs of primitives")
    parser.add_argument("--json", action="store_true", help="as JSON, one object a run")


def run(options: argparse.Namespace) -> int:
    """Prints the list."""
    project = open_path(options.project, "r")
    runs = project.find() if options.nested else project.find(parent="")
    total = len(runs)
    runs = runs[::-1] if options.all else runs[::-1][: max(0, options.limit)]
    if options.json:
        print(json.dumps([_summary(one) for one in runs], indent=2))
        return 0
    if not runs:
        print(f"{project.path}: no runs")
        return 0
    print(runs_table(runs))
    if len(runs) < total:
        print(f"... {len(runs)} of {total} runs; --all shows the rest")
    return 0


def _summary(one: Run) -> dict[str, object]:
    config = one.record.config
    used = {**config.options, **config.used}
    return {
        "job_id": one.job_id,
        "created": one.created,
        "outcome": one.outcome,
        "pending": one.pending,
        "name": one.name,
        "tags": list(one.tags),
        "program": config.program,
        "parent": config.parent,
        "backend": config.backend_name,
        "method": used.get("method"),
        "num_qubits": config.num_qubits,
        "shots": used.get("shots"),
        "nbytes": one.nbytes,
        "message": one.record.status.message,
    }
