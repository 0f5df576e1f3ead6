"""Aer's primitives with archiving of their runs."""

from __future__ import annotations

import copy
import dataclasses
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import qiskit_aer.primitives
from qiskit.primitives import PrimitiveJob

from aerchive.aer.capturing.options import check_spelling
from aerchive.aer.running.job import ArchiveNote
from aerchive.aer.running.primitive_call import PrimitiveCall, job_of_thread, not_archived
from aerchive.aer.running.simulator import Archiving, ProjectLike, archiving
from aerchive.models.labels import RunLabels
from aerchive.private_names import private, set_private
from aerchive.project.arguments import checked
from aerchive.project.project import given_labels
from aerchive.project.run import Run
from aerchive.settings import Settings, load_settings
from aerchive.times import now

for _stock in (qiskit_aer.primitives.SamplerV2, qiskit_aer.primitives.EstimatorV2):
    private(_stock, "_run")  # if Aer called another method, nothing would be archived


class ArchivingPrimitiveJob(PrimitiveJob[Any]):
    """A primitive's job whose run is archived; ``result()`` returns when the run is in the project."""

    _note: ArchiveNote

    @property
    def run(self) -> Run:
        """The archived run.

        Raises:
            NotFoundError: The run is not archived yet, or could not be archived; the message says which.
        """
        return self._note.run_of(self.job_id())

    def result(self) -> Any:
        """The result, as the stock job gives it; exceptions are the same.

        Warns:
            ArchiveWarning: The run, or some value of it, could not be archived; the warning is given once for each job.
        """
        return self._note.report(super().result)


@dataclasses.dataclass
class _Request:
    """One call of ``run``, passed to the thread of the primitive."""

    labels: RunLabels
    save_jobs: bool | None
    created: str = dataclasses.field(default_factory=now)
    note: ArchiveNote = dataclasses.field(default_factory=ArchiveNote)


class _Archiving:
    """The common part of both primitives; it comes before the stock class in the method resolution order."""

    _backend: Any
    _request: _Request | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_request"}

    @checked
    def __init__(self, *, project: ProjectLike | None = None, save_jobs: bool | None = None, **stock: Any) -> None:
        super().__init__(**stock)
        _archive_in(project, save_jobs, self)

    @checked
    def run(
        self,
        pubs: Iterable[Any],
        *,
        save_jobs: bool | None = None,
        tags: str | Sequence[str] | None = (),
        notes: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        **stock: Any,
    ) -> Any:
        """Runs pubs, and archives the run.

        Args:
            pubs: The pubs, as for the stock primitive.
            save_jobs: Whether this run is archived; ``None``: as the primitive or the settings say.
            tags: Words by which the run can be found.
            notes: Free text.
            name: A readable name of the run.
            params: Parameters of the study, by name.
            **stock: Arguments of the stock primitive: ``shots`` of a sampler, ``precision`` of an estimator.

        Returns:
            An `ArchivingPrimitiveJob`; its result is a ``PrimitiveResult``, as that of the stock primitive.

        Raises:
            InvalidInputError: A label has the wrong type.
            UnsupportedTypeError: A value in ``params`` cannot be stored.
            AerchiveError: The project cannot be written; nothing was simulated.
        """
        labels = given_labels(name, tags, notes, params)
        check_spelling(self.options.run_options or (), "run")  # type: ignore[attr-defined]  # defined in the stock class
        if self._settings(save_jobs).save_jobs:
            self._backend.project.check_destination()
        request = _Request(labels, save_jobs)
        twin = copy.copy(self)
        twin._request = request
        job = super(_Archiving, twin).run(pubs, **stock)  # type: ignore[misc]  # defined in the stock class
        job.__class__ = ArchivingPrimitiveJob
        job._note = request.note
        return job

    def _settings(self, save_jobs: bool | None) -> Settings:
        return load_settings(save_jobs=self._backend.save_jobs if save_jobs is None else save_jobs)

    def _run(self, pubs: list[Any]) -> Any:
        """Runs in the primitive's thread: simulates, archives, and only then returns the result."""
        request = self._request
        run = super()._run  # type: ignore[misc]  # defined in the stock class
        if request is None:
            return run(pubs)
        settings = self._settings(request.save_jobs)
        if not settings.save_jobs:
            with not_archived():
                return run(pubs)
        project = self._backend.project
        settings = settings.model_copy(update={"durability": self._backend.durability})
        job_id = job_of_thread() or str(uuid.uuid4())
        call = PrimitiveCall(self, pubs, job_id, project, settings, request.note, request.created, request.labels)
        with call.active():
            try:
                result = run(pubs)
            except BaseException as error:
                call.failed(error)
                raise
        call.finished(result)
        return result

    @classmethod
    def from_backend(
        cls, backend: Any, *, project: ProjectLike | None = None, save_jobs: bool | None = None, **options: Any
    ) -> Self:
        """Makes a primitive that uses an existing backend.

        Args:
            backend: A backend that archives is used itself, unless ``project`` or ``save_jobs`` is given; from a stock
                ``AerSimulator`` or a device's backend a simulator that archives is made, and the original is not
                changed.
            project: Path of a project file, or an open project; ``None``: that of the backend, or of the settings.
            save_jobs: Whether runs are archived; ``None``: as the backend or the settings say.
            **options: Further arguments, as for the constructor.
        """
        primitive: Self = super().from_backend(backend, **options)  # type: ignore[misc]  # defined in the stock class
        if not isinstance(private(primitive, "_backend"), Archiving) or project is not None or save_jobs is not None:
            _archive_in(project, save_jobs, primitive)
        return primitive


def _archive_in(project: ProjectLike | None, save_jobs: bool | None, primitive: Any) -> None:
    """Gives a primitive a backend that archives, in place of its own."""
    set_private(primitive, _backend=archiving(private(primitive, "_backend"), project, save_jobs=save_jobs))


class SamplerV2(_Archiving, qiskit_aer.primitives.SamplerV2):
    """Aer's ``SamplerV2``, whose runs are archived: each with its pubs and its ``PrimitiveResult``, bit for bit.

    The simulations that it starts are archived as separate runs, with this run as their parent.

    Args:
        default_shots: Number of shots if none is given, as for the stock primitive.
        seed: Seed, as for the stock primitive.
        options: Options, as for the stock primitive.
        project: Path of a project file, or an open project; ``None``: the project of the settings.
        save_jobs: Whether runs are archived; ``None``: as the settings say, which is yes by default.
    """

    stored_name = "aerchive.aer.primitives.SamplerV2"

    @checked
    def __init__(self, *, default_shots: int = 1024, seed: int | None = None, **more: Any) -> None:
        super().__init__(default_shots=default_shots, seed=seed, **more)

    @checked
    def run(self, pubs: Iterable[Any], *, shots: int | None = None, **more: Any) -> Any:
        """Samples pubs, and archives the run.

        Args:
            pubs: The pubs, as for the stock primitive.
            shots: Number of shots, as for the stock primitive.
            **more: ``save_jobs``, ``tags``, ``notes``, ``name`` and ``params``, as for `AerSimulator.run`.

        Returns:
            An `ArchivingPrimitiveJob`; its result is a ``PrimitiveResult`` of ``SamplerPubResult``.
        """
        return super().run(pubs, shots=shots, **more)


class EstimatorV2(_Archiving, qiskit_aer.primitives.EstimatorV2):
    """Aer's ``EstimatorV2``, whose runs are archived: each with its pubs and its ``PrimitiveResult``, bit for bit.

    The simulations that it starts are archived as separate runs, with this run as their parent.

    Args:
        options: Options, as for the stock primitive.
        project: Path of a project file, or an open project; ``None``: the project of the settings.
        save_jobs: Whether runs are archived; ``None``: as the settings say, which is yes by default.
    """

    stored_name = "aerchive.aer.primitives.EstimatorV2"

    @checked
    def run(self, pubs: Iterable[Any], *, precision: float | None = None, **more: Any) -> Any:
        """Estimates expectation values of pubs, and archives the run.

        Args:
            pubs: The pubs, as for the stock primitive.
            precision: Target precision, as for the stock primitive.
            **more: ``save_jobs``, ``tags``, ``notes``, ``name`` and ``params``, as for `AerSimulator.run`.

        Returns:
            An `ArchivingPrimitiveJob`; its result is a ``PrimitiveResult`` of ``PubResult``.
        """
        return super().run(pubs, precision=precision, **more)
