"""Live jobs and results into drafts of runs: documents, payload, shared objects."""

from __future__ import annotations

import dataclasses
import datetime
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

from qiskit import QuantumCircuit
from qiskit.primitives import PrimitiveResult
from qiskit.result import Result
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from aerchive import layout
from aerchive.aer.provenance import provenance
from aerchive.codecs import noise_model as noise_codec
from aerchive.codecs.circuits import circuits_object
from aerchive.codecs.primitive_result import encode_primitive_result
from aerchive.codecs.pubs import encode_pubs
from aerchive.codecs.registry import codecs_by_type
from aerchive.codecs.result import ResultEncoder, Written, encode_result
from aerchive.codecs.target import EncodedTarget, encode_target
from aerchive.errors import UnsupportedTypeError
from aerchive.models import tagged_json
from aerchive.models.catalogue import now
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.status import Outcome, RunStatus
from aerchive.project.draft import RunDraft
from aerchive.storage.nodes import DatasetDraft, ObjectDraft, text_dataset

DONE_BY_AER = frozenset({"parameterizations"})
"""Keys that Aer itself adds to the options of a run."""
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
            circuit_names=[str(c.name) for c in circuits] or None,
            run_options=None if self.run_options is None else list(self.run_options),
            **known,
        )


def describe_backend(backend: Any) -> dict[str, Any]:
    """Name, version and class of a backend, and the basis gates of one with a target."""
    has_target = getattr(backend, "_target", None) is not None
    kind = getattr(type(backend), "archives", type(backend))
    version = getattr(backend.configuration(), "backend_version", None) if hasattr(backend, "configuration") else None
    return {
        "backend_name": str(backend.name),
        "backend_version": None if version is None else str(version),
        "backend_class": f"{kind.__module__}.{kind.__qualname__}",
        "target_gates": list(backend.configuration().basis_gates) if has_target else None,
    }


def target_of(backend: Any) -> EncodedTarget | None:
    """The target of a backend that stands for a device, as it is now; others have none of their own."""
    target = getattr(backend, "_target", None)
    return encode_target(target) if isinstance(target, Target) else None


def set_options(backend: Any, run_options: Mapping[str, Any]) -> dict[str, Any]:
    """The options somebody set, on the backend or for a run, without the defaults."""
    options: dict[str, Any] = {}
    if isinstance(backend, AerSimulator):
        defaults = dict(AerSimulator._default_options().__dict__)
        for name, value in backend.options.__dict__.items():
            if name not in defaults or not _is_same(value, defaults[name]):
                options[name] = value
    options |= {name: value for name, value in run_options.items() if name not in DONE_BY_AER}
    return options


def _is_same(value: Any, default: Any) -> bool:
    return value is default or (
        type(value) is type(default) and isinstance(value, int | float | str) and value == default
    )


def draft_finished(submitted: Submitted, result: Result) -> RunDraft:
    """The draft of a simulation that gave a result."""
    finished = now()
    encoded = encode_result(result)
    refused = list(encoded.refused)
    datasets: dict[str, DatasetDraft] = dict(encoded.datasets)
    objects, config = _inputs(submitted, datasets, refused, len(result.results), used_by(result))
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
        return {layout.INPUTS: Written("inputs", 2, {"pubs": encode_pubs(submitted.pubs, encoder)})}
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
    kind = type(error)
    status = RunStatus(
        outcome="cancelled" if cancelled else "error",
        message="the job was cancelled before it ran" if cancelled else _error_text(error),
        error_type=f"{kind.__module__}.{kind.__qualname__}",
        traceback=None if cancelled else "".join(traceback.format_exception(error)),
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
    options = {name: _option(name, value, objects, refused) for name, value in submitted.options.items()}
    if submitted.parameter_binds:
        datasets |= _binds(submitted.parameter_binds, refused, num_experiments)
    more: dict[str, Any] = {}
    if submitted.primitive is not None:
        own = submitted.primitive.options
        more["primitive_options"] = {name: _option(name, value, objects, refused) for name, value in own.items()}
    missing = list(refused)
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
    draft, lost = circuits_object(known)
    refused += [f"circuits: {loss}" for loss in lost]
    return {layout.CIRCUITS: draft}


def _option(name: str, value: Any, objects: dict[str, ObjectDraft], refused: list[str]) -> Any:
    """An option as it is stored: itself if tagged JSON carries it, else a text that says what it was."""
    if isinstance(value, NoiseModel):
        try:
            objects[layout.NOISE_MODEL] = noise_codec.encode_noise_model(value)
        except UnsupportedTypeError as error:
            refused.append(f"option {name!r}: {error}")
            return {"missing": "noise model"}
        return {"noise_model": objects[layout.NOISE_MODEL].digest}
    try:
        tagged_json.encode(value)
    except UnsupportedTypeError:
        kind = type(value)
        refused.append(f"option {name!r}: no codec for {kind.__module__}.{kind.__qualname__}")
        return {"missing": f"{kind.__module__}.{kind.__qualname__}"}
    return value


def stored_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are stored as they were: without the noise model, and without what `_option` left out."""
    return {
        name: value
        for name, value in options.items()
        if not isinstance(value, dict) or not value.keys() & {"missing", "noise_model"}
    }


def _binds(binds: Any, refused: list[str], num_experiments: int | None) -> dict[str, DatasetDraft]:
    def extend(value: Any) -> dict[str, Any] | None:
        codec = codecs_by_type().get(type(value))
        return None if codec is None else codec.encode_tagged(value, _NoEncoder())

    try:
        lengths = [max((len(values) for values in one.values()), default=1) for one in binds]
        tree = tagged_json.encode(list(binds), extend=extend)
    except (UnsupportedTypeError, TypeError, AttributeError) as error:
        refused.append(f"parameter_binds: {error}")
        return {}
    circuit_of = [circuit for circuit, length in enumerate(lengths) for _ in range(length)]
    bind_of = [bind for length in lengths for bind in range(length)]
    if num_experiments is not None and num_experiments != len(circuit_of):
        circuit_of, bind_of = [], []
    document = {"parameter_binds": tree, "circuit_of": circuit_of, "bind_of": bind_of}
    return {layout.INPUTS: text_dataset(tagged_json.dumps(document), {"encoding": "inputs", "encoding_version": 1})}


class _NoEncoder:
    """For values that never hold arrays of their own."""

    def array(self, value: Any, kind: str) -> list[Any]:
        raise UnsupportedTypeError(f"no place for an array of kind {kind!r} and shape {value.shape} here")

    def value(self, value: Any) -> Any:
        return tagged_json.encode(value)


def used_by(result: Result) -> dict[str, Any]:
    """What Aer says it used, of the first experiment that says so."""
    used: dict[str, Any] = {}
    for experiment in result.results[:1]:
        known = {**experiment._metadata.get("metadata", {})}
        used |= {name: known[name] for name in _USED if name in known}
        if "seed_simulator" in experiment._metadata:
            used["seed_simulator"] = experiment._metadata["seed_simulator"]
        used["shots"] = experiment.shots
        if isinstance(used.get("fusion"), dict):
            used["fusion"] = bool(used["fusion"].get("enabled", False))
    for name in ("parallel_experiments", "omp_enabled", "max_memory_mb"):
        value = result._metadata.get("metadata", {}) or {}
        if name in value:
            used[name] = value[name]
    return {name: value for name, value in used.items() if isinstance(value, bool | int | float | str)}


def _outcome(result: Result) -> Outcome:
    if result.success:
        return "ok"
    return "partial" if any(experiment.success for experiment in result.results) else "failed"


def _message(result: Result) -> str | None:
    """What Aer says of a failure: of the whole result, and of each experiment if that adds something."""
    if result.success:
        return None
    texts = [str(result.status)]
    for number, experiment in enumerate(result.results):
        text = str(getattr(experiment, "status", ""))
        if not experiment.success and text.removeprefix("ERROR: ").strip() not in texts[0]:
            texts.append(f"experiment {number}: {text}")
    return "; ".join(texts)


def _seconds(result: Result, started: str | None, finished: str) -> float | None:
    taken = result._metadata.get("time_taken")
    if isinstance(taken, float):
        return taken
    return None if started is None else _elapsed(started, finished)


def _elapsed(started: str, finished: str) -> float:
    return (datetime.datetime.fromisoformat(finished) - datetime.datetime.fromisoformat(started)).total_seconds()


def _error_text(error: BaseException) -> str:
    """The message as the user would read it; ``str(AerError("x"))`` has quotes of its own."""
    message = getattr(error, "message", None)
    return message if isinstance(message, str) else str(error)
