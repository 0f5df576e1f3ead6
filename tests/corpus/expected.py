"""What was archived for each case, kept beside the project for the process that compares."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from pathlib import Path

PROJECT, EXPECTED = "corpus.h5", "expected.pickle"


@dataclasses.dataclass
class Expected:
    """What was archived for a case.

    Attributes:
        case: Its name.
        way: ``ours``: run by the archiving simulator; ``autosave``: by a stock one while the switch was on; ``stock``:
            a job of the stock one was saved; ``result``: its Result was saved.
        job_id: Of the run.
        kind: ``ok``, ``failed``, ``raised`` or ``cancelled``.
        status: Name of the live job's status.
        error: Module and class of what it raised.
        message: Of what it raised.
        refused: What was said of refused values.
        may_refuse: Whether it may be.
        reproducible: As of the case.
        circuits: How many circuits, if they are known.
        result: The Result, pickled.
        problem: What went wrong while archiving, which nothing should.
    """

    case: str
    way: str
    job_id: str = ""
    kind: str = ""
    status: str = ""
    error: str | None = None
    message: str | None = None
    refused: str | None = None
    may_refuse: bool = False
    reproducible: bool | str = True
    circuits: int | None = None
    result: bytes | None = None
    problem: str | None = None


def expected_of(folder: Path) -> Iterator[Expected]:
    """What `main` has written."""
    with (folder / EXPECTED).open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except EOFError:
                return
