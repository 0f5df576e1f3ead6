"""Pubs come back as they were: circuits, bindings, observables, shots, precision."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparseObservable, SparsePauliOp

from aerchive.codecs.pubs import decode_pubs, encode_pubs, pub_circuits
from aerchive.codecs.table import NumbersTable
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.testing.codecs import _Decoder, _Encoder
from tests.strict import differences

A, B = Parameter("a"), Parameter("b")
V = ParameterVector("v", 3)


def circuit(*parameters: Any, measured: bool = True) -> QuantumCircuit:
    made = QuantumCircuit(2)
    for parameter in parameters:
        made.rx(parameter, 0)
    if measured:
        made.measure_all()
    return made


AB, VECTOR, PLAIN = circuit(A, B), circuit(*V), circuit()
BARE = circuit(A, measured=False)
SUM = SparsePauliOp(["ZZ", "XI", "IY"], [0.5, -2.0, 1e-300])

PUBS: dict[str, Any] = {
    "nothing to bind": SamplerPub.coerce((PLAIN,), 10),
    "no shots": SamplerPub.coerce((PLAIN,)),
    "one point": SamplerPub.coerce((AB, [0.1, 0.2], 3)),
    "a grid": SamplerPub.coerce((AB, np.arange(24.0).reshape(3, 4, 2), 3)),
    "by name": SamplerPub.coerce((AB, {"a": [1.0, 2.0], "b": [3.0, -0.0]}, 3)),
    "a vector": SamplerPub.coerce((VECTOR, {V: np.ones((2, 3))}, 3)),
    "no points": SamplerPub.coerce((AB, np.zeros((0, 2)), 3)),
    "one observable": EstimatorPub.coerce((BARE, "ZZ", [0.5]), 0.0),
    "a sum": EstimatorPub.coerce((BARE, SUM, [0.5]), 0.25),
    "a table of observables": EstimatorPub.coerce((BARE, [["ZZ", SUM], ["II", {"XX": 3.0}]], [0.5]), None),
    "observables against points": EstimatorPub.coerce((BARE, [["ZZ"], ["XX"]], [[0.5], [0.6], [0.7]]), 0.1),
    "projectors": EstimatorPub.coerce((BARE, SparseObservable.from_list([("0+", 1.0), ("lr", 2.0)]), [0.5]), 0.1),
    "precision of numpy": EstimatorPub.coerce((BARE, "ZZ", [0.5], np.float64(0.125))),
    "no observables": EstimatorPub.coerce((BARE, [], [0.5]), 0.0),
}


def parts(pub: Any) -> dict[str, Any]:
    values = pub.parameter_values
    told: dict[str, Any] = {"shape": values.shape, "values": dict(values.data)}
    if isinstance(pub, SamplerPub):
        return {**told, "shots": pub.shots}
    array = pub.observables.sparse_observables_array()
    terms = [[np.asarray(x) for x in (o.coeffs, o.bit_terms, o.indices, o.boundaries)] for o in array.reshape(-1)]
    qubits = pub.observables.num_qubits
    return {**told, "precision": pub.precision, "observables": (array.shape, qubits, terms)}


class TableDecoder(_Decoder):
    """A decoder that reads columns of a table as well."""

    def __init__(self, arrays: list[Any], table: NumbersTable) -> None:
        super().__init__(arrays)
        self._table = table.draft()

    def array(self, reference: Any) -> Any:
        if reference["to"][0] != "table":
            return super().array(reference)
        assert self._table is not None
        _, columns, first, shape, order = reference["to"]
        assert order == "C"
        rows = self._table.parts[0][first : first + int(np.prod(shape[:-1]))]
        return np.stack([rows[column] for column in columns], axis=-1).reshape(shape)


def round_trip(pubs: list[Any], *shapes: tuple[int, ...]) -> list[Any]:
    encoder, table = _Encoder(), NumbersTable()
    for number, shape in enumerate(shapes):
        table.set_points(number, shape)
    trees = json.loads(json.dumps(encode_pubs(pubs, encoder, table)))
    return decode_pubs(trees, pub_circuits(pubs), TableDecoder(encoder.arrays, table))


@pytest.mark.parametrize("name", PUBS)
def test_a_pub_comes_back(name: str) -> None:
    (back,) = round_trip([PUBS[name]])
    assert type(back) is type(PUBS[name])
    assert differences(parts(PUBS[name]), parts(back)) == []


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (2000, 3), (100, 1000, 3), (2,), (0,)])
def test_points_of_the_result_that_are_more_or_others(shape: tuple[int, ...]) -> None:
    values = np.array([[0.5], [-0.0], [0.7]]).T
    pub = EstimatorPub.coerce((BARE, [["ZZ"], ["XX"]], values.reshape(1, 3, 1)), 0.1)

    (back,) = round_trip([pub], shape)

    assert differences(parts(pub), parts(back)) == []


def test_pubs_that_share_a_circuit_share_it_again() -> None:
    pubs = [PUBS["one point"], PUBS["a vector"], PUBS["a grid"]]
    assert pub_circuits(pubs) == [AB, VECTOR]
    back = round_trip(pubs)
    assert back[0].circuit is back[2].circuit is AB
    assert back[1].circuit is VECTOR


class Own(SamplerPub):
    pass


def test_a_pub_of_another_class_is_refused() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"no codec for pubs of type .*Own"):
        encode_pubs([Own(PLAIN)], _Encoder(), NumbersTable())


@pytest.mark.parametrize(
    "change",
    [
        {"circuit": 7},
        {"circuit": None},
        {"parameter_values": {"shape": [1]}},
        {"parameter_values": {"shape": [9], "data": [[["a"], {"$": "ndarray"}]]}},
        {"observables": {"shape": [2], "num_qubits": 2}},
    ],
)
def test_a_damaged_pub_is_refused(change: dict[str, Any]) -> None:
    encoder = _Encoder()
    (tree,) = encode_pubs([PUBS["a sum"]], encoder, NumbersTable())
    with pytest.raises(FormatError):
        decode_pubs([{**tree, **change}], [BARE], _Decoder(encoder.arrays))


def test_observables_that_do_not_fit_their_terms_are_refused() -> None:
    encoder, table = _Encoder(), NumbersTable()
    (tree,) = json.loads(json.dumps(encode_pubs([PUBS["a sum"]], encoder, table)))
    place = int(tree["observables"]["sizes"]["to"][0].removeprefix("array_"))
    encoder.arrays[place] = np.array([2**40], np.uint64)
    with pytest.raises(FormatError, match="1 of them do not fit 2 terms"):
        decode_pubs([tree], [BARE], TableDecoder(encoder.arrays, table))
