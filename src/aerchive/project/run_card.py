"""The card of a run: what happened, what ran, its labels, counts, circuits and saved values; no array is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from aerchive import layout
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
from aerchive.models import catalogue
from aerchive.models.run import RunRecord
from aerchive.models.shown import own_names
from aerchive.project.attachments import Attachments, attachment_cells
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.stored.result import SavedValue, StoredResult
from aerchive.text import listed, shown

_MOST_BARS = 16
"""The greatest number of outcomes of which the bars are shown."""
_MOST_COUNTED = 2**16
"""The greatest number of outcomes that are read to find the most frequent ones."""
_MOST_EXPERIMENTS = 1000
"""The greatest number of experiments whose saved values are listed."""
_MOST_DRAWN = 4
"""The greatest number of circuits whose drawings are shown."""
_MOST_DRAWN_BYTES = 2**17
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
    yield part(lambda: facts(_facts(run, record)))
    if not status.has_data:
        return
    yield part(lambda: _drawings(run))
    experiments = record.config.num_experiments or 1
    if experiments > _MOST_EXPERIMENTS:
        hint = f"values of {experiments:,} experiments are not listed here; run.saved and run.counts(3) read them"
        yield element("p", hint, class_="faint")
    else:
        yield part(lambda: _counts(run, experiments))
        yield part(lambda: _saved(run))
    yield part(lambda: _attachments(run))
    if record.provenance is not None:
        found = [("cell", record.config.cell), ("cell id", record.config.cell_id)]
        names = [one for one in _PROVENANCE if one != "script" or record.provenance.notebook is None]
        found += [(one.replace("_", " "), getattr(record.provenance, one)) for one in names]
        yield details("provenance", facts((one, "" if value is None else str(value)) for one, value in found))


def _facts(run: CardRun, record: RunRecord) -> Iterator[tuple[str, str]]:
    config, status, labels, row = record.config, record.status, record.labels, run.row()

    def number(column: str) -> int | None:
        return None if row[column] == -1 else int(row[column])

    ran = [
        "" if config.program == "run" else config.program,
        catalogue.row_text(row, "method"),
        _several(number("num_qubits"), "qubit"),
        _several(number("shots"), "shot"),
        "noise model" if "noise_model" in config.options else "",
    ]
    yield "ran", ", ".join(filter(None, ran))
    names = [cut(one, 40) for one in own_names(config.circuit_names) if one]
    sizes = [f"depth {row['circuit_depth']}", f"size {row['circuit_size']}"] if row["circuit_depth"] != -1 else []
    several = [_several(number("num_circuits"), "circuit")] if (number("num_circuits") or 0) > 1 else []
    yield "circuits" if several else "circuit", "; ".join(filter(None, [*several, listed(names, 4), ", ".join(sizes)]))
    yield "backend", config.backend_name or ""
    yield "took", "" if status.seconds is None else f"{status.seconds:.3g} s"
    yield "values", format_bytes(run.nbytes) + " before compression" if run.nbytes else ""
    yield "tags", words(labels.tags or [])
    yield "params", words([f"{cut(name, 40)} = {cut(shown(value), 60)}" for name, value in labels.params.items()])
    numbers = {name: value for name, value in (status.saved or {}).items() if value is not None}
    yield "saved numbers", words([f"{cut(name, 40)} = {cut(shown(value), 60)}" for name, value in numbers.items()])
    yield "notes", paragraphs(labels.notes, _MOST_NOTES) if labels.notes else ""


def _several(number: int | None, word: str) -> str:
    return "" if number is None else f"{number:,} {word}{'s' * (number != 1)}"


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
    title = f"counts{of}: {_several(len(counts), 'outcome')}, {_several(total, 'shot')}"
    rest = more(len(counts) - len(chosen))
    return details(title, table(("outcome", "", "shots", "share"), rows, (2, 3)), rest, is_open=True)


def _drawings(run: CardRun) -> Markup:
    """The drawings of circuits that were stored when the run was archived."""
    with run.opened() as group:
        if layout.CIRCUITS not in group or layout.VIEW not in group.group(layout.CIRCUITS):
            return Markup()
        owner = str(group.group(layout.CIRCUITS).attribute("object"))
        view = group.group(layout.CIRCUITS).group(layout.VIEW)
        names = sorted(view.names(), key=lambda one: (len(one), one))
        several = [view.group(name) for name in names[:_MOST_DRAWN] if view.is_group(name)]
        pages = [_circuit(one, owner) for one in several or [view]]
        left = max(0, len(names) - _MOST_DRAWN) if several else 0
    return details("circuits" if several else "circuit", *pages, more(left))


def _circuit(view: GroupReader, owner: str) -> Markup:
    """The drawing of a circuit, or else the numbers of its operations."""
    title, operations = (view.attribute(name) for name in ("title", "operations"))
    rows = _drawing(view, owner)
    return join(
        element("p", str(title or "")), lines(rows) if rows else element("p", str(operations or ""), class_="faint")
    )


def _drawing(view: GroupReader, owner: str) -> str:
    if layout.DRAWING not in view:
        return ""
    stored = view.describe(layout.DRAWING)
    if (
        stored.dtype.kind != "S"
        or len(stored.shape) != 1
        or stored.shape[0] * stored.dtype.itemsize > _MOST_DRAWN_BYTES
    ):
        return ""
    return "\n".join(row.decode(errors="replace").rstrip() for row in view.read(layout.DRAWING, owner).tolist())


def _saved(run: CardRun) -> Markup:
    try:
        saved = run.saved
    except NotFoundError:
        return Markup()
    values = [one for one in saved if one.kind not in ("counts", "memory")]
    if not values:
        return Markup()
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
    return details(f"saved values: {len(values):,}", table(head, rows, (0, 5), len(values)), is_open=True)


def _attachments(run: CardRun) -> Markup:
    rows = run.attachments.table()
    if not rows:
        return Markup()
    head, cells, right = attachment_cells(rows)
    return details(f"attachments: {len(rows):,}", table(head, cells, right, len(rows)))
