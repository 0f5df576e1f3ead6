"""The curve of a sweep: the first saved number of each experiment over the first parameter that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerchive.project.documents.plots import Plot

_MOST_POINTS = 4096


def sweep_plot(binds: Any, experiments: Sequence[Any]) -> Plot | None:
    """Makes the plot of a run with parameter binds and saved expectation values; ``None`` if it is no such run.

    Args:
        binds: The argument ``parameter_binds`` of the run; the first circuit's experiments come first in the result.
        experiments: The experiments of the result.
    """
    bind = binds[0] if isinstance(binds, list | tuple) and binds else None
    if not isinstance(bind, Mapping):
        return None
    for parameter, values in bind.items():
        places = np.asarray(values) if isinstance(values, Sequence | np.ndarray) else np.empty(0)
        if places.dtype.kind not in "iuf" or places.ndim != 1:
            continue
        if 1 < len(places) <= min(len(experiments), _MOST_POINTS) and np.ptp(places) > 0:
            return _curve(str(getattr(parameter, "name", parameter)), places, experiments[: len(places)])
    return None


def _curve(parameter: str, places: NDArray[Any], experiments: Sequence[Any]) -> Plot | None:
    data = [vars(getattr(one, "data", object)) for one in experiments]
    labels = [label for label, value in data[0].items() if type(value) is float]
    heights = [one.get(labels[0]) for one in data] if labels else []
    if not heights or any(type(value) is not float for value in heights):
        return None
    return Plot(
        "value",
        np.array(heights, "<f8"),
        f"{labels[0]} of the first circuit",
        "parameter",
        places.astype("<f8"),
        f"{parameter} (as it was given; angles are in radians)",
    )
