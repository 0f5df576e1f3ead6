"""``aerchive show JOB``: shows everything about one run except its large values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from aerchive.aer.opening import open_path
from aerchive.cli.bars import PIPE_WIDTH, bars
from aerchive.cli.command import command, job_argument, json_option
from aerchive.cli.output import is_terminal, printable_json, put, put_json, terminal
from aerchive.cli.tables import TableColumn, put_table
from aerchive.display.text import clean, format_bytes, format_time
from aerchive.errors import NotFoundError
from aerchive.models.base import to_text
from aerchive.models.shown import shown_attributes
from aerchive.project.attachments import attachment_table
from aerchive.project.drawing.drawings import drawings_of, folded
from aerchive.project.run import Run
from aerchive.stored.result import SavedValue

_MOST_SAVED = 30
_MOST_OUTCOMES = 16
_KEPT_APART = ("history", "stamps", "tag_marks")
"""What labels note of their changes, which is not shown with them."""
_LEFT_OUT = {"counts"}
"""What a document has and is shown already."""


@command("show", "aerchive show vqe.h5 latest", "aerchive -p vqe.h5 show -1 --experiment 3")
@job_argument()
@click.option("--experiment", type=int, default=0, metavar="N", help="Whose counts are shown, from 0 (default 0).")
@click.option("--history", is_flag=True, help="Only the last changes of its labels.")
@json_option()
def run(path: str | None, *, job: str, experiment: int, history: bool, as_json: bool) -> int:
    """Prints what ran and what came out, and the documents of the run."""
    one = open_path(path, "r")[job]
    if history:
        return _show_history(one, as_json=as_json)
    saved = _saved(one)
    if as_json:
        document = {
            **one.record.model_dump(),
            "saved": [value._asdict() for value in saved],
            "attachments": [row._asdict() for row in one.attachments.table()],
        }
        put(printable_json(to_text(document)))
        return 0
    width = terminal().width if is_terminal() else PIPE_WIDTH
    record = one.record
    where = " (in a pending file beside the project)" if one.in_pending_file else ""
    where += ", large arrays are recomputed when they are read" if one.is_recomputed else ""
    put(f"run {clean(one.job_id)}: {clean(one.outcome)}{where}")
    put(f"{clean(str(shown_attributes(record)['title']))}; submitted {format_time(one.created)}")
    if one.durable:
        put(f"in /{clean(one.path)}")
    for lines in (_counts(one, experiment, width), _circuits(one, width)):
        if lines:
            put("\n".join(["", *lines]))
    if saved:
        put("\nsaved:")
        _put_saved(saved)
    attachments = one.attachments.table()
    if attachments:
        put(f"\nattachments:\n{attachment_table(attachments)}")
    put("\n".join(_documents(record)))
    return 0


def _show_history(one: Run, *, as_json: bool) -> int:
    if as_json:
        put_json([{"when": when, "who": who, "what": what} for when, who, what in one.history])
    elif one.history:
        when, who, what = zip(*one.history, strict=True)
        times = TableColumn("when", list(map(format_time, when)))
        put_table([times, TableColumn("who", who, least=8), TableColumn("what", what, least=20)])
    else:
        put(f"run {clean(one.job_id)}: its labels are those it was archived with")
    return 0


def _saved(one: Run) -> list[SavedValue]:
    try:
        return one.saved
    except NotFoundError:
        return []


def _counts(one: Run, experiment: int, width: int) -> list[str]:
    """The counts of one experiment as bars, the most frequent outcomes first."""
    try:
        counts = one.counts(experiment)
    except NotFoundError:
        return []
    shots, known = sum(counts.values()), sorted(counts, key=lambda outcome: (-counts[outcome], outcome))
    experiments = (one.num_points or 1) if one.program == "run" else 1
    which = f" of experiment {experiment} of {experiments} (--experiment N)" if experiments > 1 else ""
    if len(known) > _MOST_OUTCOMES:
        which += f", the {_MOST_OUTCOMES} most frequent of {len(known)} outcomes"
    shown = sorted(known[:_MOST_OUTCOMES]) if len(known) <= _MOST_OUTCOMES else known[:_MOST_OUTCOMES]
    texts = [f"{counts[outcome]} ({100 * counts[outcome] / shots:.1f} %)" for outcome in shown]
    lines = bars(shown, [counts[outcome] for outcome in shown], texts, width - 2)
    return [f"counts{which}, {shots} shots; last bit: classical bit 0", *(f"  {line}" for line in lines)]


def _circuits(one: Run, width: int) -> list[str]:
    """The circuits, as they were drawn when the run was archived."""
    lines = []
    for circuit in drawings_of(one.place):
        note = "" if circuit.drawing else ": not drawn; `aerchive illustrate` draws it"
        lines += [f"circuit {clean(circuit.title)}{note}"]
        lines += [f"  {line}" for line in folded(list(map(clean, circuit.drawing)), width - 2)]
    return lines


def _put_saved(saved: Sequence[SavedValue]) -> None:
    """Prints a table of saved values; those of several experiments that are alike are one row."""
    groups: dict[tuple[Any, ...], list[SavedValue]] = {}
    for value in saved:
        alike = (
            value.circuit or "",
            value.label,
            value.kind,
            "×".join(map(str, value.shape)),
            value.dtype,
            _loss(value),
            value.is_recomputed,
        )
        groups.setdefault(alike, []).append(value)
    shown = dict([*groups.items()][:_MOST_SAVED])
    circuits, labels, kinds, shapes, dtypes, losses, _ = zip(*shown, strict=True)
    columns = [
        TableColumn(
            "experiment", [_numbers([one.experiment for one in alike]) for alike in shown.values()], is_number=True
        ),
        TableColumn("circuit", circuits, least=8),
        TableColumn("label", labels, least=8),
        TableColumn("kind", kinds, least=8),
        TableColumn("shape", shapes),
        TableColumn("dtype", dtypes),
        TableColumn("size", [_size(sum(one.nbytes for one in alike)) for alike in shown.values()], is_number=True),
    ]
    columns.append(TableColumn("", ["recomputed" if alike[0].is_recomputed else "" for alike in shown.values()]))
    if any(value.infidelity is not None for value in saved):
        columns.append(TableColumn("infidelity", losses))
    put_table([one for one in columns if any(one.cells)])
    if len(groups) > _MOST_SAVED:
        put(f"... and {len(groups) - _MOST_SAVED} more; --json shows all")


def _numbers(experiments: Sequence[int]) -> str:
    first, last = min(experiments), max(experiments)
    return str(first) if first == last else f"{first} to {last}"


def _size(nbytes: int) -> str:
    return format_bytes(nbytes) if nbytes else ""


def _loss(value: SavedValue) -> str:
    """The infidelity of a value that lost something, its limit and how it is stored; or ``exact``."""
    if value.infidelity is None or value.max_infidelity is None:
        return "exact"
    how = "rounded" if value.bond is None else f"matrix product, bond {value.bond}"
    return f"{value.infidelity:.1e} (at most {value.max_infidelity:.0e}; {how})"


def _documents(record: Any) -> Iterator[str]:
    documents: list[tuple[str, Any]] = [
        ("labels", record.labels.model_copy(update=dict.fromkeys(_KEPT_APART))),
        ("config", record.config),
        ("status", record.status),
        ("provenance", record.provenance),
    ]
    for title, document in documents:
        fields = {} if document is None else document.to_attributes()
        fields = {name: value for name, value in fields.items() if name not in _LEFT_OUT}
        if fields:
            yield ""
            yield f"{title}:"
        for name, value in fields.items():
            first, *rest = str(value).splitlines() or [""]
            yield f"  {clean(name)} = {clean(first)}"
            yield from (f"      {clean(line)}" for line in rest)
