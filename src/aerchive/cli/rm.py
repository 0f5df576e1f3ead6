"""``aerchive rm JOB ...``: deletes runs, or brings deleted runs back."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.output import put_report
from aerchive.display.text import clean


@command("rm", "aerchive rm vqe.h5 -1 'noisy GHZ'", "aerchive -p vqe.h5 rm latest")
@job_argument("jobs", "JOB...", nargs=-1, required=True)
@click.option(
    "--restore",
    is_flag=True,
    help="Bring deleted runs back, by their whole ids, until the project is compacted.",
)
@json_option("As JSON: the ids.")
def run(path: str | None, *, jobs: tuple[str, ...], restore: bool, as_json: bool) -> int:
    """Deletes all the runs in one commit, or none of them, and prints the ids."""
    project = open_path(path, "r+")
    if restore:
        done = [job_id for job in jobs for job_id in project.restore(job)]
    else:
        done = list(dict.fromkeys(project[job].job_id for job in jobs))
        project.delete_jobs(done)
    verb = "restored" if restore else "deleted"
    put_report({verb: done}, "\n".join(f"{verb} {clean(job_id)}" for job_id in done), as_json=as_json)
    return 0
