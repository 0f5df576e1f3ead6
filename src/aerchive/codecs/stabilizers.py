"""Codecs of stabilizer states and Cliffords, which are stored as their tableau."""

from __future__ import annotations

from typing import Any

from qiskit import quantum_info
from qiskit_aer.backends import compatibility

from aerchive.codecs.base import Codec, Decoder, Encoder, is_storable
from aerchive.errors import FormatError

_STATES = {"aer": compatibility.StabilizerState, "qiskit": quantum_info.StabilizerState}


def _tableau(clifford: Any, encoder: Encoder, kind: str) -> dict[str, Any] | None:
    tableau = clifford.tableau
    return {"tableau": encoder.array(tableau, kind)} if is_storable(tableau) else None


def _clifford(body: dict[str, Any], decoder: Decoder) -> Any:
    tableau = decoder.array(body["tableau"])
    if (
        tableau.ndim != 2
        or tableau.dtype != bool
        or tableau.shape != (len(tableau), len(tableau) + 1)
        or len(tableau) % 2
    ):
        raise FormatError(f"clifford: a tableau of shape {tableau.shape} and dtype {tableau.dtype}")
    return quantum_info.Clifford(tableau, validate=False, copy=False)


def _encode_clifford(value: Any, encoder: Encoder) -> dict[str, Any] | None:
    return _tableau(value, encoder, "clifford")


def _encode_state(value: Any, encoder: Encoder) -> dict[str, Any] | None:
    body = _tableau(value.clifford, encoder, "stabilizer")
    if body is None:
        return None
    return {"class": "aer" if type(value) is _STATES["aer"] else "qiskit", **body}


def _decode_state(body: dict[str, Any], decoder: Decoder) -> Any:
    if body["class"] not in _STATES:
        raise FormatError(f"stabilizer_state: unknown class {body['class']!r}")
    return _STATES[body["class"]](_clifford(body, decoder), validate=False)


CODECS = (
    Codec("clifford", 1, (quantum_info.Clifford,), _encode_clifford, _clifford),
    Codec("stabilizer_state", 1, tuple(_STATES.values()), _encode_state, _decode_state),
)
