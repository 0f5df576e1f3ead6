"""The numbers saved by runs, one row for each circuit, parameter bind or element of a pub; read without Qiskit."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import array_references, is_reference
from aerchive.codecs.counts import format_outcome
from aerchive.codecs.table import CODEC as NUMBERS
from aerchive.codecs.table import SCALAR, scalar_from_row, typed
from aerchive.errors import AerchiveError, FormatError, InvalidInputError
from aerchive.interop.columns import Columns, column_of
from aerchive.lazy import cached_property
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.stored.array_plan import plan_array
from aerchive.stored.count_arrays import Counted, texts_of_bits
from aerchive.stored.document import StoredExperiment
from aerchive.stored.location import ArrayLocation, Locator
from aerchive.stored.opener import OpenRun, RunOpener
from aerchive.stored.result import StoredResult
from aerchive.stored.tree import chosen, kind_of, tag_of

COUNTS = "counts."
"""Prefix of the name of the count of an outcome, as in ``counts.00``."""
ALL_COUNTS = "counts.*"
"""The name that stands for the counts of all outcomes."""
ORIGIN = ("experiment", "circuit", "bind", "element")
"""The fields of a `Point` that tell where its numbers are from."""
_MOST_ELEMENTS = 1_000_000
_NUMBERS = (SCALAR, "float", "numpy")
"""Tags of numbers, of which the last may also be those of other values."""


@dataclass(frozen=True)
class SavedArray:
    """A saved array as the value of a point.

    Attributes:
        location: Where the array is.
        kind: The kind of the value, such as ``statevector`` or ``array``.
        experiment: Index of the experiment that saved it.
    """

    location: ArrayLocation
    kind: str
    experiment: int


class WantedCounts(NamedTuple):
    """Which counts are read.

    Attributes:
        outcomes: Outcomes whose counts are wanted: bit strings as ``get_counts`` prints them, or ``0x...``.
        is_all: Whether the counts of all outcomes are wanted.
        bits: The classical bits to which outcomes are reduced first; ``None``: all.
    """

    outcomes: tuple[str, ...] = ()
    is_all: bool = False
    bits: tuple[int, ...] | None = None


class Point(NamedTuple):
    """The numbers of one circuit with one set of parameters.

    Attributes:
        experiment: Index of the experiment, or of the pub, from 0.
        circuit: Name of the circuit, if it is known.
        circuit_number: Index of the circuit in the job, from 0; ``None`` if it is not known.
        bind: Index of the parameter bind among those of the circuit, from 0; ``None`` without binds.
        element: Index of the element of a primitive's pub, in row-major order; ``None`` if the pub has no shape.
        bound: Values of the circuit's parameters, by name.
        values: The saved numbers by label, the requested counts, and the requested arrays as `SavedArray`.
        counted: All outcomes and their counts, if they were requested and the circuit has counts.
        arrays: The labels of all values that have arrays, if values were requested by label.
        numbers: The labels of all numbers, if values were requested by label.
    """

    experiment: int
    circuit: str | None
    circuit_number: int | None
    bind: int | None
    element: int | None
    bound: dict[str, float]
    values: dict[str, Any]
    counted: Counted | None = None
    arrays: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def origin_columns(points: Sequence[Point]) -> Columns:
    """Columns that tell where the numbers are from, except those with ``None`` only, and parameters of the circuits."""
    origin = {name: column_of([getattr(point, name) for point in points]) for name in ORIGIN}
    bound = dict.fromkeys(name for point in points for name in point.bound)
    return {
        **{name: column for name, column in origin.items() if set(column.values) != {None}},
        **{name: column_of([point.bound.get(name) for point in points]) for name in bound},
    }


def point_columns(points: Sequence[Point]) -> Columns:
    """Columns that tell where the numbers are from, parameters of the circuits, and the numbers by label."""
    values = dict.fromkeys(name for point in points for name in point.values)
    numbers = {name: column_of([point.values.get(name) for point in points]) for name in values}
    return {**origin_columns(points), **numbers}


def read_points(opener: RunOpener, wanted: WantedCounts | None = None, labels: Collection[str] = ()) -> list[Point]:
    """Reads the numbers of a run; the list is empty if the run has no result.

    Args:
        opener: Opens the group of the run.
        wanted: Which counts are read; ``None``: none.
        labels: Labels of the values that are wanted: numbers, and arrays, which are located and not read. If empty, all
            numbers and no arrays.

    Raises:
        InvalidInputError: The wanted classical bits are not bits of the run, or a label has several arrays.
        FormatError: The run does not follow the format.
        IntegrityError: The run is damaged.
    """
    with opener.open() as (session, group):
        if layout.RESULT not in group:
            return []
        owner = str(group.run_uuid())
        stored = StoredResult(OpenRun(opener, session, group), owner, f"run {opener.job_id}")
        try:
            return list(_Reader(stored, group, owner, wanted or WantedCounts(), labels).points())
        except AerchiveError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise FormatError(f"{group.where()}: its numbers cannot be read: {error!r}") from error


class _Reader:
    def __init__(
        self, stored: StoredResult, group: GroupReader, owner: str, wanted: WantedCounts, labels: Collection[str]
    ) -> None:
        self._stored = stored
        self._group = group
        self._owner = owner
        self._wanted = wanted
        self._labels = labels
        self._locator = Locator(owner)

    @cached_property
    def _table(self) -> NDArray[Any]:
        return self._group.read(layout.TABLE, self._owner) if layout.TABLE in self._group else np.empty(0)

    def points(self) -> Iterator[Point]:
        inputs = self._stored.inputs
        pubs = inputs.get("pubs")
        binds = self._binds(inputs.get("parameter_binds"))
        circuit_of, bind_of = inputs.get("circuit_of") or [], inputs.get("bind_of") or []
        for number, experiment in enumerate(self._stored.experiments):
            name = (experiment.header or {}).get("name")
            if isinstance(experiment.fields.get("shape"), list):
                pub = pubs[number] if isinstance(pubs, list) and number < len(pubs) else {}
                yield from self._elements(number, experiment, pub)
                continue
            circuit = circuit_of[number] if number < len(circuit_of) else None
            bind = bind_of[number] if number < len(bind_of) else None
            bound: dict[str, float] = {}
            if isinstance(circuit, int) and isinstance(bind, int) and circuit < len(binds):
                bound = {key: values[bind].item() for key, values in binds[circuit].items() if bind < len(values)}
            data = {label: tree for label, tree in experiment.data.items() if not self._labels or label in self._labels}
            numbers = ((label, self._number(tree)) for label, tree in data.items())
            values: dict[str, Any] = {label: value for label, value in numbers if value is not None}
            counts, counted = self._counts(number, experiment)
            values |= counts | self._saved_arrays(number, experiment)
            index = circuit if circuit_of else number
            yield Point(number, name, index, bind, None, bound, values, counted, *self._labels_of(experiment))

    def _labels_of(self, experiment: StoredExperiment) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The labels that have arrays, and those of numbers; none if all numbers are wanted."""
        data = experiment.data if self._labels else {}
        arrays = tuple(label for label, tree in data.items() if next(array_references(tree), None) is not None)
        numbers = (
            label for label, tree in data.items() if isinstance(tree, bool | int | float) or tag_of(tree) in _NUMBERS
        )
        return arrays, tuple(numbers)

    def _saved_arrays(self, number: int, experiment: StoredExperiment) -> dict[str, SavedArray]:
        found = {}
        for label in self._labels:
            references = list(array_references(experiment.data.get(label)))
            if len(references) > 1:
                raise InvalidInputError(
                    f"{self._group.where()}: {label!r} has {len(references)} arrays, and one array of a circuit can be "
                    "taken across runs; those that were saved for each shot or condition can be had from one run: "
                    f"run.array({label!r}, shot=0)"
                )
            for location in self._locator.locate(self._group, references):
                kind = kind_of(chosen(experiment.data[label], None, None, label))
                found[label] = SavedArray(location, kind, number)
        return found

    def _number(self, tree: Any) -> float | int | bool | None:
        if isinstance(tree, bool | int | float):
            return tree
        tag = tree.get(TYPE_KEY) if isinstance(tree, dict) else None
        if tag == SCALAR:
            row = tree.get("row")
            if type(row) is not int or not 0 <= row < len(self._table):
                raise FormatError(f"{self._group.where(layout.TABLE)}: there is no row {row!r}")
            return scalar_from_row(self._table[row : row + 1], tree.get("column"))
        if tag in ("float", "numpy"):
            value = tagged_json.decode(tree)
            value = value.item() if isinstance(value, np.generic) else value
            return value if isinstance(value, bool | int | float) else None
        return None

    def _counts(self, number: int, experiment: StoredExperiment) -> tuple[dict[str, int], Counted | None]:
        """The counts of the wanted outcomes by name, and those of all outcomes if they are wanted."""
        outcomes, is_all, bits = self._wanted
        if not (outcomes or is_all) or "counts" not in experiment.data:
            return {}, None
        if bits is None:
            counts, header = self._stored.counts(number) if outcomes else {}, experiment.header
            found = {COUNTS + one: counts.get(_as_printed(one, header), 0) for one in outcomes}
            return found, self._stored.counted(number) if is_all else None
        kept = self._marginal(number, self._stored.counted(number), bits)
        return {COUNTS + one: kept.count(one) for one in outcomes}, kept if is_all else None

    def _marginal(self, number: int, counted: Counted, bits: Sequence[int]) -> Counted:
        try:
            return counted.marginal(bits)
        except InvalidInputError as error:
            raise InvalidInputError(
                f"{self._group.where()}, experiment {number}: {error}; if other runs have them, choose these with a "
                "condition such as num_clbits >= 3"
            ) from error

    def _elements(self, number: int, experiment: StoredExperiment, pub: Any) -> Iterator[Point]:
        """The points of a pub, one for each element, in row-major order."""
        shape = tuple(experiment.fields["shape"])
        is_shape = all(type(length) is int and length >= 0 for length in shape)
        size = math.prod(shape) if is_shape else 0
        if not is_shape or size > _MOST_ELEMENTS:
            raise FormatError(f"{self._group.where(layout.RESULT)}: a pub of shape {shape} is not to be believed")
        arrays, samples = self._arrays(number, experiment, shape)
        counted = self._sampled(number, samples, arrays)
        bound, circuit = self._bound(pub, shape), self._circuit_of(pub)
        index = pub.get("circuit") if isinstance(pub, dict) else None
        for element in range(size):
            yield Point(
                number,
                circuit,
                index if type(index) is int else None,
                None,
                element if shape else None,
                {name: float(values[element]) for name, values in bound.items()},
                {name: values[element].item() for name, values in arrays.items()},
                counted[element] if counted else None,
            )

    def _arrays(
        self, number: int, experiment: StoredExperiment, shape: tuple[int, ...]
    ) -> tuple[dict[str, NDArray[Any]], list[tuple[str, Any]]]:
        """Real numbers of each element of a pub by name, as flattened arrays; and names and bits of its bit arrays."""
        found: dict[str, NDArray[Any]] = {}
        samples = []
        for name, tree in experiment.data.items():
            tag = tree.get(TYPE_KEY) if isinstance(tree, dict) else None
            if tag == "array/1":
                values = np.asarray(self._stored.array(name, number))
                if values.shape == shape and values.dtype.kind in "biuf":
                    found[name] = values.reshape(-1)
            elif tag == "bit_array/1" and is_reference(tree.get("data")):
                samples.append((name, tree.get("num_bits")))
            elif (value := self._number(tree)) is not None or tag == "ndarray":
                values = np.asarray(tagged_json.decode(tree) if value is None else value)
                if values.shape == shape and values.dtype.kind in "biuf":
                    found[name] = values.reshape(-1)
        return found, samples

    def _sampled(
        self, number: int, samples: list[tuple[str, Any]], arrays: dict[str, NDArray[Any]]
    ) -> list[Counted] | None:
        """Puts the counts of the wanted outcomes into `arrays`; returns those of all outcomes if they are wanted."""
        outcomes, is_all, bits = self._wanted
        if not (outcomes or is_all) or len(samples) != 1:
            return None
        name, num_bits = samples[0]
        shots = np.asarray(self._stored.array(name, number))
        if bits is None:
            arrays |= {COUNTS + one: _how_often(shots, one, num_bits) for one in outcomes}
        if not is_all and bits is None:
            return None
        counted = [_counted(one, num_bits) for one in shots.reshape(-1, *shots.shape[-2:])]
        if bits is not None:
            counted = [self._marginal(number, one, bits) for one in counted]
            arrays |= {COUNTS + one: np.array([kept.count(one) for kept in counted]) for one in outcomes}
        return counted if is_all else None

    def _bound(self, pub: Any, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        """Parameter values of each element of a pub, by name; flattened arrays."""
        given = pub.get("parameter_values") if isinstance(pub, dict) else None
        found: dict[str, NDArray[Any]] = {}
        for names, reference in (given or {}).get("data", ()):
            values = self._input(reference)
            for column, name in enumerate(names):
                found[name] = np.broadcast_to(values[..., column], shape).reshape(-1)
        return found

    def _input(self, reference: Any) -> NDArray[Any]:
        if is_reference(reference):
            (location,) = self._locator.locate(self._group, [reference])
            if location.columns:
                return location.taken_from(self._table[slice(*location.bounds)])
            return plan_array(self._group, location).read(self._group.fd)
        return np.asarray(tagged_json.decode(reference))

    def _circuit_of(self, pub: Any) -> str | None:
        index = pub.get("circuit") if isinstance(pub, dict) else None
        return self._circuit_names[index] if type(index) is int and 0 <= index < len(self._circuit_names) else None

    @cached_property
    def _circuit_names(self) -> list[str]:
        if layout.CIRCUITS not in self._group:
            return []
        circuits = self._group.group(layout.CIRCUITS)
        names = circuits.attributes().get("names")
        tree = tagged_json.loads(str(names), circuits.where()) if names is not None else []
        return [str(name) for name in tree] if isinstance(tree, list) else []

    def _binds(self, tree: Any) -> list[dict[str, NDArray[Any]]]:
        """The values of the parameters of each circuit, by name of the parameter."""
        binds = tagged_json.decode(tree, self._name_or_numbers)
        if not isinstance(binds, list) or not all(isinstance(one, dict) for one in binds):
            return []
        return [{str(name): np.atleast_1d(np.asarray(values)) for name, values in one.items()} for one in binds]

    def _name_or_numbers(self, tag: str, body: dict[str, Any]) -> Any:
        """The values of a parameter, or its name; decoding the parameter itself would need Qiskit."""
        return typed(self._input(body["data"]), body["of"]) if tag == NUMBERS.tag else _name_of(tag, body)


def _name_of(tag: str, body: dict[str, Any]) -> Any:
    if tag == "parameter/1":
        return str(body.get("name"))
    if tag == "parameter_vector_element/1":
        return f"{body.get('vector')}[{body.get('index')}]"
    return None


def _as_printed(outcome: str, header: Mapping[str, Any] | None) -> str:
    return format_outcome(outcome, header) if outcome.startswith("0x") else outcome


def _counted(shots: NDArray[Any], num_bits: Any) -> Counted:
    """The counts of the outcomes of shots, in ascending order of the outcomes.

    Args:
        shots: The outcomes of all shots, shape ``(shots, bytes)``, the highest bit first.
        num_bits: Number of bits of an outcome.
    """
    width = shots.shape[-1]
    if type(num_bits) is not int or not 0 < num_bits <= 8 * width:
        raise FormatError(f"outcomes of {num_bits!r} bits in {width} bytes")
    rows, counts = np.unique(np.ascontiguousarray(shots).view(f"V{width}"), return_counts=True)
    bits = np.unpackbits(rows.view(np.uint8).reshape(-1, width), axis=1)[:, : -num_bits - 1 : -1]
    return Counted(texts_of_bits(bits), counts.astype(np.int64, copy=False))


def _how_often(samples: NDArray[Any], outcome: str, num_bits: Any) -> NDArray[Any]:
    """The number of shots of each element of a pub that gave an outcome.

    Args:
        samples: The outcomes of all shots, shape ``(*elements, shots, bytes)``, the highest bit first.
        outcome: The outcome as bits, the highest first, or as ``0x...``.
        num_bits: Number of bits of an outcome.

    Returns:
        The counts, flattened to shape ``(elements,)``.
    """
    wanted = int(outcome, 0) if outcome.startswith("0x") else int(outcome.replace(" ", ""), 2)
    flat = samples.reshape(-1, *samples.shape[-2:])
    if not isinstance(num_bits, int) or wanted.bit_length() > 8 * flat.shape[-1]:
        return np.zeros(len(flat), np.int64)
    row = np.frombuffer(wanted.to_bytes(flat.shape[-1], "big"), np.uint8)
    return np.asarray((flat == row).all(axis=-1).sum(axis=-1))
