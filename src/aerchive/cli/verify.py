"""``aerchive verify``: checks every byte of a project that a read can return."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path, project_at
from aerchive.cli.command import command, file_argument, json_option
from aerchive.cli.output import put, put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean


@command("verify", "aerchive verify vqe.h5")
@file_argument
@click.option("--seals", is_flag=True, help="Print the digest of each run, to be signed.")
@click.option("--untrusted", is_flag=True, help="Verify in a child process with limits.")
@json_option()
def run(path: str | None, *, seals: bool, untrusted: bool, as_json: bool) -> int:
    """Prints the report. The exit status is 1 if there are problems."""
    project = (project_at if untrusted else open_path)(path, "r")
    with ProgressBar("verified", "B") as bar:
        report = project.verify(bar.show, untrusted=untrusted)
    sealed = [(one.core_sha256, one.job_id) for one in project if one.durable] if seals else []
    if seals and not as_json:
        put("".join(f"{seal}  {clean(job_id)}\n" for seal, job_id in sealed), end="")
        if report.problems or report.notes:
            put(report, to_errors=True)
    else:
        document = {name: getattr(report, name) for name in ("path", "ok", "runs", "objects", "problems", "notes")}
        document |= {"seals": {job_id: seal for seal, job_id in sealed}} if seals else {}
        put_report(document, report, as_json=as_json)
    return 0 if report.ok else 1
