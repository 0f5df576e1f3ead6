"""``aerchive illustrate``: draws pictures of runs, and the cover of the project, for viewers such as HDFView."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli import EXIT_PROBLEM
from aerchive.cli.command import command, json_option
from aerchive.cli.output import put_report
from aerchive.display.text import clean, format_runs


@command("illustrate", "aerchive illustrate vqe.h5 'num_qubits > 3 and status == ok'", file_word="first")
@click.argument("query", required=False)
@json_option()
def run(path: str | None, *, query: str | None, as_json: bool) -> int:
    """Draws, and prints the number of runs that have new pictures."""
    drawn = open_path(path, "r+").illustrate(query)
    lines = [f"drew pictures of {format_runs(drawn.runs)}", *(f"  {clean(problem)}" for problem in drawn.problems)]
    put_report(drawn._asdict(), "\n".join(lines), as_json=as_json)
    return EXIT_PROBLEM if drawn.problems else 0
