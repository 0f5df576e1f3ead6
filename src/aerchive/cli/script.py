"""``aerchive script JOB``: writes a Python program that runs an archived job again."""

from __future__ import annotations

import argparse

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, new_file
from aerchive.cli.output import put
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 script 4ff2da70 -o again.py"
    add_job(parser)
    parser.add_argument(
        "--take-resources", action="store_true", help="take its options for memory, threads and devices"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write it to a new file; by default it is printed")


def run(options: argparse.Namespace) -> int:
    """Writes the program. The exit status is 1 if the job cannot be run again."""
    one = open_path(options.project, "r")[options.job]
    try:
        text = one.script(take_resources=options.take_resources)
    except InvalidInputError as error:
        put(f"aerchive: {clean(str(error))}", to_errors=True)
        return 1
    if options.output is None:
        put(text, end="")
        return 0
    with new_file(options.output) as file:
        file.write(text)
    put(f"{options.output}: run it with `python {options.output}`")
    return 0
