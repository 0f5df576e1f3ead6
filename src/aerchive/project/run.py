"""One run of a project, read as far as somebody asks."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aerchive import layout
from aerchive.display.text import clean, format_time
from aerchive.errors import AerchiveError, ArchiveWarning, FormatError, InvalidInputError, NotFoundError
from aerchive.lazy import cached_property
from aerchive.models import catalogue
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.models.run import RunRecord
from aerchive.project.arguments import checked
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.record import read_record
from aerchive.project.location import RunPlace
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.file import ProjectFile
from aerchive.storage.spools.run_group import SpooledRun
from aerchive.times import from_microseconds

if TYPE_CHECKING:  # runs are listed without what their values need: a fifth of the time of `aerchive ls`
    from aerchive.stored.array import StoredArray
    from aerchive.stored.result import SavedValue, StoredResult
    from aerchive.stored.stack import StackedArray


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

    def rerun(self, run: Run, *, save: bool) -> Any:
        """The ``Result`` of running a run again."""

    def reproduce(self, run: Run) -> Any:
        """A ``ReproduceReport``."""

    def script(self, run: Run) -> str:
        """A program that runs a run again."""

    def initialize(self, state: Any, circuit: Any) -> Any:
        """A copy of a circuit that starts from a stored state."""


class RunHome(Protocol):
    """What a run needs of the project it is in."""

    file: ProjectFile
    bridge: Bridge

    def relabel(self, run: Run, change: LabelChange) -> None:
        """Commits a change of labels."""

    def flush(self) -> None:
        """Commits the runs that wait for it."""

    def check_destination(self) -> None:
        """Looks whether runs can be committed to it now."""

    def find(self, **conditions: Any) -> list[Run]:
        """Runs by the columns of the catalogue, oldest first."""

    def save(
        self, job_or_result: Any, *, name: str | None = None, tags: str | Sequence[str] = (), notes: str | None = None
    ) -> Run:
        """Archives a job."""


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
        spooled: Where it is in a spool, if it is not in the project yet.
        row: Of the catalogue, if it is known already.

    Attributes:
        place: Where it is, also after it has moved.
        kept_outside: Why it could not come into the project, and which file it is in, if the project that archived it
            had to put it into the folder of the settings.
    """

    kept_outside: str | None = None

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
    ) -> None:
        self._home = home
        self._row = row
        self.place = RunPlace(home.file, job_id, path, spooled=spooled)
        self.job_id = job_id
        self.nbytes = nbytes
        if record is not None:
            self.__dict__["record"] = record

    # -- documents

    @cached_property
    def record(self) -> RunRecord:
        """The documents of the run, validated: ``config``, ``status``, ``labels``, ``provenance``.

        Raises:
            FormatError: A document has an unknown field or a value of the wrong type; the node is named.
            NotFoundError: The run is not in the file any more.
        """
        with self.place.open() as (_, group):
            return read_record(group)

    @property
    def path(self) -> str:
        """The run's group in the HDF5 file.

        Raises:
            NotFoundError: There is none: the run was lost, is still running, or is in a spool beside the project.
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
        """Says what is wrong if the run has no data.

        Raises:
            NotFoundError: The run was lost, or is still running.
        """
        if not self.place.is_known:
            why = self.record.status.message or "still running"
            raise NotFoundError(f"{self._home.file.path}: run {self.job_id} has no data: {why}")

    @property
    def run_uuid(self) -> str:
        """Made once for the run; stays through merge and extraction."""
        return self._run_uuid if "record" not in self.__dict__ else self.record.run_uuid

    @cached_property
    def _run_uuid(self) -> str:
        with self.place.open() as (_, group):
            found = group.attribute("run_uuid")
        return found if isinstance(found, str) else self.record.run_uuid  # which says what is wrong

    @property
    def core_sha256(self) -> str:
        """The digest of all that may not change in it, as ``verify`` compares it: SHA-256, 64 hexadecimal digits.

        Raises:
            NotFoundError: It has no data.
            FormatError: It has no digest.
        """
        with self._group() as group:
            seal = group.attribute("core_sha256")
            if not isinstance(seal, str):
                raise FormatError(f"{group.where()}: the run has no digest; it was not written by aerchive")
            return seal

    @property
    def name(self) -> str | None:
        """The name given to it."""
        return self.record.labels.name

    @property
    def created(self) -> str:
        """When it was submitted: UTC, ISO 8601."""
        if self._row is not None:
            return from_microseconds(int(self._row["created_us"]))
        return self.record.created

    @property
    def outcome(self) -> str:
        """``ok``, ``partial``, ``failed``, ``error``, ``cancelled``, ``lost`` or ``running``."""
        return self.record.status.outcome

    @property
    def program(self) -> str:
        """What was called: ``run`` for ``backend.run``, ``sampler`` or ``estimator`` for a primitive."""
        if self._row is not None and not catalogue.is_cut(self._row, "program"):
            return catalogue.row_text(self._row, "program")
        return self.record.config.program

    @property
    def parent(self) -> str | None:
        """Job id of the primitive that this run is a part of, or ``None``."""
        return self.record.config.parent

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
        """Whether the run survives a crash of the machine; while it waits for its commit, it survives its process."""
        spooled = self.place.spooled
        return self.place.path is not None or (spooled is not None and spooled.is_held)

    @property
    def pending(self) -> bool:
        """Whether it is still running, as ``project.jobs(pending=True)`` finds it."""
        return catalogue.row_text(self.row(), "outcome") == "running"

    @property
    def in_pending_file(self) -> bool:
        """Whether the run is durable in a file beside the project, until it is moved into the project."""
        spooled = self.place.spooled
        return self.place.path is None and spooled is not None and spooled.is_held and os.path.exists(spooled.path)

    @property
    def history(self) -> list[tuple[str, str, str]]:
        """The last changes of its labels after it was archived, oldest first: when (ISO 8601, UTC), who, what."""
        return [(when, who, what) for when, who, what in self.record.labels.history or ()]

    @checked
    def add_tags(self, *tags: str) -> None:
        """Adds tags; a commit."""
        self.change_labels(LabelChange(RunLabels.checked(tags=list(tags))))

    @checked
    def remove_tags(self, *tags: str) -> None:
        """Takes tags away; a commit. Tags that it does not have are no error."""
        self.change_labels(LabelChange(remove_tags=frozenset(RunLabels.checked(tags=list(tags)).tags or ())))

    @checked
    def rename(self, name: str | None) -> None:
        """Gives it another name, or none; a commit."""
        given = RunLabels.checked(name=name)
        self.change_labels(LabelChange(given, clear=frozenset() if name else frozenset({"name"})))

    @checked
    def annotate(self, notes: str | None = None, params: Mapping[str, Any] | None = None) -> None:
        """Replaces the notes, and adds parameters; a commit. Empty notes take away those there are."""
        given = RunLabels.checked(notes=notes, params=dict(params or {}))
        self.change_labels(LabelChange(given, clear=frozenset({"notes"}) if notes == "" else frozenset()))

    @checked
    def change_labels(self, change: LabelChange) -> None:
        """Changes several labels in one commit, which is noted in `history`.

        In a `Project.transaction` of this run's project, the change is a part of it: it is committed with the block.

        Args:
            change: What to add, to replace and to take away.

        Raises:
            UnsupportedTypeError: A value in ``params`` cannot be stored.
            TransactionError: The run is in a spool, and another program keeps the project locked.
            NotFoundError: The run is not in the project any more.
        """
        if change.is_empty:
            return
        change.given.to_attributes()  # refuses what cannot be stored before the file is opened
        self._home.relabel(self, change)
        self.refresh()

    def settle(self, path: str | None, spooled: SpooledRun | None = None, *, job_id: str | None = None) -> None:
        """Called by the project when the run was written; its documents are those that are stored from now on.

        Args:
            path: Of its group in the project.
            spooled: Where it is in a spool, if it went there.
            job_id: Its id, if it is another one because another result has the job's.
        """
        self.job_id = job_id or self.job_id
        self.place = RunPlace(self._home.file, self.job_id, path, spooled=spooled)
        self.refresh()

    def refresh(self) -> None:
        """Reads the documents again when they are asked for; those of a run that is in no file stay."""
        if self.place.is_known:
            self._row = None
            self.__dict__.pop("record", None)

    def show(self, record: RunRecord) -> None:
        """Called by the project when the documents of a run that is in no file have changed."""
        self._row = None
        self.__dict__["record"] = record

    def row(self) -> np.void:
        """The run as a row of the catalogue, as it was when the run was found."""
        if self._row is None:
            self._row = catalogue.make_row(self.record, "", self.nbytes)[0]
        return self._row

    def to_pandas(self) -> Any:
        """The numbers that were saved, as a ``pandas.DataFrame``: a row a circuit, bind, or element of a pub.

        Returns:
            Columns ``experiment``, ``circuit``, ``bind``, ``element`` as far as there are any, parameters of the
            circuits, and the saved numbers by label; `Project.table` is the same for many runs.

        Raises:
            MissingExtraError: There is no pandas.
        """
        from aerchive.interop.pandas import to_frame
        from aerchive.stored.points import point_columns, read_points

        self.require_data()
        return to_frame(point_columns(read_points(self.place)))

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
            "parent": record.config.parent or "",
            "tags": record.labels.tags or [],
            "params": record.labels.params,
            "message": (record.status.message or "").strip(),
        }
        return values[column] if column in values else used.get(column) or ""

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
        """What was saved, one row a value, in the order of the result.

        Raises:
            NotFoundError: The run has no result.
        """
        with self.held():
            return self.stored_result.saved()

    @checked
    def counts(self, experiment: int = 0) -> dict[str, int]:
        """How often each outcome was measured, as ``Result.get_counts`` gives it; only counts are read.

        Args:
            experiment: Its index.

        Returns:
            Bit strings, the highest bit first, with spaces between registers; in the order of the result.

        Raises:
            NotFoundError: There are no counts.
        """
        with self.held():
            return self.stored_result.counts(experiment)

    @checked
    def memory(self, experiment: int = 0) -> list[str]:
        """The outcome of each shot, as ``Result.get_memory`` gives it.

        Args:
            experiment: Its index.

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
        """A saved array, of which nothing is read yet.

        Args:
            label: Under which it was saved; ``None`` if there is only one.
            experiment: Index of the experiment; of the circuit, if there is a bind.
            bind: Number of the parameter bind among those of the circuit.
            shot: Number of the shot, of what was saved with ``pershot=True``; ``None`` if there is only one.
            condition: Content of the classical bits, of what was saved with ``conditional=True``: a number, ``"0x2"``
                or ``"10"``, the highest bit first; ``None`` if there is only one.

        Raises:
            NotFoundError: There is none of this label.
            InvalidInputError: There are several to choose from, which the message lists.
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
        """A saved statevector, density matrix, unitary or superoperator, of which nothing is read yet.

        Args:
            label: Under which it was saved; ``None`` if there is only one.
            experiment: Index of the experiment; of the circuit, if there is a bind.
            bind: Number of the parameter bind among those of the circuit.
            shot: As for `array`.
            condition: As for `array`.

        Returns:
            A `StoredState`, `StoredDensityMatrix`, `StoredOperator` or `StoredSuperOp`.

        Raises:
            NotFoundError: There is none of this label.
            InvalidInputError: There are several to choose from, which the message lists; or it is a value of another
                kind, such as a matrix product state, which `value` reads.
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
        """Saved arrays of one shape as one array along a new first axis, of which nothing is read yet.

        Args:
            labels: A label, a pattern such as ``"t*"`` (as in file names), or a list of labels. What a pattern
                finds is in natural order, ``t2`` before ``t10``: Aer gives the labels of a result in no order.
            experiment: Index of the experiment; of the circuit, if there is a bind. ``None``: all experiments one
                after another, such as those of a sweep.
            bind: Number of the parameter bind among those of the circuit.
            shot: As for `array`.
            condition: As for `array`.

        Returns:
            An array with the attributes ``labels`` and ``experiments``, which say what lies along its first axis.

        Raises:
            NotFoundError: There is none of these labels.
            InvalidInputError: Their shapes or dtypes differ, or a label is of a value that is not one array.
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
        """Any saved value, with the type it had.

        Args:
            label: Under which it was saved.
            experiment: Index of the experiment; of the circuit, if there is a bind.
            bind: Number of the parameter bind among those of the circuit.
            shot: One shot of those saved with ``pershot=True``; ``None``: all, as Aer gave them.
            condition: One condition of those saved with ``conditional=True``; ``None``: all, as Aer gave them.

        Raises:
            NotFoundError: There is none of this label, bind, shot or condition.
            InvalidInputError: Shot or condition are given, and it was not saved so.
            UnsupportedTypeError: It was not archived, because no codec knew its type.
        """
        stored = self.stored_result
        tree = stored.data(stored.number_of(experiment, bind), label)
        if shot is not None or condition is not None:
            from aerchive.stored.result import chosen

            tree = chosen(tree, shot, condition, f"run {self.job_id}: {label!r}", all_shots=True)
        return stored.decode(tree)

    # -- objects of Qiskit

    def job(self) -> Any:
        """The job as an ``ArchivedJob``, of a primitive as an ``ArchivedPrimitiveJob``; imports Qiskit."""
        return self._home.bridge.job(self)

    def result(self) -> Any:
        """The result as an ``ArchivedResult``, whose values are read when they are used; imports Qiskit.

        That of a primitive is a stock ``PrimitiveResult``.

        Raises:
            AerJobError: The job had failed with an exception.
        """
        return self._home.bridge.result(self)

    @checked
    def rerun(self, *, save: bool = False) -> Any:
        """Runs it again from the file alone: its circuits, binds, options, noise model and seed.

        Aer's own choice of a seed is repeated. A stock simulator runs it; imports Qiskit.

        Args:
            save: Whether the new run goes into the project.

        Returns:
            A stock ``Result``.

        Raises:
            InvalidInputError: It cannot be run again; the message says what is not archived.
            NotFoundError: It was saved without its circuits.
            AerchiveError: The new run is to be saved, and the project cannot be written; nothing has been simulated.
        """
        return self._home.bridge.rerun(self, save=save)

    def reproduce(self) -> Any:
        """Runs it again and compares every value, bit for bit; imports Qiskit.

        Returns:
            A `aerchive.aer.ReproduceReport` with ``verdict``: ``identical``, ``same_counts``, ``different`` or
            ``not_rerunnable``; it prints as a table.
        """
        return self._home.bridge.reproduce(self)

    def script(self) -> str:
        """A Python program that runs it again, for people to read and to change; imports Qiskit.

        Circuits, binds, options and the seed are written out where they are short and plain; what is not is read from
        the project.

        Raises:
            InvalidInputError: It cannot be run again; the message says what is not archived.
            NotFoundError: It was saved without its circuits.
        """
        return self._home.bridge.script(self)

    @property
    def project(self) -> RunHome:
        """The project it belongs to."""
        return self._home

    @property
    def stored_seed(self) -> int | None:
        """The seed of the first circuit as Aer used it, or ``None`` if no result says.

        Circuit ``i`` of a batch gets the seed of the first plus ``2113 * i`` (Aer's ``aer_controller``), so a later one
        tells, too, if the first failed.
        """
        if self.outcome in ("error", "cancelled", "lost", "running"):
            return None
        for number, experiment in enumerate(self.stored_result.experiments):
            seed = experiment.metadata.get("seed_simulator")
            if type(seed) is int and experiment.fields.get("success") is not False:  # Aer says 0 of one that failed
                return (seed - 2113 * number) % 2**64
        return None

    def parameter_binds(self) -> list[dict[Any, Any]] | None:
        """The parameter binds as they were given, or ``None``; imports Qiskit.

        Returns:
            One dictionary a circuit: a ``Parameter`` or its name to a list or array of values.
        """
        from aerchive.codecs.result import decode_value
        from aerchive.stored.result import NoArrays

        if self.outcome in ("lost", "running"):
            return None
        tree = self.stored_result.inputs.get("parameter_binds")
        binds: list[dict[Any, Any]] | None = None if tree is None else decode_value(tree, NoArrays())
        return binds

    def circuits(self) -> list[Any]:
        """The circuits that were run; imports Qiskit.

        Raises:
            NotFoundError: The run has no circuits.
            FormatError: They were written by a newer Qiskit or aerchive.
            IntegrityError: They are damaged.
        """
        from aerchive.codecs.circuits.reading import find_circuits

        with self.held(), self._this_very_run().open() as (session, group):
            names = self.record.config.circuit_names or ()
            if layout.CIRCUITS not in group:
                raise NotFoundError(f"{group.where()}: run {self.job_id} was saved without its circuits")
            stored = find_circuits(group.group(layout.CIRCUITS))
            fd = session.detach()
        try:  # what is committed never moves, so no lock is held while arrays are read
            circuits = stored.read(fd)
        finally:
            os.close(fd)
        for circuit, name in zip(circuits, names, strict=False):
            circuit.name = circuit.name or name  # one that Qiskit made up is not with the circuits
        return circuits

    def pubs(self) -> list[Any]:
        """What a primitive was asked for: ``SamplerPub`` or ``EstimatorPub`` objects; imports Qiskit.

        Raises:
            NotFoundError: It is not the run of a primitive, or was saved without its pubs.
            FormatError: They were written by a newer Qiskit.
        """
        with self.held():
            return self.stored_result.pubs(self.circuits() if self.record.config.num_circuits else [])

    def children(self) -> list[Run]:
        """The runs beneath that of a primitive, in the order in which they were submitted."""
        return self._home.find(parent=self.job_id)

    def object_id(self, name: str) -> str | None:
        """Path of a shared object of the run (``circuits``, ``noise_model``), or ``None``; it ends with its digest."""
        with self._group() as group:
            return None if name not in group else str(group.group(name).attribute("object"))

    def noise_model(self) -> Any | None:
        """The noise model of the run, or ``None`` if it had none; imports Qiskit.

        Returns:
            A ``NoiseModel`` with which Aer computes the same.
        """
        from aerchive.codecs.noise_model import VERSION as NOISE_VERSION
        from aerchive.codecs.noise_model import decode_noise_model

        with self._group() as group:
            if layout.NOISE_MODEL not in group:
                return None
            stored = group.group(layout.NOISE_MODEL)
            version = stored.attribute("encoding_version")
            if not isinstance(version, int) or version > NOISE_VERSION:
                raise FormatError(
                    f"{stored.where()}: noise model encoding {version} is newer than this aerchive: upgrade it"
                )
            text = stored.read_bytes("model", str(stored.attributes()["object"]))
            return decode_noise_model(text, stored.where())

    def target(self) -> Any | None:
        """The target of the backend, or ``None`` if it had none; imports Qiskit.

        Returns:
            A ``Target`` with the same operations, durations and errors.

        Raises:
            FormatError: It is of a newer encoding, or needs a newer Qiskit.

        Warns:
            ArchiveWarning: Something of it could not be stored; it is named.
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
    def _group(self) -> Iterator[GroupReader]:
        with self.held(), self._this_very_run().open() as (_, group):
            yield group

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Has the file opened once for what is read in the block, if it can be opened; if not, that says why.

        Once the document of the result was read, a value needs one opening at most, and often none.
        """
        if "stored_result" in self.__dict__ and self.stored_result.is_read:
            yield
            return
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(AerchiveError):
                if self.place.path is not None:
                    stack.enter_context(self.place.project.held())
            yield

    def _this_very_run(self) -> RunPlace:
        """Where its values are, if it has any."""
        self.require_data()
        return self.place.of_run(self.run_uuid)

    def __repr__(self) -> str:
        try:
            name = f" {self.name!r}" if self.name else ""
        except AerchiveError:  # a list of runs is printed all the same
            return f"<Run {clean(self.job_id)}, which cannot be read>"
        return f"<Run {clean(self.job_id)}{name} {self.outcome}, {format_time(self.created)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.job_id == self.job_id and other._home.file.path == self._home.file.path

    def __hash__(self) -> int:
        return hash((self.job_id, self._home.file.path))
