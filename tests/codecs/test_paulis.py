from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli, PauliList, SparsePauliOp

from aerchive.codecs.registry import decode_inline, encode_inline
from aerchive.errors import FormatError, UnsupportedTypeError
from aerchive.models import tagged_json
from tests.strict import differences


@pytest.mark.parametrize(
    "value",
    [Pauli("-iXYZ"), PauliList(["-X", "iZ"]), SparsePauliOp(["ZZ", "XI"], [0.5, -0.0 - 2j])],
    ids=lambda value: type(value).__name__,
)
def test_a_saved_value_comes_back(round_trip: Callable[..., Any], value: Any) -> None:
    assert differences(value, round_trip(value)) == []


def test_the_phase_of_a_sum_is_kept(round_trip: Callable[..., Any]) -> None:
    value = SparsePauliOp(PauliList(["-iX", "Y"]), ignore_pauli_phase=True)

    assert differences(value, round_trip(value)) == []


@pytest.mark.parametrize(
    "value", [SparsePauliOp(["X"], np.array([Parameter("a")])), Pauli(([], []))], ids=["parameter", "empty"]
)
def test_what_a_label_cannot_hold_is_refused(store: Callable[..., Any], value: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match=type(value).__name__):
        store({"saved": value})


@pytest.mark.parametrize(
    "tree",
    [
        {"$": "pauli/1", "label": "XW"},
        {"$": "pauli/1", "label": [1]},
        {"$": "pauli_list/1", "labels": "XY"},
        {"$": "pauli_list/1", "labels": []},
        {"$": "sparse_pauli_op/1", "labels": ["X"], "coeffs": tagged_json.encode(np.ones(1))},
        {"$": "sparse_pauli_op/1", "labels": ["X"], "coeffs": tagged_json.encode(np.ones(2, complex))},
        {"$": "sparse_pauli_op/1", "labels": ["X"], "coeffs": [1, 2]},
        {"$": "sparse_pauli_op/1", "labels": ["X"]},
        {"$": "sparse_pauli_op/2"},
    ],
    ids=str,
)
def test_a_damaged_value_is_refused(tree: Any) -> None:
    with pytest.raises(FormatError):
        tagged_json.decode(tree, decode_inline)


def test_a_result_with_one_is_made(store: Callable[..., Any]) -> None:
    observable = SparsePauliOp("ZZ")
    run = store({"a": 1}, header={"observable": observable})

    assert differences(run.result().results[0].header["observable"], observable) == []


def test_an_array_of_a_value_may_be_in_the_document_itself() -> None:
    value = {"list": [SparsePauliOp("ZZ", 1 / 3)], "array": np.arange(3)}

    tree = tagged_json.loads(tagged_json.dumps(tagged_json.encode(value, prefer=encode_inline)), "test")

    assert differences(value, tagged_json.decode(tree, decode_inline)) == []
