"""``aerchive report JOB ...``: writes a report of runs, one HTML file, to mail or to print."""

from __future__ import annotations

from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli import EXIT_PROBLEM
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.output import new_file, put, put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import clean, format_runs
from aerchive.errors import NotFoundError
from aerchive.models.shown import readable_name, safe
from aerchive.project.care.changed_copy import names_in
from aerchive.project.documents.anonymise import Anonymiser
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.view.report import MOST_RUNS, make_report

_ID = 8
"""Number of characters of a job id in the name of a report."""


@command(
    "report",
    "aerchive report vqe.h5 latest",
    "aerchive report vqe.h5 -1 -2 -o two.html",
    "aerchive report vqe.h5 --find 'tags contains vqe' --anonymous -o vqe.html",
)
@job_argument("jobs", "[JOB...]", nargs=-1)
@click.option(
    "--find",
    "where",
    metavar="CONDITION",
    help=f"In the place of JOB: the runs that meet the condition, the newest {MOST_RUNS} at most.",
)
@click.option("-o", "--output", metavar="FILE", help="The new file; by default report_NAME.html in this folder.")
@click.option("--title", metavar="TEXT", help="The title of the report.")
@click.option("--anonymous", is_flag=True, help="Leave out users, machines, paths and other personal facts.")
@json_option()
def run(
    path: str | None,
    *,
    jobs: tuple[str, ...],
    where: str | None,
    output: str | None,
    title: str | None,
    anonymous: bool,
    as_json: bool,
) -> int:
    """Writes the report. The exit status is 1 if something could not be read; the report says what."""
    if bool(jobs) == (where is not None):
        raise click.UsageError("name runs, such as latest or -1, or choose some with --find CONDITION, but not both")
    project = open_path(path, "r")
    found, number = _named(project, jobs) if where is None else _found(project, where)
    anonymiser = _anonymiser(project) if anonymous else None
    file = "project.h5" if anonymous else project.path.name
    target = output or _name(found, safe(file.rpartition(".")[0]))
    with new_file(target) as page, ProgressBar("runs in the report", "run") as bar:
        report = make_report(found, file, title=title, found=number, anonymiser=anonymiser, progress=bar.show)
        page.write(report.page)
    document: dict[str, Any] = {
        "path": target,
        "runs": len(found),
        "found": number,
        "bytes": len(report.page.encode()),
        "anonymous": anonymous,
        "problems": report.problems,
    }
    of = f" of {number}" if number > len(found) else ""
    text = f"{target}: {len(found)}{of} runs" if of else f"{target}: {format_runs(len(found))}"
    put_report(document, f"{clean(text)}, {document['bytes']:,} bytes", as_json=as_json)
    for problem in report.problems:
        put(f"aerchive: {clean(problem)}", to_errors=True)
    return EXIT_PROBLEM if report.problems else 0


def _anonymiser(project: Project) -> Anonymiser:
    """What leaves out personal facts, which knows the names that any run of the project tells."""
    with ProgressBar("runs searched for names", "run") as bar:
        return Anonymiser(names_in(project.file, project.spools, bar.show))


def _named(project: Project, jobs: tuple[str, ...]) -> tuple[list[Run], int]:
    """The runs that were named, each once, and their number."""
    runs = {one.job_id: one for one in (project[job] for job in jobs)}
    if len(runs) > MOST_RUNS:
        raise click.UsageError(f"a report has at most {MOST_RUNS} runs; {len(runs)} were named")
    return list(runs.values()), len(runs)


def _found(project: Project, where: str) -> tuple[list[Run], int]:
    """The newest runs that meet a condition, and the number of all.

    Raises:
        NotFoundError: There are none.
    """
    has_nested = bool(project.clause(where, {}).columns & {"parent", "job_id"})
    conditions: dict[str, Any] = {} if has_nested else {"parent": ""}
    page = project.page(MOST_RUNS, [], where=where, **conditions)
    if not page.total:
        raise NotFoundError(project.why_nothing(where, conditions))
    return page.runs, page.total


def _name(runs: list[Run], project: str) -> str:
    if len(runs) != 1:
        return f"report_{project}.html"
    return f"report_{readable_name(runs[0].record)}_{safe(runs[0].job_id)[:_ID]}.html"
