"""``aerchive rm JOB ...``: deletes runs, or brings deleted runs back."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, add_json, print_report
from aerchive.display.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 rm 4ff2da70 91c0"
    add_job(parser, "jobs", nargs="+")
    text = "bring deleted runs back, by their whole ids, until the project is compacted"
    parser.add_argument("--restore", action="store_true", help=text)
    add_json(parser, "as JSON: the ids")


def run(options: argparse.Namespace) -> int:
    """Deletes all the runs in one commit, or none of them, and prints the ids."""
    project = open_path(options.project, "r+")
    if options.restore:
        done = [job_id for job in options.jobs for job_id in project.restore(job)]
    else:
        done = list(dict.fromkeys(project[job].job_id for job in options.jobs))
        project.delete_jobs(done)
    verb = "restored" if options.restore else "deleted"
    print_report(options, {verb: done}, "\n".join(f"{verb} {clean(job_id)}" for job_id in done), None)
    return 0
