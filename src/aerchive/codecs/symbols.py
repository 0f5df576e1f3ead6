"""Codecs of small objects of Qiskit inside documents: measurement levels, parameters."""

from __future__ import annotations

import uuid
from typing import Any

from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.parametervector import ParameterVectorElement
from qiskit.result.models import MeasLevel, MeasReturnType

from aerchive.codecs.base import Codec, Decoder, Encoder
from aerchive.errors import FormatError
from aerchive.private_names import private_if_any, set_private

_MAX_LENGTH = 2**20


def _encode_enum(value: Any, _encoder: Encoder) -> dict[str, Any]:
    return {"value": value.value}


def _encode_parameter(value: Any, _encoder: Encoder) -> dict[str, Any]:
    return {"name": value.name, "uuid": str(value.uuid)}


def _decode_parameter(body: dict[str, Any], _decoder: Decoder) -> Any:
    return Parameter(body["name"], uuid=uuid.UUID(body["uuid"]))


def _encode_element(value: Any, _encoder: Encoder) -> dict[str, Any]:
    vector = value.vector
    return {"vector": vector.name, "length": len(vector), "index": value.index, "uuid": str(value.uuid)}


def _decode_element(body: dict[str, Any], _decoder: Decoder) -> Any:
    if type(body["vector"]) is not str:
        raise FormatError(f"a parameter vector cannot have the name {body['vector']!r}")
    if not 0 <= body["index"] < body["length"] <= _MAX_LENGTH:
        raise FormatError(f"a parameter vector of length {body['length']} has no element {body['index']}")
    # The UUID of an element is the UUID of its vector plus the index.
    root = uuid.UUID(int=uuid.UUID(body["uuid"]).int - body["index"])
    return _vector(body["vector"], body["length"], root)[body["index"]]


def _vector(name: str, length: int, root: uuid.UUID) -> ParameterVector:
    vector = ParameterVector(name)
    if private_if_any(vector, "_root_uuid") is None:
        return ParameterVector(name, length, uuid=root)
    set_private(vector, _root_uuid=root)  # before Qiskit 2.5 the constructor takes no UUID
    vector.resize(length)
    return vector


CODECS = (
    Codec("meas_level", 1, (MeasLevel,), _encode_enum, lambda body, _: MeasLevel(body["value"])),
    Codec("meas_return", 1, (MeasReturnType,), _encode_enum, lambda body, _: MeasReturnType(body["value"])),
    Codec("parameter", 1, (Parameter,), _encode_parameter, _decode_parameter),
    Codec("parameter_vector_element", 1, (ParameterVectorElement,), _encode_element, _decode_element),
)
