"""``aerchive show JOB``: shows everything about one run except its values."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_job, add_json
from aerchive.cli.output import printable_json, put, put_json
from aerchive.display.text import clean, format_bytes, format_table, format_time
from aerchive.errors import NotFoundError
from aerchive.models.base import to_text
from aerchive.project.attachments import attachment_table
from aerchive.project.run import Run
from aerchive.stored.result import SavedValue

_MOST_SAVED = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 show 4ff2da70"
    add_job(parser)
    parser.add_argument("--history", action="store_true", help="only the last changes of its labels")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the documents of the run and a table of its saved values."""
    one = open_path(options.project, "r")[options.job]
    if options.history:
        return _show_history(one, as_json=options.json)
    saved = _saved(one)
    if options.json:
        document = {
            **one.record.model_dump(),
            "saved": [value._asdict() for value in saved],
            "attachments": [row._asdict() for row in one.attachments.table()],
        }
        put(printable_json(to_text(document)))
        return 0
    put("\n".join(_lines(one, saved)))
    return 0


def _row(value: SavedValue) -> tuple[str, ...]:
    """The columns of a saved value; the last one is the infidelity of a rounded value and its limit, or ``exact``."""
    loss = "exact"
    if value.infidelity is not None and value.max_infidelity is not None:
        loss = f"{value.infidelity:.1e} (at most {value.max_infidelity:.0e})"
    shape, size = "×".join(map(str, value.shape)), format_bytes(value.nbytes)
    return str(value.experiment), value.circuit or "", value.label, value.kind, shape, value.dtype, size, loss


def _show_history(one: Run, *, as_json: bool) -> int:
    if as_json:
        put_json([{"when": when, "who": who, "what": what} for when, who, what in one.history])
    elif one.history:
        rows = [(format_time(when), who, what) for when, who, what in one.history]
        put(format_table(("when", "who", "what"), rows))
    else:
        put(f"run {clean(one.job_id)}: its labels are those it was archived with")
    return 0


def _saved(one: Run) -> list[SavedValue]:
    try:
        return one.saved
    except NotFoundError:
        return []


def _lines(one: Run, saved: list[SavedValue]) -> Iterator[str]:
    record = one.record
    where = " (in a pending file beside the project)" if one.in_pending_file else ""
    yield f"run {clean(one.job_id)}: {clean(one.outcome)}{where}"
    if one.durable:
        yield f"in /{clean(one.path)}"
    documents: list[tuple[str, Any]] = [
        ("labels", record.labels.model_copy(update={"history": None})),
        ("config", record.config),
        ("status", record.status),
        ("provenance", record.provenance),
    ]
    for title, document in documents:
        if document is not None:
            fields = document.to_attributes()
            if fields:
                yield ""
                yield f"{title}:"
            for name, value in fields.items():
                first, *rest = str(value).splitlines() or [""]
                yield f"  {clean(name)} = {clean(first)}"
                yield from (f"      {clean(line)}" for line in rest)
    if saved:
        yield ""
        yield "saved:"
        is_rounded = any(v.infidelity is not None for v in saved)
        rows = [_row(value)[: None if is_rounded else -1] for value in saved[:_MOST_SAVED]]
        head = ("experiment", "circuit", "label", "kind", "shape", "dtype", "size")
        yield format_table((*head, "infidelity") if is_rounded else head, rows, (0, 6))
        if len(saved) > _MOST_SAVED:
            yield f"... and {len(saved) - _MOST_SAVED} more; --json shows all"
    attachments = one.attachments.table()
    if attachments:
        yield ""
        yield "attachments:"
        yield attachment_table(attachments)
