"""``aerchive script JOB``: writes a Python program that runs an archived job again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job
from aerchive.errors import AlreadyExistsError, InvalidInputError, WriteError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 script 4ff2da70 -o again.py"
    add_job(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write it to a new file; by default it is printed")


def run(options: argparse.Namespace) -> int:
    """Writes the program. The exit status is 1 if the job cannot be run again."""
    one = open_path(options.project, "r")[options.job]
    try:
        text = one.script()
    except InvalidInputError as error:
        print(f"aerchive: {error}", file=sys.stderr)
        return 1
    if options.output is None:
        print(text, end="")
        return 0
    try:
        with Path(options.output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise AlreadyExistsError(f"{options.output}: exists; choose another name") from error
    except OSError as error:
        raise WriteError(f"{options.output}: cannot be written: {error.strerror}") from error
    print(f"{options.output}: run it with `python {options.output}`")
    return 0
