"""``aerchive rerun JOB``: runs a job again from the file alone, and compares the results."""

from __future__ import annotations

import argparse
import dataclasses
import json

from aerchive.aer.opening import open_path
from aerchive.display.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 rerun 4ff2da70"
    parser.add_argument("job", metavar="JOB", help="a job id, an unambiguous beginning of one, a name, or latest")
    parser.add_argument("--save", action="store_true", help="archive the new run, instead of comparing it")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Runs the job again. The exit status is 1 if a value differs or the job cannot be run again."""
    project = open_path(options.project, "r+" if options.save else "r")
    one = project[options.job]
    if options.save:
        one.rerun(save=True)
        again = project.latest()
        if options.json:
            print(json.dumps({"job_id": again.job_id, "success": again.outcome == "ok"}))
        else:
            print(f"{clean(one.job_id)}: run again and archived as {again.job_id}")
        return 0 if again.outcome == "ok" else 1
    report = one.reproduce()
    if options.json:
        document = dataclasses.asdict(report) | {"values": [value._asdict() for value in report.values]}
        print(json.dumps(document, indent=2))
    else:
        print(report)
    return 0 if report.verdict in ("identical", "same_counts") else 1
