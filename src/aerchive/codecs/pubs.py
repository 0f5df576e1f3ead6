"""Codec of pubs, the input of a primitive. Their circuits are stored as those of any run, and referred to by index.

A pub is ``{"circuit", "parameter_values"}`` with ``shots`` for a sampler, ``precision`` and ``observables`` for an
estimator. ``parameter_values`` is ``{"shape", "data": [[[name, ...], ARRAY], ...]}``, each array of shape ``(*shape,
names)``, or a reference to columns of the table, in which it is broadcast to the shape of the result.

``observables`` is ``{"shape", "num_qubits"}`` and, for all observables one after another in row-major order:
``sizes`` (number of terms of each observable), ``coeffs`` (coefficient of each term), ``lengths`` (number of factors of
each term), and for each factor ``bit_terms`` (qiskit's ``SparseObservable.BitTerm``) and ``indices`` (the qubit).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparseObservable

from aerchive.codecs.base import Decoder, Encoder, is_storable
from aerchive.codecs.table import NumbersTable
from aerchive.errors import AerchiveError, FormatError, UnsupportedTypeError
from aerchive.text import type_name

_MAX_OBSERVABLES = 10_000_000


def pub_circuits(pubs: Sequence[Any]) -> list[QuantumCircuit]:
    """The circuits of pubs, each object once, in the order of the pubs."""
    return list({id(pub.circuit): pub.circuit for pub in pubs}.values())


def encode_pubs(pubs: Sequence[Any], encoder: Encoder, table: NumbersTable) -> list[dict[str, Any]]:
    """Encodes pubs; a circuit is stored as its index in the list of `pub_circuits`.

    Args:
        pubs: The pubs.
        encoder: Receives the arrays.
        table: Receives the values of parameters that have a place in a table.

    Raises:
        UnsupportedTypeError: A pub is neither a ``SamplerPub`` nor an ``EstimatorPub``.
    """
    places = {id(circuit): place for place, circuit in enumerate(pub_circuits(pubs))}
    return [_encode_pub(pub, number, places[id(pub.circuit)], encoder, table) for number, pub in enumerate(pubs)]


def _encode_pub(pub: Any, number: int, circuit: int, encoder: Encoder, table: NumbersTable) -> dict[str, Any]:
    values = pub.parameter_values
    table.set_points(number, values.shape)
    data = [
        [list(names), table.add_bindings(names, array, number) or _array(array, "parameter_values", encoder)]
        for names, array in values.data.items()
    ]
    tree: dict[str, Any] = {"circuit": circuit, "parameter_values": {"shape": list(values.shape), "data": data}}
    if type(pub) is SamplerPub:
        return {**tree, "shots": None if pub.shots is None else int(pub.shots)}
    if type(pub) is EstimatorPub:
        precision = None if pub.precision is None else encoder.value(pub.precision)
        return {**tree, "precision": precision, "observables": _encode_observables(pub.observables, encoder)}
    raise UnsupportedTypeError(f"no codec for pubs of type {type_name(type(pub))}")


def _encode_observables(observables: ObservablesArray, encoder: Encoder) -> dict[str, Any]:
    array = observables.sparse_observables_array()
    items: list[SparseObservable] = list(array.reshape(-1))
    columns = {
        "sizes": np.array([len(item.coeffs) for item in items], np.uint64),
        "coeffs": _joined([item.coeffs for item in items], complex),
        "lengths": _joined([np.diff(np.asarray(item.boundaries)) for item in items], np.uint64),
        "bit_terms": _joined([item.bit_terms for item in items], np.uint8),
        "indices": _joined([item.indices for item in items], np.uint32),
    }
    arrays = {name: _array(column, f"observable_{name}", encoder) for name, column in columns.items()}
    return {"shape": list(array.shape), "num_qubits": observables.num_qubits, **arrays}


def _joined(parts: Sequence[Any], dtype: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([np.zeros(0, dtype), *(np.asarray(part, dtype) for part in parts)])


def _array(value: np.ndarray[Any, Any], kind: str, encoder: Encoder) -> Any:
    return encoder.array(value, kind) if is_storable(value) else encoder.value(value)


def decode_pubs(trees: Any, circuits: Sequence[QuantumCircuit], decoder: Decoder) -> list[Any]:
    """Decodes pubs that `encode_pubs` encoded.

    Args:
        trees: The encoded pubs, as `encode_pubs` returns them.
        circuits: The circuits of the run.
        decoder: Reads the arrays.

    Raises:
        FormatError: The document does not have the form that `encode_pubs` writes.
    """
    try:
        return [_decode_pub(tree, circuits, decoder) for tree in trees]
    except AerchiveError:
        raise
    except Exception as error:
        raise FormatError(f"stored pubs cannot be read: {error!r}") from error


def _decode_pub(tree: dict[str, Any], circuits: Sequence[QuantumCircuit], decoder: Decoder) -> Any:
    stored = tree["parameter_values"]
    shape = tuple(stored["shape"])
    values = BindingsArray(
        {tuple(names): _without_repeats(decoder.value(item), shape) for names, item in stored["data"]}, shape=shape
    )
    circuit = circuits[tree["circuit"]]
    if "observables" not in tree:
        return SamplerPub(circuit, values, tree["shots"])
    columns = {name: decoder.value(tree["observables"][name]) for name in _COLUMNS}
    observables = _decode_observables(columns, tree["observables"]["shape"], tree["observables"]["num_qubits"])
    precision = None if tree["precision"] is None else decoder.value(tree["precision"])
    return EstimatorPub(circuit, observables, values, precision)


def _without_repeats(values: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The array of shape ``(*shape, names)`` that was broadcast to the shape of its pub."""
    if values.shape[:-1] == shape:
        return values
    own = (0,) * (values.ndim - 1 - len(shape)) + tuple(slice(0, length) for length in shape)
    return np.ascontiguousarray(values[own])


_COLUMNS = ("sizes", "coeffs", "lengths", "bit_terms", "indices")


def _decode_observables(columns: dict[str, Any], shape: list[int], num_qubits: int) -> ObservablesArray:
    sizes, lengths = columns["sizes"].astype(int), columns["lengths"].astype(int)
    if len(sizes) > _MAX_OBSERVABLES or sizes.sum() != len(lengths) or lengths.sum() != len(columns["indices"]):
        raise FormatError(f"stored observables: {len(sizes)} of them do not fit {len(lengths)} terms")
    found = np.empty(len(sizes), object)
    term = factor = 0
    for number, size in enumerate(sizes):
        own = lengths[term : term + size]
        boundaries = np.concatenate([[0], np.cumsum(own)])
        factors = slice(factor, factor + int(own.sum()))
        found[number] = SparseObservable.from_raw_parts(
            num_qubits,
            columns["coeffs"][term : term + size],
            columns["bit_terms"][factors],
            columns["indices"][factors],
            boundaries,
        )
        term, factor = term + size, factors.stop
    return ObservablesArray(found.reshape(tuple(shape)), num_qubits=num_qubits, copy=False, validate=False)
