"""One run of a project, read as far as somebody asks."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aerchive import layout
from aerchive.codecs.counts import TAG as COUNTS_TAG
from aerchive.codecs.counts import counts_from_rows, format_outcome
from aerchive.codecs.memory import TAG as MEMORY_TAG
from aerchive.codecs.memory import memory_from_rows
from aerchive.codecs.result import decode_value
from aerchive.codecs.scalars import TAG as SCALAR_TAG
from aerchive.errors import AerchiveError, FormatError, IntegrityError, InvalidInputError, NotFoundError
from aerchive.models import catalogue, tagged_json
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.tagged_json import TYPE_KEY
from aerchive.project.commit import merge_labels
from aerchive.project.draft import RunDraft
from aerchive.project.record import read_record
from aerchive.project.stored_array import ArrayPlace, StoredArray, locate, read_place
from aerchive.storage.file import ProjectFile
from aerchive.storage.reader import GroupReader


class Bridge(Protocol):
    """The way between runs and live objects of Qiskit, given by the floor above.

    Its methods may import Qiskit; importing it must not.
    """

    def capture(self, source: Any, circuits: Sequence[Any] | None, options: Mapping[str, Any] | None) -> RunDraft:
        """The draft of a job (waits for it) or a Result, without labels."""

    def job(self, run: Run) -> Any:
        """An ``ArchivedJob``."""

    def result(self, run: Run) -> Any:
        """An ``ArchivedResult``; raises what the job had raised."""


class RunHome(Protocol):
    """What a run needs of the project it is in."""

    file: ProjectFile
    bridge: Bridge

    def relabel(self, run: Run, labels: RunLabels) -> None:
        """Commits new labels."""


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
    """

    experiment: int
    circuit: str | None
    bind: int | None
    label: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int


class Run:
    """One archived simulation.

    Nothing of Qiskit is needed until `job`, `result`, `circuits` or `value` are called. A run may be pickled with
    its project's path, and stays valid after ``close()``.

    Args:
        home: The project.
        path: Of the run's group in the file, or ``None`` for a run that only its submission tells of.
        job_id: Of the run.
        nbytes: Of the payload, before compression.
        record: The documents, if they are known already.
    """

    def __init__(
        self, home: RunHome, path: str | None, *, job_id: str, nbytes: int = 0, record: RunRecord | None = None
    ) -> None:
        self._home = home
        self._path = path
        self.job_id = job_id
        self.nbytes = nbytes
        if record is not None:
            self.__dict__["record"] = record

    # -- documents

    @functools.cached_property
    def record(self) -> RunRecord:
        """The documents of the run, validated: ``config``, ``status``, ``labels``, ``provenance``.

        Raises:
            FormatError: A document has an unknown field or a value of the wrong type; the node is named.
            NotFoundError: The run is not in the file any more.
        """
        with self._home.file.read() as session:
            return read_record(session.root.group(self.path))

    @property
    def path(self) -> str:
        """The run's group in the HDF5 file.

        Raises:
            NotFoundError: There is none: the run was lost, or is still running.
        """
        if self._path is None:
            raise NotFoundError(
                f"{self._home.file.path}: run {self.job_id} has no data: "
                f"{self.record.status.message or 'still running'}"
            )
        return self._path

    @property
    def run_uuid(self) -> str:
        """Made once for the run; stays through merge and extraction."""
        return self.record.run_uuid

    @property
    def name(self) -> str | None:
        """The name given to it."""
        return self.record.labels.name

    @property
    def created(self) -> str:
        """When it was submitted: UTC, ISO 8601."""
        return self.record.created

    @property
    def outcome(self) -> str:
        """``ok``, ``partial``, ``failed``, ``error``, ``cancelled``, ``lost`` or ``running``."""
        return self.record.status.outcome

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags given to it."""
        return tuple(self.record.labels.tags or ())

    @property
    def notes(self) -> str | None:
        """Free text."""
        return self.record.labels.notes

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the study."""
        return dict(self.record.labels.params)

    @property
    def durable(self) -> bool:
        """Whether the run survives a crash of the machine."""
        return self._path is not None

    @property
    def pending(self) -> bool:
        """Whether the run is not in the project file itself."""
        return self._path is None

    def add_tags(self, *tags: str) -> None:
        """Adds tags; a commit."""
        self.add_labels(RunLabels.checked(tags=list(tags)))

    def annotate(self, notes: str | None = None, params: Mapping[str, Any] | None = None) -> None:
        """Replaces the notes, and adds parameters; a commit."""
        self.add_labels(RunLabels.checked(notes=notes, params=dict(params or {})))

    def add_labels(self, labels: RunLabels) -> None:
        """Adds tags and parameters, replaces name and notes where there are new ones; a commit if anything is given."""
        if labels.is_empty:
            return
        self._relabel(merge_labels(self.record.labels, labels))

    def settle(self, path: str) -> None:
        """Called by the project when the run has been committed; its documents are those in the file from now on."""
        self._path = path
        self.__dict__.pop("record", None)

    def row(self) -> Any:
        """The run as a row of the catalogue, made of its documents."""
        return catalogue.make_row(self.record, "", self.nbytes)[0]

    def column(self, column: str) -> Any:
        """The whole value of a text column of the catalogue."""
        record = self.record
        used = {**record.config.options, **record.config.used}
        values = {
            "job_id": record.job_id,
            "name": record.labels.name or "",
            "backend": record.config.backend_name or "",
            "outcome": record.status.outcome,
            "program": record.config.program,
            "parent": "",
            "tags": record.labels.tags or [],
            "params": record.labels.params,
            "message": (record.status.message or "").strip(),
        }
        return values[column] if column in values else used.get(column) or ""

    def _relabel(self, labels: RunLabels) -> None:
        self._home.relabel(self, labels)
        self.__dict__["record"] = self.record.model_copy(update={"labels": labels})

    # -- the result document

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """The result without its large values, as ``layout.md`` defines it.

        Raises:
            NotFoundError: The run has no result; the message says why.
        """
        with self._home.file.read() as session:
            group = session.root.group(self.path)
            if layout.RESULT not in group:
                raise NotFoundError(
                    f"{group.where()}: run {self.job_id} has no result: it ended with outcome '{self.outcome}'"
                )
            where = group.where(layout.RESULT)
            tree = tagged_json.loads(group.read_bytes(layout.RESULT, self.run_uuid), where)
        if not isinstance(tree, dict) or not {"fields", "metadata", "experiments"} <= tree.keys():
            raise FormatError(f"{where}: is not a result document")
        return tree

    @functools.cached_property
    def inputs(self) -> dict[str, Any]:
        """Parameter binds, and which circuit and bind each experiment belongs to; empty without binds."""
        with self._home.file.read() as session:
            group = session.root.group(self.path)
            if layout.INPUTS not in group:
                return {}
            text = group.read_bytes(layout.INPUTS, self.run_uuid)
            return dict(tagged_json.loads(text, group.where(layout.INPUTS)))

    def _experiment(self, experiment: int) -> dict[str, Any]:
        experiments = self.document["experiments"]
        if not -len(experiments) <= experiment < len(experiments):
            raise NotFoundError(
                f"run {self.job_id} has {len(experiments)} experiments, numbered from 0; "
                f"there is no number {experiment}"
            )
        return dict(experiments[experiment])

    def _items(self) -> Iterator[tuple[int, str, Any]]:
        for number, experiment in enumerate(self.document["experiments"]):
            for label, tree in experiment["data"]:
                yield number, label, tree

    @property
    def saved(self) -> list[SavedValue]:
        """What was saved, one row a value, in the order of the result."""
        rows = []
        bind_of = self.inputs.get("bind_of", [])
        with self._home.file.read() as session:
            group = session.root.group(self.path)
            for number, label, tree in self._items():
                places = [locate(group, self.run_uuid, reference) for reference in array_references(tree)]
                first = places[0] if places else None
                rows.append(
                    SavedValue(
                        number,
                        circuit_name(self.document["experiments"][number]),
                        bind_of[number] if number < len(bind_of) else None,
                        label,
                        kind_of(tree),
                        first.shape if first else (),
                        first.dtype if first else "",
                        sum(_nbytes(place) for place in places),
                    )
                )
        return rows

    # -- values

    def counts(self, experiment: int = 0) -> dict[str, int]:
        """How often each outcome was measured, as ``Result.get_counts`` gives it; only counts are read.

        Args:
            experiment: Its index.

        Returns:
            Bit strings, the highest bit first, with spaces between registers; in the order of the result.

        Raises:
            NotFoundError: There are no counts.
        """
        tree = self._data(experiment, "counts")
        if isinstance(tree, dict) and tree.get(TYPE_KEY) == COUNTS_TAG:
            return counts_from_rows(self._rows(layout.COUNTS, tree), "bitstring")
        header = self._header(experiment)
        return {format_outcome(key, header): value for key, value in dict(tree).items()}

    def memory(self, experiment: int = 0) -> list[str]:
        """The outcome of each shot, as ``Result.get_memory`` gives it.

        Raises:
            NotFoundError: The run was not made with ``memory=True``.
        """
        tree = self._data(experiment, "memory")
        shots = memory_from_rows(self._rows(layout.MEMORY, tree)) if isinstance(tree, dict) else list(tree)
        header = self._header(experiment)
        return [format_outcome(shot, header) for shot in shots]

    def array(self, label: str | None = None, experiment: int = 0) -> StoredArray:
        """A saved array, of which nothing is read yet.

        Args:
            label: Under which it was saved; ``None`` if there is only one.
            experiment: Index of the experiment.

        Raises:
            NotFoundError: There is none of this label.
            InvalidInputError: There are several to choose from, which the message lists.
        """
        choices = {
            lbl: refs for lbl, tree in self._experiment(experiment)["data"] if (refs := list(array_references(tree)))
        }
        if label is None:
            if len(choices) > 1:
                raise InvalidInputError(f"run {self.job_id} has several arrays; choose one of {_names(choices)}")
            if not choices:
                raise NotFoundError(f"run {self.job_id}, experiment {experiment}: no array was saved")
            (label,) = choices
        if label not in choices:
            raise NotFoundError(
                f"run {self.job_id}, experiment {experiment}: no array {label!r}; there are {_names(choices) or 'none'}"
            )
        references = choices[label]
        if len(references) > 1:
            raise InvalidInputError(
                f"run {self.job_id}: {label!r} holds {len(references)} arrays; read it with value({label!r})"
            )
        with self._home.file.read() as session:
            place = locate(session.root.group(self.path), self.run_uuid, references[0])
        return StoredArray(self._home.file, place)

    def value(self, label: str, experiment: int = 0) -> Any:
        """Any saved value, with the type it had.

        Args:
            label: Under which it was saved.
            experiment: Index of the experiment.

        Raises:
            NotFoundError: There is none of this label.
            UnsupportedTypeError: It was not archived, because no codec knew its type.
        """
        return self.decode(self._data(experiment, label))

    def decode(self, tree: Any) -> Any:
        """Puts a value of the result document together, reading what it refers to."""
        if isinstance(tree, dict):
            tag = tree.get(TYPE_KEY)
            if tag == COUNTS_TAG:
                return counts_from_rows(self._rows(layout.COUNTS, tree), "outcome")
            if tag == MEMORY_TAG:
                return memory_from_rows(self._rows(layout.MEMORY, tree))
            if tag == SCALAR_TAG:
                return float(self._rows(layout.SCALARS, {"rows": [tree["row"], 1]})["value"][0])
        if not any(True for _ in array_references(tree)):
            return decode_value(tree, _NoArrays())
        with self._home.file.read() as session:
            return decode_value(tree, _Decoder(session.root.group(self.path), self.run_uuid))

    def _rows(self, name: str, tree: Mapping[str, Any]) -> Any:
        try:
            first, number = tree["rows"]
            wanted = slice(int(first), int(first) + int(number))
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"run {self.job_id}: a reference to {name} cannot be read: {tree!r}") from error
        with self._home.file.read() as session:
            return session.root.group(self.path).read(name, self.run_uuid, wanted)

    def _data(self, experiment: int, label: str) -> Any:
        data = dict(self._experiment(experiment)["data"])
        if label not in data:
            raise NotFoundError(
                f"run {self.job_id}, experiment {experiment}: nothing was saved as {label!r}; "
                f"there are {_names(data) or 'no values'}"
            )
        return data[label]

    def _header(self, experiment: int) -> dict[str, Any] | None:
        header = self._experiment(experiment)["fields"].get("header")
        return header if isinstance(header, dict) else None

    # -- objects of Qiskit

    def job(self) -> Any:
        """The job as an ``ArchivedJob``; imports Qiskit."""
        return self._home.bridge.job(self)

    def result(self) -> Any:
        """The result as an ``ArchivedResult``, whose values are read when they are used; imports Qiskit.

        Raises:
            AerJobError: The job had failed with an exception.
        """
        return self._home.bridge.result(self)

    def circuits(self) -> list[Any]:
        """The circuits that were run; imports Qiskit.

        Raises:
            NotFoundError: The run has no circuits.
            FormatError: They were written by a newer Qiskit.
        """
        from aerchive.codecs.circuits import decode_circuits

        with self._home.file.read() as session:
            group = session.root.group(self.path)
            if layout.CIRCUITS not in group:
                raise NotFoundError(f"{group.where()}: run {self.job_id} was saved without its circuits")
            stored = group.group(layout.CIRCUITS)
            owner = str(stored.attributes()["object"])
            qpy, aer = stored.read_bytes("qpy", owner), stored.read_bytes("aer", owner)
        return decode_circuits(qpy, aer)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<Run {self.job_id}{name} {self.outcome}, {self.created[:19]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.job_id == self.job_id and other._home.file.path == self._home.file.path

    def __hash__(self) -> int:
        return hash((self.job_id, self._home.file.path))


class _NoArrays:
    def array(self, reference: Any) -> Any:
        raise FormatError(f"array reference {reference!r} where none is expected")

    def value(self, tree: Any) -> Any:
        return decode_value(tree, self)


class _Decoder:
    """Reads the arrays of a value from an open project."""

    def __init__(self, group: GroupReader, owner: str) -> None:
        self._group = group
        self._owner = owner

    def array(self, reference: Any) -> Any:
        try:
            return read_place(self._group, locate(self._group, self._owner, reference))
        except AerchiveError:
            raise
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{self._group.where()}: {reference!r} cannot be read: {error}") from error

    def value(self, tree: Any) -> Any:
        return decode_value(tree, self)


_REFERENCE_KEYS = ("data", "keys", "values", "tableau")


def array_references(tree: Any) -> Iterator[Any]:
    """All array references in a value of the result document, in order."""
    if isinstance(tree, list):
        for item in tree:
            yield from array_references(item)
    elif isinstance(tree, dict):
        if "/" in str(tree.get(TYPE_KEY, "")):
            for key in _REFERENCE_KEYS:
                if isinstance(tree.get(key), list):
                    yield tree[key]
        else:
            for item in tree.values():
                yield from array_references(item)


def kind_of(tree: Any) -> str:
    """What a value of the result document is, in a word."""
    if isinstance(tree, dict) and "/" in str(tree.get(TYPE_KEY, "")):
        return str(tree[TYPE_KEY]).partition("/")[0]
    if isinstance(tree, list) and tree:
        return f"list of {kind_of(tree[0])}"
    if isinstance(tree, dict) and TYPE_KEY not in tree and tree:
        return f"dict of {kind_of(next(iter(tree.values())))}"
    if isinstance(tree, dict) and tree.get(TYPE_KEY) == "tuple" and tree["items"]:
        return f"tuple of {kind_of(tree['items'][0])}"
    return "json"


def circuit_name(experiment: Mapping[str, Any]) -> str | None:
    """The name of an experiment's circuit, if its header has one."""
    header = experiment["fields"].get("header")
    name = header.get("name") if isinstance(header, dict) else None
    return name if isinstance(name, str) else None


def _nbytes(place: ArrayPlace) -> int:
    size = 1
    for length in place.shape:
        size *= length
    return size * int("".join(c for c in place.dtype if c.isdigit()) or 1)


def _names(choices: Mapping[str, Any]) -> str:
    return ", ".join(repr(name) for name in choices)
