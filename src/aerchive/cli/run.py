"""``aerchive run SCRIPT``: runs a program with every simulation archived, without changing it.

Python itself runs the program, in place of this process, with the same options; see decision 0026.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from aerchive.cli.command import command, complete_tags
from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError


@command(
    "run",
    "aerchive -p vqe.h5 run vqe.py --layers 3",
    file_word="none",
    context_settings={"allow_interspersed_args": False},  # options after the program are its own
)
@click.option("-m", "is_module", is_flag=True, help="SCRIPT is the name of a module.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="A tag for all runs; may be repeated.",
)
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
def run(path: str | None, *, is_module: bool, tags: tuple[str, ...], script: str, arguments: tuple[str, ...]) -> int:
    """Replaces this process by Python with the program. It does not return if the program starts.

    Raises:
        NotFoundError: There is no such program.
        InvalidInputError: The project cannot be written, or Python's options keep it from archiving.
    """
    from aerchive.aer.opening import Opening
    from aerchive.aer.running.inheritance import inheritance
    from aerchive.project.project import given_labels

    if not is_module and script != "-" and not Path(script).exists():
        raise NotFoundError(f"{script}: no such program; `aerchive run -m NAME` runs a module")
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise InvalidInputError("with Python's options -E, -I and -S no run is archived; the program was not started")
    try:
        project = Opening(path).project
        labels = given_labels(None, tags, None, None)
        project.check_destination()
    except AerchiveError as error:
        raise InvalidInputError(f"{error}; the program has not been started") from error
    environment = {**os.environ, **inheritance(project, labels, os.environ.get("PYTHONPATH"))}
    private: Any = subprocess
    flags: list[str] = private._args_from_interpreter_flags()
    program = ["-m", script] if is_module else [script]
    os.execve(sys.executable, [sys.executable, *flags, *program, *arguments], environment)  # noqa: S606
