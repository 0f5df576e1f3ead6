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
from aerchive.storage.chunks.drafts import AttributeValue, DatasetDraft, GroupDraft
from aerchive.threads import in_order

SWEEP: Final = "sweep"
COUNTS: Final = "counts"
PROBABILITY: Final = "probability"
MATRIX: Final = "matrix"
_ORDER: Final = (SWEEP, COUNTS, PROBABILITY, MATRIX)
MOST_BINS: Final = 1024
"""The greatest number of bins of a profile, and the greatest number of rows of a matrix that is shown."""
_COLUMNS = {"experiment": "u", "bitstring": "S", "count": "i"}
"""Columns of a table of counts, and the kinds of their values."""
_MOST_BARS = 64
_MOST_BITS = 6
"""Up to this number of bits, the place of a bar is the outcome as an integer, and not its rank."""
_HALF_BAR = 0.375
"""Half the width of a bar. Places plus and minus it are exact as numbers of 16 bits."""
_MOST_NAMED = 4
_BLOCK_BYTES = 4 * 1024 * 1024
_ROW = 4096
"""Number of squares that are added up in the precision of the state; their sums are added up as 64-bit floats."""
LARGE: Final = 2**24
"""From this number of elements on, HDFView cannot show a whole dataset, and the dataset says so."""
_MATRICES = {"density_matrix": "density matrix", "unitary": "unitary"}


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
    sweep: Plot | None = None,
    known: Collection[str] = (),
) -> dict[str, GroupDraft]:
    """Makes the plots of a run, by name.

    Args:
        datasets: The datasets of the run, by name.
        config: The configuration of the run.
        sweep: The curve of a sweep, if the run is one.
        known: Names of plots that need not be made.
    """
    curves = {
        SWEEP: sweep,
        COUNTS: None if COUNTS in known else counts_plot(datasets, config),
        PROBABILITY: None if PROBABILITY in known else probability_plot(datasets),
    }
    plots = {name: plot.draft() for name, plot in curves.items() if plot is not None}
    if MATRIX not in known and (matrix := matrix_of(datasets)) is not None:
        plots[MATRIX] = GroupDraft({"NX_class": "NXdata", "signal": matrix}, links={matrix: matrix})
    return plots


# -- counts


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
    by_count = np.argsort(-rows["count"], kind="stable")[:_MOST_BARS]
    texts = [text.decode("ascii", "replace") for text in rows["bitstring"][by_count].tolist()]
    outcomes = [text.replace(" ", "") for text in texts]
    if any(not outcome or outcome.strip("01") for outcome in outcomes):  # by an edited header, no register has a bit
        return None
    numbers = [int(outcome, 2) for outcome in outcomes]
    counts = rows["count"][by_count].tolist()
    bits = max(map(len, outcomes))
    if bits <= _MOST_BITS:
        bars = sorted(zip(numbers, texts, counts, strict=True))
        label = "outcome as an integer"
        if len(bars) <= _MOST_NAMED:
            label = f"outcome: {', '.join(f'{number} = {text}' for number, text, _ in bars)}"
    else:
        bars = [(rank, text, count) for rank, (text, count) in enumerate(zip(texts, counts, strict=True))]
        label = f"rank of the outcome; 0 = {_short(texts[0])}"
    places = np.array([place for place, _, _ in bars], "<f2")
    heights = np.array([count for _, _, count in bars])
    kind = "<u2" if 0 <= heights.min() <= heights.max() < 2**16 else "<f8"
    return Plot(
        "shots",
        (heights[:, None] * [0, 1, 1, 0]).reshape(-1).astype(kind),
        f"shots of {_circuit(config, experiment)}"
        + (f", {_MOST_BARS} most frequent" if len(rows) > _MOST_BARS else ""),
        "outcome",
        (places[:, None] + np.array([-_HALF_BAR, -_HALF_BAR, _HALF_BAR, _HALF_BAR], "<f2")).reshape(-1),
        f"{label}; the last bit is classical bit 0 (qubit 0 of measure_all)",
        tuple(text for _, text, _ in bars),
    )


def _circuit(config: RunConfig, experiment: int) -> str:
    names, number = config.circuit_names or [], config.num_circuits or 1
    if config.num_experiments not in (None, number):
        return f"experiment {experiment + 1} of {config.num_experiments}"
    which = f"circuit {experiment + 1} of {number}"
    name = names[experiment] if experiment < len(names) else ""
    if not name:
        return which if number > 1 else "the circuit"
    return f"{_short(name)} ({which})" if number > 1 else _short(name)


def _short(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


# -- probabilities


def probability_plot(datasets: Mapping[str, DatasetDraft]) -> Plot | None:
    """The probabilities of a saved state, or of a density matrix too large to be shown, in at most 1,024 bins."""
    for kind, what in ("statevector", ""), ("density_matrix", " (diagonal of the density matrix)"):
        dataset = next((one for one in datasets.values() if one.attributes.get("kind") == kind), None)
        if dataset is None or dataset.attributes.get("layout") == "packed" or dataset.dtype.kind != "c":
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
        width, qubits = size // len(values), size.bit_length() - 1
        each = f" in each bin of {width:,} basis states" if width > 1 else " of each basis state"
        of = f", last of {number} states" if number > 1 else ""
        return Plot(
            "probability",
            values,
            f"probability{each}, {qubits} qubit{'s' * (qubits != 1)}{what}{of}",
            "first_index",
            np.arange(len(values), dtype="<i8") * width,
            f"{'first index of the bin' if width > 1 else 'index of the basis state'}; qubit 0 is its last bit",
        )
    return None


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


def _described(dataset: DatasetDraft) -> DatasetDraft:
    kind, more = str(dataset.attributes.get("kind")), dict[str, AttributeValue]()
    if kind in _MATRICES and _is_matrix(dataset):
        order = "down: its columns, across: its rows" if dataset.attributes.get("order") == "F" else "down: its rows"
        more = {
            "interpretation": "image",
            "long_name": f"{_MATRICES[kind]} of {_qubits(dataset.shape[-1])} ({order}; last bit of an index: qubit 0)",
        }
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
