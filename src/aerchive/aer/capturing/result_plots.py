"""Plots that are made from the values of a result: the curve of a sweep, saved probabilities and numbers, samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.result import ProbDistribution

from aerchive.models.shown import cut
from aerchive.private_names import private_if_any
from aerchive.project.documents.plots import (
    COUNTS,
    MOST_BARS,
    PROBABILITY,
    SWEEP,
    VALUES,
    Plot,
    bars,
    outcome_bars,
    profile_plot,
)

_MOST_POINTS = 4096
_MOST_BYTES = 16 * 1024 * 1024
"""The greatest size of the samples of a pub of which a plot is made."""
_ROUNDING = 1e-12
_VARIANCE = "save_expval_var"
_VALUE_LABEL = 20


class _Points(NamedTuple):
    """Where the first parameter changes.

    Attributes:
        parameter: Name of the parameter.
        places: Its values, shape ``(points,)``.
        where: The index of these points in an array of the pub.
    """

    parameter: str
    places: NDArray[Any]
    where: tuple[Any, ...]


def plots_if_possible(make: Callable[[], dict[str, Plot]]) -> dict[str, Plot]:
    """The plots that a function makes; none if it fails, because the values may be of any class, and a run is more."""
    try:
        return make()
    except Exception:  # noqa: BLE001  (as the docstring says)
        return {}


def plots_of_result(binds: Any, experiments: Sequence[Any], circuits: Sequence[Any] | None = None) -> dict[str, Plot]:
    """Makes the plots of a simulation of which the datasets of the run do not say enough, by name.

    Args:
        binds: The argument ``parameter_binds`` of the run; the first circuit's experiments come first in the result.
        experiments: The experiments of the result.
        circuits: The circuits of the run, if they are known.
    """
    if (sweep := _sweep(binds, experiments)) is not None:
        return {SWEEP: sweep}
    if not experiments:
        return {}
    data, circuit = _saved(experiments[0]), next(iter(circuits or ()), None)
    found = {
        PROBABILITY: next((plot for label, value in data.items() if (plot := _chances(label, value, circuit))), None),
        VALUES: _numbers(data, experiments, circuit),
    }
    return {name: plot for name, plot in found.items() if plot is not None}


def plots_of_pubs(result: Sequence[Any], pubs: Sequence[Any] | None) -> dict[str, Plot]:
    """Makes the plots of the first pub of a primitive, by name.

    Args:
        result: The results of the pubs.
        pubs: The pubs, if they are known.
    """
    if not len(result):
        return {}
    which = f", pub 1 of {len(result)}" if len(result) > 1 else ""
    data = dict(result[0].data.items())
    points = _points(next(iter(pubs or ()), None), tuple(result[0].data.shape))
    for name, value in data.items():
        if type(value) is BitArray and 0 < value.array.nbytes <= _MOST_BYTES:
            return _samples(value, points, f"register {name}{which}")
    values = data.get("evs")
    if not isinstance(values, np.ndarray | float) or np.asarray(values).dtype.kind != "f" or not np.size(values):
        return {}
    if points is not None:
        return {SWEEP: _curve(np.asarray(values)[points.where], f"expectation value{which}", points)}
    heights = np.ravel(values)[:MOST_BARS]
    axis_label = "number of the value, in the order of evs"
    return {VALUES: bars("value", heights, f"expectation value{which}", "number", range(len(heights)), axis_label)}


# -- sweeps


def _sweep(binds: Any, experiments: Sequence[Any]) -> Plot | None:
    bind = binds[0] if isinstance(binds, list | tuple) and binds else None
    if not isinstance(bind, Mapping):
        return None
    for parameter, values in bind.items():
        places = np.asarray(values) if isinstance(values, Sequence | np.ndarray) else np.empty(0)
        if places.dtype.kind not in "iuf" or places.ndim != 1:
            continue
        if 1 < len(places) <= min(len(experiments), _MOST_POINTS) and np.ptp(places) > 0:
            points = _Points(str(getattr(parameter, "name", parameter)), places, ())
            data = [_saved(one) for one in experiments[: len(places)]]
            return _curve_of_numbers(data, points) or _curve_of_counts(data, experiments[0], points)
    return None


def _curve_of_numbers(data: Sequence[Mapping[str, Any]], points: _Points) -> Plot | None:
    labels = [label for label, value in data[0].items() if type(value) is float]
    heights = [one.get(labels[0]) for one in data] if labels else []
    if not heights or any(type(value) is not float for value in heights):
        return None
    return _curve(heights, f"{cut(labels[0])} of the first circuit", points)


def _curve_of_counts(data: Sequence[Mapping[str, Any]], first: Any, points: _Points) -> Plot | None:
    """The share of the outcome that is the most frequent one in the first experiment."""
    counts = [one.get("counts") for one in data]
    if not all(type(one) is dict and one and all(type(n) is int and n > 0 for n in one.values()) for one in counts):
        return None
    tables: list[dict[str, int]] = [one for one in counts if one is not None]
    top = max(tables[0], key=lambda key: tables[0][key])
    header = getattr(first, "header", None)  # a mapping since Qiskit 2
    bits = header.get("memory_slots") if isinstance(header, Mapping) else getattr(header, "memory_slots", None)
    text = format(int(top, 16), f"0{bits}b") if type(bits) is int and bits > 0 else top
    return _curve(
        [one.get(top, 0) / sum(one.values()) for one in tables],
        f"share of outcome {cut(text, 24)}, first circuit",
        points,
    )


def _curve(heights: Any, label: str, points: _Points) -> Plot:
    unit, values = "as given; angles in radians", np.array(heights, "<f8")
    if np.ptp(values) <= _ROUNDING * np.abs(values).max():
        values[:] = values[0]  # viewers would show the rounding errors of a constant in full size
    return Plot(
        "value",
        values,
        label,
        "parameter",
        points.places.astype("<f8"),
        f"parameter {cut(points.parameter, 20)} ({unit})",
    )


def _points(pub: Any, shape: tuple[int, ...]) -> _Points | None:
    given: Any = getattr(pub, "parameter_values", None)
    if type(given) is not BindingsArray:
        return None
    for names, array in given.data.items():
        if array.dtype.kind not in "iuf" or not _fits(array.shape[:-1], shape):
            continue
        for number, name in enumerate(names):
            values = np.broadcast_to(array[..., number], shape)
            for axis, extent in enumerate(shape):
                index = tuple(slice(None) if one == axis else 0 for one in range(len(shape)))
                if 0 not in shape and 1 < extent <= _MOST_POINTS and np.ptp(values[index]) > 0:
                    return _Points(str(name), values[index], index)
    return None


def _fits(shape: tuple[int, ...], into: tuple[int, ...]) -> bool:
    """Whether an array of this shape can be broadcast."""
    ends = zip(reversed(shape), reversed(into), strict=False)
    return len(shape) <= len(into) and all(one in (1, other) for one, other in ends)


# -- saved values and samples


def _saved(experiment: Any) -> Mapping[str, Any]:
    """The values of an experiment by label."""
    return vars(getattr(experiment, "data", object))


def _chances(label: str, value: Any, circuit: Any) -> Plot | None:
    """The plot of saved probabilities; ``None`` for other values."""
    if type(value) is ProbDistribution:
        items = dict(value)
        bits = private_if_any(value, "_num_bits")
        if not items or not all(type(key) is int and key >= 0 and type(one) is float for key, one in items.items()):
            return None
        width = max(bits if type(bits) is int else 1, max(items).bit_length(), 1)
        texts = [format(key, f"0{width}b") for key in items]
        return outcome_bars(texts, np.array([*items.values()]), "probability", f"probability ({cut(label)})", "qubit")
    if type(value) is not np.ndarray or value.dtype != float or value.ndim != 1:
        return None
    size = len(value)
    if size < 2 or size & (size - 1) or value.min() < -1e-9 or abs(value.sum() - 1) > 1e-6:
        return None
    return None if _is_variance(circuit, label, value) else profile_plot(value, f" ({cut(label)})")


def _is_variance(circuit: Any, label: str, value: Any) -> bool:
    """Whether a value is an expectation value and its variance, as the circuit says."""
    if type(value) is not np.ndarray or value.shape != (2,) or not isinstance(circuit, QuantumCircuit):
        return False
    operations = (item.operation for item in circuit.data)
    return any(one.name == _VARIANCE and private_if_any(one, "_label") == label for one in operations)


def _numbers(data: Mapping[str, Any], experiments: Sequence[Any], circuit: Any) -> Plot | None:
    """The saved numbers of the only experiment, or the first one of each."""
    found: dict[str, float] = {}
    for label, value in data.items():
        if type(value) is float:
            found[label] = value
        elif _is_variance(circuit, label, value):
            found[label], found["its variance"] = map(float, value)
    if not found:
        return None
    label = next(iter(found))
    if len(experiments) == 1:
        heights, axis_label = [*found.values()], "saved number"
        names = ", ".join(f"{number} = {cut(name, _VALUE_LABEL)}" for number, name in enumerate(found))
        return bars("value", heights, "saved numbers", "number", range(len(found)), f"{axis_label}: {names}")
    more = [_saved(one).get(label) for one in experiments[:MOST_BARS]]
    if any(type(one) is not float for one in more):
        return None
    return bars(
        "value", more, f"{cut(label)} of each experiment", "number", range(len(more)), "number of the experiment"
    )


def _samples(value: BitArray, points: _Points | None, what: str) -> dict[str, Plot]:
    rows = value.array.reshape(-1, value.array.shape[-1]) if points is None else value.array[points.where]
    patterns, counts = np.unique(rows if points is None else rows[0], axis=0, return_counts=True)
    texts = [format(int.from_bytes(one.tobytes(), "big"), f"0{value.num_bits}b") for one in patterns]
    if points is None:
        return {COUNTS: outcome_bars(texts, counts, "shots", f"shots of {cut(what)}")}
    top = int(np.argmax(counts))
    share = (rows == patterns[top]).all(axis=-1).mean(axis=-1)
    return {SWEEP: _curve(share, f"share of outcome {cut(texts[top], 24)}, {cut(what, 24)}", points)}
