"""Counts and memory of an experiment of a run, as answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.errors import NotFoundError
from aerchive.project.run import Run

MOST_OUTCOMES = 2000
"""The greatest number of outcomes in an answer."""
PAGE = 1000
"""Number of shots on a page of memory."""


def counts_view(run: Run, experiment: int) -> dict[str, Any]:
    """The most frequent outcomes of an experiment, those of the same frequency in order of their bits.

    Raises:
        NotFoundError: The experiment has no counts.
    """
    with run.held():
        texts, counts = run.stored_result.counted(experiment)
    most = np.argsort(-counts, kind="stable")[:MOST_OUTCOMES]
    if len(counts) <= MOST_OUTCOMES:
        most = np.lexsort((texts, -counts))
    first = [[text.decode(), count] for text, count in zip(texts[most].tolist(), counts[most].tolist(), strict=True)]
    shots = int(counts.sum())
    return {
        "shots": shots,
        "outcomes": len(counts),
        "first": first,
        "rest": shots - int(counts[most].sum()),
    }


def memory_view(run: Run, experiment: int, page: int) -> dict[str, Any]:
    """The outcomes of a thousand shots of an experiment, in their order.

    Raises:
        NotFoundError: The experiment has no memory, or no such page.
        FormatError: The memory is of measured levels, not of outcomes.
    """
    with run.held():
        stored = run.stored_result
        shots, first = stored.num_shots(experiment), page * PAGE
        if page and first >= shots:
            raise NotFoundError(
                f"run {run.job_id}, experiment {experiment}: has {shots} shots; there is no page {page}"
            )
        memory = stored.memory(experiment, first, first + PAGE)
    return {"first": first, "shots": shots, "memory": memory}


def pages_of(shots: int) -> int:
    """The number of pages of memory."""
    return max(1, -(-shots // PAGE))


def checked_number(text: str, what: str) -> int:
    """Returns a number in an address.

    Raises:
        NotFoundError: It is none, or has zeros in front.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and str(int(text)) == text):
        raise NotFoundError(f"{text!r:.80} is not the number of {what}")
    return int(text)
