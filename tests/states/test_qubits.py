from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aerchive.errors import InvalidInputError
from aerchive.states.kets import bit_string, bit_strings, index_of, picked_bits
from aerchive.states.qubits import checked_qargs, in_blocks
from tests.states.pieces import Pieces


def test_qargs() -> None:
    assert checked_qargs(None, 3) == [0, 1, 2]
    assert checked_qargs([2, 0], 3) == [2, 0]
    assert checked_qargs(np.array([1]), 3) == [1]
    assert checked_qargs(range(2), 3) == [0, 1]
    assert checked_qargs([], 3) == []


@pytest.mark.parametrize(
    ("qargs", "message"),
    [
        ([3], r"3 qubits, numbered from 0; not \[3\]"),
        ([-1], r"not \[-1\]"),
        ([0, 0], "named twice"),
        (5, "list of qubit numbers"),
        ([0.5], "list of qubit numbers"),
        (["0"], "list of qubit numbers"),
    ],
)
def test_wrong_qargs(qargs: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        checked_qargs(qargs, 3)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 7, 8, 16])
def test_blocks_are_powers_of_two(chunk: int) -> None:
    vector = np.arange(1, 9)
    blocks = in_blocks(Pieces(vector, chunk), 3)

    assert blocks.length <= chunk
    assert blocks.length * 2 > min(chunk, 8) or blocks.length == 8
    assert np.concatenate([blocks.read(number) for number in range(blocks.number)]).tolist() == vector.tolist()
    assert blocks.nbytes == 16 * blocks.length


def test_bit_strings() -> None:
    assert bit_string(5, 4) == "0101"
    assert bit_string(0, 0) == ""
    assert bit_strings(np.array([0, 5, 15]), 4).tolist() == ["0000", "0101", "1111"]
    assert bit_strings(np.array([1]), 40).dtype == np.dtype("<U40")
    assert bit_strings(np.array([], np.int64), 3).tolist() == []
    assert bit_strings(np.array([0, 0]), 0).tolist() == ["", ""]


def test_indices() -> None:
    assert index_of("0101", 4) == 5
    assert index_of("1", 4) == 1
    for bits, message in [("2", "not a bit string"), ("", "not a bit string"), ("0b1", "not"), ("10000", "4 qubits")]:
        with pytest.raises(InvalidInputError, match=message):
            index_of(bits, 4)


def test_picked_bits() -> None:
    assert picked_bits(np.array([0b1010, 0b0110]), [3, 0, 1]).tolist() == [0b101, 0b100]
