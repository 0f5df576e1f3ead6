"""Jobs from a project that behave like the original jobs: those of simulators and those of primitives."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from qiskit.primitives import BasePrimitiveJob
from qiskit.providers import JobStatus
from qiskit.providers.jobstatus import JOB_FINAL_STATES
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import AerJob

from aerchive.aer.archived.result import archived_result
from aerchive.aer.capturing.options import is_known, restore_options, stored_options
from aerchive.aer.errors import AerJobError
from aerchive.display.html import Shown
from aerchive.display.text import clean
from aerchive.errors import ArchiveWarning, InvalidInputError, NotFoundError
from aerchive.project.run import Run
from aerchive.project.run_card import run_cards
from aerchive.stored.array import StoredArray

_STATUS = {
    "ok": JobStatus.DONE,
    "partial": JobStatus.DONE,
    "failed": JobStatus.DONE,
    "error": JobStatus.ERROR,
    "lost": JobStatus.ERROR,
    "cancelled": JobStatus.CANCELLED,
    "running": JobStatus.RUNNING,
}
_KEPT_BYTES = 16 * 1024 * 1024
"""A job keeps its result if the values have fewer bytes than this, so that it does not hold large states in memory."""


def _nothing() -> None:
    """Stands for a result that was not requested yet."""


class StoredJob(Shown):
    """The common part of archived jobs; it comes before Qiskit's or Aer's class in the method resolution order."""

    _archived_run: Run

    @property
    def run(self) -> Run:
        """The run in the project."""
        return self._archived_run

    def _cards(self) -> Iterator[str]:
        with self.run.held():
            yield from run_cards(self.run, type(self).__name__)

    def status(self) -> JobStatus:
        """The last state of the job; a lost run is ``ERROR``."""
        return _STATUS[self.run.outcome]

    def cancel(self) -> bool:
        """Returns False: the job has ended."""
        return False

    def circuits(self) -> list[Any]:
        """The circuits that were run, those of pubs each once, as new objects.

        Raises:
            NotFoundError: The run was saved without its circuits.
        """
        return self.run.circuits()

    def error_message(self) -> str | None:
        """The reason why the job did not succeed, or ``None``."""
        return self.run.record.status.message

    def rerun(self, *, save: bool = False, take_resources: bool = False, untrusted: bool = False) -> Any:
        """Runs the job again; see `aerchive.project.run.Run.rerun`."""
        return self.run.rerun(save=save, take_resources=take_resources, untrusted=untrusted)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.run,)


class ArchivedJob(StoredJob, AerJob):
    """An archived job; its data are read only when they are requested.

    Args:
        run: The run in the project.
    """

    def __init__(self, run: Run) -> None:
        self._archived_run = run
        self._known_result: Callable[[], Any] = _nothing
        super().__init__(None, run.job_id, None)

    @property
    def _future(self) -> Future[Any]:
        """A future in the last state of the job, for the methods of ``AerJob`` that use it."""
        future: Future[Any] = Future()
        outcome = self.run.outcome
        if outcome == "cancelled":
            future.cancel()
            future.set_running_or_notify_cancel()
        elif outcome == "running":
            future.set_running_or_notify_cancel()
        elif outcome in ("error", "lost"):
            future.set_exception(AerJobError(self.error_message() or ""))
        else:
            future.set_result(None)
        return future

    @_future.setter
    def _future(self, value: Any) -> None:
        """Ignores the value that ``AerJob.__init__`` sets; the state comes from the run."""

    def result(self, timeout: float | None = None) -> Any:
        """The result, whose values are read when they are used; the same object while it is in use.

        The job itself keeps a small result, so that ``job.result().get_counts(i)`` in a loop makes it only once.

        Args:
            timeout: Not used, because there is nothing to wait for.

        Raises:
            AerJobError: The job raised an exception, or was lost with its process; has the stored message.
            CancelledError: The job was cancelled.
        """
        del timeout
        known = self._known_result()
        if known is None:
            known = archived_result(self.run)
            is_small = self.run.nbytes < _KEPT_BYTES
            self._known_result = (lambda: known) if is_small else weakref.ref(known)
        return known

    def submit(self) -> None:
        """Raises an error: the job ran already.

        Raises:
            AerJobError: This error is always raised; `Run.circuits` gives the circuits to run again.
        """
        raise AerJobError(f"job {self.job_id()} ran already; run its circuits() again with a simulator")

    def backend(self) -> Any:
        """A stock ``AerSimulator`` with the stored options and the noise model of the run.

        Options that were given to ``run`` are options of the backend here; some of them, for example ``memory``, have
        an effect in Aer only if they are given to ``run``.

        Raises:
            InvalidInputError: An option cannot be used any more; the message names it.

        Warns:
            ArchiveWarning: The noise model had custom passes that could not be stored.
        """
        usable = stored_options(self.run.record.config.options)
        noise = self.run.noise_model()
        if noise is not None:
            usable["noise_model"] = noise
            if noise.lost_passes:
                warnings.warn(
                    f"job {self.job_id()}: its noise model had custom passes ({', '.join(noise.lost_passes)}), which "
                    "could not be stored: circuits with delays give other results",
                    ArchiveWarning,
                    stacklevel=2,
                )
        backend = AerSimulator()
        try:
            restore_options(backend, {name: value for name, value in usable.items() if is_known(name)})
        except Exception as error:
            raise InvalidInputError(f"job {self.job_id()}: its options cannot be set on this Aer: {error}") from error
        return backend

    def array(self, label: str | None = None, experiment: int = 0, **choice: Any) -> StoredArray:
        """A saved array; see `aerchive.project.run.Run.array`."""
        return self.run.array(label, experiment, **choice)

    def state(self, label: str | None = None, experiment: int = 0, **choice: Any) -> Any:
        """A saved state or operator; see `aerchive.project.run.Run.state`."""
        return self.run.state(label, experiment, **choice)

    def __repr__(self) -> str:
        return clean(f"<ArchivedJob {self.job_id()} {self.run.outcome}>")


class ArchivedPrimitiveJob(StoredJob, BasePrimitiveJob[Any, JobStatus]):
    """An archived job of a ``SamplerV2`` or ``EstimatorV2``; its data are read only when they are requested.

    Args:
        run: The run in the project.
    """

    def __init__(self, run: Run) -> None:
        self._archived_run = run
        super().__init__(run.job_id)

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the primitive: ``pubs``, its ``options``, and further inputs that a cloud service received.

        Raises:
            NotFoundError: The run was saved without its pubs.
        """
        config = self.run.record.config
        more = config.service.get("inputs", {})
        return {"pubs": self.run.pubs(), "options": dict(config.primitive_options), **more}

    @property
    def service(self) -> dict[str, Any]:
        """The information of a cloud service about a job that ran there; empty for other jobs.

        The keys are ``instance``, ``session_id``, ``image``, ``private``, ``usage_seconds``, ``metrics``, ``inputs``
        and ``client``; those that are not known are left out.
        """
        return dict(self.run.record.config.service)

    def result(self) -> Any:
        """The ``PrimitiveResult``, an object of Qiskit's own class.

        Raises:
            AerJobError: The job raised an exception, or was lost with its process; has the stored message.
            CancelledError: The job was cancelled.
        """
        return archived_result(self.run)

    def jobs(self) -> list[Any]:
        """The jobs of the simulations that the primitive started, in the order in which they were submitted."""
        return [child.job() for child in self.run.children()]

    def done(self) -> bool:
        """Whether the job has a result."""
        return bool(self.status() == JobStatus.DONE)

    def running(self) -> bool:
        """Whether the job is still running."""
        return bool(self.status() == JobStatus.RUNNING)

    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return bool(self.status() == JobStatus.CANCELLED)

    def in_final_state(self) -> bool:
        """Whether the job has ended."""
        return bool(self.status() in JOB_FINAL_STATES)

    def backend(self) -> Any:
        """A stock ``AerSimulator`` with the stored options and noise model; see `ArchivedJob.backend`.

        Raises:
            NotFoundError: The job ran on a backend of a cloud service, which is not in the project.
        """
        if self.service:
            name = self.run.record.config.backend_name
            raise NotFoundError(
                f"job {self.job_id()} ran on {name} of IBM's service; QiskitRuntimeService().backend({name!r}) gives it"
            )
        return ArchivedJob(self.run).backend()

    def array(self, label: str | None = None, pub: int = 0) -> StoredArray:
        """An array of a pub's data, such as ``"evs"`` or the name of a classical register, not read yet."""
        return self.run.array(label, pub)

    def __repr__(self) -> str:
        return clean(f"<ArchivedPrimitiveJob {self.job_id()} {self.run.program} {self.run.outcome}>")
