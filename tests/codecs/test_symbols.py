from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qiskit.circuit import Parameter, ParameterVector
from qiskit.result.models import MeasLevel, MeasReturnType

import aerchive
from aerchive.errors import FormatError, UnsupportedTypeError
from tests.codecs.conftest import make_result
from tests.strict import differences


@pytest.mark.parametrize("value", [*MeasLevel, *MeasReturnType], ids=str)
def test_measurement_levels(round_trip: Callable[..., Any], value: Any) -> None:
    read = round_trip(value)

    assert read is value


def test_fields_of_an_experiment(store: Callable[..., Any], path: Any) -> None:
    result = make_result({"memory": ["0x0"]})
    result.results[0].meas_level = MeasLevel.KERNELED
    result.results[0].meas_return = MeasReturnType.AVERAGE
    aerchive.open(path).save(result)

    (read,) = aerchive.open(path, "r").latest().result().results

    assert read.meas_level is MeasLevel.KERNELED
    assert read.meas_return is MeasReturnType.AVERAGE


@pytest.mark.parametrize("name", ["x", "θ", "a/b", "x[0]", "with space"])
def test_parameter(round_trip: Callable[..., Any], name: str) -> None:
    parameter = Parameter(name)

    read = round_trip(parameter)

    assert read == parameter
    assert (type(read), read.name, read.uuid, hash(read)) == (Parameter, name, parameter.uuid, hash(parameter))


def test_element_of_a_vector(round_trip: Callable[..., Any]) -> None:
    vector = ParameterVector("v", 5)

    read = round_trip(vector[3])

    assert read == vector[3]
    assert type(read) is type(vector[3])
    assert (read.name, read.index, read.vector.name, len(read.vector)) == ("v[3]", 3, "v", 5)


def test_parameters_as_keys(round_trip: Callable[..., Any]) -> None:
    x, v = Parameter("x"), ParameterVector("v", 2)
    value = {x: [1.0], v[1]: [2.0, 3.0], v[0]: ()}

    assert differences(value, round_trip(value)) == []


def test_same_element_out_of_one_project_is_the_same(round_trip: Callable[..., Any]) -> None:
    vector = ParameterVector("v", 2)

    first, second, other = round_trip([vector[0], vector[0], vector[1]])

    assert first == second != other


def test_expression_is_refused_by_name(path: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match="ParameterExpression"):
        aerchive.open(path).save(make_result({"x": 2 * Parameter("x")}))


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (MeasLevel.RAW, {"value": 3}),
        (MeasLevel.RAW, {"value": None}),
        (MeasReturnType.SINGLE, {"value": "double"}),
        (Parameter("x"), {"uuid": "no"}),
        (Parameter("x"), {"uuid": None}),
        (Parameter("x"), {"uuid": 5}),
        (Parameter("x"), {"name": None}),
        (Parameter("x"), {"name": []}),
        (ParameterVector("v", 2)[1], {"index": 2}),
        (ParameterVector("v", 2)[1], {"index": -5}),
        (ParameterVector("v", 2)[1], {"index": "1"}),
        (ParameterVector("v", 2)[1], {"length": -1}),
        (ParameterVector("v", 2)[1], {"length": None}),
        (ParameterVector("v", 2)[1], {"length": 10**12}),
        (ParameterVector("v", 2)[1], {"vector": 5}),
        (ParameterVector("v", 2)[1], {"uuid": "5c500a78-6841-4706-8a8f-d76ba7"}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_document_that_does_not_fit(forge: Callable[..., Any], value: Any, change: dict[str, Any]) -> None:
    run = forge({"s": value}, lambda document: document["experiments"][0]["data"][0][1].update(change))

    with pytest.raises(FormatError):
        run.value("s")
