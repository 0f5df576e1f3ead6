"""Running an archived run again, from the file alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import qiskit_aer
from qiskit.result import Result
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from aerchive.aer.archived_result import archived_result
from aerchive.aer.capture import stored_options
from aerchive.aer.compare import ValueReport, compare_results
from aerchive.aer.errors import AerJobError
from aerchive.aer.provenance import provenance
from aerchive.errors import AerchiveError, InvalidInputError
from aerchive.project.run import Run

_BACKENDS = {
    "qiskit_aer.backends.aer_simulator.AerSimulator": AerSimulator,
    "aerchive.aer.simulator.AerSimulator": AerSimulator,
    "qiskit_aer.backends.qasm_simulator.QasmSimulator": qiskit_aer.QasmSimulator,
    "qiskit_aer.backends.statevector_simulator.StatevectorSimulator": qiskit_aer.StatevectorSimulator,
    "qiskit_aer.backends.unitary_simulator.UnitarySimulator": qiskit_aer.UnitarySimulator,
}
_COMPARED = ("qiskit_aer", "qiskit", "numpy", "python", "platform", "cpu_available", "threads")
"""What of the provenance may change bits."""
_COUNTS = ("counts", "memory")
_FIELDS = ("results", "shots", "success", "status", "meas_level")


@dataclasses.dataclass(frozen=True)
class ReproduceReport:
    """What came of running a run again.

    Attributes:
        job_id: Of the archived run.
        verdict: ``identical``: every value, bit for bit, or the same exception; ``same_counts``: all counts and
            memories, and other bits elsewhere; ``different``; ``not_rerunnable``: see `reasons`.
        reasons: Why it cannot be run again, or what else to know, in words.
        values: Each saved value with its own verdict.
        environment: What of software, machine and thread settings is not as it was: name to (then, now).
    """

    job_id: str
    verdict: Literal["identical", "same_counts", "different", "not_rerunnable"]
    reasons: tuple[str, ...] = ()
    values: tuple[ValueReport, ...] = ()
    environment: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.job_id}: {self.verdict.replace('_', ' ')}", *(f"  {reason}" for reason in self.reasons)]
        same = sum(value.verdict == "identical" for value in self.values)
        if self.values:
            lines.append(f"  {same} of {len(self.values)} values identical, bit for bit")
        lines += [
            f"  experiment {value.experiment}, {value.label}: {value.verdict}: {value.detail}"
            for value in self.values
            if value.verdict != "identical"
        ]
        lines += [f"  {name} was {then}, is {now}" for name, (then, now) in self.environment.items()]
        return "\n".join(lines)


def rerun(run: Run, *, save: bool) -> Result:
    """Runs an archived run again; see `aerchive.project.run.Run.rerun`."""
    job = _Replay(run).submit()
    if save:
        name = run.name or run.job_id
        run.project.save(job, name=f"{name} again", notes=f"run again of job {run.job_id}", tags=run.tags)
    return job.result()


def reproduce(run: Run) -> ReproduceReport:
    """Runs an archived run again and compares; see `aerchive.project.run.Run.reproduce`."""
    environment = _changed_environment(run)
    try:
        replay = _Replay(run)
    except AerchiveError as error:
        return ReproduceReport(run.job_id, "not_rerunnable", (str(error),), environment=environment)
    again, raised = _outcome_of(replay.submit().result)
    before, had_raised = _outcome_of(lambda: archived_result(run))
    if raised is not None or had_raised is not None:
        same = raised == had_raised
        reason = f"raised {raised}, " + ("as before" if same else f"and before {had_raised}")
        verdict: Literal["identical", "different"] = "identical" if same else "different"
        return ReproduceReport(run.job_id, verdict, (*replay.notes, reason), environment=environment)
    values = tuple(compare_results(before, again))
    return ReproduceReport(run.job_id, _verdict(values), tuple(replay.notes), values, environment)


def _verdict(values: tuple[ValueReport, ...]) -> Literal["identical", "same_counts", "different"]:
    looked_at = [value for value in values if value.verdict != "not archived"]
    if all(value.verdict == "identical" for value in looked_at):
        return "identical"
    counts = [value for value in looked_at if value.label in _COUNTS]
    others = [value for value in looked_at if value.label not in _COUNTS]
    is_structural = any(value.verdict in ("missing", "new") or value.label in _FIELDS for value in others)
    if counts and all(value.verdict == "identical" for value in counts) and not is_structural:
        return "same_counts"
    return "different"


def _outcome_of(action: Callable[[], Any]) -> tuple[Any, str | None]:
    """What an action gives, or the type and message of what it raises, whether it is stored or raised now."""
    try:
        return action(), None
    except AerJobError as error:
        return None, f"{error.error_type}: {error.message}"
    except Exception as error:  # noqa: BLE001  (whatever the simulation raises is compared)
        message = getattr(error, "message", None)
        return None, f"{type(error).__module__}.{type(error).__qualname__}: {message if message else error}"


def _changed_environment(run: Run) -> dict[str, tuple[str, str]]:
    then, now = run.record.provenance, provenance()
    if then is None:
        return {}
    pairs = ((name, str(getattr(then, name)), str(getattr(now, name))) for name in _COMPARED)
    return {name: (old, new) for name, old, new in pairs if old != new}


class _Replay:
    """All that is needed to run a run again.

    Raises:
        InvalidInputError: It cannot be run again; the message says why.
        NotFoundError: It was archived without its circuits.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._config = run.record.config
        self.notes: list[str] = []
        self._check()
        self._circuits = [] if self._config.num_circuits == 0 else run.circuits()
        self._binds = run.parameter_binds()
        self._options = self._known_options()

    def _check(self) -> None:
        why = None
        outcome = self._run.outcome
        if outcome == "lost":
            why = "its process died before its circuits were archived"
        elif outcome in ("running", "cancelled"):
            why = f"it is {outcome}, so there is nothing to compare with"
        else:
            lost = [text for text in self._config.missing or () if _matters(text)]
            if lost:
                why = f"these were not archived: {'; '.join(lost)}"
        if why is not None:
            raise InvalidInputError(f"run {self._run.job_id} cannot be run again: {why}")

    def _known_options(self) -> dict[str, Any]:
        """The options with their values, the noise model and the seed that Aer had chosen among them."""
        options = stored_options(self._config)
        noise = self._run.noise_model()
        if noise is not None:
            options["noise_model"] = noise
            if noise.lost_passes:
                raise InvalidInputError(
                    f"run {self._run.job_id} cannot be run again: its noise model had custom passes "
                    f"({', '.join(noise.lost_passes)}), which could not be stored"
                )
        if options.get("seed_simulator") is None and self._run.stored_seed is not None:
            options["seed_simulator"] = self._run.stored_seed
        return options

    def submit(self) -> Any:
        """Starts it, with a stock simulator; returns its job."""
        kind = _BACKENDS.get(self._config.backend_class or "")
        if kind is None:
            kind = AerSimulator
            if self._config.backend_class is not None:
                self.notes.append(f"was run by {self._config.backend_class}; a stock AerSimulator runs it again")
        backend = kind()
        in_run = self._config.run_options
        in_run = list(self._options) if in_run is None else [*in_run, "seed_simulator"]
        for name, value in self._options.items():
            if name not in in_run:
                backend.set_option(name, value)
        if self._config.target_gates is not None:
            backend._target = Target()  # with a target Aer takes only the gates of its basis for gates
            backend._cached_basis_gates = list(self._config.target_gates)
        options = {name: value for name, value in self._options.items() if name in in_run}
        return backend.run(self._circuits, parameter_binds=self._binds, **options)


def _matters(loss: str) -> bool:
    """Whether what was not archived has a part in the simulation: metadata have none, nor options that Aer ignores."""
    if loss.startswith("circuits: "):
        return ": metadata " not in loss
    if loss.startswith("option "):
        name = loss.removeprefix("option ").split(":")[0].strip("'\"")
        return name in AerSimulator._default_options().__dict__
    return loss.startswith("parameter_binds")
