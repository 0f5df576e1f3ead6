"""The plots of a run, which viewers show when the run is opened: groups of NeXus (``NXdata``) in its group ``view``.

They repeat a small part of the run's data, as numbers: bars of counts, the probabilities of a state, a matrix by a link
to its dataset, and the curve of a sweep. What viewers show right was measured; ``layout.md`` has the rules.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.models.config import RunConfig
from aerchive.models.shown import cut, own_names
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft
from aerchive.stored.forms import is_composed
from aerchive.threads import in_order

SWEEP: Final = "sweep"
COUNTS: Final = "counts"
PROBABILITY: Final = "probability"
VALUES: Final = "values"
MATRIX: Final = "matrix"
CURVES: Final = (SWEEP, COUNTS, PROBABILITY, VALUES)
PICTURE: Final = "picture"
_ORDER: Final = (*CURVES, MATRIX, PICTURE)
MOST_BINS: Final = 1024
"""The greatest number of bins of a profile, and the greatest number of rows of a matrix that is shown."""
MOST_BARS: Final = 64
"""The greatest number of bars; a state of more basis states is a curve."""
_MOST_PHASES = 64
"""The greatest number of rows of a unitary of which the phases are shown."""
_MOST_LABEL = 60
"""The greatest number of characters of the label of an axis that H5Web shows whole."""
_COLUMNS = {"experiment": "u", "bitstring": "S", "count": "i"}
"""Columns of a table of counts, and the kinds of their values."""
_MOST_BITS = 6
"""Up to this number of bits, the place of a bar is the outcome as an integer, and not its rank."""
_HALF_BAR = 0.375
"""Half the width of a bar. Places plus and minus it are exact as numbers of 16 bits."""
_SAME = 1e-6
"""Magnitudes that differ by less, relatively, are the same."""
_BLOCK_BYTES = 4 * 1024 * 1024
_ROW = 4096
"""Number of squares that are added up in the precision of the state; their sums are added up as 64-bit floats."""
LARGE: Final = 2**24
"""From this number of elements on, HDFView cannot show a whole dataset, and the dataset says so."""
_MATRICES = {"density_matrix": "density matrix", "unitary": "unitary", "superop": "superoperator"}


class Plot(NamedTuple):
    """A curve, or bars.

    Attributes:
        signal: Name of the dataset of the values.
        values: The values, shape ``(points,)``.
        label: What the values are, with their unit.
        axis: Name of the dataset of the places.
        places: The places, shape ``(points,)``.
        axis_label: What the places are, with the order of the qubits.
        bars: The text beneath each bar, if these are outlines of bars.
    """

    signal: str
    values: NDArray[Any]
    label: str
    axis: str
    places: NDArray[Any]
    axis_label: str
    bars: tuple[str, ...] = ()

    def draft(self) -> GroupDraft:
        """The group of the plot."""
        return GroupDraft(
            {"NX_class": "NXdata", "signal": self.signal, "axes": self.axis},
            {
                self.signal: DatasetDraft([self.values], attributes={"long_name": self.label}),
                self.axis: DatasetDraft([self.places], attributes={"long_name": self.axis_label}),
            },
        )


def first_plot(names: Iterable[str]) -> str | None:
    """The plot that viewers show first, of those with these names; ``None`` if there is none."""
    known = set(names)
    return next((name for name in _ORDER if name in known), None)


def view_of(plots: Mapping[str, GroupDraft]) -> GroupDraft | None:
    """The group ``view`` with these plots, or ``None`` without any."""
    return GroupDraft(groups=dict(plots), mutable=True) if plots else None


def plots_of(
    datasets: Mapping[str, DatasetDraft],
    config: RunConfig,
    own: Mapping[str, Plot] | None = None,
    known: Collection[str] = (),
) -> dict[str, GroupDraft]:
    """Makes the plots of a run, by name.

    Args:
        datasets: The datasets of the run, by name.
        config: The configuration of the run.
        own: Plots that were made from the result, by name; those that datasets give come before them.
        known: Names of plots that need not be made.
    """
    own = own or {}
    curves = {
        SWEEP: own.get(SWEEP),
        COUNTS: None if COUNTS in known else counts_plot(datasets, config) or own.get(COUNTS),
        PROBABILITY: None if PROBABILITY in known else probability_plot(datasets) or own.get(PROBABILITY),
        VALUES: own.get(VALUES),
    }
    plots = {name: plot.draft() for name, plot in curves.items() if plot is not None}
    if MATRIX not in known and (matrix := matrix_of(datasets)) is not None:
        plots[MATRIX] = _matrix_plot(matrix, datasets[matrix])
    return plots


# -- bars


def bars(
    signal: str, heights: Any, label: str, axis: str, places: Iterable[int], axis_label: str, texts: Sequence[str] = ()
) -> Plot:
    """Outlines of bars, four points each, because viewers draw lines; a point at each end keeps bars off the frame.

    Args:
        signal: Name of the dataset of the heights.
        heights: The heights, shape ``(bars,)``. Integers below 65,536 are stored as such, others as 32-bit floats.
        label: What the heights are.
        axis: Name of the dataset of the places.
        places: The places, in ascending order.
        axis_label: What the places are.
        texts: The text beneath each bar.
    """
    high, middle = np.asarray(heights), np.array([*places], "<f2")
    is_small = high.dtype.kind in "iu" and 0 <= high.min() <= high.max() < 2**16
    kind = "<u2" if is_small else "<f8" if high.dtype.kind in "iu" else "<f4"
    outline = middle[:, None] + np.array([-_HALF_BAR, -_HALF_BAR, _HALF_BAR, _HALF_BAR], "<f2")
    outline_heights = np.zeros(4 * len(high) + 2, kind)
    outline_heights[2:-1:4] = outline_heights[3:-1:4] = high
    ends = np.array([middle[0] - 1], "<f2"), np.array([middle[-1] + 1], "<f2")
    return Plot(
        signal,
        outline_heights,
        label,
        axis,
        np.concatenate([ends[0], outline.reshape(-1), ends[1]]),
        cut(axis_label, _MOST_LABEL),
        tuple(texts),
    )


def outcome_bars(
    texts: Sequence[str], heights: NDArray[Any], signal: str, label: str, bit: str = "classical bit"
) -> Plot:
    """Bars of the most frequent outcomes.

    Args:
        texts: The outcomes as bit strings, which may have spaces.
        heights: How frequent each is, shape ``(outcomes,)``.
        signal: Name of the dataset of the heights.
        label: What the heights are.
        bit: What the last bit of an outcome is the bit 0 of.
    """
    by_height = np.argsort(-heights, kind="stable")[:MOST_BARS]
    found = [(texts[number], heights[number]) for number in by_height.tolist()]
    last = f"; last bit: {bit} 0"
    if max(len(text.replace(" ", "")) for text, _ in found) <= _MOST_BITS:
        placed = sorted((int(text.replace(" ", ""), 2), text, height) for text, height in found)
        named = f"outcome: {', '.join(f'{number} = {text}' for number, text, _ in placed)}{last}"
        axis_label = named if len(named) <= _MOST_LABEL else f"outcome as an integer{last}"
    else:
        placed = [(rank, text, height) for rank, (text, height) in enumerate(found)]
        axis_label = f"rank; 0: {cut(found[0][0], 20)}{last}"
    return bars(
        signal,
        np.array([height for _, _, height in placed]),
        label + (f", {MOST_BARS} most frequent" if len(texts) > MOST_BARS else ""),
        "outcome",
        [place for place, _, _ in placed],
        axis_label,
        [text for _, text, _ in placed],
    )


def counts_plot(datasets: Mapping[str, DatasetDraft], config: RunConfig) -> Plot | None:
    """The counts of the first experiment that has some: outlines of bars, of its most frequent outcomes."""
    dataset = datasets.get(layout.COUNTS)
    if dataset is None:
        return None
    columns = {name: dataset.dtype[name].kind for name in dataset.dtype.names or ()}
    if not _COLUMNS.items() <= columns.items() or len(dataset.shape) != 1 or not dataset.shape[0]:
        return None
    rows = dataset.parts[0][...]
    experiment = int(rows["experiment"][0])
    rows = rows[rows["experiment"] == experiment]
    if len(rows) > MOST_BARS:  # the others are only counted
        rows = rows[np.argsort(-rows["count"], kind="stable")[: MOST_BARS + 1]]
    texts = [text.decode("ascii", "replace") for text in rows["bitstring"].tolist()]
    outcomes = [text.replace(" ", "") for text in texts]
    if any(not outcome or outcome.strip("01") for outcome in outcomes):  # by an edited header, no register has a bit
        return None
    return outcome_bars(texts, rows["count"], "shots", f"shots of {_circuit(config, experiment)}")


def _circuit(config: RunConfig, experiment: int) -> str:
    names, number = own_names(config.circuit_names), config.num_circuits or 1
    if config.num_experiments not in (None, number):
        return f"experiment {experiment + 1} of {config.num_experiments}"
    which = f"circuit {experiment + 1} of {number}"
    name = names[experiment] if experiment < len(names) else ""
    if not name:
        return which if number > 1 else "the circuit"
    return f"{cut(name)} ({which})" if number > 1 else cut(name)


# -- probabilities


def probability_plot(datasets: Mapping[str, DatasetDraft]) -> Plot | None:
    """The probabilities of a saved state, or of a density matrix too large to be shown, in at most 1,024 bins."""
    for kind, what in ("statevector", ""), ("density_matrix", ", density matrix"):
        dataset = next((one for one in datasets.values() if one.attributes.get("kind") == kind), None)
        if dataset is None or is_composed(dataset.attributes) or dataset.dtype.kind != "c":
            continue
        if dataset.attributes.get("layout") == "packed":
            continue
        read, shape, number = last_array(dataset)
        size = shape[0] if shape else 0
        if size < 2 or size & (size - 1) or shape != (size,) * (1 if kind == "statevector" else 2):
            continue
        if kind == "density_matrix" and size <= MOST_BINS:
            continue
        is_live = isinstance(dataset.parts[-1], np.ndarray)
        weigh = _squares if kind == "statevector" else _diagonal
        values = _profile(read, size, math.prod(shape) * dataset.dtype.itemsize // size, weigh, is_live=is_live)
        return profile_plot(values, what + (f", state {number} of {number}" if number > 1 else ""), size)
    return None


def profile_plot(values: NDArray[np.float64], what: str = "", size: int | None = None) -> Plot:
    """The probabilities of basis states: bars if they are few, else a curve of at most 1,024 bins of equal width.

    Args:
        values: The probabilities, of all basis states or of bins of them; as many as a power of two.
        what: What else the label says.
        size: Number of basis states, if the values are those of bins.
    """
    size = len(values) if size is None else size
    bins = min(len(values), MOST_BINS)
    values = values.reshape(bins, -1).sum(axis=1)
    width, qubits = size // bins, size.bit_length() - 1
    each = f" in bins of {width:,} states" if width > 1 else ""
    label = f"probability{each}, {qubits} qubit{'s' * (qubits != 1)}{what}"
    axis_label = f"{'first index of the bin' if width > 1 else 'index of the basis state'}; last bit: qubit 0"
    if bins <= MOST_BARS:
        return bars("probability", values, label, "first_index", range(bins), axis_label)
    return Plot("probability", values, label, "first_index", np.arange(bins, dtype="<i8") * width, axis_label)


_Read = Callable[[int, int], NDArray[Any]]
_Weigh = Callable[[NDArray[Any], int, int], NDArray[np.float64]]


def last_array(dataset: DatasetDraft) -> tuple[_Read, tuple[int, ...], int]:
    """A function that reads rows of the last array of a dataset, the shape of that array, and the number of arrays."""
    part: Any = dataset.parts[-1]
    if dataset.attributes.get("layout") == "stacked" and not dataset.stacked:
        number = int(part.shape[0])
        return lambda first, stop: part[number - 1, first:stop], tuple(part.shape[1:]), number
    return lambda first, stop: part[first:stop], tuple(part.shape), len(dataset.parts)


def _profile(read: _Read, size: int, row_bytes: int, weigh: _Weigh, *, is_live: bool) -> NDArray[np.float64]:
    """The sums of the weights of the rows in each bin, shape ``(bins,)``; threads compute them if nothing is read."""
    bins = min(size, MOST_BINS)
    width = size // bins
    step = max(1, _BLOCK_BYTES // (row_bytes * width)) * width

    def work(first: int) -> NDArray[np.float64]:
        stop = min(first + step, size)
        return weigh(read(first, stop), first, (stop - first) // width)

    starts = range(0, size, step)
    return np.concatenate(list(in_order(work, starts, len(starts), None if is_live else 1)))


def _squares(values: NDArray[Any], first: int, bins: int) -> NDArray[np.float64]:
    del first
    real = np.ascontiguousarray(values).view(values.real.dtype)
    rows = real.reshape(bins, -1, min(_ROW, real.size // bins))
    found: NDArray[np.float64] = np.einsum("ijk,ijk->ij", rows, rows).sum(axis=1, dtype=np.float64)
    return found


def _diagonal(values: NDArray[Any], first: int, bins: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.diagonal(values, first).real.reshape(bins, -1).sum(axis=1, dtype=np.float64)
    return found


# -- matrices, and what datasets say of themselves


def matrix_of(datasets: Mapping[str, DatasetDraft], most: float = MOST_BINS) -> str | None:
    """The name of the dataset with a saved matrix of at most so many rows; ``None`` if there is none."""
    return next((name for name, dataset in datasets.items() if _is_matrix(dataset, most)), None)


def _is_matrix(dataset: DatasetDraft, most: float = MOST_BINS) -> bool:
    shape = dataset.shape
    return (
        dataset.attributes.get("kind") in _MATRICES
        and dataset.dtype.kind == "c"
        and len(shape) in (2, 3)
        and shape[-1] == shape[-2] <= most
        and 0 not in shape
    )


def described(datasets: Mapping[str, DatasetDraft]) -> dict[str, DatasetDraft]:
    """Adds to matrices and large arrays the attributes that say what they are, and how viewers show them."""
    return {name: _described(dataset) for name, dataset in datasets.items()}


def phases_of(dataset: DatasetDraft) -> NDArray[np.float16] | None:
    """The phases of the last unitary of a dataset if all its elements have one magnitude, which says nothing then.

    Returns:
        The phases in units of pi, from above -1 to 1, shape ``(rows, columns)``; ``None`` for other matrices, and for
        unitaries of more than 64 rows.
    """
    if dataset.attributes.get("kind") != "unitary" or not _is_matrix(dataset, _MOST_PHASES):
        return None
    read, shape, _ = last_array(dataset)
    values = read(0, shape[0])
    magnitudes = np.abs(values)
    if not 0 < magnitudes.max() < np.inf or np.ptp(magnitudes) > _SAME * magnitudes.max():
        return None
    phases = np.round(np.angle(values.T if dataset.attributes.get("order") == "F" else values) / np.pi, 4)
    return np.where(phases == -1, 1, phases + 0.0).astype("<f2")


def _matrix_plot(name: str, dataset: DatasetDraft) -> GroupDraft:
    """A link to the dataset, or phases, with axes that say which are the rows."""
    kind, size = str(dataset.attributes.get("kind")), dataset.shape[-1]
    sides = ["row", "column"]
    phases = phases_of(dataset)
    if phases is None and dataset.attributes.get("order") == "F":
        sides.reverse()
    last = "" if kind == "superop" else "; last bit: qubit 0"
    axes = {
        side: DatasetDraft([np.arange(size, dtype="<i2")], attributes={"long_name": f"{side}{last}"}) for side in sides
    }
    names = (".",) * (len(dataset.shape) - 2 if phases is None else 0) + tuple(sides)
    if phases is None:
        return GroupDraft({"NX_class": "NXdata", "signal": name, "axes": names}, axes, links={name: name})
    label = f"phase / pi of the {matrix_label(kind, size)}"
    phase = DatasetDraft([phases], attributes={"interpretation": "image", "long_name": label})
    return GroupDraft({"NX_class": "NXdata", "signal": "phase", "axes": names}, {"phase": phase, **axes})


def matrix_label(kind: str, size: int) -> str:
    """What a matrix of a kind and number of rows is: ``density matrix of 3 qubits``."""
    return f"{_MATRICES[kind]} of {_qubits(math.isqrt(size) if kind == 'superop' else size)}"


def _described(dataset: DatasetDraft) -> DatasetDraft:
    kind, more = str(dataset.attributes.get("kind")), dict[str, AttributeValue]()
    if kind in _MATRICES and _is_matrix(dataset):
        first = "column" if dataset.attributes.get("order") == "F" else "row"
        label = f"{matrix_label(kind, dataset.shape[-1])} (first axis: {first})"
        more = {"interpretation": "image", "long_name": label}
    if math.prod(dataset.shape) >= LARGE and dataset.attributes.get("encoding") == "array":
        more["note"] = _note(kind, dataset.shape, has_profile=kind in ("statevector", "density_matrix"))
    return dataclasses.replace(dataset, attributes={**dataset.attributes, **more}) if more else dataset


def _qubits(size: int) -> str:
    number = size.bit_length() - 1
    return f"{number} qubit{'s' * (number != 1)}" if 2**number == size else f"{size} dimensions"


def _note(kind: str, shape: Sequence[int], *, has_profile: bool) -> str:
    what = f"An array of {' x '.join(f'{extent:,}' for extent in shape)} values."
    if has_profile:
        what = f"A {kind.replace('_', ' ')} of {_qubits(shape[-1])}: qubit 0 is the last bit of an index."
    profile = " The plot view/probability of its run has its profile." if has_profile else ""
    return (
        f"{what} A complex number is r + i times the imaginary unit. It is too large for a table of HDFView: choose "
        f"Open As there, and a subset. With h5py, dataset[a:b] reads a part.{profile}"
    )
