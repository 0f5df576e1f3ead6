"""The plot of a run on axes of the user."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from aerchive.display.text import clean
from aerchive.errors import InvalidInputError, NotFoundError
from aerchive.interop.axes import axes_for
from aerchive.models.run import RunRecord
from aerchive.models.shown import shown_attributes
from aerchive.project.documents.plots import COUNTS, CURVES, MATRIX, outcome_bars
from aerchive.project.drawing.pictures import draw
from aerchive.project.drawing.sketch import Sketch, sketch_of
from aerchive.storage.chunks.group_reader import GroupReader

_SIZE = 9


def plot_run(
    record: RunRecord,
    opened: Callable[[], AbstractContextManager[GroupReader]],
    counts: Callable[[int], dict[str, int]],
    kind: str | None,
    experiment: int | None,
    ax: Any,
) -> Any:
    """Plots a run; see `aerchive.Run.plot`.

    Args:
        record: The documents of the run.
        opened: Opens the group of the run.
        counts: Reads the counts of an experiment.
        kind: As for `aerchive.Run.plot`.
        experiment: As for `aerchive.Run.plot`.
        ax: As for `aerchive.Run.plot`.
    """
    if kind not in (None, *CURVES, MATRIX):
        raise InvalidInputError(f"kind={kind!r}: one of {', '.join((*CURVES, MATRIX))} is expected, or None")
    if experiment is not None and kind not in (None, COUNTS):
        raise InvalidInputError(f"kind={kind!r} has no experiment: counts of one experiment can be chosen")
    sketch = _counts_of(record, counts, experiment) if experiment is not None else _stored(record, opened, kind)
    axes = axes_for(ax)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph ")  # a name may have letters that the font lacks
        draw(axes, sketch, _SIZE)
    return axes


def _counts_of(record: RunRecord, counts: Callable[[int], dict[str, int]], experiment: int) -> Sketch:
    found = counts(experiment)
    if not found:
        raise NotFoundError(f"experiment {experiment} has no shots: there is nothing to plot")
    heights = np.array(list(found.values()))
    plot = outcome_bars(list(found), heights, "shots", f"shots of experiment {experiment}")
    return Sketch(_title(record), {COUNTS: plot}, None)


def _stored(record: RunRecord, opened: Callable[[], AbstractContextManager[GroupReader]], kind: str | None) -> Sketch:
    with opened() as group:
        whole, where = sketch_of(group, record, None if kind is None else {kind}), group.where()
    if whole.plots or whole.matrix is not None:
        return whole._replace(title=_title(record))
    if kind is None:
        raise NotFoundError(f"{where}: nothing to plot: the run has neither counts nor a sweep, a state or a matrix")
    raise NotFoundError(f"{where}: no plot {kind!r}; run.plot() draws what there is, run.saved lists the saved values")


def _title(record: RunRecord) -> str:
    return clean(str(shown_attributes(record)["title"]))
