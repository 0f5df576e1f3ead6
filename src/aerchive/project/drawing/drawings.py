"""The texts and drawings of circuits that a project stores, which need no Qiskit to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aerchive import layout
from aerchive.project.location import RunPlace
from aerchive.storage.chunks.group_reader import GroupReader

_LEAST = 20
_MOST_BYTES = 2**20
"""The greatest size of a text or drawing that is read."""


class ShownCircuit(NamedTuple):
    """What a project shows of a circuit.

    Attributes:
        title: Its name, its qubits and its number of instructions.
        operations: The numbers of its operations, in words.
        drawing: The rows of its drawing; none if it was too large to be drawn when it was archived, until
            ``aerchive illustrate`` draws it.
        openqasm: The rows of its text in OpenQASM 3, which may be a part of it.
        left_out: What is not shown of it, in words; empty if nothing is.
    """

    title: str
    operations: str
    drawing: list[str]
    openqasm: list[str]
    left_out: str


class ShownCircuits(NamedTuple):
    """What a project shows of the circuits of a run.

    Attributes:
        circuits: The first of them.
        number: The number of those that can be shown.
        are_several: Whether the run has several circuits.
    """

    circuits: list[ShownCircuit]
    number: int
    are_several: bool


def shown_circuits(group: GroupReader, most: int | None = None) -> ShownCircuits:
    """Reads what is shown of the circuits of a run; no circuit is decoded.

    Args:
        group: The group of the run.
        most: The number of circuits that are read, at most; ``None``: all.
    """
    if layout.CIRCUITS not in group or layout.VIEW not in group.group(layout.CIRCUITS):
        return ShownCircuits([], 0, False)
    circuits = group.group(layout.CIRCUITS)
    owner, view = str(circuits.attribute("object")), circuits.group(layout.VIEW)
    names = [name for name in sorted(view.names(), key=lambda one: (len(one), one)) if view.is_group(name)]
    parts = [view.group(name) for name in names[:most]] or [view]
    return ShownCircuits([_shown(part, owner) for part in parts], len(names) or 1, bool(names))


def _shown(view: GroupReader, owner: str) -> ShownCircuit:
    title, operations, left_out = (str(view.attribute(name) or "") for name in ("title", "operations", "left_out"))
    drawing, openqasm = (_rows(view, name, owner) for name in (layout.DRAWING, layout.OPENQASM))
    return ShownCircuit(title, operations, drawing, openqasm, left_out)


def _rows(view: GroupReader, name: str, owner: str) -> list[str]:
    if name not in view:
        return []
    stored = view.describe(name)
    if stored.dtype.kind != "S" or len(stored.shape) != 1 or stored.shape[0] * stored.dtype.itemsize > _MOST_BYTES:
        return []
    return [row.decode(errors="replace").rstrip() for row in view.read(name, owner).tolist()]


def drawings_of(place: RunPlace) -> list[ShownCircuit]:
    """Returns what is shown of the circuits of the run at a place."""
    if place.path is None:
        return []
    with place.open() as (_, group):
        return shown_circuits(group).circuits


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
