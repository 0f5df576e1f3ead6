"""Reading values from runs that the catalogue has only in part; an unreadable run affects only its own answer."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from aerchive.display.text import clean
from aerchive.errors import ArchiveWarning, FormatError, NotFoundError, ReadError, UnsafeContentError
from aerchive.models import catalogue
from aerchive.project.catalogue.conditions import text_of
from aerchive.project.run import Run

UNREADABLE = (FormatError, NotFoundError, ReadError, UnsafeContentError)
"""Errors that are raised for a run that is damaged, gone, or written by a newer aerchive."""
_MOST_NAMED = 10
_WHOLE_TAG = re.compile(r'"(?:[^"\\]|\\.)*"')


Answer = TypeVar("Answer")


def warn(message: str) -> None:
    """Warns of a run that cannot be read."""
    warnings.warn(message, ArchiveWarning, stacklevel=3)


class BadRuns:
    """The runs that could not be read while one question was answered; the first ten are told, each once.

    Args:
        tell: A function of a sentence about a run; by default it warns.
        most: The number of runs that are told.
    """

    def __init__(self, tell: Callable[[str], None] = warn, most: int = _MOST_NAMED) -> None:
        self._known: set[str] = set()
        self._tell = tell
        self._most = most

    def ask(self, run: Run, question: Callable[[Run], Answer], instead: Answer) -> Answer:
        """Reads an answer from a run; if the run cannot be read now, or could not before, the answer is `instead`.

        Args:
            run: The run.
            question: A function that reads the answer from the run.
            instead: The answer if the run cannot be read.

        Warns:
            ArchiveWarning: The run cannot be read; its job id and the reason are in the message.
        """
        if run.job_id in self._known:
            return instead
        try:
            return question(run)
        except UNREADABLE as error:
            self.name(run.job_id, error)
            return instead

    def name(self, job_id: str, error: Exception) -> None:
        """Tells that a run cannot be read."""
        self._known.add(job_id)
        if len(self._known) <= self._most:
            message = (
                f"run {clean(job_id)} cannot be read, so the answer has only what the catalogue says of it: {error}"
            )
        elif len(self._known) == self._most + 1:
            message = f"more than {self._most} runs cannot be read; `aerchive verify` names all of them"
        else:
            return
        self._tell(clean(message))


def whole_value(run: Run, column: str, bad: BadRuns) -> Any:
    """Returns the whole value of a text column: a list for ``tags``, a dictionary for ``params``, else text.

    The value is taken from the catalogue if it is whole there, else from the run.

    Args:
        run: The run.
        column: Name of a text column of the catalogue.
        bad: The object that notes a run that cannot be read; the answer is then what the catalogue has.
    """
    row = run.row()
    if not catalogue.is_cut(row, column):
        return text_of(bytes(row[column]), column)
    return bad.ask(run, lambda run: run.column(column), cut_value(row, column))


def cut_value(row: Any, column: str) -> Any:
    """Returns what a row has of a cut text: its beginning; for tags, those that are whole; for parameters, none."""
    text = catalogue.row_text(row, column)
    if column == "tags":
        return [json.loads(tag) for tag in _WHOLE_TAG.findall(text)]
    return {} if column == "params" else text
