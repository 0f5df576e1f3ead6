"""``aerchive rerun JOB``: runs a job again from the file alone, and compares the results."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, add_json, print_report
from aerchive.display.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 rerun 4ff2da70"
    add_job(parser)
    parser.add_argument("--save", action="store_true", help="archive the new run, instead of comparing it")
    parser.add_argument("--untrusted", action="store_true", help="run a job of a foreign file, in a limited process")
    parser.add_argument(
        "--take-resources", action="store_true", help="take its options for memory, threads and devices"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the job again. The exit status is 1 if a value differs or the job cannot be run again."""
    project = open_path(options.project, "r+" if options.save else "r")
    one = project[options.job]
    asked = {"take_resources": options.take_resources, "untrusted": options.untrusted}
    if options.save:
        one.rerun(save=True, **asked)
        again = project.latest()
        document = {"job_id": again.job_id, "success": again.outcome == "ok"}
        print_report(options, document, f"{clean(one.job_id)}: run again and archived as {clean(again.job_id)}", None)
        return 0 if again.outcome == "ok" else 1
    report = one.reproduce(**asked)
    print_report(options, report.document(), report)
    return 0 if report.verdict in ("identical", "same_counts") else 1
