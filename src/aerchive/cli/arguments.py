"""Arguments and output that several commands have in common."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from aerchive.cli.output import put, put_json
from aerchive.errors import AerchiveError, AlreadyExistsError, WriteError


def add_job(parser: Any, *name_and_more: str, **more: Any) -> None:
    """Adds an argument that names a run, ``JOB`` if no other name is given."""
    text = "a job id, an unambiguous beginning of one, a name, or latest"
    parser.add_argument(*(name_and_more or ("job",)), **{"metavar": "JOB", "help": text, **more})


def add_file(parser: argparse.ArgumentParser) -> None:
    """Adds the argument ``FILE`` for the project."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")


def add_json(parser: argparse.ArgumentParser, text: str = "as JSON") -> None:
    """Adds the option ``--json``."""
    parser.add_argument("--json", action="store_true", help=text)


def print_report(options: argparse.Namespace, document: Any, text: object, indent: int | None = 2) -> None:
    """Prints a document as JSON if the user wants that, or else a text."""
    if options.json:
        put_json(document, indent)
    else:
        put(text)


@contextlib.contextmanager
def new_file(name: str) -> Iterator[TextIO]:
    """A new text file for the output of a command; an incomplete one is removed.

    Raises:
        AlreadyExistsError: There is such a file already.
        WriteError: The file cannot be written.
    """
    path = Path(name)
    try:
        file = path.open("x", encoding="utf-8", newline="")
    except FileExistsError:
        raise AlreadyExistsError(f"{path}: exists; choose another name") from None
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError) and not isinstance(error, AerchiveError):
            raise WriteError(f"{path}: {error.strerror or error}") from error
        raise
