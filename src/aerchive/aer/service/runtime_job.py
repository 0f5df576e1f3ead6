"""Making the draft of a run from a job of IBM's cloud service: its input, its result, and its execution data."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from qiskit.primitives import BitArray, PrimitiveResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from aerchive.aer.capturing.capture import KnownBackend, Primitive, Submitted, draft_failed, draft_of_primitive
from aerchive.aer.capturing.options import without_secrets
from aerchive.aer.service.remote import translated
from aerchive.codecs.pubs import pub_circuits
from aerchive.errors import AerchiveError, InvalidInputError
from aerchive.models import tagged_json
from aerchive.models.labels import RunLabels
from aerchive.models.status import RunStatus
from aerchive.project.documents.draft import RunDraft
from aerchive.text import type_name
from aerchive.times import from_datetime, now

_PUBS: dict[str, Any] = {"sampler": SamplerPub, "estimator": EstimatorPub}


def is_runtime_job(source: Any) -> bool:
    """Whether an object is a ``RuntimeJobV2``; the package is not imported for this."""
    if "qiskit_ibm_runtime" not in sys.modules:
        return False
    from qiskit_ibm_runtime import RuntimeJobV2

    return isinstance(source, RuntimeJobV2)


def capture_runtime_job(job: Any) -> RunDraft:
    """Makes the draft of a remote job; waits until the job has ended.

    Args:
        job: A ``RuntimeJobV2``.

    Raises:
        InvalidInputError: The result is not that of a primitive.
        ServiceError: The service did not answer; nothing was archived.
    """
    with translated():
        job.wait_for_final_state()
        status, inputs, tags = job.status(), job.inputs or {}, job.tags
        backend = job.backend()
        metrics, lacking = _answer(job.metrics)
        usage, _ = _answer(job.usage)
        created = job.creation_date
        service = {"instance": job.instance if backend is not None else None, "session_id": job.session_id}
    pubs, problem = _pubs(job.primitive_id, inputs)
    rest = {name: value for name, value in inputs.items() if name not in ("pubs", "options")}
    service |= {
        "image": job.image or None,
        "private": True if job.private else None,
        "usage_seconds": usage,
        "metrics": metrics,
        "inputs": rest if problem is None and rest else None,
        "client": f"qiskit-ibm-runtime {metadata.version('qiskit-ibm-runtime')}",
    }
    secrets: list[str] = []
    service |= {name: without_secrets(name, service[name], secrets) for name in ("metrics", "inputs")}
    service = {name: value for name, value in service.items() if value is not None}
    options = inputs.get("options")
    submitted = Submitted(
        job_id=job.job_id(),
        created=now() if created is None else from_datetime(created),
        circuits=_circuits(pubs, inputs),
        backend=KnownBackend({**_backend(backend), "service": service}),
        labels=RunLabels.checked(tags=[str(tag) for tag in tags or ()] or None),
        primitive=Primitive(job.primitive_id, None, dict(options) if isinstance(options, Mapping) else {}),
        pubs=pubs,
    )
    draft = _finished(job, submitted) if status == "DONE" else _failed(job, submitted, status)
    draft = _with_times(draft, metrics or {})
    losses = [text for text in (problem, lacking, *secrets) if text is not None]
    if losses:
        config = draft.config.model_copy(update={"missing": [*(draft.config.missing or ()), *losses]})
        refused = (*draft.refused, *([problem] if problem is not None else []))
        draft = dataclasses.replace(draft, config=config, refused=refused)
    return draft


def _finished(job: Any, submitted: Submitted) -> RunDraft:
    with translated():
        result = job.result()
    if not isinstance(result, PrimitiveResult):
        raise InvalidInputError(
            f"cannot archive job {submitted.job_id} of the program {job.primitive_id!r}: its result is a "
            f"{type_name(type(result))}, not the PrimitiveResult of a sampler or estimator"
        )
    return draft_of_primitive(submitted, result, _used(result))


def _failed(job: Any, submitted: Submitted, status: str) -> RunDraft:
    """Makes the draft of a failed job: the exception that ``result()`` raises, with the traceback of the service."""
    try:
        job.result()
    except Exception as error:  # noqa: BLE001  (any exception is archived)
        draft = draft_failed(submitted, error)
    with translated():
        told = job.error_message()
    is_cancelled = status == "CANCELLED"
    changed = {"outcome": "cancelled" if is_cancelled else "error", "traceback": None if is_cancelled else told}
    return dataclasses.replace(draft, status=draft.status.model_copy(update=changed))


def _with_times(draft: RunDraft, metrics: Mapping[str, Any]) -> RunDraft:
    """The draft with the times of the job that the service gives, as far as they are known."""
    times = {name: _parsed(time) for name, time in (metrics.get("timestamps") or {}).items()}
    started, finished = times.get("running"), times.get("finished")
    seconds = None if started is None or finished is None else (finished - started).total_seconds()
    known = {
        "started": None if started is None else from_datetime(started),
        "finished": None if finished is None else from_datetime(finished),
        "seconds": seconds,
    }
    status = RunStatus(**{**draft.status.model_dump(), **known})
    return dataclasses.replace(draft, status=status)


def _answer(question: Any) -> tuple[Any, str | None]:
    """The answer of the service to a question about a job, or ``None`` with the error; old jobs may be unknown."""
    try:
        with translated():
            answer = question()
        tagged_json.encode(answer)
    except AerchiveError as error:
        return None, f"{question.__name__}: {error}"
    return answer, None


def _pubs(program: str, inputs: Mapping[str, Any]) -> tuple[list[Any] | None, str | None]:
    """The pubs of a job, or ``None`` with the reason, if there is one."""
    if "quantum_program" in inputs:
        kind = type(inputs["quantum_program"])
        return None, f"inputs: no codec for {type_name(kind)}; its circuits are archived"
    given = inputs.get("pubs")
    if given is None:
        return None, "inputs: the service does not tell them (it keeps none of a private job)" if not inputs else None
    try:
        return [_PUBS[program].coerce(tuple(pub)) for pub in given], None
    except Exception as error:  # noqa: BLE001  (the service accepts more forms than a primitive of Qiskit)
        return None, f"inputs: the pubs are not those of Qiskit: {error}"


def _circuits(pubs: Sequence[Any] | None, inputs: Mapping[str, Any]) -> list[Any] | None:
    if pubs is not None:
        return pub_circuits(pubs)
    items = getattr(inputs.get("quantum_program"), "items", None)
    return None if items is None else [item.circuit for item in items]


def _backend(backend: Any) -> dict[str, Any]:
    if backend is None:
        return {}
    return {
        "backend_name": str(backend.name),
        "backend_version": None if backend.backend_version is None else str(backend.backend_version),
        "backend_class": type_name(type(backend)),
    }


def _used(result: PrimitiveResult[Any]) -> dict[str, Any]:
    """The number of shots of the first pub, if it was sampled."""
    shots = [value.num_shots for pub in result[:1] for value in pub.data.values() if isinstance(value, BitArray)]
    return {"shots": shots[0]} if shots else {}


def _parsed(time: Any) -> datetime.datetime | None:
    try:
        return None if time is None else datetime.datetime.fromisoformat(str(time))
    except ValueError:
        return None
