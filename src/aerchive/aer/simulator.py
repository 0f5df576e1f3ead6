"""``AerSimulator``, except that what it runs is kept."""

from __future__ import annotations

import copy
import dataclasses
import functools
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import numpy as np
import qiskit_aer
from qiskit import QuantumCircuit
from qiskit_aer.noise import NoiseModel

from aerchive.aer.capture import Submitted, describe_backend, draft_failed, draft_finished, set_options
from aerchive.aer.job import ArchiveNote, ArchivingJob
from aerchive.aer.opening import project_at
from aerchive.aer.provenance import provenance
from aerchive.codecs.registry import codecs
from aerchive.filters.profiles import PORTABLE, Compression
from aerchive.models.catalogue import now
from aerchive.models.labels import RunLabels
from aerchive.project.draft import RunDraft
from aerchive.project.project import Project
from aerchive.project.query import as_texts
from aerchive.settings import Settings, load_settings

logger = logging.getLogger("aerchive")

codecs()  # imported now: a worker thread that outlives the main thread may not be able to


class AerSimulator(qiskit_aer.AerSimulator):
    """A ``qiskit_aer.AerSimulator`` that archives each run in a project file.

    Results, exceptions and seeds are those of the stock simulator. Circuits, options and parameter binds are copied
    when ``run`` is called, and the
    copies are simulated, so that the archive describes what ran, whatever happens to the originals.

    Args:
        configuration: As for the stock simulator.
        properties: As for the stock simulator.
        provider: As for the stock simulator.
        target: As for the stock simulator.
        project: Path of a project file, or an open project; ``None``: the project of the settings.
        save_jobs: Whether runs are archived; ``None``: as the settings say, which is yes by default.
        compression: How arrays are stored: ``"portable"``, ``"none"``, ``"fast"`` or ``"small"``; ``None``: as the
            project was opened, or as the settings say.
        max_infidelity: State vectors may be rounded as far as ``1 - F`` is proven to stay within this; ``None``: never.
        **backend_options: As for the stock simulator.

    Raises:
        InvalidInputError: A setting cannot be used.
    """

    def __init__(
        self,
        configuration: Any = None,
        properties: Any = None,
        provider: Any = None,
        target: Any = None,
        *,
        project: str | os.PathLike[str] | Project | None = None,
        save_jobs: bool | None = None,
        compression: str | None = None,
        max_infidelity: float | None = None,
        **backend_options: Any,
    ) -> None:
        super().__init__(configuration, properties, provider, target, **backend_options)
        if project is not None and not isinstance(project, Project):
            project = Path(project).absolute()
        self._aerchive_project: Project | Path | None = project
        self._aerchive_save_jobs = save_jobs
        if compression is not None or max_infidelity is not None:
            Compression.checked(compression or PORTABLE.profile, max_infidelity)
        self._aerchive_compression = compression
        self._aerchive_max_infidelity = max_infidelity

    @property
    def project(self) -> Project:
        """Where this simulator's runs go; its file is made by the first of them."""
        if not isinstance(self._aerchive_project, Project):
            self._aerchive_project = project_at(self._aerchive_project)
        return self._aerchive_project

    def run(
        self,
        circuits: Any,
        parameter_binds: Any = None,
        *,
        save_jobs: bool | None = None,
        tags: str | Sequence[str] = (),
        notes: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        compression: str | None = None,
        max_infidelity: float | None = None,
        **run_options: Any,
    ) -> Any:
        """Runs circuits, and archives the run.

        Args:
            circuits: A circuit or a list of them.
            parameter_binds: As for the stock simulator.
            save_jobs: Whether this run is archived; ``None``: as the simulator or the settings say.
            tags: Words to find the run by.
            notes: Free text.
            name: A name for people.
            params: Parameters of the study, by name.
            compression: How arrays of this run are stored; ``None``: as for the simulator.
            max_infidelity: How far state vectors of this run may be rounded; ``None``: as for the simulator.
            **run_options: As for the stock simulator.

        Returns:
            An `ArchivingJob`, or a stock ``AerJob`` if the run is not archived.

        Raises:
            InvalidInputError: A label has the wrong type, or there is no such compression.
            UnsupportedTypeError: A value in ``params`` cannot be stored.
        """
        settings = load_settings(save_jobs=self._aerchive_save_jobs if save_jobs is None else save_jobs)
        if not settings.save_jobs:
            return super().run(circuits, parameter_binds, **run_options)
        labels = RunLabels.checked(name=name, tags=as_texts(tags) or None, notes=notes, params=dict(params or {}))
        labels.to_attributes()  # refuses what cannot be stored before anything is simulated
        stored = self.project.compression(
            self._aerchive_compression if compression is None else compression,
            self._aerchive_max_infidelity if max_infidelity is None else max_infidelity,
        )
        if isinstance(circuits, QuantumCircuit):
            circuits = [circuits]
        snapshot = _snapshot_circuits(circuits)
        binds = _snapshot_binds(parameter_binds)
        options = {name: _snapshot_option(value) for name, value in run_options.items()}
        frozen = self._frozen()
        submitted = Submitted(
            job_id=str(uuid.uuid4()),
            created=now(),
            circuits=snapshot if isinstance(snapshot, list | tuple) else None,
            parameter_binds=binds,
            options=set_options(frozen, options),
            run_options=list(options),
            backend=describe_backend(self),
            labels=labels,
        )
        note = ArchiveNote()
        archive = _Archive(self.project, submitted, settings, note, stored)
        job = ArchivingJob(
            self,
            submitted.job_id,
            functools.partial(_simulate, frozen, snapshot, binds, options, archive),
            parameter_binds=parameter_binds,
            circuits=circuits,
            run_options=run_options,
            note=note,
        )
        archive.begin()
        job.submit()
        job._future.add_done_callback(archive.note_end)
        return job

    def _frozen(self) -> AerSimulator:
        """This simulator with the options it has now, for Aer reads them only when the simulation starts."""
        frozen = copy.copy(self)
        frozen._options = copy.copy(self._options)
        for name, value in self._options.__dict__.items():
            setattr(frozen._options, name, _snapshot_option(value))
        frozen._options_configuration = dict(self._options_configuration)
        frozen._options_properties = dict(self._options_properties)
        return frozen


def _simulate(
    backend: AerSimulator,
    circuits: Any,
    binds: Any,
    options: dict[str, Any],
    archive: _Archive,
    *arguments: Any,
) -> Any:
    """What the worker thread does: simulate the snapshot, archive, and only then hand out the result.

    Args:
        backend: The simulator with its options frozen.
        circuits: Copies.
        binds: Copies.
        options: Copies of those of the run.
        archive: Where the run goes.
        *arguments: What ``AerJob`` hands over: circuits, binds and options as given, and the job id.
    """
    started = now()
    try:
        result = backend._execute_circuits_job(circuits, binds, options, arguments[-1])
    except BaseException as error:
        archive.keep(functools.partial(draft_failed, archive.submitted_at(started), error))
        raise
    archive.keep(functools.partial(draft_finished, archive.submitted_at(started), result))
    return result


class _Archive:
    """One submission on its way into the project."""

    def __init__(
        self, project: Project, submitted: Submitted, settings: Settings, note: ArchiveNote, compression: Compression
    ) -> None:
        self._compression = compression
        self._project = project
        self._submitted = submitted
        self._settings = settings
        self._note = note

    def submitted_at(self, started: str) -> Submitted:
        """What was submitted, with the time when the simulation began."""
        return dataclasses.replace(self._submitted, started=started)

    def begin(self) -> None:
        """Leaves the trace that outlives this process."""
        provenance()  # needs a subprocess once, which a worker thread may not start when the interpreter ends
        simple = {k: v for k, v in self._submitted.options.items() if type(v) in (bool, int, float, str)}
        record: dict[str, Any] = {
            "created": self._submitted.created,
            "config": self._submitted.config(options=simple).to_attributes(),
            "labels": _simple_labels(self._submitted.labels).to_attributes(),
        }
        self._project.submissions.submitted(self._submitted.job_id, record)

    def note_end(self, future: Future[Any]) -> None:
        """Archives a job that was cancelled before it ran; others are archived where they run."""
        if future.cancelled():
            self.keep(functools.partial(draft_failed, self._submitted, CancelledError()))

    def keep(self, make_draft: Any) -> None:
        """Archives a draft; whatever goes wrong, the simulation's own result is not touched."""
        try:
            draft: RunDraft = dataclasses.replace(make_draft(), compression=self._compression)
            self._note.run = self._project.archive(draft)
        except Exception as error:
            self._note.problem = f"job {self._submitted.job_id} was not archived in {self._project.path}: {error}"
            self._note.failure = error if self._settings.on_error == "raise" else None
            logger.error("%s", self._note.problem, exc_info=error)
            return
        finally:
            self._project.submissions.finished(self._submitted.job_id)
        if draft.refused:
            self._note.problem = f"job {draft.job_id} was archived without these values: {'; '.join(draft.refused)}"
            logger.warning("%s", self._note.problem)


def _simple_labels(labels: RunLabels) -> RunLabels:
    params = {name: value for name, value in labels.params.items() if type(value) in (bool, int, float, str)}
    return labels.model_copy(update={"params": params})


def _snapshot_circuits(circuits: Any) -> Any:
    """Copies of circuits in a list or tuple; anything else is left for Aer to refuse."""
    if isinstance(circuits, list | tuple):
        return type(circuits)(map(_copy_circuit, circuits)) if type(circuits) in (list, tuple) else circuits
    return circuits


def _copy_circuit(circuit: Any) -> Any:
    if not isinstance(circuit, QuantumCircuit):
        return circuit
    try:
        return circuit.copy()
    except Exception as error:  # noqa: BLE001  (a foreign circuit class may raise anything)
        logger.warning(
            "circuit %r cannot be copied (%s); its archive is right only if it is not changed", circuit.name, error
        )
        return circuit


def _snapshot_binds(binds: Any) -> Any:
    try:
        return [{key: copy.copy(values) for key, values in bind.items()} for bind in binds] if binds else binds
    except (AttributeError, TypeError):
        return binds


def _snapshot_option(value: Any) -> Any:
    """A copy of what a caller could change after ``run``: containers, arrays, noise models."""
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
