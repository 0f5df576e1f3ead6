"""``aerchive rm JOB ...``: deletes runs, or brings deleted runs back."""

from __future__ import annotations

import argparse
import json

from aerchive.aer.opening import open_path
from aerchive.display.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 rm 4ff2da70 91c0"
    parser.add_argument(
        "jobs", nargs="+", metavar="JOB", help="a job id, an unambiguous beginning of one, a name, or latest"
    )
    parser.add_argument(
        "--restore",
        action="store_true",
        help="bring deleted runs back, by their whole ids, until the project is compacted",
    )
    parser.add_argument("--json", action="store_true", help="as JSON: the ids")


def run(options: argparse.Namespace) -> int:
    """Deletes all the runs in one commit, or none of them, and prints the ids."""
    project = open_path(options.project, "r+")
    if options.restore:
        done = [job_id for job in options.jobs for job_id in project.restore(job)]
    else:
        done = list(dict.fromkeys(project[job].job_id for job in options.jobs))
        project.delete_jobs(done)
    verb = "restored" if options.restore else "deleted"
    if options.json:
        print(json.dumps({verb: done}))
    else:
        print("\n".join(f"{verb} {clean(job_id)}" for job_id in done))
    return 0
