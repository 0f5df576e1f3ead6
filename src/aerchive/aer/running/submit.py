"""Running circuits with archiving: a snapshot is simulated, and archived when the simulation ends."""

from __future__ import annotations

import copy
import functools
import logging
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction
from qiskit_aer.noise import NoiseModel

from aerchive.aer.capturing.capture import Submitted, describe_backend, draft_failed, draft_finished
from aerchive.aer.capturing.options import set_options, unknown_options
from aerchive.aer.running.archive import Archive
from aerchive.aer.running.job import ArchiveNote, ArchivingJob
from aerchive.aer.running.primitive_call import PrimitiveCall, calling_primitive, is_in_primitive
from aerchive.codecs.circuits.counters import uncounted
from aerchive.codecs.circuits.qpy_versions import written_as
from aerchive.codecs.registry import codecs
from aerchive.errors import AerchiveError, ArchiveWarning
from aerchive.filters.profiles import Compression
from aerchive.models.labels import RunLabels
from aerchive.private_names import private, set_private
from aerchive.project.project import Project
from aerchive.settings import Settings
from aerchive.times import now

logger = logging.getLogger("aerchive")

codecs()  # imported now, because a worker thread that outlives the main thread may not be able to import


def submit(
    backend: Any,
    circuits: Any,
    parameter_binds: Any,
    run_options: dict[str, Any],
    *,
    project: Project,
    settings: Settings,
    labels: RunLabels,
    compression: Compression,
    qpy_version: int | None,
    is_refused: bool,
) -> ArchivingJob:
    """Starts a simulation whose run is archived.

    Circuits, binds and options are copied, and the copies are simulated, so that the archive describes what was
    simulated even if the originals are changed.

    Args:
        backend: Any backend of Aer.
        circuits: Circuits that were given to ``run`` of the backend.
        parameter_binds: Parameter binds that were given to ``run`` of the backend.
        run_options: Options that were given to ``run`` of the backend.
        project: The project in which the run is archived.
        settings: The settings in force.
        labels: Labels of the run; they are those of the primitive if one that does not use aerchive started the run.
        compression: Compression of the arrays of the run.
        qpy_version: Version of QPY for the circuits of the run; ``None``: the newest.
        is_refused: Whether nothing is simulated if the project cannot be written; otherwise this gives a warning.

    Returns:
        The job, which is submitted.

    Raises:
        AerchiveError: The project cannot be written; nothing was simulated.

    Warns:
        ArchiveWarning: The project cannot be written at the moment.
    """
    if not is_in_primitive():  # an error would also lose what the primitive has simulated before
        _check_destination(project, is_refused=is_refused)
    frozen, lost = _copy_if_possible(backend, freeze, backend), list[str]()
    primitive = calling_primitive(project, settings, labels, functools.partial(_set_beneath, frozen, run_options))
    snapshot = _snapshot_circuits(circuits)
    binds = _snapshot_binds(parameter_binds)
    options = {name: _snapshot_option(value) for name, value in run_options.items()}
    with written_as(qpy_version):
        described = describe_backend(backend, lost)
    submitted = Submitted(
        job_id=str(uuid.uuid4()),
        created=now(),
        circuits=snapshot if isinstance(snapshot, list | tuple) else None,
        parameter_binds=binds,
        options=set_options(frozen, options, lost),
        run_options=list(options),
        unknown_options=unknown_options(frozen, options),
        backend=described,
        labels=labels if primitive is None else RunLabels(),
        parent=None if primitive is None else primitive.job_id,
        lost=lost,
    )
    above = primitive.last_beneath if primitive is not None and primitive.project is project else None
    note = ArchiveNote(
        above=None if primitive is None else primitive.note, commit=None if above is None else above.commit
    )
    archive = Archive(project, submitted, settings, note, compression, qpy_version, above=above)
    simulation = _Simulation(frozen, snapshot, binds, options, archive, primitive)
    job = ArchivingJob(backend, submitted.job_id, simulation, circuits, parameter_binds, run_options, note=note)
    archive.begin()
    job.submit()
    private(job, "_future").add_done_callback(functools.partial(_ended, archive, simulation))
    return job


def _set_beneath(backend: Any, run_options: dict[str, Any]) -> dict[str, Any]:
    """The options that are set on a simulator beneath a primitive, with the noise model of its run."""
    return set_options(backend, {name: run_options[name] for name in ("noise_model",) if name in run_options}, [])


def _check_destination(project: Project, *, is_refused: bool) -> None:
    try:
        project.check_destination()
    except AerchiveError as error:
        if is_refused:
            raise
        warnings.warn(
            f"{error}; if that is still so when this simulation has finished, its run goes to {project.pending_folder}",
            ArchiveWarning,
            stacklevel=5,
        )


class _Simulation:
    """The task of the worker thread: simulates the snapshot, archives it, and only then returns the result.

    The job keeps this object as long as the user keeps the job, so it releases its inputs when it has run.

    Args:
        backend: The simulator with its options frozen.
        circuits: Copies of the circuits.
        binds: Copies of the parameter binds.
        options: Copies of the options of the run.
        archive: Archives the run.
        primitive: The call of a primitive to which the run belongs, or ``None``.
    """

    def __init__(
        self, backend: Any, circuits: Any, binds: Any, options: Any, archive: Archive, primitive: PrimitiveCall | None
    ) -> None:
        self._given: Any = backend, circuits, binds, options, archive, primitive

    def __call__(self, *arguments: Any) -> Any:
        """Runs the simulation and archives it.

        Args:
            *arguments: Arguments from ``AerJob``: circuits, binds and options as given, and the job id.
        """
        backend, circuits, binds, options, archive, primitive = self._given
        self.release_inputs()
        started = now()
        try:
            result = private(backend, "_execute_circuits_job")(circuits, binds, options, arguments[-1])
        except BaseException as error:
            archive.store(draft_failed, error, started=started)
            raise
        archive.store(draft_finished, result, started=started)
        if primitive is not None:
            primitive.record_settings(result)
        return result

    def release_inputs(self) -> None:
        """Releases the copies."""
        self._given = None


def _ended(archive: Archive, simulation: _Simulation, future: Future[Any]) -> None:
    simulation.release_inputs()  # a cancelled simulation has not run, so it still has its copies
    archive.store_if_cancelled(future)


def freeze(backend: Any) -> Any:
    """A copy of a backend with its present options, because Aer reads them only when the simulation starts."""
    frozen = copy.copy(backend)
    options = copy.copy(backend.options)
    for name, value in backend.options.__dict__.items():
        setattr(options, name, _snapshot_option(value))
    tables = ("_options_configuration", "_options_properties")
    set_private(frozen, _options=options, **{name: dict(private(backend, name)) for name in tables})
    return frozen


def _copy_if_possible(value: Any, copying: Callable[[Any], Any], what: Any) -> Any:
    """The copy of a backend or circuit, or the original if its class cannot be copied."""
    try:
        return copying(value)
    except Exception as error:  # noqa: BLE001  (the value may be of a foreign class)
        logger.warning("%r cannot be copied (%s); the archive is right only if it is not changed", what, error)
        return value


def _snapshot_circuits(circuits: Any) -> Any:
    """Copies of circuits in a list or tuple; anything else is returned as it is, for Aer to refuse it."""
    return type(circuits)(map(_copy_circuit, circuits)) if type(circuits) in (list, tuple) else circuits


def _copy_circuit(circuit: Any) -> Any:
    if not isinstance(circuit, QuantumCircuit):
        return circuit
    copying = _copy_with_arrays if _shares_arrays() else QuantumCircuit.copy
    return _copy_if_possible(circuit, copying, f"circuit {circuit.name}")


@functools.cache
def _shares_arrays() -> bool:
    """Whether a copy of a circuit has the same arrays, as in Qiskit 2.1, so that a change would reach both."""
    with uncounted():
        circuit = QuantumCircuit(1)
    circuit.append(Instruction("array", 1, 0, [np.zeros(2)]), [0])
    return circuit.copy().data[0].operation.params[0] is circuit.data[0].operation.params[0]


def _copy_with_arrays(circuit: QuantumCircuit) -> QuantumCircuit:
    copied = circuit.copy()
    for position, item in enumerate(copied.data):
        if not item.is_standard_gate() and any(type(param) is np.ndarray for param in item.operation.params):
            operation = item.operation.copy()
            params = [param.copy() if type(param) is np.ndarray else param for param in operation.params]
            set_private(operation, _params=params)
            copied.data[position] = item.replace(operation=operation)
    return copied


def _snapshot_binds(binds: Any) -> Any:
    try:
        return [{key: copy.copy(values) for key, values in bind.items()} for bind in binds] if binds else binds
    except (AttributeError, TypeError):
        return binds


def _snapshot_option(value: Any) -> Any:
    """A copy of a value that a caller could change after ``run`` (container, array, noise model); else the value."""
    if isinstance(value, NoiseModel):
        model = copy.copy(value)
        for name, table in vars(value).items():
            if isinstance(table, dict):
                setattr(model, name, {k: copy.copy(v) if isinstance(v, dict) else v for k, v in table.items()})
            elif isinstance(table, list | set):
                setattr(model, name, copy.copy(table))
        return model
    if type(value) in (list, dict, set):
        try:
            return copy.deepcopy(value)
        except Exception:  # noqa: BLE001  (what cannot be copied is left as it is)
            return value
    return value.copy() if type(value) is np.ndarray else value
