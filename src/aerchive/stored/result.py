"""The result of a run as it is stored: one document, and the tables and arrays it refers to."""

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
from aerchive.errors import FormatError, InvalidInputError, NotFoundError
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

if TYPE_CHECKING:  # they need the mathematics of states, which counts do not
    from aerchive.stored.quantum_array import Initializer, StoredQuantumArray


class SavedValue(NamedTuple):
    """One saved value of a run: a row of `Run.saved`.

    Attributes:
        experiment: Index of the experiment.
        circuit: Name of its circuit, if the experiment has a header.
        bind: Index of its parameter bind, if there were binds.
        label: Under which it was saved.
        kind: Encoding, such as ``statevector``; ``json`` for small values in the document.
        shape: Of the first array in it, else ``()``.
        dtype: Of the first array in it, in numpy's notation, else empty.
        nbytes: Of all arrays in it, before compression.
        infidelity: How far it was rounded, measured: ``1 - F``, the largest of its arrays; ``None`` if it is exact.
        max_infidelity: How far that might go, as it was asked for.
        grid: Of what its numbers are multiples, if it was rounded.
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
    """What a result says the names of its values are, when it says nothing of its own."""

    LABELS = enum.auto()
    """Their labels, as in every result that nobody edited."""


class StoredExperiment(NamedTuple):
    """One experiment of the document; its values are still encoded.

    Attributes:
        fields: Attributes of the ``ExperimentResult``, encoded.
        metadata: Its further metadata, encoded.
        data: Label and encoded value, in the order of the result.
        registered: What the data give as names of their values, encoded; `Registered.LABELS`: the labels.
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
    """The stored result of one run. The document is read once, values when they are asked for.

    Args:
        place: Of the run.
        owner: The run's UUID.
        what: The run, for messages.
    """

    def __init__(self, opener: RunOpener, owner: str, what: str) -> None:
        self._opener = opener
        self._owner = owner
        self._what = what
        self._located: tuple[Stamp, Locator] | None = None

    @property
    def is_read(self) -> bool:
        """Whether its document was read, so that a value needs one opening of the file or none."""
        return "_document" in self.__dict__

    @cached_property
    def _document(self) -> tuple[dict[Any, Any], dict[Any, Any], list[StoredExperiment]]:
        with self._opener.open() as (_, group):
            if layout.RESULT not in group:
                raise NotFoundError(f"{group.where()}: {self._what} has no result")
            where = group.where(layout.RESULT)
            tree = _read_document(group, layout.RESULT, self._owner, mark_references)
            if self._opener.stamp() is not None:
                keep_small_rows(group, layout.COUNTS, self._owner)  # what most programs ask for next
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
        """Parameter binds, and which circuit and bind each experiment belongs to, or pubs; empty without them."""
        with self._opener.open() as (_, group):
            if layout.INPUTS not in group:
                return {}
            where = group.where(layout.INPUTS)
            tree = _read_document(group, layout.INPUTS, self._owner, mark_inputs)
        if not isinstance(tree, dict) or not isinstance(tree.get("bind_of", []), list):
            raise FormatError(f"{where}: is not a document of inputs")
        return tree

    def pubs(self, circuits: Sequence[Any]) -> list[Any]:
        """What a primitive was asked for; imports Qiskit.

        Args:
            circuits: Those of the run.

        Raises:
            NotFoundError: It is not the run of a primitive, or was saved without its pubs.
            FormatError: The document is not what the format says.
        """
        from aerchive.codecs.pubs import decode_pubs

        trees = self.inputs.get("pubs")
        if trees is None:
            raise NotFoundError(f"{self._what} has no pubs: only runs of primitives have")
        with _Decoder(self, None) as decoder:
            return decode_pubs(trees, circuits, decoder)

    def experiment(self, number: int) -> StoredExperiment:
        """One experiment.

        Raises:
            NotFoundError: There is no such number.
        """
        if not -len(self.experiments) <= number < len(self.experiments):
            raise NotFoundError(
                f"{self._what} has {len(self.experiments)} experiments, numbered from 0; there is no number {number}"
            )
        return self.experiments[number]

    def data(self, number: int, label: str) -> Any:
        """An encoded value.

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
        """What was saved, one row a value."""
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
        """What a value is, in angle brackets, and whether it has arrays; only the heads of its arrays are read.

        Args:
            tree: The value, encoded. One that is in the document whole is shown as it is.
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
        """Outcomes of the shots; see `Run.memory`."""
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
        """The index of the experiment that a circuit and one of its parameter binds became.

        Args:
            experiment: Of the experiment; of the circuit, if there is a bind.
            bind: Number of the bind among those of the circuit.

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
        """Saved arrays as one; see `Run.stack`."""
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
        """The label that is meant: the only one there is, if none is given."""
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
        """The reference of the one array that a label, a shot and a condition choose."""
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
        """Where arrays are, if that is known without opening the file; else ``None``."""
        if self._located is None:
            return None
        stamp, locator = self._located
        if not all(map(locator.knows, references)) or stamp != self._opener.stamp():
            return None
        return [locator.find(reference) for reference in references]

    def locate(self, group: GroupReader, references: Sequence[Any]) -> list[ArrayPlace]:
        """Where arrays are; their datasets are known from now on, until the file changes.

        Args:
            group: Of the run, in its open project.
            references: To the arrays.
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
        """Of the run."""
        return self._opener

    def decode(self, tree: Any, *, lenient: bool = False) -> Any:
        """Puts a value together, reading what it refers to.

        Args:
            tree: The value, encoded.
            lenient: Whether a value that was refused is a `MissingValue`, and no error.

        Raises:
            UnsupportedTypeError: It was not archived, because no codec knew its type.
            FormatError: The document is not what the format says.
            IntegrityError: Stored bytes are damaged.
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
        """Puts fields or metadata together; a `MissingValue` stands where a value was refused."""
        return {name: self.decode(tree, lenient=True) for name, tree in fields.items()}

    def _rows(self, name: str, tree: Mapping[str, Any]) -> Any:
        rows = tree.get("rows")
        if not _is_range(rows):
            raise FormatError(f"{self._what}: {name} of rows {rows!r}, which are no rows")
        first, number = rows  # type: ignore[misc]  # _is_range has looked
        return read_rows(self._opener, name, self._owner, first, first + number)


class NoArrays:
    """For values that hold no arrays."""

    def array(self, reference: Any) -> Any:
        """None has a place here."""
        raise FormatError(f"array reference {reference!r} where none is expected")

    def value(self, tree: Any) -> Any:
        """A value without arrays."""
        return decode_value(tree, self)


class _Decoder:
    """Reads the arrays of a value: all are looked up with the first one, then read while no lock is held.

    Args:
        result: Of which the value is a part.
        tree: The value, encoded.
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
        """Reads an array; one that only the codec knows of is looked up by itself."""
        key = repr(reference)
        if key not in self._readers:
            new = {repr(one): one for one in (*array_references(self._tree), reference)}
            self._look_up([one for name, one in new.items() if name not in self._readers])
        return self._readers[key]()

    def _look_up(self, wanted: Sequence[Any]) -> None:
        """Looks up arrays, in one opening of the file, or in none if they lie beside others that were read lately."""
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
        """A part of the value."""
        return decode_value(tree, self)


def chosen(tree: Any, shot: int | None, condition: int | str | None, what: str, *, all_shots: bool = False) -> Any:
    """One of the values that a label has for each condition and each shot.

    Args:
        tree: All of them, encoded.
        shot: Number of the shot; ``None`` if there is only one.
        condition: Content of the classical bits: a number, ``0x...``, or bits, the highest first; ``None`` if there is
            only one.
        what: The value, for messages.
        all_shots: Whether no shot means all of them.

    Raises:
        InvalidInputError: There are several to choose from, or none to choose among.
        NotFoundError: No such shot or condition.
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
    """The key of a condition, as Aer writes it."""
    if isinstance(condition, int):
        return hex(condition)
    text = condition.replace(" ", "")
    return hex(int(text, 2)) if text and not text.startswith("0x") and set(text) <= {"0", "1"} else condition


def _read_document(group: GroupReader, name: str, owner: str, mark: Callable[[Any], Any]) -> Any:
    """A document of a run; one of the drafts of the format becomes one of today.

    Args:
        group: Of the run.
        name: Of the document.
        owner: The run's UUID.
        mark: Marks the references of a document of encodings 1 and 2.

    Raises:
        FormatError: It is newer than this aerchive, or not a document.
    """
    where = group.where(name)
    version = group.dataset_attributes(name).get("encoding_version", 1)
    if not isinstance(version, int) or version > VERSION:
        raise FormatError(f"{where}: {name} encoding {version} is newer than this aerchive: upgrade it")
    tree = tagged_json.loads(group.read_bytes(name, owner), where)
    try:
        return tree if version == VERSION else mark(tree)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(f"{where}: cannot be read: {error!r}") from error


def kind_of(tree: Any) -> str:
    """What a value of the result document is, in a word."""
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
