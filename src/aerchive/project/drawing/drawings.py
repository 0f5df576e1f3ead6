"""The drawings of circuits that a project stores, which need no Qiskit to be shown."""

from __future__ import annotations

from collections.abc import Sequence

from aerchive import layout
from aerchive.project.location import RunPlace
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.objects import object_path
from aerchive.storage.hdf5.transfer import dataset_drafts

_LEAST = 20


def drawings_of(place: RunPlace) -> list[tuple[str, list[str]]]:
    """Returns the stored drawings of the circuits of the run at a place: the title of each, and its rows.

    A circuit that was too large to be drawn when it was archived has no rows until ``aerchive illustrate`` draws it.
    """
    if place.path is None:
        return []
    with place.open() as (_, group):
        if layout.CIRCUITS not in group or layout.VIEW not in group.group(layout.CIRCUITS):
            return []
        circuits = group.group(layout.CIRCUITS)
        view = circuits.group(layout.VIEW)
        parts = [view, *(view.group(name) for name in view.names() if view.is_group(name))]
        return [
            (str(part.attribute("title") or ""), _rows(part, object_path(circuits) or str(group.run_uuid())))
            for part in parts
            if part.attribute("title")
        ]


def _rows(part: GroupReader, owner: str) -> list[str]:
    if layout.DRAWING not in part:
        return []
    rows = dataset_drafts(part, owner)[layout.DRAWING].parts[0][...]
    return [bytes(row).decode("utf-8", "replace").rstrip() for row in rows.tolist()]


def folded(rows: Sequence[str], width: int) -> list[str]:
    """Returns a drawing in pieces below each other that are not wider than ``width`` characters.

    Args:
        rows: The rows of the drawing: one or more blocks, each a number of rows of about the same length.
        width: The greatest width, at least 20.
    """
    width = max(width, _LEAST)
    longest = max(map(len, rows), default=0)
    if longest <= width:
        return list(rows)
    pieces = range(0, longest, width)
    found: list[str] = []
    for first in pieces:
        found += [*[""] * bool(first), *(row[first : first + width].rstrip() for row in rows)]
    return found
