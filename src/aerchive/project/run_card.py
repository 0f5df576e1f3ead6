"""The card of a run: what happened, what ran, its labels, counts, circuits and saved values; no array is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from aerchive.display.html import (
    Markup,
    bar,
    details,
    element,
    facts,
    join,
    lines,
    mark,
    more,
    paragraphs,
    part,
    table,
    words,
)
from aerchive.display.text import cut, format_bytes, format_time
from aerchive.errors import NotFoundError
from aerchive.models.run import RunRecord
from aerchive.project.attachments import Attachments, attachment_cells
from aerchive.project.drawing.drawings import shown_circuits
from aerchive.project.run_facts import Fact, facts_of, several
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.stored.result import SavedValue, StoredResult

_MOST_BARS = 16
"""The greatest number of outcomes of which the bars are shown."""
_MOST_COUNTED = 2**16
"""The greatest number of outcomes that are read to find the most frequent ones."""
_MOST_EXPERIMENTS = 1000
"""The greatest number of experiments whose saved values are listed."""
_MOST_DRAWN = 4
"""The greatest number of circuits whose drawings are shown."""
_MOST_NOTES = 1000
_PROVENANCE = ("notebook", "script", "git_commit", "host", "aerchive", "qiskit", "qiskit_aer", "python")


class CardRun(Protocol):
    """What the card needs of a run; `aerchive.Run` has it."""

    job_id: str
    nbytes: int

    @property
    def record(self) -> RunRecord:
        """The documents of the run."""

    @property
    def in_pending_file(self) -> bool:
        """Whether the run is in a file beside the project."""

    @property
    def saved(self) -> list[SavedValue]:
        """The saved values."""

    @property
    def stored_result(self) -> StoredResult:
        """The result as it is stored."""

    @property
    def attachments(self) -> Attachments:
        """The attached values."""

    def row(self) -> Any:
        """The row of the catalogue."""

    def counts(self, experiment: int = 0) -> dict[str, int]:
        """The counts of an experiment."""

    def opened(self) -> contextlib.AbstractContextManager[GroupReader]:
        """The group of the run in its open file."""


def run_cards(run: CardRun, kind: str) -> Iterator[str]:
    """Yields the header of the card of a run, then its parts.

    Args:
        run: The run.
        kind: What the object is called, such as ``Run``.
    """
    record = run.record
    labels, status = record.labels, record.status
    name = join(" ", element("b", cut(labels.name, 80))) if labels.name else ""
    place = element("span", " in a file beside the project", class_="faint") if run.in_pending_file else ""
    when = element("span", f" {format_time(record.created)}", class_="faint")
    yield join(f"{kind} ", element("code", run.job_id), name, " ", mark(status.outcome), when, place)
    if status.message:
        yield element("p", paragraphs(status.message, _MOST_NOTES), class_="bad")
    yield part(lambda: facts(map(shown_fact, facts_of(run, record))))
    if not status.has_data:
        return
    yield part(lambda: _drawings(run))
    experiments = record.config.num_experiments or 1
    if experiments > _MOST_EXPERIMENTS:
        hint = f"values of {experiments:,} experiments are not listed here; run.saved and run.counts(3) read them"
        yield element("p", hint, class_="faint")
    else:
        yield part(lambda: _counts(run, experiments))
        yield part(lambda: _folded(saved_values(run), is_open=True))
    yield part(lambda: _folded(attached_values(run)))
    if record.provenance is not None:
        found = [("cell", record.config.cell), ("cell id", record.config.cell_id)]
        names = [one for one in _PROVENANCE if one != "script" or record.provenance.notebook is None]
        found += [(one.replace("_", " "), getattr(record.provenance, one)) for one in names]
        yield details("provenance", facts((one, "" if value is None else str(value)) for one, value in found))


def shown_fact(fact: Fact) -> tuple[str, str]:
    """Returns the name and the value of a fact, as `aerchive.display.html.facts` takes them."""
    if isinstance(fact.value, tuple):
        return fact.name, words(fact.value)
    return fact.name, paragraphs(fact.value, _MOST_NOTES) if fact.is_free else fact.value


def _counts(run: CardRun, experiments: int) -> Markup:
    try:
        number = run.stored_result.num_outcomes(0) or 0
        if number > _MOST_COUNTED:
            hint = f"counts of {number:,} outcomes are not read here; run.counts_array() and run.plot() read them"
            return element("p", hint, class_="faint")
        counts = run.counts()
    except NotFoundError:
        return Markup()
    total, largest = sum(counts.values()), max(counts.values(), default=0)
    chosen = sorted(counts, key=lambda one: -counts[one])[:_MOST_BARS]
    rows = [
        (element("code", one), bar(counts[one] / largest if largest else 0), f"{counts[one]:,}", f"{share:.1%}")
        for one in sorted(chosen)
        for share in [counts[one] / total if total else 0]
    ]
    of = f" of experiment 0 of {experiments:,}" if experiments > 1 else ""
    title = f"counts{of}: {several(len(counts), 'outcome')}, {several(total, 'shot')}"
    rest = more(len(counts) - len(chosen))
    return details(title, table(("outcome", "", "shots", "share"), rows, (2, 3)), rest, is_open=True)


def _drawings(run: CardRun) -> Markup:
    """The drawings of circuits that were stored when the run was archived; else the numbers of their operations."""
    with run.opened() as group:
        found = shown_circuits(group, _MOST_DRAWN)
    pages = [
        join(
            element("p", one.title),
            lines("\n".join(one.drawing)) if one.drawing else element("p", one.operations, class_="faint"),
        )
        for one in found.circuits
    ]
    if not pages:
        return Markup()
    return details("circuits" if found.are_several else "circuit", *pages, more(found.number - len(pages)))


def _folded(found: tuple[str, Markup] | None, *, is_open: bool = False) -> Markup:
    return Markup() if found is None else details(*found, is_open=is_open)


def saved_values(run: CardRun) -> tuple[str, Markup] | None:
    """Returns a title and a table of the values that a run has saved, without counts; ``None`` if there are none."""
    try:
        saved = run.saved
    except NotFoundError:
        return None
    values = [one for one in saved if one.kind not in ("counts", "memory")]
    if not values:
        return None
    rows = (
        (
            str(one.experiment),
            element("code", one.label),
            one.kind,
            " × ".join(f"{extent:,}" for extent in one.shape),
            np.dtype(one.dtype).name if one.dtype else "",
            format_bytes(one.nbytes) if one.nbytes else "",
        )
        for one in values
    )
    head = ("experiment", "label", "kind", "shape", "dtype", "size")
    return f"saved values: {len(values):,}", table(head, rows, (0, 5), len(values))


def attached_values(run: CardRun) -> tuple[str, Markup] | None:
    """Returns a title and a table of the attachments of a run; ``None`` if it has none."""
    rows = run.attachments.table()
    if not rows:
        return None
    head, cells, right = attachment_cells(rows)
    return f"attachments: {len(rows):,}", table(head, cells, right, len(rows))
