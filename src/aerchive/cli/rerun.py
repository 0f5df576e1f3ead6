"""``aerchive rerun JOB``: runs a job again from the file alone, and compares the results."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.output import put_report
from aerchive.display.text import clean


@command("rerun", "aerchive rerun vqe.h5 latest", "aerchive -p vqe.h5 rerun 'noisy GHZ' --save")
@job_argument()
@click.option("--save", is_flag=True, help="Archive the new run, instead of comparing it.")
@click.option("--untrusted", is_flag=True, help="Run a job of a foreign file, in a limited process.")
@click.option("--take-resources", is_flag=True, help="Take its options for memory, threads and devices.")
@json_option()
def run(path: str | None, *, job: str, save: bool, untrusted: bool, take_resources: bool, as_json: bool) -> int:
    """Runs the job again. The exit status is 1 if a value differs or the job cannot be run again."""
    project = open_path(path, "r+" if save else "r")
    one = project[job]
    if save:
        one.rerun(save=True, take_resources=take_resources, untrusted=untrusted)
        again = project.latest()
        is_good = again.outcome == "ok"
        said = f"{clean(one.job_id)}: run again and archived as {clean(again.job_id)}"
        put_report({"job_id": again.job_id, "success": is_good}, said, as_json=as_json)
        return 0 if is_good else 1
    report = one.reproduce(take_resources=take_resources, untrusted=untrusted)
    put_report(report.document(), report, as_json=as_json)
    return 0 if report.verdict in ("identical", "same_counts") else 1
