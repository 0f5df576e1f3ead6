"""Codecs of Pauli operators and their sums, as the labels that Qiskit prints: ``{"label": "-iXYZ"}``.

A sum is ``{"labels": [...], "coeffs": ARRAY}``, with complex coefficients of shape ``(terms,)``. A list of Pauli
operators has only labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Pauli, PauliList, SparsePauliOp

from aerchive.codecs.base import Codec, Decoder, Encoder, is_storable
from aerchive.errors import FormatError


def _encode_pauli(value: Any, _encoder: Encoder) -> dict[str, Any] | None:
    return {"label": value.to_label()} if value.num_qubits else None


def _encode_list(value: Any, _encoder: Encoder) -> dict[str, Any] | None:
    return {"labels": value.to_labels()} if value.num_qubits and len(value) else None


def _encode_sum(value: Any, encoder: Encoder) -> dict[str, Any] | None:
    body = _encode_list(value.paulis, encoder)
    if body is None or not is_storable(value.coeffs) or value.coeffs.dtype != complex:
        return None  # coefficients may be expressions of parameters
    return {**body, "coeffs": encoder.array(value.coeffs, "coefficients")}


def _decode_list(body: dict[str, Any], _decoder: Decoder) -> Any:
    if not isinstance(body["labels"], list) or not all(type(label) is str for label in body["labels"]):
        raise FormatError("a list of Pauli operators is not a list of labels")
    return _made(PauliList, body["labels"])


def _decode_sum(body: dict[str, Any], decoder: Decoder) -> Any:
    paulis, coeffs = _decode_list(body, decoder), decoder.array(body["coeffs"])
    if coeffs.dtype != complex or coeffs.shape != (len(paulis),):
        raise FormatError(f"{len(paulis)} Pauli operators have coefficients of shape {coeffs.shape}")
    return SparsePauliOp(paulis, np.ascontiguousarray(coeffs), ignore_pauli_phase=True)


def _decode_pauli(body: dict[str, Any], _decoder: Decoder) -> Any:
    if type(body["label"]) is not str:
        raise FormatError("the label of a Pauli operator is not text")
    return _made(Pauli, body["label"])


def _made(kind: Any, labels: Any) -> Any:
    try:
        return kind(labels)
    except QiskitError as error:
        raise FormatError(f"not the labels of Pauli operators: {error.message:.200}") from error


CODECS = (
    Codec("pauli", 1, (Pauli,), _encode_pauli, _decode_pauli),
    Codec("pauli_list", 1, (PauliList,), _encode_list, _decode_list),
    Codec("sparse_pauli_op", 1, (SparsePauliOp,), _encode_sum, _decode_sum),
)
