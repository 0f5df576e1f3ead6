"""The only functions through which commands print: texts of a file cannot control the terminal."""

from __future__ import annotations

import json
import sys
from typing import Any

from aerchive.display.text import clean_lines


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
