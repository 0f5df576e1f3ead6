"""Collecting the input of a primitive, and the description of the primitive, so that both can be stored."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import qiskit_aer.primitives
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, BaseEstimatorV2
from qiskit_aer.backends.aerbackend import AerBackend
from qiskit_aer.noise import NoiseModel

from aerchive.aer.capturing.capture import Primitive, Submitted, describe_backend, stored_class
from aerchive.aer.capturing.options import set_options
from aerchive.codecs.pubs import pub_circuits
from aerchive.models.labels import RunLabels
from aerchive.private_names import private, private_if_any, set_private

_OWN_OPTIONS = ("default_shots", "seed")
"""Attributes of Aer's sampler that are not in its options."""
_OVER_A_BACKEND = (
    *(qiskit_aer.primitives.SamplerV2, qiskit_aer.primitives.EstimatorV2),
    *(BackendSamplerV2, BackendEstimatorV2),
)


def submitted_pubs(
    primitive: Any,
    pubs: Sequence[Any] | None,
    job_id: str,
    created: str,
    labels: RunLabels | None = None,
    beneath: Mapping[str, Any] | None = None,
) -> Submitted:
    """The input of a primitive; its circuits are copied, because the user may change them.

    Args:
        primitive: A ``SamplerV2`` or ``EstimatorV2`` of Aer or of Qiskit.
        pubs: The pubs as the primitive coerced them; ``None`` if they are not known.
        job_id: Id of the primitive's job.
        created: Time of submission, UTC.
        labels: Labels that were given with the run.
        beneath: Options of the simulator that the primitive's backend has called, if it is known. They stand for those
            of the primitive's backend if that is no backend of Aer; the noise model does in any case.
    """
    lost: list[str] = []
    backend, described = _backend_of(primitive, lost), _described(primitive)
    options = set_options(backend, {}, lost) if beneath is None or isinstance(backend, AerBackend) else dict(beneath)
    noises = (
        (beneath or {}).get("noise_model"),
        described.options.get("run.noise_model"),
        getattr(getattr(backend, "options", None), "noise_model", None),
    )
    noise = next((one for one in noises if isinstance(one, NoiseModel)), None)
    if noise is not None:
        options["noise_model"] = noise
    kept = None if pubs is None else _copied(pubs)
    return Submitted(
        job_id=job_id,
        created=created,
        circuits=None if kept is None else pub_circuits(kept),
        options=options,
        run_options=[],
        backend=describe_backend(backend, lost),
        labels=labels or RunLabels(),
        primitive=described,
        pubs=kept,
        lost=lost,
    )


def _backend_of(primitive: Any, lost: list[str]) -> Any:
    """The backend of a primitive; ``None`` for one that has none, such as those that compute with state vectors."""
    if isinstance(primitive, _OVER_A_BACKEND):
        return private(primitive, "_backend", lost)
    return private_if_any(primitive, "_backend")


def _copied(pubs: Sequence[Any]) -> list[Any]:
    copies = {id(circuit): circuit.copy() for circuit in pub_circuits(pubs)}
    kept = []
    for pub in pubs:
        twin = copy.copy(pub)
        set_private(twin, _circuit=copies[id(pub.circuit)])
        kept.append(twin)
    return kept


def _described(primitive: Any) -> Primitive:
    """Program, class and options of a primitive."""
    options: dict[str, Any] = {}
    for name, value in getattr(getattr(primitive, "options", None), "__dict__", {}).items():
        if name == "run_options":
            options |= {f"run.{key}": item for key, item in (value or {}).items()}
        elif name != "backend_options":  # they became options of the backend
            options[name] = value
    options |= {name: getattr(primitive, name) for name in _OWN_OPTIONS if hasattr(primitive, name)}
    program = "estimator" if isinstance(primitive, BaseEstimatorV2) else "sampler"
    return Primitive(program, stored_class(type(primitive)), options)
