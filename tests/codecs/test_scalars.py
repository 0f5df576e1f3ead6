from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.errors import FormatError
from tests.strict import differences


def from_bits(bits: int) -> float:
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


VALUES = [
    1.5,
    0.0,
    -0.0,
    float("inf"),
    float("-inf"),
    from_bits(1),
    from_bits(0x7FF8000000000123),
    from_bits(0xFFF8000000000000),
    np.nextafter(1, 2).item(),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_round_trip(round_trip: Callable[..., Any], value: float) -> None:
    assert differences(value, round_trip(value)) == []


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_inside_containers(round_trip: Callable[..., Any], value: float) -> None:
    nested = {"0x1": [value, 1.0], "0x0": (value,)}

    assert differences(nested, round_trip(nested)) == []


@pytest.mark.parametrize("value", [True, 3, np.float64(1.5), np.float32(0.1), 1 + 2j, np.complex128(-0.0)], ids=repr)
def test_other_numbers_keep_their_types(round_trip: Callable[..., Any], value: Any) -> None:
    assert differences(value, round_trip(value)) == []


def test_table_that_a_person_sees(store: Callable[..., Any], path: Any) -> None:
    long = "ψ" * 40
    run = store({"energy": -1.25, long: 2.0, "b": [1.0]}, {"energy": 0.5})

    with h5py.File(path, "r") as file:
        table = file[run.path]["scalars"][...]

    assert table.dtype.names == ("experiment", "label", "value")
    assert table.tolist() == [(0, b"energy", -1.25), (0, ("ψ" * 32).encode(), 2.0), (1, b"energy", 0.5)]
    assert run.value(long) == 2.0


def test_each_value_has_its_own_row(store: Callable[..., Any]) -> None:
    data = [{f"{number}.{label}": number + label / 64 for label in range(20)} for number in range(10)]

    run = store(*data)

    for number, values in enumerate(data):
        assert differences(values, run.result().data(number).copy()) == []


@pytest.mark.parametrize("row", [2, 10**6, -1, 2**70, 0.5, "0", None, [0], {}], ids=repr)
def test_row_that_is_not_there(forge: Callable[..., Any], row: Any) -> None:
    data = {"a": 1.5, "b": 2.5}
    run = forge(data, lambda document: document["experiments"][0]["data"][0][1].update({"row": row}))

    with pytest.raises(FormatError):
        run.value("a")
    with pytest.raises(FormatError):
        run.result().data(0)["a"]


def test_reference_without_a_row(forge: Callable[..., Any]) -> None:
    run = forge({"a": 1.5}, lambda document: document["experiments"][0]["data"][0][1].pop("row") and None)

    with pytest.raises(FormatError):
        run.value("a")


def test_reference_without_a_table(forge: Callable[..., Any]) -> None:
    def change(document: dict[str, Any]) -> None:
        document["experiments"][0]["data"][0][1] = {"$": "scalar/1", "row": 0}

    run = forge({"a": 1}, change)

    with pytest.raises(FormatError):
        run.value("a")
