"""Making drafts of the objects that a user gives to `Project.save`: a job, a result, the job of a primitive."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any

from qiskit.primitives import PrimitiveJob, PrimitiveResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.result import Result
from qiskit_aer.jobs import AerJob

from aerchive.aer.capturing.capture import (
    KnownBackend,
    Primitive,
    Submitted,
    describe_backend,
    draft_failed,
    draft_finished,
    draft_of_primitive,
)
from aerchive.aer.capturing.options import DONE_BY_AER, set_options, unknown_options
from aerchive.aer.capturing.primitive import submitted_pubs
from aerchive.aer.errors import AerJobError
from aerchive.aer.service.runtime_job import capture_runtime_job, is_runtime_job
from aerchive.codecs.primitive_result import is_sampled
from aerchive.errors import InvalidInputError
from aerchive.private_names import private
from aerchive.project.documents.draft import RunDraft
from aerchive.text import type_name, without_surrogates
from aerchive.times import from_datetime, now


def capture(source: Any, circuits: Sequence[Any] | None, options: Mapping[str, Any] | None) -> RunDraft:
    """Makes the draft of a job or a result; see `aerchive.Project.save`.

    Raises:
        InvalidInputError: The object is neither a job nor a result.
    """
    if isinstance(source, AerJob):
        backend, lost = source.backend(), list[str]()
        in_run = options if options is not None else private(source, "_run_options", lost) or {}
        run_options = dict(options) if options is not None else set_options(backend, in_run, lost)
        submitted = Submitted(
            job_id=source.job_id(),
            created=getattr(getattr(source, "_archived_run", None), "created", None) or now(),
            circuits=circuits if circuits is not None else _listed(source.circuits()),
            parameter_binds=private(source, "_parameter_binds", lost),
            options=run_options,
            run_options=[name for name in in_run if name not in DONE_BY_AER],
            unknown_options=unknown_options(backend, in_run),
            backend=describe_backend(backend, lost),
            parent=getattr(source, "_aerchive_parent", None),  # a simulation of a primitive that was run again
            lost=lost,
        )
        try:
            result = source.result()
        except BaseException as error:  # any exception of the job is archived
            if not _is_of_the_job(source, error):
                raise
            return draft_failed(submitted, error)
        return draft_finished(submitted, result)
    if isinstance(source, Result):
        submitted = Submitted(
            job_id=_text(getattr(source, "job_id", None)) or str(uuid.uuid4()),
            created=_date(source),
            circuits=circuits,
            options=options or {},
            backend=KnownBackend(
                {name: _text(getattr(source, name, None)) for name in ("backend_name", "backend_version")}
            ),
        )
        return dataclasses.replace(draft_finished(submitted, source), is_bare=True)
    if is_runtime_job(source):
        return capture_runtime_job(source)
    if isinstance(source, PrimitiveJob):
        return capture_primitive(source)
    if isinstance(source, PrimitiveResult):
        program = "sampler" if is_sampled(source) else "estimator"
        return draft_of_primitive(Submitted(str(uuid.uuid4()), now(), circuits, primitive=Primitive(program)), source)
    raise InvalidInputError(
        f"cannot archive {type_name(type(source))}: give an AerJob, the job of a "
        "primitive, the result of either, or a RuntimeJobV2"
    )


def capture_primitive(job: PrimitiveJob[Any]) -> RunDraft:
    """Makes the draft of a primitive's job, which contains the primitive itself and its pubs.

    Raises:
        InvalidInputError: The result is not that of a primitive of version 2.
    """
    lost: list[str] = []
    primitive = getattr(private(job, "_function", lost), "__self__", None)
    given = private(job, "_args", lost)
    pubs = given[0] if given and isinstance(given[0], list) else _local_pubs(job)
    submitted = submitted_pubs(primitive, pubs, job.job_id(), _created(job))
    submitted = dataclasses.replace(submitted, lost=[*lost, *submitted.lost])
    try:
        result = job.result()
    except Exception as error:  # noqa: BLE001  (any exception of the job is archived)
        return draft_failed(submitted, error)
    if not isinstance(result, PrimitiveResult):
        raise InvalidInputError(
            f"cannot archive the job of {type(primitive).__qualname__}: its result is a {type(result).__qualname__}; "
            "primitives of version 2 give a PrimitiveResult"
        )
    return draft_of_primitive(submitted, result)


def _listed(circuits: Any) -> Any:
    """The circuits of a job; ``None`` if they are not a list or tuple, which Aer refuses."""
    return circuits if isinstance(circuits, list | tuple) else None


def _is_of_the_job(job: AerJob, error: BaseException) -> bool:
    """Whether the job itself raised the error; else it comes from a damaged archive or from interrupted waiting."""
    if isinstance(error, AerJobError | CancelledError):
        return True
    future = private(job, "_future")
    return future is not None and future.done() and not future.cancelled() and future.exception() is error


def _text(value: Any) -> str | None:
    """A field of a Result as text; a value of another type is also stored unchanged with the Result."""
    return None if value is None else without_surrogates(str(value))


def _local_pubs(job: Any) -> list[Any] | None:
    """The pubs of a job in the local testing mode of qiskit-ibm-runtime, which stores them separately."""
    inputs = getattr(job, "inputs", None)
    if not isinstance(inputs, dict) or not isinstance(inputs.get("pubs"), list):
        return None
    precision = inputs.get("precision")
    if precision is None:
        return list(inputs["pubs"])
    return [EstimatorPub.coerce(pub, precision) for pub in inputs["pubs"]]


def _created(job: Any) -> str:
    when = getattr(job, "creation_date", None)
    return from_datetime(when) if isinstance(when, datetime.datetime) else now()


def _date(result: Result) -> str:
    try:
        return from_datetime(datetime.datetime.fromisoformat(str(getattr(result, "date", None))))
    except (ValueError, OverflowError):
        return now()
