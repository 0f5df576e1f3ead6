"""``aerchive run SCRIPT``: runs a program with every simulation archived, without changing it.

Python itself runs the program, in place of this process, with the same options; see decision 0026.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 run vqe.py --layers 3"
    parser.add_argument("-m", dest="is_module", action="store_true", help="SCRIPT is the name of a module")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="a tag for all runs; may be repeated")
    parser.add_argument("script", metavar="SCRIPT", help="a Python program; - for the standard input")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="arguments of the program")


def run(options: argparse.Namespace) -> int:
    """Replaces this process by Python with the program. It does not return if the program starts.

    Raises:
        NotFoundError: There is no such program.
        InvalidInputError: The project cannot be written, or Python's options keep it from archiving.
    """
    from aerchive.aer.opening import Opening
    from aerchive.aer.running.inheritance import inheritance
    from aerchive.project.project import given_labels

    script = options.script
    if not options.is_module and script != "-" and not Path(script).exists():
        raise NotFoundError(f"{script}: no such program; `aerchive run -m NAME` runs a module")
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise InvalidInputError("with Python's options -E, -I and -S no run is archived; the program was not started")
    try:
        project = Opening(options.project).project
        labels = given_labels(None, options.tag, None, None)
        project.check_destination()
    except AerchiveError as error:
        raise InvalidInputError(f"{error}; the program has not been started") from error
    environment = {**os.environ, **inheritance(project, labels, os.environ.get("PYTHONPATH"))}
    private: Any = subprocess
    flags: list[str] = private._args_from_interpreter_flags()
    program = ["-m", script] if options.is_module else [script]
    os.execve(sys.executable, [sys.executable, *flags, *program, *options.arguments], environment)  # noqa: S606
