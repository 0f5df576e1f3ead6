"""The card of a project: its size, its newest runs, and the names and tags by which runs are found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from aerchive.display.html import element, facts, join, part, table, text, words
from aerchive.display.text import clean, cut, format_bytes, format_runs, format_time
from aerchive.models.cells import METADATA, PARAMS, SAVED
from aerchive.project.catalogue.conditions import All, Condition
from aerchive.project.finding.job_list import HEAD, RIGHT, run_row
from aerchive.project.finding.listing import Listing
from aerchive.project.finding.search import Search, only_names
from aerchive.project.parts import ProjectParts

_NEWEST = 8
"""The number of runs that are listed."""
_GROUPS = {"params": PARAMS, "saved numbers": SAVED, "metadata": METADATA}


def project_cards(parts: ProjectParts, search: Search) -> Iterator[str]:
    """Yields the header of the card of a project, then its parts.

    Raises:
        NotFoundError: There is no such file, and the project is not made by saving.
    """
    listing = search.listing(only_names)
    path = element("code", text(str(parts.path), 400))
    yield join("Project ", path, element("span", f" mode {parts.mode!r}", class_="faint"))
    yield part(lambda: facts(_facts(parts, listing)))
    if len(listing):
        runs = itertools.islice(listing.runs(Condition("parent", "eq", ""), descending=True), _NEWEST)
        yield part(lambda: table(HEAD, (run_row(run, listing.bad) for run in runs), RIGHT))


def _facts(parts: ProjectParts, listing: Listing) -> Iterator[tuple[str, str]]:
    everything = All([])
    outcomes = listing.count_by("outcome", everything)
    each = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items())
    yield "runs", f"{format_runs(len(listing))}{': ' if each else ''}{each}"
    try:
        yield "size on disk", format_bytes(parts.path.stat().st_size)
    except OSError:
        yield "size on disk", "no such file yet"
    if len(listing):
        first, last = np.sort(listing.all_rows()["created_us"])[[0, -1]].tolist()
        yield "submitted", " to ".join(dict.fromkeys(map(format_time, (first, last))))
    names = listing.value_names()
    for title, prefix in _GROUPS.items():
        yield title, words([name.removeprefix(prefix) for name in names if name.startswith(prefix)])
    yield (
        "tags",
        words([f"{cut(clean(tag), 40)} ({number:,})" for tag, number in listing.count_by("tags", everything).items()]),
    )
