"""``aerchive script JOB``: writes a Python program that runs an archived job again."""

from __future__ import annotations

import shlex

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, job_argument
from aerchive.cli.output import new_file, put
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError


@command("script", "aerchive script vqe.h5 latest -o again.py")
@job_argument()
@click.option("--take-resources", is_flag=True, help="Take its options for memory, threads and devices.")
@click.option("-o", "--output", metavar="FILE", help="Write it to a new file; by default it is printed.")
def run(path: str | None, *, job: str, take_resources: bool, output: str | None) -> int:
    """Writes the program. The exit status is 1 if the job cannot be run again."""
    one = open_path(path, "r")[job]
    try:
        text = one.script(take_resources=take_resources)
    except InvalidInputError as error:
        put(f"aerchive: {clean(str(error))}", to_errors=True)
        return 1
    if output is None:
        put(text, end="")
        return 0
    with new_file(output) as file:
        file.write(text)
    put(f"{output}: run it with `python {shlex.quote(output)}`")
    return 0
