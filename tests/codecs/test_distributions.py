from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.result import ProbDistribution, QuasiDistribution

import aerchive
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences

NAN = np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0].item()


@pytest.mark.parametrize("number", [1, 7, 8, 9, 3000])
@pytest.mark.parametrize("make", [lambda x: x / 3, lambda x: complex(-x, 1 / (x + 1))], ids=["float", "complex"])
def test_dictionary_of_numbers(round_trip: Callable[..., Any], number: int, make: Callable[[int], Any]) -> None:
    keys = np.random.default_rng(2).permutation(number)
    value = {hex(int(key)): make(int(key)) for key in keys}

    assert differences(value, round_trip(value)) == []


@pytest.mark.parametrize(
    "odd",
    [
        {"nan": NAN, "minus": -0.0, "inf": float("-inf")},
        {"a" * 256: 1.0, "b" * 257: 2.0},
        {"": 1.0, " ": 2.0},
        {"ψ": 1.0},
        {"nul\0": 1.0, "nul": 2.0},
        {"\ud800": 1.0},
        {"$": 1.0},
        {"a/b": 1.0, "..": 2.0},
        {5: 1.0},
        {("t", 1): 1.0},
        {"int": 3},
        {"complex": 1j},
        {"numpy": np.float64(1)},
        {"none": None},
    ],
    ids=repr,
)
def test_dictionary_that_is_almost_one_of_numbers(round_trip: Callable[..., Any], odd: dict[Any, Any]) -> None:
    value = {**{f"0x{key}": float(key) for key in range(8)}, **odd}

    assert differences(value, round_trip(value)) == []


def test_dictionary_of_complex_numbers_keeps_their_bits(round_trip: Callable[..., Any]) -> None:
    value = {f"0x{key}": complex(-0.0, NAN) for key in range(8)}

    assert differences(value, round_trip(value)) == []


def test_large_dictionary_is_two_datasets(store: Callable[..., Any], datasets: Callable[..., Any]) -> None:
    found = datasets(store({"amplitudes": {f"0x{key}": float(key) for key in range(8)}}))

    assert found["keys"][1]["dtype"] == "|S3"
    assert found["values"][1]["label"] == "amplitudes"


def distribution(values: dict[int, float], **options: Any) -> ProbDistribution:
    return ProbDistribution(values, **options)


@pytest.mark.parametrize(
    "value",
    [
        distribution({}),
        distribution({0: 1.0}),
        distribution({3: 0.25, 0: 0.75}, shots=100),
        distribution({2**62: 1.0, 5: -0.0}),
        distribution({2**80: 1.0}),
        distribution({5: NAN}),
        distribution({5: 1, 6: 0.5}),
        distribution({"0x5": 0.5, "0x1": 0.5}),
        distribution({"101": 0.5, "001": 0.5}),
        distribution({int(key): 1 / 3000 for key in np.random.default_rng(1).permutation(3000)}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_probability_distribution(round_trip: Callable[..., Any], value: ProbDistribution) -> None:
    read = round_trip(value)

    assert differences(value, read) == []
    assert type(read) is ProbDistribution
    assert read.binary_probabilities() == value.binary_probabilities() or NAN in value.values()


def test_distributions_in_containers(round_trip: Callable[..., Any]) -> None:
    value = {"0x1": [distribution({1: 0.5, 0: 0.5}), distribution({3: 1.0})], "0x0": [distribution({})]}

    assert differences(value, round_trip(value)) == []


class MyDistribution(ProbDistribution):
    """Of somebody else."""


def test_other_distribution_is_refused_by_name(path: Any) -> None:
    for value in (MyDistribution({1: 1.0}), QuasiDistribution({1: 1.0})):
        result = make_result({"foreign": value})
        result.job_id = type(value).__qualname__
        with pytest.raises(UnsupportedTypeError, match=type(value).__qualname__):
            aerchive.open(path).save(result)


def test_distribution_with_more_to_it_is_refused(path: Any) -> None:
    value = distribution({1: 1.0})
    value.more = "than the codec knows"

    with pytest.raises(UnsupportedTypeError, match="ProbDistribution"):
        aerchive.open(path).save(make_result({"foreign": value}))


@pytest.mark.parametrize(
    "part", [None, 5, "x", [], ["no", None], {}, {"list": 5}, {"list": None}, {"list": [[1]]}], ids=repr
)
@pytest.mark.parametrize("name", ["keys", "values"])
@pytest.mark.parametrize(
    "value",
    [distribution({1: 0.5, 0: 0.5}), {f"0x{key}": float(key) for key in range(8)}],
    ids=["distribution", "dictionary"],
)
def test_document_that_does_not_fit(forge: Callable[..., Any], value: Any, name: str, part: Any) -> None:
    run = forge({"d": value}, lambda document: document["experiments"][0]["data"][0][1].update({name: part}))

    with pytest.raises(FormatError):
        run.value("d")


def test_keys_and_values_of_different_number(forge: Callable[..., Any]) -> None:
    def swap(document: dict[str, Any]) -> None:
        (_, one), (_, other) = document["experiments"][0]["data"]
        one["values"] = other["values"]

    data = {"d": {f"0x{key}": 1.0 for key in range(8)}, "e": {f"0x{key}": 1.0 for key in range(9)}}

    with pytest.raises(FormatError):
        forge(data, swap).value("d")
