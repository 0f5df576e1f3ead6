"""``aerchive extract``: writes some runs, with all that they need, into a new project file."""

from __future__ import annotations

import os
from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, is_project_name, json_option
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean, format_bytes, format_runs


@command(
    "extract",
    "aerchive extract vqe.h5 4ff2da70 for-ann.h5",
    "aerchive extract vqe.h5 --where 'tags contains paper' --no-payloads paper.h5",
    file_word="none",
)
@click.argument("words", nargs=-1, metavar="[FILE] [JOB...] TARGET")
@click.option("--where", metavar="CONDITION", help="Extract the runs that meet a condition, as for 'aerchive find'.")
@click.option("--no-payloads", is_flag=True, help="Leave out arrays of 64 KiB and more; merging brings them back.")
@click.option("--anonymous", is_flag=True, help="Leave out personal facts, as 'aerchive copy --anonymous' does.")
@click.option("--seal", metavar="FILE", help="Keep proofs that the runs are among those of this seal.")
@json_option()
def run(
    path: str | None,
    *,
    words: tuple[str, ...],
    where: str | None,
    no_payloads: bool,
    anonymous: bool,
    seal: str | None,
    as_json: bool,
) -> int:
    """Writes the runs into the new file TARGET; without JOB and --where, all runs."""
    if not words:
        raise click.UsageError("name the new file TARGET")
    *jobs, target = words
    if path is None and jobs and is_project_name(jobs[0]):
        path = jobs.pop(0)
    if path is None and not jobs and is_project_name(target) and os.path.exists(target):
        raise click.UsageError(f"name the new file TARGET after the project {clean(target)}")
    project = open_path(path, "r")
    conditions: dict[str, Any] = {"job_id__in": [project[job].job_id for job in jobs]} if jobs else {}
    with ProgressBar("extracted", "B") as bar:
        new = project.extract(
            target, where, payloads=not no_payloads, anonymous=anonymous, seal=seal, progress=bar.show, **conditions
        )
    size, runs = new.path.stat().st_size, len(new.catalogue())
    document = {"path": str(new.path), "runs": runs, "bytes": size, "payloads": not no_payloads, "anonymous": anonymous}
    put_report(document, f"{new.path}: {format_runs(runs)}, {format_bytes(size)}", as_json=as_json)
    return 0
