"""The only functions through which commands print: texts of a file cannot control the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from aerchive.display.text import clean_lines
from aerchive.errors import AerchiveError, AlreadyExistsError, WriteError

if TYPE_CHECKING:  # loading it takes a tenth of a second
    from rich.console import Console


def put(text: object, *, end: str = "\n", to_errors: bool = False) -> None:
    """Prints a text of one or more lines; control, bidirectional and invisible characters are escaped.

    Args:
        text: The text. Texts of a file in it, which may have line ends, have passed `aerchive.display.text.clean`.
        end: A text that is printed after it.
        to_errors: Whether to print to standard error instead of standard output.
    """
    stream = sys.stderr if to_errors else sys.stdout
    stream.write(clean_lines(str(text)) + end)
    stream.flush()


def put_json(document: Any, indent: int | None = 2) -> None:
    """Prints a document as JSON in ASCII."""
    put(json_text(document, indent))


def json_text(document: Any, indent: int | None = 2) -> str:
    """Returns a document as JSON of printable ASCII characters."""
    return printable_json(json.dumps(document, indent=indent))


def printable_json(text: str) -> str:
    """Returns JSON in ASCII with the one character escaped that `json.dumps` leaves and terminals interpret."""
    return text.replace("\x7f", "\\u007f")


def put_report(document: Any, text: object, *, as_json: bool) -> None:
    """Prints a document as JSON if the user wants that, or else a text."""
    if as_json:
        put_json(document)
    else:
        put(text)


def is_terminal(*, to_errors: bool = False) -> bool:
    """Whether people see standard output, or standard error, at once; ``FORCE_COLOR`` says that they do."""
    return (sys.stderr if to_errors else sys.stdout).isatty() or bool(os.environ.get("FORCE_COLOR"))


def terminal(*, to_errors: bool = False) -> Console:
    """Standard output, or standard error, as a terminal with a width; without colours if ``NO_COLOR`` is set.

    What is printed there has passed `aerchive.display.text.clean`, and is no markup.
    """
    from rich.console import Console

    file = sys.stderr if to_errors else sys.stdout
    return Console(file=file, markup=False, emoji=False, highlight=False, soft_wrap=False)


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
