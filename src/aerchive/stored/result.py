"""The stored result of a run: one document, and the tables and arrays to which it refers."""

from __future__ import annotations

import enum
import fnmatch
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.codecs.base import array_references
from aerchive.codecs.counts import TAG as COUNTS_TAG
from aerchive.codecs.counts import counts_from_rows, foreign_counts, format_outcome
from aerchive.codecs.draft_references import mark_inputs, mark_references
from aerchive.codecs.memory import TAG as MEMORY_TAG
from aerchive.codecs.memory import memory_from_rows
from aerchive.codecs.result import VERSION, decode_part, decode_value
from aerchive.codecs.scalars import TAG as SCALAR_TAG
from aerchive.display.text import format_bytes
from aerchive.errors import FormatError, InvalidInputError, NotFoundError, check_version
from aerchive.kinds import KINDS
from aerchive.lazy import cached_property
from aerchive.models import tagged_json
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.stored.array import StoredArray
from aerchive.stored.array_place import ArrayPlace, Locator, kept_array, plan_places
from aerchive.stored.block_cache import keep_small_rows, read_rows
from aerchive.stored.opener import RunOpener, Stamp, stamp_of
from aerchive.stored.stack import StackedArray, natural_order

if TYPE_CHECKING:  # importing it loads the mathematics of states, which counts do not need
    from aerchive.stored.quantum_array import Initializer, StoredQuantumArray


class SavedValue(NamedTuple):
    """One saved value of a run: a row of `Run.saved`.

    Attributes:
        experiment: Index of the experiment, from 0.
        circuit: Name of the circuit, if the experiment has a header.
        bind: Index of the parameter bind, if there were binds.
        label: The label under which the value was saved.
        kind: Name of the encoding, such as ``statevector``; ``json`` for small values in the document.
        shape: Shape of the first array in the value; ``()`` if there is none.
        dtype: Dtype of the first array in the value, in numpy's notation; empty if there is none.
        nbytes: Size of all arrays in the value in bytes, before compression.
        infidelity: Measured infidelity ``1 - F`` due to rounding, the largest of the arrays; ``None`` if the value is
            exact.
        max_infidelity: Largest infidelity that was allowed for the rounding; ``None`` if the value is exact.
        grid: Grid spacing: the numbers are multiples of it, if the value was rounded.
    """

    experiment: int
    circuit: str | None
    bind: int | None
    label: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    infidelity: float | None = None
    max_infidelity: float | None = None
    grid: float | None = None


class Registered(enum.Enum):
    """The names that the data of an experiment list for their values, if the document does not store them."""

    LABELS = enum.auto()
    """The names are the labels of the values, as in every result that was not edited."""


class StoredExperiment(NamedTuple):
    """One experiment of the document; its values are still encoded.

    Attributes:
        fields: Attributes of the ``ExperimentResult``, encoded.
        metadata: Further metadata of the ``ExperimentResult``, encoded.
        data: Encoded values by label, in the order of the result.
        registered: Encoded names that the data list for their values; `Registered.LABELS` if these are the labels.
    """

    fields: dict[Any, Any]
    metadata: dict[Any, Any]
    data: dict[str, Any]
    registered: Any = Registered.LABELS

    @property
    def header(self) -> dict[str, Any] | None:
        """The header, if there is one that can be read."""
        try:
            header = tagged_json.decode(self.fields.get("header"), lambda _tag, _body: None)
        except FormatError:
            return None
        return header if isinstance(header, dict) else None


class StoredResult:
    """The stored result of one run. The document is read once, values are read when they are asked for.

    Args:
        opener: Opens the group of the run.
        owner: UUID of the run.
        what: Description of the run, for messages.
    """

    def __init__(self, opener: RunOpener, owner: str, what: str) -> None:
        self._opener = opener
        self._owner = owner
        self._what = what
        self._located: tuple[Stamp, Locator] | None = None
        self._has_kept_counts = False

    def load(self, *, with_counts: bool = False) -> None:
        """Reads the document, so that a value needs one opening of the file or none.

        Args:
            with_counts: Whether to keep the table of counts, too, if it is small: for programs that ask for it next.
        """
        _ = self._document  # is kept from now on
        if with_counts and not self._has_kept_counts and self._opener.stamp() is not None:
            self._has_kept_counts = True
            with self._opener.open() as (_, group):
                keep_small_rows(group, layout.COUNTS, self._owner)

    def load_inputs(self) -> None:
        """Reads the document of the inputs, so that asking for them opens nothing."""
        _ = self.inputs  # are kept from now on

    @cached_property
    def _document(self) -> tuple[dict[Any, Any], dict[Any, Any], list[StoredExperiment]]:
        with self._opener.open() as (_, group):
            if layout.RESULT not in group:
                raise NotFoundError(f"{group.where()}: {self._what} has no result")
            where = group.where(layout.RESULT)
            tree = _read_document(group, layout.RESULT, self._owner, mark_references)
        try:
            experiments = [
                StoredExperiment(
                    _mapping(e["fields"]),
                    _mapping(e["metadata"]),
                    _pairs(e["data"]),
                    e.get("registered", Registered.LABELS),
                )
                for e in tree["experiments"]
            ]
            return _mapping(tree["fields"]), _mapping(tree["metadata"]), experiments
        except (KeyError, TypeError, ValueError, AttributeError, FormatError) as error:
            raise FormatError(f"{where}: is not a result document: {error}") from error

    @property
    def fields(self) -> dict[Any, Any]:
        """Attributes of the ``Result``, encoded."""
        return self._document[0]

    @property
    def metadata(self) -> dict[Any, Any]:
        """Further metadata of the ``Result``, encoded."""
        return self._document[1]

    @property
    def experiments(self) -> list[StoredExperiment]:
        """The experiments, in order."""
        return self._document[2]

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The stored inputs: parameter binds with the circuit and bind of each experiment, or pubs; may be empty."""
        with self._opener.open() as (_, group):
            if layout.INPUTS not in group:
                return {}
            where = group.where(layout.INPUTS)
            tree = _read_document(group, layout.INPUTS, self._owner, mark_inputs)
        if not isinstance(tree, dict) or not isinstance(tree.get("bind_of", []), list):
            raise FormatError(f"{where}: is not a document of inputs")
        return tree

    def pubs(self, circuits: Sequence[Any]) -> list[Any]:
        """The pubs that were given to a primitive; imports Qiskit.

        Args:
            circuits: The circuits of the run.

        Raises:
            NotFoundError: The run is not one of a primitive, or was saved without its pubs.
            FormatError: The document does not follow the format.
        """
        from aerchive.codecs.pubs import decode_pubs

        trees = self.inputs.get("pubs")
        if trees is None:
            raise NotFoundError(f"{self._what} has no pubs: only runs of primitives have")
        with _Decoder(self, None) as decoder:
            return decode_pubs(trees, circuits, decoder)

    def experiment(self, number: int) -> StoredExperiment:
        """The experiment with the index ``number``, from 0; negative ones count from the end.

        Raises:
            NotFoundError: There is no experiment with this index.
        """
        if not -len(self.experiments) <= number < len(self.experiments):
            raise NotFoundError(
                f"{self._what} has {len(self.experiments)} experiments, numbered from 0; there is no number {number}"
            )
        return self.experiments[number]

    def data(self, number: int, label: str) -> Any:
        """The encoded value that experiment ``number`` saved under a label.

        Raises:
            NotFoundError: Nothing was saved under this label.
        """
        data = self.experiment(number).data
        if label not in data:
            raise NotFoundError(
                f"{self._what}, experiment {number}: nothing was saved as {label!r}; "
                f"there are {_names(data) or 'no values'}"
            )
        return data[label]

    def saved(self) -> list[SavedValue]:
        """The list of saved values, one row for each value."""
        rows = []
        bind_of = self.inputs.get("bind_of", [])
        with self._opener.open() as (_, group):

            @functools.cache
            def loss(name: str) -> list[float | None]:
                attributes = group.dataset_attributes(name)
                return [_number(attributes.get(key)) for key in ("infidelity", "max_infidelity", "grid")]

            locator = Locator(group, self._owner)
            for number, experiment in enumerate(self.experiments):
                name = (experiment.header or {}).get("name")
                for label, tree in experiment.data.items():
                    places = [locator.find(reference) for reference in array_references(tree)]
                    losses = zip(*(loss(place.name) for place in places), strict=True)
                    rows.append(
                        SavedValue(
                            number,
                            name if isinstance(name, str | None) else repr(name)[:60],
                            bind_of[number] if number < len(bind_of) else None,
                            label,
                            kind_of(tree),
                            places[0].shape if places else (),
                            places[0].dtype if places else "",
                            sum(place.nbytes for place in places),
                            *(max((one for one in found if one is not None), default=None) for found in losses),
                        )
                    )
        return rows

    def described(self, tree: Any) -> tuple[str, bool]:
        """A short description of a value in angle brackets, and whether the value has arrays, which are not read.

        Args:
            tree: The encoded value. A value that is entirely in the document is shown itself.
        """
        kind = kind_of(tree)
        places = self._locate(array_references(tree))
        if places:
            number = f", {len(places)} ×" if len(places) > 1 else ""
            size = format_bytes(sum(place.nbytes for place in places))
            return f"<{kind}{number} {places[0].shape} {np.dtype(places[0].dtype).name}, {size}>", True
        if kind == "counts" and isinstance(tree.get("rows"), list):
            return f"<counts of {tree['rows'][-1]} outcomes>", False
        return repr(self.decode(tree, lenient=True)) if kind == "json" else f"<{kind}>", False

    def counts(self, number: int) -> dict[str, int]:
        """Counts by bit string; see `Run.counts`."""
        tree = self.data(number, "counts")
        if _tag(tree) == COUNTS_TAG:
            return counts_from_rows(self._rows(layout.COUNTS, tree), "bitstring")
        counts = self.decode(tree)
        if not isinstance(counts, dict):
            raise FormatError(f"{self._what}: its counts are a {type(counts).__name__}, not a dictionary")
        try:
            return foreign_counts(counts, self.experiment(number).header)
        except Exception as error:
            raise FormatError(f"{self._what}: its counts cannot be read: {error}") from error

    def memory(self, number: int) -> list[str]:
        """The outcome of each shot; see `Run.memory`."""
        header = self.experiment(number).header
        shots = self.decode(self.data(number, "memory"))
        if not isinstance(shots, list | tuple | np.ndarray):
            raise FormatError(f"{self._what}: its memory is a {type(shots).__name__}, not a list")
        if not all(isinstance(shot, str) for shot in shots):
            raise FormatError(
                f"{self._what}: its memory is of measured levels, not of outcomes; read it with result().get_memory()"
            )
        try:
            return [format_outcome(shot, header) for shot in shots]
        except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise FormatError(f"{self._what}: its memory cannot be read: {error}") from error

    def number_of(self, experiment: int, bind: int | None) -> int:
        """The index of the experiment that belongs to a circuit and one of its parameter binds.

        Args:
            experiment: Index of the experiment, or of the circuit if ``bind`` is given.
            bind: Index of the bind among those of the circuit, from 0; ``None``: ``experiment`` is the index.

        Raises:
            NotFoundError: The circuit has no such bind.
        """
        if bind is None:
            return experiment
        pairs = list(zip(self.inputs.get("circuit_of", []), self.inputs.get("bind_of", []), strict=False))
        if (experiment, bind) not in pairs:
            known = [number for circuit, number in pairs if circuit == experiment]
            has = (
                f"{len(known)} parameter binds, numbered from 0; there is no {bind}" if known else "no parameter binds"
            )
            raise NotFoundError(f"{self._what}: circuit {experiment} has {has}")
        return pairs.index((experiment, bind))

    def array(
        self, label: str | None, number: int, shot: int | None = None, condition: int | str | None = None
    ) -> StoredArray:
        """A saved array; see `Run.array`."""
        label = self._label(label, self._arrays(number), number, "array")
        (place,) = self._locate([self._reference(label, number, shot, condition)])
        return StoredArray(self._opener, place)

    def state(
        self,
        label: str | None,
        number: int,
        shot: int | None,
        condition: int | str | None,
        bridge: Initializer,
    ) -> StoredQuantumArray:
        """A saved state or operator; see `Run.state`."""
        if label is None:
            data = self.experiment(number).data
            states = [name for name, tree in data.items() if kind_of(tree).rpartition(" of ")[2] in KINDS]
            label = self._label(label, states, number, "state")
        what = f"{self._what}: {label!r}"
        tree = chosen(self.data(number, label), shot, condition, what)
        kind = kind_of(tree)
        if kind not in KINDS:
            raise InvalidInputError(
                f"{what} is of kind {kind}; of {', '.join(KINDS)} parts can be read, this is read whole with "
                f"value({label!r})"
            )
        known = KINDS[kind]
        if _tag(tree) not in {f"{kind}/{version}" for version in known.versions}:
            raise FormatError(f"{what} has the encoding {_tag(tree)}, which is newer than this aerchive: upgrade it")
        (place,) = self._locate(array_references(tree))
        module, name = known.stored
        made = getattr(import_module(f"aerchive.{module}"), name)
        stored: StoredQuantumArray = made(self._opener, place, tree, bridge, label)
        if not stored.is_consistent:
            raise FormatError(
                f"{what}: an array of shape {place.shape} and dtype {place.dtype} is no {kind} of the dimensions "
                f"{tree.get('dims')!r}"
            )
        return stored

    def stack(
        self, labels: str | Sequence[str], numbers: Sequence[int], shot: int | None, condition: int | str | None
    ) -> StackedArray:
        """Saved arrays as one array; see `Run.stack`."""
        members = [(label, number) for number in numbers for label in self._matching(labels, number)]
        if not members:
            raise InvalidInputError(f"{self._what}: a stack of nothing; give at least one label and one experiment")
        places = self._locate(self._reference(label, number, shot, condition) for label, number in members)
        for place, (label, number) in zip(places, members, strict=True):
            if (place.shape, place.dtype) != (places[0].shape, places[0].dtype):
                raise InvalidInputError(
                    f"{self._what}: arrays of one shape and dtype can be stacked; {members[0][0]!r} has "
                    f"{places[0].shape} {places[0].dtype}, {label!r} of experiment {number} {place.shape} {place.dtype}"
                )
        return StackedArray(self._opener, places, *zip(*members, strict=True))

    def _matching(self, labels: str | Sequence[str], number: int) -> list[str]:
        if not isinstance(labels, str):
            return list(labels)
        arrays = self._arrays(number)
        if labels in arrays:
            return [labels]
        found = sorted((name for name in arrays if fnmatch.fnmatchcase(name, labels)), key=natural_order)
        if not found:
            raise NotFoundError(
                f"{self._what}, experiment {number}: no array {labels!r}; there are {_names(arrays) or 'none'}"
            )
        return found

    def _arrays(self, number: int) -> list[str]:
        """The labels of an experiment that hold arrays."""
        data = self.experiment(number).data
        return [name for name, tree in data.items() if next(array_references(tree), None) is not None]

    def _label(self, label: str | None, choices: Sequence[str], number: int, what: str) -> str:
        """Checks a label; without a label, returns the only one there is."""
        if label is None:
            if len(choices) > 1:
                raise InvalidInputError(f"{self._what} has several {what}s; choose one of {_names(choices)}")
            if not choices:
                raise NotFoundError(f"{self._what}, experiment {number}: no {what} was saved")
            (label,) = choices
        if label not in choices:
            raise NotFoundError(
                f"{self._what}, experiment {number}: no {what} {label!r}; there are {_names(choices) or 'none'}"
            )
        return label

    def _reference(self, label: str, number: int, shot: int | None, condition: int | str | None) -> Any:
        """The reference of the one array that a label, a shot and a condition select."""
        tree = chosen(self.data(number, label), shot, condition, f"{self._what}: {label!r}")
        references = list(array_references(tree))
        if len(references) != 1:
            holds = f"holds {len(references)} arrays" if references else "holds no array"
            raise InvalidInputError(f"{self._what}: {label!r} {holds}; read it with value({label!r})")
        return references[0]

    def _locate(self, references: Iterable[Any]) -> list[ArrayPlace]:
        wanted = list(references)
        places = self.located(wanted)
        if places is None:
            with self._opener.open() as (_, group):
                places = self.locate(group, wanted)
        return places

    def located(self, references: Sequence[Any]) -> list[ArrayPlace] | None:
        """The places of arrays, if they are known without opening the file; else ``None``."""
        if self._located is None:
            return None
        stamp, locator = self._located
        if not all(map(locator.knows, references)) or stamp != self._opener.stamp():
            return None
        return [locator.find(reference) for reference in references]

    def locate(self, group: GroupReader, references: Sequence[Any]) -> list[ArrayPlace]:
        """Finds the places of arrays; their datasets are remembered until the file changes.

        Args:
            group: The group of the run, in its open project.
            references: The references to the arrays.
        """
        stamp = stamp_of(os.fstat(group.fd))
        known = self._located[1] if self._located is not None and self._located[0] == stamp else None
        locator = Locator(group, self._owner, known)
        places = [locator.find(reference) for reference in references]
        locator.close()
        self._located = stamp, locator
        return places

    @property
    def opener(self) -> RunOpener:
        """Opens the group of the run."""
        return self._opener

    def decode(self, tree: Any, *, lenient: bool = False) -> Any:
        """Decodes a value and reads the tables and arrays to which it refers.

        Args:
            tree: The encoded value.
            lenient: Whether a value that was refused is returned as a `MissingValue` instead of raising an error.

        Raises:
            UnsupportedTypeError: The value was not archived, because no codec knew its type.
            FormatError: The document does not follow the format.
            IntegrityError: The stored bytes are damaged.
        """
        tag = _tag(tree)
        if tag == COUNTS_TAG:
            return counts_from_rows(self._rows(layout.COUNTS, tree), "outcome")
        if tag == MEMORY_TAG:
            return memory_from_rows(self._rows(layout.MEMORY, tree))
        if tag == SCALAR_TAG:
            return float(self._rows(layout.SCALARS, {"rows": [tree.get("row"), 1]})["value"][0])
        if type(tree) in tagged_json.LEAVES:
            return tree
        decode = decode_part if lenient else decode_value
        with _Decoder(self, tree) as decoder:
            return decode(tree, decoder)

    def decode_fields(self, fields: Mapping[Any, Any]) -> dict[Any, Any]:
        """Decodes fields or metadata; a value that was refused is returned as a `MissingValue`."""
        return {name: self.decode(tree, lenient=True) for name, tree in fields.items()}

    def _rows(self, name: str, tree: Mapping[str, Any]) -> Any:
        rows = tree.get("rows")
        if not _is_range(rows):
            raise FormatError(f"{self._what}: {name} of rows {rows!r}, which are no rows")
        first, number = rows  # type: ignore[misc]  # checked by _is_range
        return read_rows(self._opener, name, self._owner, first, first + number)


class NoArrays:
    """A decoder for values that hold no arrays."""

    def array(self, reference: Any) -> Any:
        """Raises an error: no array is expected."""
        raise FormatError(f"array reference {reference!r} where none is expected")

    def value(self, tree: Any) -> Any:
        """Decodes a value without arrays."""
        return decode_value(tree, self)


class _Decoder:
    """Reads the arrays of a value: the first read looks up all of them; they are then read without a lock.

    Args:
        result: The stored result with the value.
        tree: The encoded value.
    """

    def __init__(self, result: StoredResult, tree: Any) -> None:
        self._result = result
        self._tree = tree
        self._readers: dict[str, Callable[[], NDArray[Any]]] = {}
        self._fds: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds:
            os.close(fd)

    def array(self, reference: Any) -> Any:
        """Reads an array; one whose reference is not in the encoded value is looked up separately."""
        key = repr(reference)
        if key not in self._readers:
            new = {repr(one): one for one in (*array_references(self._tree), reference)}
            self._look_up([one for name, one in new.items() if name not in self._readers])
        return self._readers[key]()

    def _look_up(self, wanted: Sequence[Any]) -> None:
        """Looks up arrays in one opening of the file, or without opening it if their chunks are still in memory."""
        if self._take_kept(wanted):
            return
        with self._result.opener.open() as (session, group):
            plans = plan_places(group, self._result.locate(group, wanted))
            fd = session.detach()
        self._fds.append(fd)
        for reference, plan in zip(wanted, plans, strict=True):
            self._readers[repr(reference)] = functools.partial(plan.read, fd)

    def _take_kept(self, wanted: Sequence[Any]) -> bool:
        found = {}
        for reference, place in zip(wanted, self._result.located(wanted) or (), strict=False):
            values = kept_array(self._result.opener, place)
            if values is None:
                return False
            found[repr(reference)] = functools.partial(np.copy, values, order="K")
        self._readers |= found
        return len(found) == len(wanted)

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value."""
        return decode_value(tree, self)


def chosen(tree: Any, shot: int | None, condition: int | str | None, what: str, *, all_shots: bool = False) -> Any:
    """Selects one of the values that a label has for each condition and each shot.

    Args:
        tree: All values of the label, encoded.
        shot: Index of the shot, from 0; ``None`` if there is only one.
        condition: Content of the classical bits: a number, ``0x...``, or bits, the highest first; ``None`` if there is
            only one.
        what: Description of the value, for messages.
        all_shots: Whether ``shot=None`` selects all shots.

    Raises:
        InvalidInputError: A shot or condition is needed and not given, or is given and the label has none.
        NotFoundError: There is no such shot or condition.
    """
    if isinstance(tree, dict) and _tag(tree) is None and tree:
        keys = {key: str(key) for key in tree}
        if condition is None:
            if len(tree) > 1:
                raise InvalidInputError(f"{what} has a value for each condition; choose one of {_names(keys)}")
            (key,) = tree
        else:
            key = _outcome(condition)
            if key not in tree:
                raise NotFoundError(f"{what}: nothing was saved for condition {condition!r}; there are {_names(keys)}")
        tree = tree[key]
    elif condition is not None:
        raise InvalidInputError(f"{what} was not saved with conditional=True, so it has no condition to choose")
    if isinstance(tree, list):
        if shot is None:
            if all_shots:
                return tree
            if len(tree) > 1:
                raise InvalidInputError(f"{what} has a value for each of {len(tree)} shots; choose one with shot=")
            shot = 0
        if not -len(tree) <= shot < len(tree):
            raise NotFoundError(f"{what} has {len(tree)} shots, numbered from 0; there is no {shot}")
        return tree[shot]
    if shot is not None:
        raise InvalidInputError(f"{what} has no list of shots to choose from")
    return tree


def _outcome(condition: int | str) -> str:
    """The key of a condition in the result, in Aer's notation."""
    if isinstance(condition, int):
        return hex(condition)
    text = condition.replace(" ", "")
    return hex(int(text, 2)) if text and not text.startswith("0x") and set(text) <= {"0", "1"} else condition


def _read_document(group: GroupReader, name: str, owner: str, mark: Callable[[Any], Any]) -> Any:
    """Reads a document of a run; one of an older draft of the format is converted to the current encoding.

    Args:
        group: The group of the run.
        name: Name of the document.
        owner: UUID of the run.
        mark: Function that marks the array references in a document of encoding 1 or 2.

    Raises:
        FormatError: The document is newer than this aerchive, or is not a valid document.
    """
    where = group.where(name)
    given = group.dataset_attributes(name).get("encoding_version", 1)
    version = check_version(given, VERSION, f"{where}: {name}")
    tree = tagged_json.loads(group.read_bytes(name, owner), where)
    try:
        return tree if version == VERSION else mark(tree)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(f"{where}: cannot be read: {error!r}") from error


def kind_of(tree: Any) -> str:
    """The kind of a value of the result document, such as ``statevector``, ``list of array`` or ``json``."""
    tag = _tag(tree)
    if tag is not None and "/" in tag:
        return tag.partition("/")[0]
    if isinstance(tree, list) and tree:
        return f"list of {kind_of(tree[0])}"
    if isinstance(tree, dict) and tag is None and tree:
        return f"dict of {kind_of(next(iter(tree.values())))}"
    if tag == "tuple" and isinstance(tree.get("items"), list) and tree["items"]:
        return f"tuple of {kind_of(tree['items'][0])}"
    return "json"


def _tag(tree: Any) -> str | None:
    tag = tree.get(TYPE_KEY) if isinstance(tree, dict) else None
    return tag if isinstance(tag, str) else None


def _mapping(value: Any) -> dict[Any, Any]:
    return dict(tagged_json.items_of(value))


def _pairs(value: Any) -> dict[str, Any]:
    pairs = [(label if type(label) is str else tagged_json.decode(label), tree) for label, tree in value]
    if not all(type(label) is str for label, _ in pairs) or len(dict(pairs)) != len(pairs):
        raise TypeError("labels must be text, each once")
    return dict(pairs)


def _is_range(rows: Any) -> bool:
    return isinstance(rows, list) and len(rows) == 2 and all(type(number) is int and number >= 0 for number in rows)


def _number(value: Any) -> float | None:
    return value if isinstance(value, float) else None


def _names(choices: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in choices)
