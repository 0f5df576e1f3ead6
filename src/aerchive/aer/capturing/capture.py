"""Live jobs and results into drafts of runs: documents, payload, shared objects."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

from qiskit import QuantumCircuit
from qiskit.primitives import PrimitiveResult
from qiskit.result import Result
from qiskit.transpiler import Target

from aerchive import layout
from aerchive.aer.capturing.binds import encode_binds
from aerchive.aer.capturing.options import keep_option
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.errors import AerJobError
from aerchive.codecs.circuits.writing import circuits_object
from aerchive.codecs.primitive_result import encode_primitive_result
from aerchive.codecs.pubs import encode_pubs
from aerchive.codecs.result import ResultEncoder, Written, encode_result
from aerchive.codecs.target import EncodedTarget, encode_target
from aerchive.errors import UnsupportedTypeError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.status import Outcome, RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.storage.chunks.drafts import DatasetDraft, ObjectDraft
from aerchive.text import without_surrogates
from aerchive.times import now

_USED = (
    "method",
    "device",
    "fusion",
    "measure_sampling",
    "noise",
    "parallel_shots",
    "parallel_state_update",
    "parallel_experiments",
    "omp_enabled",
    "max_memory_mb",
    "required_memory_mb",
    "num_qubits",
)


@dataclasses.dataclass(frozen=True)
class Primitive:
    """What is known of a primitive.

    Attributes:
        program: ``sampler`` or ``estimator``.
        class_name: Module and class; absent where only a result is known.
        options: Its own options, by name; those of its ``run_options`` begin with ``run.``.
    """

    program: str
    class_name: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Submitted:
    """What was handed to the simulator.

    Attributes:
        job_id: Of the job.
        created: When, UTC.
        circuits: Copies that nobody else changes, or ``None`` if they are not known.
        parameter_binds: As given.
        options: Set on the backend or for this run.
        run_options: Names of those options that were given for this run.
        unknown_options: Names of options that Aer does not have, and ignores.
        backend: What of the backend is recorded: ``backend_name``, ``backend_version``, ``backend_class``,
            ``target_gates``.
        target: Of the backend, as it was then, or ``None`` if it has none.
        labels: Given with the run.
        started: When the simulation began, UTC.
        primitive: What called the simulator, if this is the run of a primitive.
        pubs: What a primitive was asked for; their circuits are in ``circuits``.
        parent: Job id of the primitive that this run is a part of.
    """

    job_id: str
    created: str
    circuits: Sequence[Any] | None = None
    parameter_binds: Any = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    run_options: Sequence[str] | None = None
    unknown_options: Sequence[str] = ()
    backend: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    target: EncodedTarget | None = None
    labels: RunLabels = dataclasses.field(default_factory=RunLabels)
    started: str | None = None
    primitive: Primitive | None = None
    pubs: Sequence[Any] | None = None
    parent: str | None = None

    def config(self, **more: Any) -> RunConfig:
        """The configuration as far as it is known before the result."""
        circuits = [c for c in self.circuits or () if isinstance(c, QuantumCircuit)]
        known: dict[str, Any] = {**self.backend, **more}
        if self.primitive is not None:
            known = {"program": self.primitive.program, "primitive_class": self.primitive.class_name, **known}
        return RunConfig(
            parent=self.parent,
            num_circuits=None if self.circuits is None else len(self.circuits),
            num_qubits=max((c.num_qubits for c in circuits), default=None),
            num_clbits=max((c.num_clbits for c in circuits), default=None),
            circuit_names=[without_surrogates(str(c.name)) for c in circuits] or None,
            run_options=None if self.run_options is None else list(self.run_options),
            unknown_options=list(self.unknown_options) or None,
            **known,
        )


def describe_backend(backend: Any) -> dict[str, Any]:
    """Name, version and class of a backend, and basis gates of one with a target; what it does not tell is absent."""
    kind = getattr(type(backend), "archives", type(backend))
    described = {
        "backend_name": lambda: without_surrogates(str(backend.name)),
        "backend_version": lambda: _version(getattr(backend.configuration(), "backend_version", None)),
        "backend_class": lambda: f"{kind.__module__}.{kind.__qualname__}",
        "target_gates": lambda: None if backend._target is None else list(backend.configuration().basis_gates),
    }
    return {name: _asked(ask) for name, ask in described.items()}


def _version(version: Any) -> str | None:
    return None if version is None else without_surrogates(str(version))


def _asked(ask: Callable[[], Any]) -> Any:
    """What somebody's object says, or ``None``: a simulation does not depend on it."""
    try:
        return ask()
    except Exception:  # noqa: BLE001  (it may be of anybody's class)
        return None


def target_of(backend: Any) -> EncodedTarget | None:
    """The target of a backend that stands for a device, as it is now; others have none of their own."""
    target = getattr(backend, "_target", None)
    return encode_target(target) if isinstance(target, Target) else None


def draft_finished(submitted: Submitted, result: Result) -> RunDraft:
    """The draft of a simulation that gave a result."""
    finished = now()
    encoded = encode_result(result)
    refused = list(encoded.refused)
    datasets: dict[str, DatasetDraft] = dict(encoded.datasets)
    objects, config = _inputs(submitted, datasets, refused, len(_experiments(result)), used_by(result))
    status = RunStatus(
        outcome=_outcome(result),
        message=_message(result),
        submitted=submitted.created,
        started=submitted.started,
        finished=finished,
        seconds=_seconds(result, submitted.started, finished),
    )
    return _draft(submitted, config, status, datasets, objects, refused)


def draft_of_primitive(
    submitted: Submitted, result: PrimitiveResult[Any], used: Mapping[str, Any] | None = None
) -> RunDraft:
    """The draft of a primitive that gave a result.

    Args:
        submitted: What was asked for.
        result: What came of it.
        used: What the simulator said it used.
    """
    finished = now()
    encoder = ResultEncoder()
    documents = _pubs_document(submitted, encoder)
    try:
        documents[layout.RESULT] = encode_primitive_result(result, encoder)
    except UnsupportedTypeError as error:
        encoder.refused.append(str(error))
    encoded = encoder.finish(documents)
    refused = list(encoded.refused)
    datasets: dict[str, DatasetDraft] = dict(encoded.datasets)
    objects, config = _inputs(submitted, datasets, refused, len(result), dict(used or {}))
    seconds = None if submitted.started is None else _elapsed(submitted.started, finished)
    status = RunStatus(
        outcome="ok", submitted=submitted.created, started=submitted.started, finished=finished, seconds=seconds
    )
    return _draft(submitted, config, status, datasets, objects, refused)


def _pubs_document(submitted: Submitted, encoder: ResultEncoder) -> dict[str, Written]:
    if submitted.pubs is None:
        return {}
    try:
        return {layout.INPUTS: Written("inputs", {"pubs": encode_pubs(submitted.pubs, encoder)})}
    except UnsupportedTypeError as error:
        encoder.refused.append(f"pubs: {error}")
        return {}


def draft_failed(submitted: Submitted, error: BaseException) -> RunDraft:
    """The draft of a simulation that raised, or was cancelled."""
    finished = now()
    cancelled = isinstance(error, CancelledError)
    encoder = ResultEncoder()
    encoded = encoder.finish(_pubs_document(submitted, encoder))
    refused = list(encoded.refused)
    datasets: dict[str, DatasetDraft] = dict(encoded.datasets)
    objects, config = _inputs(submitted, datasets, refused, None, {})
    kind, trace = f"{type(error).__module__}.{type(error).__qualname__}", "".join(traceback.format_exception(error))
    if isinstance(error, AerJobError) and error.error_type is not None:  # of a job that was archived before
        kind, trace = error.error_type, error.stored_traceback or trace
    status = RunStatus(
        outcome="cancelled" if cancelled else "error",
        message="the job was cancelled before it ran" if cancelled else error_text(error),
        error_type=without_surrogates(kind),
        traceback=None if cancelled else without_surrogates(trace),
        submitted=submitted.created,
        started=None if cancelled else submitted.started,
        finished=finished,
    )
    return _draft(submitted, config, status, datasets, objects, refused)


def _draft(
    submitted: Submitted,
    config: RunConfig,
    status: RunStatus,
    datasets: dict[str, DatasetDraft],
    objects: dict[str, ObjectDraft],
    refused: list[str],
) -> RunDraft:
    return RunDraft(
        job_id=submitted.job_id,
        created=submitted.created,
        config=config,
        status=status,
        labels=submitted.labels,
        provenance=provenance(),
        datasets=datasets,
        objects=objects,
        refused=tuple(refused),
        nbytes=sum(draft.nbytes for draft in datasets.values()),
    )


def _inputs(
    submitted: Submitted,
    datasets: dict[str, DatasetDraft],
    refused: list[str],
    num_experiments: int | None,
    used: dict[str, Any],
) -> tuple[dict[str, ObjectDraft], RunConfig]:
    """Circuits, noise model, options and parameter binds; whatever has no codec is named in ``refused``."""
    objects: dict[str, ObjectDraft] = {}
    if submitted.circuits is not None:
        objects |= _circuits(submitted.circuits, refused)
    options = {name: keep_option(name, value, objects, refused) for name, value in submitted.options.items()}
    missing: list[str] = []
    if submitted.parameter_binds is not None and submitted.parameter_binds not in ([], ()):
        binds, lost = encode_binds(submitted.parameter_binds, num_experiments)
        datasets |= binds
        (missing if binds else refused).extend(lost)
    more: dict[str, Any] = {}
    if submitted.primitive is not None:
        own = submitted.primitive.options
        more["primitive_options"] = {name: keep_option(name, value, objects, refused) for name, value in own.items()}
    missing = [*refused, *missing]
    if submitted.target is not None:  # what it lacks is named; no value of the run is less for it
        missing += [f"target: {loss}" for loss in submitted.target.lost]
        if submitted.target.draft is not None:
            objects[layout.TARGET] = submitted.target.draft
    config = submitted.config(
        options=options, used=used, num_experiments=num_experiments, missing=missing or None, **more
    )
    return objects, config


def _circuits(circuits: Sequence[Any], refused: list[str]) -> dict[str, ObjectDraft]:
    known = [circuit for circuit in circuits if isinstance(circuit, QuantumCircuit)]
    if len(known) != len(circuits):
        refused.append("circuits: not all are QuantumCircuit objects")
        return {}
    if not known:
        return {}
    try:
        draft, lost = circuits_object(known)
    except Exception as error:  # noqa: BLE001  (circuits may be of anybody's class)
        refused.append(f"circuits: cannot be stored ({error!r:.300})")
        return {}
    refused += [f"circuits: {loss}" for loss in lost]
    return {layout.CIRCUITS: draft}


def _experiments(result: Result) -> Sequence[Any]:
    """The experiments of a Result, which somebody may have edited."""
    results = getattr(result, "results", None)
    return results if isinstance(results, list | tuple) else []


def _part(thing: Any, name: str) -> Mapping[str, Any]:
    """A mapping in the metadata of a result or experiment; empty if it is none."""
    found = vars(thing).get("_metadata") if hasattr(thing, "__dict__") else None
    part = found.get(name) if isinstance(found, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def used_by(result: Result) -> dict[str, Any]:
    """What Aer says it used, of the first experiment that says so."""
    used: dict[str, Any] = {}
    for experiment in _experiments(result)[:1]:
        known = _part(experiment, "metadata")
        used |= {name: known[name] for name in _USED if name in known}
        used |= {name: _asked(functools.partial(getattr, experiment, name)) for name in ("seed_simulator", "shots")}
        if isinstance(used.get("fusion"), Mapping):
            used["fusion"] = bool(used["fusion"].get("enabled", False))
    common = _part(result, "metadata")
    used |= {name: common[name] for name in ("parallel_experiments", "omp_enabled", "max_memory_mb") if name in common}
    return {name: value for name, value in used.items() if isinstance(value, bool | int | float | str)}


def _is_success(thing: Any) -> bool:
    return bool(_asked(lambda: bool(thing.success)))


def _outcome(result: Result) -> Outcome:
    if _is_success(result):
        return "ok"
    return "partial" if any(map(_is_success, _experiments(result))) else "failed"


def _message(result: Result) -> str | None:
    """What Aer says of a failure: of the whole result, and of each experiment if that adds something."""
    if _is_success(result):
        return None
    texts = [str(_asked(functools.partial(_status_of, result)))]
    for number, experiment in enumerate(_experiments(result)):
        text = str(_asked(functools.partial(_status_of, experiment)) or "")
        if not _is_success(experiment) and text.removeprefix("ERROR: ").strip() not in texts[0]:
            texts.append(f"experiment {number}: {text}")
    return without_surrogates("; ".join(texts))


def _status_of(thing: Any) -> str:
    return str(thing.status)


def _seconds(result: Result, started: str | None, finished: str) -> float | None:
    taken = _asked(lambda: result.time_taken)
    if isinstance(taken, float):
        return float(taken)
    return None if started is None else _elapsed(started, finished)


def _elapsed(started: str, finished: str) -> float:
    return (datetime.datetime.fromisoformat(finished) - datetime.datetime.fromisoformat(started)).total_seconds()


def error_text(error: BaseException) -> str:
    """The message as the user would read it; ``str(AerError("x"))`` has quotes of its own."""
    message = getattr(error, "message", None)
    if not isinstance(message, str):
        try:
            message = str(error)
        except Exception as again:  # noqa: BLE001  (an exception may be of anybody's class)
            message = f"<{type(again).__qualname__}>"
    return without_surrogates(message)
