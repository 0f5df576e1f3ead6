"""What is drawn of a run: the plots in its group ``view``, and the magnitudes of a saved matrix."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.models.run import RunRecord
from aerchive.models.shown import shown_attributes
from aerchive.project.documents.plots import (
    COUNTS,
    CURVES,
    MATRIX,
    PICTURE,
    PROBABILITY,
    Plot,
    counts_plot,
    last_array,
    matrix_label,
    matrix_of,
    phases_of,
    probability_plot,
)
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.hdf5.objects import object_path
from aerchive.storage.hdf5.transfer import dataset_drafts

_MOST_CELLS = 512
"""The greatest number of rows and columns of the picture of a matrix."""
_BLOCK_BYTES = 16 * 1024 * 1024


class Matrix(NamedTuple):
    """The magnitudes of a saved matrix.

    Attributes:
        values: The greatest magnitude in each block of elements, shape ``(rows, columns)``; rows go down.
        label: What the values are.
        block: Number of rows, and of columns, of a block.
        is_phase: Whether the values are phases in units of pi, because all magnitudes are the same.
    """

    values: NDArray[np.float64]
    label: str
    block: int
    is_phase: bool = False


class Sketch(NamedTuple):
    """What is drawn of a run.

    Attributes:
        title: The title of the run.
        plots: The curves and bars, by the name of the plot; the first is drawn.
        matrix: The magnitudes of a saved matrix, or ``None``.
        message: Why there is no result; ``None`` if there is one.
        circuits: Path of the object of the circuits, if there is no picture of them yet.
    """

    title: str
    plots: dict[str, Plot]
    matrix: Matrix | None
    message: str | None = None
    circuits: str | None = None


def sketch_of(group: GroupReader, record: RunRecord, wanted: Collection[str] | None = None) -> Sketch:
    """Reads what is drawn of a stored run; profiles and curves are taken from its plots if it has these.

    Args:
        group: The group of the run.
        record: Its documents.
        wanted: The names of the plots that are read, with ``matrix``; ``None``: all.
    """
    owner = record.run_uuid
    datasets = dataset_drafts(group, owner)
    curves = [name for name in CURVES if wanted is None or name in wanted]
    plots = {name: stored_plot(group, name, owner) for name in curves}
    if COUNTS in plots:
        plots[COUNTS] = counts_plot(datasets, record.config) or plots[COUNTS]
    if PROBABILITY in plots:
        plots[PROBABILITY] = plots[PROBABILITY] or probability_plot(datasets)
    name = matrix_of(datasets, most=math.inf) if wanted is None or MATRIX in wanted else None
    matrix = None if name is None else _magnitudes(datasets[name])
    found = {name: plot for name, plot in plots.items() if plot is not None}
    title, message = str(shown_attributes(record)["title"]), record.status.message
    return Sketch(title, found, matrix, message, _without_picture(group))


def _without_picture(group: GroupReader) -> str | None:
    if layout.CIRCUITS not in group:
        return None
    circuits = group.group(layout.CIRCUITS)
    has_picture = layout.VIEW in circuits and PICTURE in circuits.group(layout.VIEW)
    return None if has_picture else object_path(circuits)


def stored_plot(group: GroupReader, name: str, owner: str) -> Plot | None:
    """Reads a plot of a stored run; ``None`` if the run has no such plot.

    Args:
        group: The group of the run.
        name: The name of the plot.
        owner: UUID of the run.
    """
    if layout.VIEW not in group or name not in group.group(layout.VIEW):
        return None
    one = group.group(f"{layout.VIEW}/{name}")
    signal, axis = str(one.attribute("signal")), str(one.attribute("axes"))
    labels = [str(one.dataset_attributes(part).get("long_name", "")) for part in (signal, axis)]
    return Plot(signal, one.read(signal, owner), labels[0], axis, one.read(axis, owner), labels[1])


def _magnitudes(dataset: DatasetDraft) -> Matrix:
    read, shape, _ = last_array(dataset)
    size = shape[0]
    label = matrix_label(str(dataset.attributes.get("kind")), size)
    phases = phases_of(dataset)
    if phases is not None:
        return Matrix(phases.astype(np.float64), f"phase / pi of the {label}", 1, is_phase=True)
    block = math.ceil(size / _MOST_CELLS)
    step = block * max(1, _BLOCK_BYTES // (block * size * dataset.dtype.itemsize))
    parts = [_block_maxima(np.abs(read(first, min(first + step, size))), block) for first in range(0, size, step)]
    values: NDArray[Any] = np.concatenate(parts)
    if dataset.attributes.get("order") == "F":
        values = values.T
    of = f", greatest of each {block} x {block} elements" if block > 1 else ""
    return Matrix(np.ascontiguousarray(values, np.float64), f"magnitude of the {label}{of}", block)


def _block_maxima(values: NDArray[Any], block: int) -> NDArray[Any]:
    """The greatest value in each block of rows and columns; blocks at the end may be smaller."""
    starts = [np.arange(0, extent, block) for extent in values.shape]
    found: NDArray[Any] = np.maximum.reduceat(np.maximum.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    return found
