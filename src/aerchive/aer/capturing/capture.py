"""Making drafts of runs from live jobs and results: documents, payload, shared objects."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.primitives import PrimitiveResult
from qiskit.result import Result
from qiskit.transpiler import Target
from qiskit_aer.backends.aerbackend import AerBackend

from aerchive import layout
from aerchive.aer.capturing.binds import encode_binds
from aerchive.aer.capturing.facts import Points, circuit_facts, header_facts, points_of_pubs, points_of_result
from aerchive.aer.capturing.notebook import Cell, current_cell
from aerchive.aer.capturing.options import encode_option
from aerchive.aer.capturing.provenance import provenance
from aerchive.aer.capturing.result_plots import plots_if_possible, plots_of_pubs, plots_of_result
from aerchive.aer.errors import AerJobError
from aerchive.codecs.circuits.writing import circuits_object
from aerchive.codecs.primitive_result import encode_primitive_result
from aerchive.codecs.pubs import encode_pubs
from aerchive.codecs.registry import AS_ITS_VALUE
from aerchive.codecs.result import EncodedResult, ResultEncoder, Written
from aerchive.codecs.target import EncodedTarget, encode_target
from aerchive.errors import UnsupportedTypeError
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.status import Outcome, RunStatus
from aerchive.private_names import private, private_if_any
from aerchive.project.documents.draft import RunDraft
from aerchive.project.documents.plots import Plot, described, plots_of, view_of
from aerchive.storage.chunks.drafts import ObjectDraft
from aerchive.text import type_name, without_surrogates
from aerchive.times import now

_USED = (
    *("method", "device", "fusion", "measure_sampling", "noise", "num_qubits"),
    *("parallel_shots", "parallel_state_update", "parallel_experiments", "omp_enabled"),
    *("max_memory_mb", "required_memory_mb"),
)
"""Settings that Aer reports to have used, and that are stored with a run."""


@dataclasses.dataclass(frozen=True)
class Primitive:
    """Description of a primitive.

    Attributes:
        program: ``sampler`` or ``estimator``.
        class_name: Module and class of the primitive; ``None`` if only a result is known.
        options: Options of the primitive by name; the names of those in its ``run_options`` begin with ``run.``.
    """

    program: str
    class_name: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class KnownBackend(NamedTuple):
    """What is known of a backend.

    Attributes:
        properties: Name, version and class, and the basis gates if it has a target; unknown properties are ``None``.
        target: Its target at present, if it stands for a device; ``None`` for other backends.
    """

    properties: Mapping[str, Any] = {}
    target: EncodedTarget | None = None


_NO_BACKEND = KnownBackend()


@dataclasses.dataclass(frozen=True)
class Submitted:
    """The input of a simulation or a primitive, as it was submitted.

    Attributes:
        job_id: Id of the job.
        created: Time of submission, UTC.
        circuits: Copies of the circuits, which do not change later; ``None`` if they are not known.
        parameter_binds: The parameter binds as they were given.
        options: Options that were set on the backend or given for this run, by name.
        run_options: Names of those options that were given for this run.
        unknown_options: Names of options that Aer does not have, and ignores.
        backend: What was known of the backend at the time of submission.
        labels: Labels that were given with the run.
        started: Time at which the simulation began, UTC.
        primitive: Description of the primitive, if this is the run of a primitive.
        pubs: Pubs that were given to the primitive; their circuits are in ``circuits``.
        parent: Job id of the primitive that started this run.
        lost: Descriptions of what could not be asked, because Qiskit or Aer has renamed something.
        cell: The notebook cell in which this object was made.
    """

    job_id: str
    created: str
    circuits: Sequence[Any] | None = None
    parameter_binds: Any = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    run_options: Sequence[str] | None = None
    unknown_options: Sequence[str] = ()
    backend: KnownBackend = _NO_BACKEND
    labels: RunLabels = dataclasses.field(default_factory=RunLabels)
    started: str | None = None
    primitive: Primitive | None = None
    pubs: Sequence[Any] | None = None
    parent: str | None = None
    lost: Sequence[str] = ()
    cell: Cell = dataclasses.field(default_factory=current_cell)

    def config(self, **more: Any) -> RunConfig:
        """The configuration as far as it is known before the result."""
        circuits = [c for c in self.circuits or () if isinstance(c, QuantumCircuit)]
        known: dict[str, Any] = {**self.backend.properties, **more}
        if self.primitive is not None:
            known = {"program": self.primitive.program, "primitive_class": self.primitive.class_name, **known}
        return RunConfig(
            parent=self.parent,
            cell=self.cell.number,
            cell_id=self.cell.id,
            num_circuits=None if self.circuits is None else len(self.circuits),
            num_qubits=max((c.num_qubits for c in circuits), default=None),
            num_clbits=max((c.num_clbits for c in circuits), default=None),
            circuit_names=[without_surrogates(str(c.name)) for c in circuits] or None,
            run_options=None if self.run_options is None else list(self.run_options),
            unknown_options=list(self.unknown_options) or None,
            **known,
        )


def stored_class(kind: type) -> str:
    """The module and class that a configuration names; a class of ours has a `stored_name` that no move changes."""
    name: str = vars(kind).get("stored_name") or type_name(kind)
    return name


def describe_backend(backend: Any, lost: list[str]) -> KnownBackend:
    """Asks a backend for what is archived of it.

    Args:
        backend: Any backend; ``None`` if it is not known.
        lost: List to which descriptions of what cannot be asked are added.
    """
    if backend is None:
        return _NO_BACKEND
    kind = getattr(type(backend), "archives", type(backend))
    is_of_aer = isinstance(backend, AerBackend)
    target = private(backend, "_target", lost) if is_of_aer else private_if_any(backend, "_target")
    described = {
        "backend_name": lambda: without_surrogates(str(backend.name)),
        "backend_version": lambda: _version(getattr(backend.configuration(), "backend_version", None)),
        "backend_class": lambda: stored_class(kind),
        "target_gates": lambda: None if target is None else list(backend.configuration().basis_gates),
    }
    properties = {name: _asked(ask) for name, ask in described.items()}
    if is_of_aer and target is not None and properties["target_gates"] is None:
        lost.append("target_gates: the backend does not say its basis gates")
    return KnownBackend(properties, encode_target(target) if isinstance(target, Target) else None)


def _version(version: Any) -> str | None:
    return None if version is None else without_surrogates(str(version))


def _asked(ask: Callable[[], Any]) -> Any:
    """The return value of ``ask``, or ``None`` if it raises: a simulation does not depend on this value."""
    try:
        return ask()
    except Exception:  # noqa: BLE001  (the object may be of a foreign class)
        return None


def draft_finished(submitted: Submitted, result: Result) -> RunDraft:
    """Makes the draft of a simulation that gave a result."""
    finished = now()
    status = RunStatus(
        outcome=_outcome(result),
        message=_message(result),
        submitted=submitted.created,
        started=submitted.started,
        finished=finished,
        seconds=_seconds(result, submitted.started, finished),
    )
    experiments = _experiments(result)
    points = _asked(lambda: points_of_result(experiments, submitted.parameter_binds))
    encoder, number = ResultEncoder(), len(experiments)
    documents = {layout.RESULT: encoder.encode(result), **_binds_document(submitted, encoder, number)}
    plots = plots_if_possible(lambda: plots_of_result(submitted.parameter_binds, experiments, submitted.circuits))
    facts = None if submitted.circuits is not None else _asked(lambda: header_facts(experiments))
    return _draft(submitted, encoder.finish(documents), status, number, used_by(result), plots, points, facts)


def draft_of_primitive(
    submitted: Submitted, result: PrimitiveResult[Any], used: Mapping[str, Any] | None = None
) -> RunDraft:
    """Makes the draft of a primitive that gave a result.

    Args:
        submitted: The input of the primitive.
        result: The result of the primitive.
        used: Settings that the simulator reported to have used, such as the method, by name.
    """
    finished = now()
    encoder = ResultEncoder()
    documents = {}
    try:
        documents[layout.RESULT] = encode_primitive_result(result, encoder)
    except UnsupportedTypeError as error:
        encoder.refused.append(str(error))
    documents |= _pubs_document(submitted, encoder)
    seconds = None if submitted.started is None else _elapsed(submitted.started, finished)
    status = RunStatus(
        outcome="ok", submitted=submitted.created, started=submitted.started, finished=finished, seconds=seconds
    )
    plots = plots_if_possible(lambda: plots_of_pubs(result, submitted.pubs))
    points = _asked(lambda: points_of_pubs(result, submitted.pubs))
    return _draft(submitted, encoder.finish(documents), status, len(result), dict(used or {}), plots, points)


def _pubs_document(submitted: Submitted, encoder: ResultEncoder) -> dict[str, Written]:
    if submitted.pubs is None:
        return {}
    encoder.begin_inputs()
    try:
        return {layout.INPUTS: Written("inputs", {"pubs": encode_pubs(submitted.pubs, encoder, encoder.table)})}
    except UnsupportedTypeError as error:
        encoder.refused.append(f"pubs: {error}")
        return {}


def _binds_document(submitted: Submitted, encoder: ResultEncoder, num_experiments: int | None) -> dict[str, Written]:
    if submitted.parameter_binds is None or submitted.parameter_binds in ([], ()):
        return {}
    return encode_binds(submitted.parameter_binds, num_experiments, encoder)


def draft_failed(submitted: Submitted, error: BaseException) -> RunDraft:
    """Makes the draft of a simulation that raised an exception, or was cancelled."""
    finished = now()
    cancelled = isinstance(error, CancelledError)
    encoder = ResultEncoder()
    encoded = encoder.finish({**_pubs_document(submitted, encoder), **_binds_document(submitted, encoder, None)})
    kind, trace = type_name(type(error)), "".join(traceback.format_exception(error))
    if isinstance(error, AerJobError) and error.error_type is not None:  # the job was archived before
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
    return _draft(submitted, encoded, status, None, {})


def _draft(
    submitted: Submitted,
    encoded: EncodedResult,
    status: RunStatus,
    num_experiments: int | None,
    used: dict[str, Any],
    plots: Mapping[str, Plot] | None = None,
    points: Points | None = None,
    facts: list[dict[str, Any]] | None = None,
) -> RunDraft:
    refused, points = list(encoded.refused), points or Points()
    objects, config = _inputs(submitted, refused, list(encoded.noted), num_experiments, used)
    config = config.model_copy(update={"bound": points.bound, "circuit_facts": facts or config.circuit_facts})
    status = status.model_copy(update={"num_points": points.number, "saved": points.saved, "counts": points.counts})
    datasets = described(encoded.datasets)
    return RunDraft(
        job_id=submitted.job_id,
        created=submitted.created,
        config=config,
        status=status,
        labels=submitted.labels,
        provenance=provenance(),
        datasets=datasets,
        objects=objects,
        view=view_of(plots_of(datasets, config, plots)),
        refused=tuple(refused),
        nbytes=sum(draft.nbytes for draft in datasets.values()),
    )


def _inputs(
    submitted: Submitted,
    refused: list[str],
    missing: list[str],
    num_experiments: int | None,
    used: dict[str, Any],
) -> tuple[dict[str, ObjectDraft], RunConfig]:
    """Encodes circuits, noise model and options; values without a codec are named in ``refused``.

    Losses of which the user is not warned are added to ``missing``.
    """
    objects: dict[str, ObjectDraft] = {}
    if submitted.circuits is not None:
        objects |= _circuits(submitted.circuits, refused, missing)

    def encoded(options: Mapping[str, Any]) -> dict[str, Any]:
        return {name: encode_option(name, value, objects, refused, missing) for name, value in options.items()}

    options = encoded(submitted.options)
    more: dict[str, Any] = {}
    if submitted.primitive is not None:
        more["primitive_options"] = encoded(submitted.primitive.options)
    refused += submitted.lost
    missing = [*refused, *missing]
    target = submitted.backend.target
    if target is not None:  # losses of the target are listed, but they do not affect the values of the run
        missing += [f"target: {loss}" for loss in target.lost]
        if target.draft is not None:
            objects[layout.TARGET] = target.draft
    if submitted.circuits is not None:
        more["circuit_facts"] = _asked(lambda: circuit_facts([c for c in submitted.circuits or () if _is_circuit(c)]))
    config = submitted.config(
        options=options, used=used, num_experiments=num_experiments, missing=missing or None, **more
    )
    return objects, config


def _circuits(circuits: Sequence[Any], refused: list[str], quiet: list[str]) -> dict[str, ObjectDraft]:
    known = list(filter(_is_circuit, circuits))
    if len(known) != len(circuits):
        refused.append("circuits: not all are QuantumCircuit objects")
        return {}
    if not known:
        return {}
    try:
        draft, lost = circuits_object(known)
    except Exception as error:  # noqa: BLE001  (circuits may be of foreign classes)
        refused.append(f"circuits: cannot be stored ({error!r:.300})")
        return {}
    for loss in lost:
        (quiet if loss.endswith(AS_ITS_VALUE) else refused).append(f"circuits: {loss}")
    return {layout.CIRCUITS: draft}


def _is_circuit(circuit: Any) -> bool:
    return isinstance(circuit, QuantumCircuit)


def _experiments(result: Result) -> Sequence[Any]:
    """The experiments of a Result; empty if the Result was edited so that it has no list of them."""
    results = getattr(result, "results", None)
    return results if isinstance(results, list | tuple) else []


def _metadata(thing: Any) -> Mapping[str, Any]:
    """What Aer reports in a result or experiment of how it was simulated; empty if there is nothing."""
    found = _asked(lambda: thing.metadata)
    return found if isinstance(found, Mapping) else {}


def used_by(result: Result) -> dict[str, Any]:
    """The settings that Aer reports to have used, from the result and its first experiment, by name."""
    used: dict[str, Any] = {}
    for experiment in _experiments(result)[:1]:
        known = _metadata(experiment)
        used |= {name: known[name] for name in _USED if name in known}
        used |= {name: _asked(functools.partial(getattr, experiment, name)) for name in ("seed_simulator", "shots")}
        if isinstance(used.get("fusion"), Mapping):
            used["fusion"] = bool(used["fusion"].get("enabled", False))
    common = _metadata(result)
    used |= {name: common[name] for name in ("parallel_experiments", "omp_enabled", "max_memory_mb") if name in common}
    return {name: value for name, value in used.items() if isinstance(value, bool | int | float | str)}


def _is_success(thing: Any) -> bool:
    return bool(_asked(lambda: bool(thing.success)))


def _outcome(result: Result) -> Outcome:
    if _is_success(result):
        return "ok"
    return "partial" if any(map(_is_success, _experiments(result))) else "failed"


def _message(result: Result) -> str | None:
    """Aer's message about a failure: that of the whole result, and further ones of experiments; ``None`` on success."""
    if _is_success(result):
        return None
    texts = [str(_asked(lambda: str(result.status)))]
    for number, experiment in enumerate(_experiments(result)):
        text = str(_asked(functools.partial(getattr, experiment, "status")) or "")
        if not _is_success(experiment) and text.removeprefix("ERROR: ").strip() not in texts[0]:
            texts.append(f"experiment {number}: {text}")
    return without_surrogates("; ".join(texts))


def _seconds(result: Result, started: str | None, finished: str) -> float | None:
    taken = _asked(lambda: result.time_taken)
    if isinstance(taken, float):
        return float(taken)
    return None if started is None else _elapsed(started, finished)


def _elapsed(started: str, finished: str) -> float:
    return (datetime.datetime.fromisoformat(finished) - datetime.datetime.fromisoformat(started)).total_seconds()


def error_text(error: BaseException) -> str:
    """The message of an exception without the quotes that ``str(AerError("x"))`` adds."""
    message = getattr(error, "message", None)
    if not isinstance(message, str):
        try:
            message = str(error)
        except Exception as again:  # noqa: BLE001  (an exception may be of a foreign class)
            message = f"<{type(again).__qualname__}>"
    return without_surrogates(message)
