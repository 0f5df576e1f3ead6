"""One run of a project; its data is read only when it is requested."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aerchive import layout
from aerchive.display.html import Shown
from aerchive.display.text import clean, format_time
from aerchive.errors import AerchiveError, ArchiveWarning, FormatError, InvalidInputError, NotFoundError, check_version
from aerchive.lazy import cached_property
from aerchive.models import catalogue
from aerchive.models.cells import METADATA, ONLY_IN_RUN, cells_of
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.models.run import RunRecord
from aerchive.project.arguments import checked
from aerchive.project.catalogue.conditions import text_of
from aerchive.project.catalogue.table import Catalogue, run_path
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_record
from aerchive.project.label_clock import label_clock
from aerchive.project.location import RunPlace
from aerchive.project.numbers import Neighbours, counts_of, keep, kept
from aerchive.project.recomputing.again import Recomputer
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.file import ProjectFile
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import from_microseconds

if TYPE_CHECKING:  # only values need these: listing runs without them saves a fifth of the time
    from numpy.typing import NDArray

    from aerchive.project.attachments import Attachments
    from aerchive.project.sealing.proof import Proof
    from aerchive.project.sealing.seal import Seal
    from aerchive.stored.array import StoredArray
    from aerchive.stored.result import SavedValue, StoredResult
    from aerchive.stored.stack import StackedArray


class Bridge(Recomputer, Protocol):
    """The interface between runs and live Qiskit objects, implemented in a higher layer of the package.

    Its methods may import Qiskit; the import of its module must not.
    """

    def capture(self, source: Any, circuits: Sequence[Any] | None, options: Mapping[str, Any] | None) -> RunDraft:
        """Makes the draft of a job (waits for it) or of a Result, without labels."""

    def job(self, run: Run) -> Any:
        """Makes the ``ArchivedJob`` of a run."""

    def result(self, run: Run) -> Any:
        """Makes the ``ArchivedResult`` of a run; raises the exception that the job had raised."""

    def rerun(self, run: Run, *, save: bool, take_resources: bool, untrusted: bool) -> Any:
        """Runs a run again, and returns the ``Result``."""

    def reproduce(self, run: Run, *, take_resources: bool, untrusted: bool) -> Any:
        """Runs a run again and compares the results, and returns a ``ReproduceReport``."""

    def diff(self, run: Run, other: Run) -> Any:
        """Compares two runs, and returns a ``DiffReport``."""

    def script(self, run: Run, *, take_resources: bool) -> str:
        """Writes a program that runs a run again."""

    def initialize(self, state: Any, circuit: Any) -> Any:
        """Makes a copy of a circuit that starts from a stored state."""

    def recompute(self, run: Run, *, take_resources: bool, untrusted: bool) -> Any:
        """Computes a run again, and returns a ``Recomputed`` with its values of now."""

    def obstacle(self, run: Run) -> str | None:
        """The reason why a run cannot compute its arrays again; ``None`` if its documents name none."""


class RunHome(Protocol):
    """The interface of a project that its runs use."""

    @property
    def file(self) -> ProjectFile:
        """The project file."""

    @property
    def bridge(self) -> Bridge:
        """The way to live objects of Qiskit."""

    @property
    def is_trusted(self) -> bool:
        """Whether this user's aerchive has made the file, or was told to trust it."""

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of labels."""

    def attach_to(self, run: Run, name: str, value: Any, *, replace: bool) -> None:
        """Commits an attachment of a run."""

    def detach_from(self, run: Run, name: str) -> None:
        """Removes an attachment of a run, in a commit."""

    def seal(self) -> Seal:
        """Seals the project."""

    def flush(self) -> None:
        """Commits the runs that wait for a commit."""

    def check_destination(self) -> None:
        """Checks that runs can be committed to the project now."""

    def find(self, **conditions: Any) -> list[Run]:
        """Finds runs by the columns of the catalogue, oldest first."""

    def save(
        self, job_or_result: Any, *, name: str | None = None, tags: str | Sequence[str] = (), notes: str | None = None
    ) -> Run:
        """Archives a job."""


class Run(Shown):
    """One archived simulation.

    Qiskit is not needed until `job`, `result`, `circuits` or `value` is called. A run may be pickled with its project's
    path, and stays valid after ``close()``.

    Args:
        home: The project.
        path: Path of the run's group in the project file, or ``None`` for a run that is not in it, for example if only
            its submission is known.
        job_id: Job id of the run.
        nbytes: Size of the payload before compression, in bytes.
        record: The documents of the run, if they are known already.
        spooled: The run in a spool, if it is not in the project yet.
        row: The run's row of the catalogue, if it is known already.

    Attributes:
        place: The place of the run, also after it has moved.
        neighbours: The runs of the list that this run was taken from, and the index of the run in it; else
            ``None``.
        kept_outside: The reason why the run could not be written to the project, and the file that holds it, if it had
            to be kept in the pending folder of the settings; else ``None``.
    """

    kept_outside: str | None = None
    neighbours: tuple[Neighbours, int] | None = None

    def __init__(
        self,
        home: RunHome,
        path: str | None,
        *,
        job_id: str,
        nbytes: int = 0,
        record: RunRecord | None = None,
        spooled: SpooledRun | None = None,
        row: np.void | None = None,
        as_of: int | None = None,
    ) -> None:
        self._home = home
        self._row = row
        self._as_of = label_clock.now if as_of is None else as_of
        self.place = RunPlace(home.file, job_id, path, spooled=spooled, recomputer=home.bridge)
        self.job_id = job_id
        self.nbytes = nbytes
        if record is not None:
            self.__dict__["_record"] = record

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "neighbours"}
        return state | {"_as_of": 0}  # the ticks of another process mean nothing

    # -- documents

    @property
    def record(self) -> RunRecord:
        """The documents of the run, validated: ``config``, ``status``, ``labels``, ``provenance``.

        They are read once, and again after this process has changed the labels of the run.

        Raises:
            FormatError: A document has an unknown field or a value of the wrong type; the message names the node.
            NotFoundError: The run is not in the file any more.
        """
        self._look()
        return self._record

    @cached_property
    def _record(self) -> RunRecord:
        with self.place.open() as (_, group):
            return read_record(group)

    def _look(self) -> None:
        """Forgets the row and the documents if this process has changed the labels of the run since."""
        now = label_clock.now
        if label_clock.changed_since(self._as_of, str(self._home.file.path), self.job_id):
            self.refresh()
        self._as_of = now

    @property
    def path(self) -> str:
        """Path of the run's group in the HDF5 file.

        Raises:
            NotFoundError: There is no group: the run was lost, is still running, or is in a spool beside the project.
        """
        self.require_data()
        self.place.look()
        if self.place.path is None:
            spooled = self.place.spooled
            raise NotFoundError(
                f"{self._home.file.path}: run {self.job_id} is not in the project yet, but in "
                f"{spooled.path if spooled else 'a spool'}; project.flush() or the next save moves it there"
            )
        return self.place.path

    def require_data(self) -> None:
        """Raises an error with the reason if the run has no data.

        Raises:
            NotFoundError: The run was lost, or is still running.
        """
        if not self.place.is_known:
            why = self.record.status.message or "still running"
            raise NotFoundError(f"{self._home.file.path}: run {self.job_id} has no data: {why}")

    @property
    def run_uuid(self) -> str:
        """UUID of the run; it is made once, and is kept when runs are merged or extracted."""
        return self._run_uuid if "_record" not in self.__dict__ else self._record.run_uuid

    @cached_property
    def _run_uuid(self) -> str:
        with self.place.open() as (_, group):
            found = group.run_uuid()
        return found if isinstance(found, str) else self.record.run_uuid  # the record says what is wrong

    @property
    def core_sha256(self) -> str:
        """The digest of all data of the run that may not change, as ``verify`` compares it: SHA-256, 64 hex digits.

        Raises:
            NotFoundError: The run has no data.
            FormatError: The run has no digest.
        """
        with self.opened() as group:
            seal = group.group(layout.SEAL).attribute("core_sha256") if layout.SEAL in group else None
            if not isinstance(seal, str):
                raise FormatError(f"{group.where()}: the run has no digest; it was not written by aerchive")
            return seal

    def proof(self) -> Proof:
        """Seals the project, and makes the proof that this run is one of its runs.

        Whether a root is that of a project takes the digests of all runs; a proof is checked with a few hashes and
        without the project: ``proof.check(root)``. For many runs use `Seal.proof` of one seal.

        Raises:
            NotFoundError: The run is not in the project.
            AerchiveError: The project cannot be sealed, as for `Project.seal`.
        """
        return self.project.seal().proof(self.run_uuid)

    @property
    def results_sha256(self) -> str:
        """The digest of the results alone: SHA-256, 64 hex digits.

        Two runs of the same study with the same seeds have the same one, on whatever day and machine they ran. It
        covers circuits, noise model, target, binds or pubs, options, seed, method, shots, outcome and all values; it
        does not cover times, hosts, versions, names, labels and job ids. It is computed from the digests in the file
        when it is asked for.

        Raises:
            NotFoundError: The run has no data.
            IntegrityError: What is read of the run is damaged.
        """
        from aerchive.project.documents.results_digest import results_digest

        with self.opened() as group:
            return results_digest(group)

    @property
    def missing(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and dtype of each dataset that this file lacks, by name; empty for a run that is whole.

        A run that was extracted with ``payloads=False`` lacks its large arrays, and so does one that computes them
        again (`is_recomputed`). Its `core_sha256` is that of the whole run. `Project.merge` with a project that has the
        whole run fills them in.
        """
        from aerchive.storage.chunks.missing import read_missing

        with self.opened() as group:
            found = read_missing(group, self.run_uuid)
        return {} if found is None else {name: (one.shape, one.dtype) for name, one in found.datasets.items()}

    @property
    def is_recomputed(self) -> bool:
        """Whether the run does not store its large arrays, but computes them again when they are read.

        `Project.shrink` has replaced them by what computes them again, and `Project.unshrink` writes them back. What
        was computed again is compared with the digests of the archived arrays, and kept for a while in a folder of this
        user (settings ``recomputed`` and ``recomputed_bytes``). If other bits come out, reading an array raises an
        `OtherBitsError` that says how large the deviation is, and `recompute` gives the values of now.
        """
        return catalogue.is_recomputed(self.row())

    @property
    def name(self) -> str | None:
        """The name that was given to the run, or ``None``."""
        return self._of_row("name")  # type: ignore[no-any-return]  # the type of the column

    @property
    def created(self) -> str:
        """Time of submission: UTC, ISO 8601."""
        if self._row is not None:
            return from_microseconds(int(self._row["created_us"]))
        return self.record.created

    @property
    def outcome(self) -> str:
        """Outcome of the run: ``ok``, ``partial``, ``failed``, ``error``, ``cancelled``, ``lost`` or ``running``."""
        return self.record.status.outcome if self._row is None else str(self._of_row("outcome"))

    @property
    def program(self) -> str:
        """The program that was called: ``run`` for ``backend.run``, ``sampler`` or ``estimator`` for a primitive."""
        if self._row is not None and not catalogue.is_cut(self._row, "program"):
            return catalogue.row_text(self._row, "program")
        return self.record.config.program

    @property
    def parent(self) -> str | None:
        """Job id of the primitive that this run is a part of, or ``None``."""
        return self._of_row("parent")  # type: ignore[no-any-return]  # the type of the column

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that were given to the run."""
        row = self.row()
        return tuple(self.column("tags") if catalogue.is_cut(row, "tags") else text_of(bytes(row["tags"]), "tags"))

    @property
    def notes(self) -> str | None:
        """The notes on the run, as free text, or ``None``."""
        return self.record.labels.notes

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the study, by name."""
        return dict(self.record.labels.params)

    @property
    def backend(self) -> str | None:
        """Name of the backend, or ``None``."""
        return self._of_row("backend")  # type: ignore[no-any-return]  # the type of the column

    @property
    def method(self) -> str | None:
        """Method that Aer used, such as ``statevector``, or, if it reports none, that was set; or ``None``."""
        return self._of_row("method")  # type: ignore[no-any-return]  # the type of the column

    @property
    def precision(self) -> str | None:
        """Precision that Aer used, or, if it reports none, that was set: ``double`` or ``single``, or ``None``."""
        return self._of_row("precision")  # type: ignore[no-any-return]  # the type of the column

    @property
    def num_circuits(self) -> int | None:
        """Number of circuits, or ``None``."""
        return self._of_row("num_circuits")  # type: ignore[no-any-return]  # the type of the column

    @property
    def num_qubits(self) -> int | None:
        """Number of qubits of the largest circuit, or ``None``."""
        return self._of_row("num_qubits")  # type: ignore[no-any-return]  # the type of the column

    @property
    def num_clbits(self) -> int | None:
        """Number of classical bits of the largest circuit, or ``None``."""
        return self._of_row("num_clbits")  # type: ignore[no-any-return]  # the type of the column

    @property
    def num_points(self) -> int | None:
        """Number of experiments, or of elements of the pubs of a primitive; ``None`` without a result."""
        return self._of_row("num_points")  # type: ignore[no-any-return]  # the type of the column

    @property
    def circuit_depth(self) -> int | None:
        """Depth of the deepest circuit, as ``QuantumCircuit.depth`` counts it; ``None`` without circuits."""
        return self._of_row("circuit_depth")  # type: ignore[no-any-return]  # the type of the column

    @property
    def circuit_size(self) -> int | None:
        """Size of the largest circuit, as ``QuantumCircuit.size`` counts it; ``None`` without circuits."""
        return self._of_row("circuit_size")  # type: ignore[no-any-return]  # the type of the column

    @property
    def shots(self) -> int | None:
        """Number of shots of each circuit, or ``None``."""
        return self._of_row("shots")  # type: ignore[no-any-return]  # the type of the column

    @property
    def seed(self) -> int | None:
        """Seed that Aer used, or, if it reports none, that was set: 0 to 2**64 - 1, or ``None``."""
        return self._of_row("seed")  # type: ignore[no-any-return]  # the type of the column

    @property
    def seconds(self) -> float | None:
        """Time in seconds that the job took, or ``None``."""
        return self._of_row("seconds")  # type: ignore[no-any-return]  # the type of the column

    @property
    def message(self) -> str | None:
        """The message of a run that failed, or ``None``."""
        return self._of_row("message")  # type: ignore[no-any-return]  # the type of the column

    @property
    def noisy(self) -> bool:
        """Whether the run had a noise model."""
        return bool(self._of_row("noisy"))

    def _of_row(self, name: str) -> Any:
        """A value of the run's row, which is made from the documents if the run did not come from a listing."""
        row = self.row()
        if name in catalogue.NUMBERS:
            return catalogue.row_number(row, name)
        return (self.column(name) if catalogue.is_cut(row, name) else catalogue.row_text(row, name)) or None

    @property
    def durable(self) -> bool:
        """Whether the run survives a crash of the machine; a run that waits for a commit survives only its process."""
        spooled = self.place.spooled
        return self.place.path is not None or (spooled is not None and spooled.is_held)

    @property
    def pending(self) -> bool:
        """Whether the run is still running, as ``project.jobs(pending=True)`` selects it."""
        return catalogue.row_text(self.row(), "outcome") == "running"

    @property
    def in_pending_file(self) -> bool:
        """Whether the run is durable in a file beside the project, until it is moved into the project."""
        spooled = self.place.spooled
        return self.place.path is None and spooled is not None and spooled.is_held and os.path.exists(spooled.path)

    @property
    def history(self) -> list[tuple[str, str, str]]:
        """The last changes of labels after the run was archived, oldest first: time (ISO 8601, UTC), author, change."""
        return [(when, who, what) for when, who, what in self.record.labels.history or ()]

    @checked
    def add_tags(self, *tags: str) -> None:
        """Adds tags to the run, in a commit."""
        self.change_labels(LabelChange(RunLabels.checked(tags=list(tags))))

    @checked
    def remove_tags(self, *tags: str) -> None:
        """Removes tags from the run, in a commit. It is no error if the run does not have them."""
        self.change_labels(LabelChange(remove_tags=frozenset(RunLabels.checked(tags=list(tags)).tags or ())))

    @checked
    def rename(self, name: str | None) -> None:
        """Gives the run another name, or no name, in a commit."""
        given = RunLabels.checked(name=name)
        self.change_labels(LabelChange(given, clear=frozenset() if name else frozenset({"name"})))

    @checked
    def annotate(self, notes: str | None = None, params: Mapping[str, Any] | None = None) -> None:
        """Replaces the notes, and adds parameters, in a commit. An empty text removes the notes."""
        given = RunLabels.checked(notes=notes, params=dict(params or {}))
        self.change_labels(LabelChange(given, clear=frozenset({"notes"}) if notes == "" else frozenset()))

    @checked
    def change_labels(self, change: LabelChange) -> None:
        """Changes several labels in one commit, which is noted in `history`.

        In a `Project.transaction` of this run's project, the change is committed at the end of the block.

        Args:
            change: The labels to add, to replace and to remove.

        Raises:
            UnsupportedTypeError: A value in ``params`` cannot be stored.
            TransactionError: The run is in a spool, and another program keeps the project locked.
            NotFoundError: The run is not in the project any more.
        """
        if change.is_empty:
            return
        change.given.to_attributes()  # raises an error for what cannot be stored, before the file is opened
        self._home.relabel(self, change)
        self.refresh()

    @property
    def attachments(self) -> Attachments:
        """The values attached to the run, by name; a read-only mapping that is printed as a table.

        A numpy array is a `StoredArray`, of which nothing is read before it is indexed, and a file is an
        `AttachedFile`. Qiskit is imported only if the value has an object of Qiskit.
        """
        from aerchive.project.attachments import Attachments

        what = f"{self._home.file.path}: run {self.job_id}"
        return Attachments(lambda: self._this_very_run() if self.place.is_known else None, what)

    @checked
    def attach(self, name: str, value: Any, *, replace: bool = False) -> None:
        """Attaches a value to the run, in a commit: a fit, a figure, a reference state, notes with a structure.

        The run itself stays as it was, with its digest; an attachment has its own. In a `Project.transaction` of this
        run's project, it is committed at the end of the block.

        Args:
            name: Name of the attachment, unique in the run: 1 to 100 characters of printable ASCII without slash and
                backslash, which neither begin with a dot nor begin or end with a space.
            value: A numpy array; an object of Qiskit that has a codec, such as ``Statevector`` or ``Clifford``; text;
                bytes; the `pathlib.Path` of a file, of which name and content are attached, or an `AttachedFile`; or
                containers and numbers, with any of these in them. It comes back equal and of the same type.
            replace: Whether an attachment of this name is replaced.

        Raises:
            AlreadyExistsError: There is an attachment of this name, and ``replace`` is not given.
            InvalidInputError: The name cannot be used, or the value or the number of attachments exceeds a limit.
            UnsupportedTypeError: The value, or a part of it, has a type without a codec; nothing is attached.
            NotFoundError: The run is still running, was lost or deleted, or there is no file at the path.
            TransactionError: The run is in a spool, and another program keeps the project locked.
            ProjectLockedError: Another program keeps the project locked.
            ReadOnlyError: The project is open for reading.
        """
        self._home.attach_to(self, name, value, replace=replace)

    @checked
    def detach(self, name: str) -> None:
        """Removes an attachment of the run, in a commit; compaction gives its space back.

        Raises:
            NotFoundError: There is no attachment of this name.
            AerchiveError: As for `attach`.
        """
        self._home.detach_from(self, name)

    def settle(self, path: str | None, spooled: SpooledRun | None = None, *, job_id: str | None = None) -> None:
        """Sets the place of the run after the project has written it; its documents are read from there afterwards.

        Args:
            path: Path of the run's group in the project; ``None`` if it was not written there.
            spooled: The run in a spool, if it was written there.
            job_id: Job id of the run, if it has changed because another result has the job's id.
        """
        self.job_id = job_id or self.job_id
        self.place = RunPlace(self._home.file, self.job_id, path, spooled=spooled, recomputer=self._home.bridge)
        self.refresh()

    def as_merged(self, home: RunHome) -> Run:
        """The same run as a run of another project, into which the file of this one is to be merged.

        It is read where it is now until it is merged, and from then on in the other project.

        Args:
            home: The other project.
        """
        run = Run(home, None, job_id=self.job_id, nbytes=self.nbytes, row=self.row())
        run.place.beside = self._home.file
        return run

    def refresh(self) -> None:
        """Forgets the documents, so that they are read again when needed; those of a run in no file are kept."""
        if self.place.is_known:
            self._row = None
            self.__dict__.pop("_record", None)

    def show(self, record: RunRecord) -> None:
        """Sets the documents of a run that is in no file; the project calls this when they have changed."""
        self._row = None
        self.__dict__["_record"] = record

    def row(self) -> np.void:
        """The run as a row of the catalogue, as it was when the run was found, with later labels of this process."""
        self._look()
        if self._row is None:
            self._row = self._committed_row()
        if self._row is None:
            self._row = catalogue.make_row(self._record, "", self.nbytes)[0]
        return self._row

    def _committed_row(self) -> np.void | None:
        """The row as the file has it; ``None`` if the documents are known, or the file has no other row of this run."""
        if self.place.path is None or "_record" in self.__dict__:
            return None
        try:
            with self.place.project.read() as session:
                found = Catalogue(session).find(self.job_id)
        except FormatError:  # the catalogue is damaged, and the run need not be
            return None
        if found is None or run_path(found[1][0]) != self.place.path:
            return None
        return catalogue.single_row(found[1], 0)

    def to_pandas(self) -> Any:
        """Returns the saved numbers as a ``pandas.DataFrame``: a row for each circuit, bind, or element of a pub.

        Returns:
            A table with those of the columns ``experiment``, ``circuit``, ``bind``, ``element`` that have values, the
            parameters of the circuits, and the saved numbers by label; `Project.table` is the same for many runs.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from aerchive.interop.pandas import to_frame
        from aerchive.stored.points import point_columns, read_points

        self.require_data()
        return to_frame(point_columns(read_points(self.place)))

    def column(self, column: str) -> Any:
        """The whole value of a text column of the catalogue, as the documents have it; empty without one."""
        known = catalogue.COLUMN[column]
        empty: Any = {"texts": [], "params": {}}.get(known.kind, "")
        return (None if known.value is None else known.value(self.record)) or empty

    def values_of(self, name: str) -> Sequence[Any]:
        """All values under a name with its group, such as ``params.theta``.

        Args:
            name: The name. Circuits of a run may differ in their metadata, and its points in their numbers; then each
                value is given.
        """
        from aerchive.stored.points import read_points

        cells = cells_of(self.record)
        value = cells.get(name)
        if value is ONLY_IN_RUN and name.startswith(METADATA):
            key = name.removeprefix(METADATA)
            facts = self.record.config.circuit_facts or []
            return [fact["metadata"][key] for fact in facts if key in fact.get("metadata", {})]
        if name in cells and value is not ONLY_IN_RUN:
            return [value]
        group, _, key = name.partition(".")
        if (
            group not in ("saved", "bound")
            or self.record.status.num_points in (0, 1)
            or not self.record.status.has_data
        ):
            return []
        points = read_points(self.place)
        found = [(point.values if group == "saved" else point.bound).get(key) for point in points]
        return [one for one in found if one is not None]

    @checked
    def plot(self, kind: str | None = None, *, experiment: int | None = None, ax: Any = None) -> Any:
        """Plots the run with matplotlib: what viewers show of it first.

        That is the curve of a sweep, or else bars of the counts (of the 64 most frequent outcomes), the probabilities
        of a saved state in at most 1,024 bins, saved values, or the magnitudes of a saved matrix. Counts and matrices
        are read; of a state only the profile that was stored when the run was archived.

        Args:
            kind: ``"sweep"``, ``"counts"``, ``"probability"``, ``"values"`` or ``"matrix"``; ``None``: the first of
                these that the run has.
            experiment: Index of the experiment whose counts are drawn; ``None``: the first one with counts.
            ax: The ``Axes`` to draw on; by default those of a new figure of ``matplotlib.pyplot``.

        Returns:
            The ``Axes``; ``axes.figure`` is the figure, for ``savefig``.

        Raises:
            MissingExtraError: matplotlib is not installed.
            NotFoundError: The run has nothing of this kind.
            InvalidInputError: An argument is not valid.
        """
        from aerchive.project.drawing.run_plot import plot_run

        return plot_run(self.record, self.opened, self.counts, kind, experiment, ax)

    # -- values

    @cached_property
    def stored_result(self) -> StoredResult:
        """The result as it is stored."""
        from aerchive.stored.result import StoredResult

        outcome = self.outcome if self._row is None else catalogue.row_text(self._row, "outcome")
        what = f"run {self.job_id} (outcome {outcome})"
        return StoredResult(self._this_very_run(), self.run_uuid, what)

    @property
    def saved(self) -> list[SavedValue]:
        """The saved values, one row for each, in the order of the result.

        Raises:
            NotFoundError: The run has no result.
        """
        with self.held():
            return self.stored_result.saved()

    @checked
    def counts(self, experiment: int = 0) -> dict[str, int]:
        """Returns the count of each outcome, as ``Result.get_counts`` gives it; only counts are read.

        Args:
            experiment: Index of the experiment.

        Returns:
            The counts by bit string, which has the highest bit first, and spaces between registers; in the order of
            the result.

        Raises:
            NotFoundError: The experiment has no counts.
        """
        found = self._small_counts(experiment)
        if found is not None:
            return found
        with self.held():
            return self.stored_result.counts(experiment)

    def _small_counts(self, experiment: int) -> dict[str, int] | None:
        is_read = "stored_result" in self.__dict__ and self.stored_result.is_loaded  # its pieces are kept as well
        return counts_of(self.place, experiment, self._known_uuid, self._next_places, only_kept=is_read)

    @property
    def _known_uuid(self) -> str | None:
        """UUID of the run, if this object knows it: then it never gives the values of a later run of the same job."""
        known = self.__dict__
        found: str | None = known["_record"].run_uuid if "_record" in known else known.get("_run_uuid")
        return found

    def _next_places(self) -> Iterator[RunPlace]:
        if self.neighbours is not None:
            neighbours, index = self.neighbours
            yield from (run.place for run in neighbours.after(index))

    @checked
    def counts_array(
        self, experiment: int = 0, *, bits: Sequence[int] | None = None, as_bits: bool = False
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Returns the counts as two arrays; only counts are read, and no dictionary is made.

        Args:
            experiment: Index of the experiment.
            bits: The classical bits that are kept, in any order; the counts of outcomes that agree in them are added.
                ``None``: all bits.
            as_bits: Whether outcomes are returned as bits. Outcomes of more than 64 bits always are.

        Returns:
            The outcomes and their counts. Counts have the shape ``(outcomes,)`` and the dtype int64. Outcomes are
            integers, shape ``(outcomes,)``, dtype uint64, in which bit ``j`` is classical bit ``j``, or ``bits[j]``; or
            bits, shape ``(outcomes, bits)``, dtype uint8, in which column ``j`` is this bit. Registers follow each
            other without gaps, the first one with the lowest bits. All outcomes are in the order of the result; with
            ``bits`` they are in ascending order.

        Raises:
            NotFoundError: The experiment has no counts.
            InvalidInputError: ``bits`` are not different classical bits of the experiment.
        """
        with self.held():
            return self.stored_result.counts_array(experiment, bits, as_bits=as_bits)

    @checked
    def memory(self, experiment: int = 0) -> list[str]:
        """Returns the outcome of each shot, as ``Result.get_memory`` gives it.

        Args:
            experiment: Index of the experiment.

        Raises:
            NotFoundError: The run was not made with ``memory=True``.
        """
        with self.held():
            return self.stored_result.memory(experiment)

    @checked
    def array(
        self,
        label: str | None = None,
        experiment: int = 0,
        *,
        bind: int | None = None,
        shot: int | None = None,
        condition: int | str | None = None,
    ) -> StoredArray:
        """Returns a saved array, of which no data is read yet.

        Args:
            label: The label under which the array was saved; ``None`` if there is only one.
            experiment: Index of the experiment; if ``bind`` is given, index of the circuit.
            bind: Number of the parameter bind among those of the circuit.
            shot: Number of the shot, for data saved with ``pershot=True``; ``None`` if there is only one.
            condition: Value of the classical bits, for data saved with ``conditional=True``: a number, ``"0x2"`` or
                ``"10"``, the highest bit first; ``None`` if there is only one.

        Raises:
            NotFoundError: There is no array with this label.
            InvalidInputError: There are several arrays to choose from, which the message lists.
        """
        with self.held():
            stored = self.stored_result
            return stored.array(label, stored.number_of(experiment, bind), shot, condition)

    @checked
    def state(
        self,
        label: str | None = None,
        experiment: int = 0,
        *,
        bind: int | None = None,
        shot: int | None = None,
        condition: int | str | None = None,
    ) -> Any:
        """Returns a saved statevector, density matrix, unitary or superoperator, of which no data is read yet.

        Args:
            label: The label under which the state was saved; ``None`` if there is only one.
            experiment: Index of the experiment; if ``bind`` is given, index of the circuit.
            bind: Number of the parameter bind among those of the circuit.
            shot: As for `array`.
            condition: As for `array`.

        Returns:
            A `StoredState`, `StoredDensityMatrix`, `StoredOperator` or `StoredSuperOp`.

        Raises:
            NotFoundError: There is no state with this label.
            InvalidInputError: There are several states to choose from, which the message lists; or the value is of
                another kind, such as a matrix product state, which `value` reads.
        """
        with self.held():
            stored = self.stored_result
            number = stored.number_of(experiment, bind)
            return stored.state(label, number, shot, condition, self._home.bridge)

    @checked
    def stack(
        self,
        labels: str | Sequence[str],
        experiment: int | None = 0,
        *,
        bind: int | None = None,
        shot: int | None = None,
        condition: int | str | None = None,
    ) -> StackedArray:
        """Stacks saved arrays of one shape along a new first axis; no data is read yet.

        Args:
            labels: A label, a pattern such as ``"t*"`` (as in file names), or a list of labels. The labels that match
                a pattern are in natural order, ``t2`` before ``t10``: Aer gives the labels of a result in no order.
            experiment: Index of the experiment; if ``bind`` is given, index of the circuit. ``None``: all experiments
                one after another, such as those of a sweep.
            bind: Number of the parameter bind among those of the circuit.
            shot: As for `array`.
            condition: As for `array`.

        Returns:
            An array with the attributes ``labels`` and ``experiments``, which say what lies along its first axis.

        Raises:
            NotFoundError: There is no array with one of these labels.
            InvalidInputError: The shapes or dtypes differ, or a label is that of a value that is not one array.
        """
        stored = self.stored_result
        if experiment is None:
            if bind is not None:
                raise InvalidInputError(
                    "stack(experiment=None) is of all experiments, and so of all binds: give no bind"
                )
            numbers = range(len(stored.experiments))
        else:
            number = stored.number_of(experiment, bind)
            numbers = range(number, number + 1)
        return stored.stack(labels, numbers, shot, condition)

    @checked
    def value(
        self,
        label: str,
        experiment: int = 0,
        *,
        bind: int | None = None,
        shot: int | None = None,
        condition: int | str | None = None,
    ) -> Any:
        """Returns any saved value, with the type that it had.

        Args:
            label: The label under which the value was saved.
            experiment: Index of the experiment; if ``bind`` is given, index of the circuit.
            bind: Number of the parameter bind among those of the circuit.
            shot: Number of the shot, for a value saved with ``pershot=True``; ``None``: all, as Aer gave them.
            condition: Value of the classical bits, for a value saved with ``conditional=True``; ``None``: all, as Aer
                gave them.

        Raises:
            NotFoundError: There is no value with this label, bind, shot or condition.
            InvalidInputError: A shot or condition is given, and the value was not saved by shot or condition.
            UnsupportedTypeError: The value was not archived, because no codec knew its type.
        """
        what = label, experiment, bind, shot, condition
        found = kept(self.place, what, self._known_uuid)
        if found is not None:
            return found
        from aerchive.stored.tree import chosen, is_number

        with self.held():
            stored = self.stored_result
            tree = stored.data(stored.number_of(experiment, bind), label)
            if shot is not None or condition is not None:
                tree = chosen(tree, shot, condition, f"run {self.job_id}: {label!r}", all_shots=True)
            if is_number(tree) and len(stored.experiments) == 1:
                value = stored.decode(tree)
                with contextlib.suppress(AerchiveError):  # a run that was read before may be gone
                    keep(self._this_very_run(), what, lambda _group, _owner: value, sys.getsizeof)
                return value
        return stored.decode(tree)

    # -- objects of Qiskit

    def job(self) -> Any:
        """Returns the ``ArchivedJob``, or for a primitive the ``ArchivedPrimitiveJob``; imports Qiskit."""
        return self._home.bridge.job(self)

    def result(self) -> Any:
        """Returns the ``ArchivedResult``, whose values are read when they are used; imports Qiskit.

        For a primitive it is a stock ``PrimitiveResult``.

        Raises:
            AerJobError: The job had failed with an exception.
        """
        return self._home.bridge.result(self)

    @checked
    def rerun(self, *, save: bool = False, take_resources: bool = False, untrusted: bool = False) -> Any:
        """Runs the simulation again from the file alone: its circuits, binds, options, noise model and seed.

        If Aer chose the seed, the same seed is used again. A stock simulator runs it; imports Qiskit.

        Args:
            save: Whether the new run is saved in the project.
            take_resources: Whether options that ask for memory, processors and devices, such as ``max_memory_mb``, are
                taken from a file that is not trusted, too. From a trusted file they are always taken.
            untrusted: Whether a run of a file that is not trusted is run again all the same, in a process of its own
                with limits of time and memory (``untrusted_time``, ``untrusted_memory`` in the settings). A trusted
                file is one that this user's aerchive has made or was told to trust (`aerchive.trust`).

        Returns:
            A stock ``Result``; of a run in a process of its own it is an ``ArchivedResult``.

        Raises:
            UnsafeContentError: The file is not trusted, and ``untrusted`` is not given; or the run crashed in its own
                process, took too much, or has instructions that Aer's constructors would refuse.
            InvalidInputError: The run cannot be run again; the message says what is not archived. Or it is that of a
                primitive in a file that is not trusted, and is to be saved.
            NotFoundError: The run was saved without its circuits.
            AerchiveError: The new run is to be saved, and the project cannot be written; nothing has been simulated.

        Warns:
            ArchiveWarning: Options that ask for resources were not taken, or a primitive whose backend was of a class
                that is not known has other values now.
        """
        return self._home.bridge.rerun(self, save=save, take_resources=take_resources, untrusted=untrusted)

    def reproduce(self, *, take_resources: bool = False, untrusted: bool = False) -> Any:
        """Runs the simulation again and compares every value, bit for bit; imports Qiskit.

        Args:
            take_resources: Whether options that ask for memory, processors and devices, such as ``max_memory_mb``, are
                taken from a file that is not trusted, too. From a trusted file they are always taken.
            untrusted: Whether a run of a file that is not trusted is run again all the same, in a process of its own
                with limits of time and memory (``untrusted_time``, ``untrusted_memory`` in the settings). A trusted
                file is one that this user's aerchive has made or was told to trust (`aerchive.trust`).

        Returns:
            An `aerchive.aer.ReproduceReport` with ``verdict``: ``identical``, ``same_counts``, ``different`` or
            ``not_rerunnable``; it is printed as a table. A crash in a process of its own is ``not_rerunnable``.

        Raises:
            UnsafeContentError: The file is not trusted, and ``untrusted`` is not given.
        """
        return self._home.bridge.reproduce(self, take_resources=take_resources, untrusted=untrusted)

    @checked
    def recompute(self, *, take_resources: bool = False, untrusted: bool = False) -> Any:
        """Computes the run again in a process of its own, and gives its values of now, whatever their bits are.

        All arrays and saved numbers are compared with the digests of the archived ones. If they are the same, what was
        computed is kept for a while, and reading arrays of a run that does not store them finds it.

        Args:
            take_resources: As for `rerun`.
            untrusted: As for `rerun`.

        Returns:
            An `aerchive.aer.Recomputed`: ``run``, the run as it comes out now, in a project of its own;
            ``is_identical``; ``deviations``, for each array with other bits what the witness says; ``changes`` of
            software, processor and threads since the arrays were last tried; and ``not_compared``, the datasets that
            are stored as products of matrices or by their structure.

        Raises:
            UnsafeContentError: The file is not trusted, and ``untrusted`` is not given; or the process took too much.
            InvalidInputError: The run cannot be run again; the message says why.
            WriteError: It cannot be kept, as the disk is full, or the folder of the setting ``recomputed`` cannot be
                written.
        """
        return self._home.bridge.recompute(self, take_resources=take_resources, untrusted=untrusted)

    def diff(self, other: Run) -> Any:
        """Compares this run with another: configuration, circuits, noise, counts and saved values; imports Qiskit.

        Arrays are read piece by piece, so they may be larger than memory.

        Args:
            other: A run of this or another project.

        Returns:
            An `aerchive.aer.again.diff.DiffReport`, which is printed as a table: `same`, and `differences` with a
            verdict for each property.

        Raises:
            InvalidInputError: ``other`` is no run.
        """
        if not isinstance(other, Run):
            raise InvalidInputError(f"diff({other!r}): a run is expected, such as project['latest']")
        return self._home.bridge.diff(self, other)

    def script(self, *, take_resources: bool = False) -> str:
        """Returns a Python program that runs the simulation again, to be read and changed by people; imports Qiskit.

        Circuits, binds, options and the seed are written out if they are short and plain; the others are read from the
        project.

        Args:
            take_resources: Whether options that ask for memory, processors and devices, such as ``max_memory_mb``, are
                taken from a file that is not trusted, too. From a trusted file they are always taken.

        Raises:
            InvalidInputError: The run cannot be run again; the message says what is not archived.
            NotFoundError: The run was saved without its circuits.
            UnsafeContentError: A text of the file would become code, or has instructions that constructors refuse.
        """
        return self._home.bridge.script(self, take_resources=take_resources)

    @property
    def project(self) -> RunHome:
        """The project to which the run belongs."""
        return self._home

    @property
    def stored_seed(self) -> int | None:
        """The seed of the first circuit as Aer used it, or ``None`` if no result has it.

        Circuit ``i`` of a batch gets the seed of the first plus ``2113 * i`` (Aer's ``aer_controller``), so the seed is
        computed from a later circuit if the first one failed.
        """
        if self.outcome in ("error", "cancelled", "lost", "running"):
            return None
        for number, experiment in enumerate(self.stored_result.experiments):
            seed = experiment.metadata.get("seed_simulator")
            if type(seed) is int and experiment.fields.get("success") is not False:  # Aer says 0 if it failed
                return (seed - 2113 * number) % 2**64
        return None

    def parameter_binds(self) -> list[dict[Any, Any]] | None:
        """Returns the parameter binds as they were given, or ``None``; imports Qiskit.

        Returns:
            One dictionary for each circuit, from a ``Parameter`` or its name to a list or array of values.
        """
        if self.outcome in ("lost", "running"):
            return None
        tree = self.stored_result.inputs.get("parameter_binds")
        binds: list[dict[Any, Any]] | None = None if tree is None else self.stored_result.decode(tree)
        return binds

    def circuits(self) -> list[Any]:
        """The circuits that were run; imports Qiskit.

        Raises:
            NotFoundError: The run has no circuits.
            FormatError: They were written by a newer Qiskit or aerchive.
            IntegrityError: They are damaged.
        """
        return self.stored_circuits()()

    def stored_circuits(self) -> Callable[[], list[Any]]:
        """Looks up the circuits; the function that is returned decodes them, once, without the lock of the file."""
        from aerchive.codecs.circuits.reading import find_circuits

        with self.held(), self._this_very_run().open() as (session, group):
            names = self.record.config.circuit_names or ()
            if layout.CIRCUITS not in group:
                raise NotFoundError(f"{group.where()}: run {self.job_id} was saved without its circuits")
            stored = find_circuits(group.group(layout.CIRCUITS))
            fd = session.detach()

        def decode() -> list[Any]:
            try:  # what is committed never moves, so no lock is held while arrays are read
                circuits = stored.read(fd)
            finally:
                os.close(fd)
            for circuit, name in zip(circuits, names, strict=False):
                circuit.name = circuit.name or name  # a name that Qiskit generated is not stored with the circuits
            return circuits

        return decode

    def pubs(self) -> list[Any]:
        """Returns the pubs that a primitive was given: ``SamplerPub`` or ``EstimatorPub`` objects; imports Qiskit.

        Raises:
            NotFoundError: The run is not the run of a primitive, or was saved without its pubs.
            FormatError: The pubs were written by a newer Qiskit.
        """
        return self.stored_result.pubs(self.circuits() if self.record.config.num_circuits else [])

    def children(self) -> list[Run]:
        """Finds the runs beneath the run of a primitive, in the order in which they were submitted."""
        return self._home.find(parent=self.job_id)

    def object_id(self, name: str) -> str | None:
        """Path of a shared object of the run (``circuits``, ``noise_model``), or ``None``; it ends with a digest."""
        with self.opened() as group:
            return None if name not in group else str(group.group(name).attribute("object"))

    def noise_model(self) -> Any | None:
        """The noise model of the run, or ``None`` if it had none; imports Qiskit.

        Returns:
            A ``NoiseModel`` that is equal to the original, and with which Aer computes the same.
        """
        return self.stored_noise_model()()

    def stored_noise_model(self) -> Callable[[], Any | None]:
        """Reads the noise model; the function that is returned decodes it, without the lock of the file."""
        from aerchive.codecs.noise_model import VERSION as NOISE_VERSION
        from aerchive.codecs.noise_model import decode_noise_model

        with self.opened() as group:
            if layout.NOISE_MODEL not in group:
                return lambda: None
            stored = group.group(layout.NOISE_MODEL)
            check_version(stored.attribute("encoding_version"), NOISE_VERSION, f"{stored.where()}: noise model")
            text = stored.read_json("model", str(stored.attributes()["object"]))
            return functools.partial(decode_noise_model, text, stored.where())

    def target(self) -> Any | None:
        """Returns the target of the backend, or ``None`` if it had none; imports Qiskit.

        Returns:
            A ``Target`` with the same operations, durations and errors.

        Raises:
            FormatError: The target has a newer encoding, or needs a newer Qiskit.

        Warns:
            ArchiveWarning: A part of the target could not be stored; the message names it.
        """
        from aerchive.codecs.target import find_target

        with self._this_very_run().open() as (session, group):
            if layout.TARGET not in group or not group.is_group(layout.TARGET):
                return None
            stored = find_target(group.group(layout.TARGET))
            fd = session.detach()
        try:
            target, lost = stored.read(fd)
        finally:
            os.close(fd)
        if lost:
            message = f"run {self.job_id}: its target comes back without all that it had: {'; '.join(lost)}"
            warnings.warn(message, ArchiveWarning, stacklevel=2)
        return target

    @contextlib.contextmanager
    def opened(self) -> Iterator[GroupReader]:
        """Opens the file that holds the run, and gives the run's group in it."""
        with self.held(), self._this_very_run().open() as (_, group):
            yield group

    def held(self) -> contextlib.AbstractContextManager[None]:
        """Has the file opened at most once for what is read in the block; what is read is decoded after it."""
        return self.place.project.held() if self.place.path is not None else contextlib.nullcontext()

    def _this_very_run(self) -> RunPlace:
        """The place of the run's values, restricted to this run; raises an error if it has no data."""
        self.require_data()
        return self.place.of_run(self.run_uuid)

    def _cards(self) -> Iterator[str]:
        from aerchive.project.run_card import run_cards

        with self.held():
            yield from run_cards(self, "Run")

    def __repr__(self) -> str:
        try:
            name = f" {self.name!r}" if self.name else ""
            again = ", recomputed" if self.is_recomputed else ""
        except AerchiveError:  # a list of runs is printed all the same
            return f"<Run {clean(self.job_id)}, which cannot be read>"
        return clean(f"<Run {self.job_id}{name} {self.outcome}, {format_time(self.created)}{again}>")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.job_id == self.job_id and other._home.file.path == self._home.file.path

    def __hash__(self) -> int:
        return hash((self.job_id, self._home.file.path))
