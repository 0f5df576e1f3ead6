"""``aerchive verify``: checks every byte of a project that a read can return."""

from __future__ import annotations

import argparse
import sys

from aerchive.aer.opening import open_path, project_at
from aerchive.cli.arguments import add_file, add_json, print_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive verify vqe.h5"
    add_file(parser)
    parser.add_argument("--seals", action="store_true", help="print the digest of each run, to be signed")
    parser.add_argument("--untrusted", action="store_true", help="verify in a child process with limits")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the report. The exit status is 1 if there are problems."""
    project = (project_at if options.untrusted else open_path)(options.file or options.project, "r")
    with ProgressBar("verified", "B") as bar:
        report = project.verify(bar.show, untrusted=options.untrusted)
    seals = [(run.core_sha256, run.job_id) for run in project if run.durable] if options.seals else []
    if options.seals and not options.json:
        print("".join(f"{seal}  {clean(job_id)}\n" for seal, job_id in seals), end="")
        if report.problems or report.notes:
            print(report, file=sys.stderr)
    else:
        document = {name: getattr(report, name) for name in ("path", "ok", "runs", "objects", "problems", "notes")}
        document |= {"seals": {job_id: seal for seal, job_id in seals}} if options.seals else {}
        print_report(options, document, report)
    return 0 if report.ok else 1
