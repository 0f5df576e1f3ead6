"""Each value of a run comes back from its column bit for bit, or the column says that only the run has it."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from aerchive.errors import FormatError
from aerchive.models.cells import (
    ABSENT,
    GIVEN,
    IN_RUN,
    IN_RUN_FORM,
    ONLY_IN_RUN,
    Form,
    cells_of,
    damaged_cells,
    empty_cell,
    form_from,
    form_of,
    in_columns,
    make_cell,
    values_of,
)
from aerchive.models.config import RunConfig
from aerchive.models.labels import RunLabels
from aerchive.models.run import RunRecord
from aerchive.models.status import RunStatus
from aerchive.project.catalogue.cells import column_attributes
from tests.drafts import draft_of
from tests.samples import float_of
from tests.strict import differences


class Ansatz(enum.Enum):
    LAYERED = 1.5


KEPT: dict[str, Any] = {
    "float": 0.1,
    "minus zero": -0.0,
    "nan": float("nan"),
    "nan with payload": float_of(0x7FF8DEADBEEF0001),
    "infinite": float("-inf"),
    "least float": 5e-324,
    "int": 7,
    "beyond floats": 2**53 + 1,
    "greatest int": 2**63 - 1,
    "least int": -(2**63),
    "true": True,
    "false": False,
    "none": None,
    "text": "Ångström 😀",
    "empty text": "",
    "text with nul": "a\0b\0",
    "only nul": "\0",
    "surrogate": "a\ud800",
    "like json": 'json:"x"',
    "longest text": "x" * 256,
    "numpy float": np.float64(-0.0),
    "numpy int": np.int64(-(2**63)),
    "list": [0.1, -0.0, float("nan")],
    "list of int": [1, -(2**63)],
    "tuple": (1.0, 2.0),
    "tuple of int": (1,),
    "array": np.array([0.1, float("nan"), -0.0]),
    "array of int": np.array([2**62, -1]),
    "matrix": np.arange(6.0).reshape(1, 2, 3),
    "longest list": [float(one) for one in range(128)],
}
ONLY_THE_RUN_HAS: dict[str, Any] = {
    "greater than int64": 2**63,
    "less than int64": -(2**63) - 1,
    "long text": "x" * 257,
    "long list": [0.0] * 129,
    "empty list": [],
    "empty array": np.empty((0, 3)),
    "mixed": [1, 2.0],
    "truth values": [True, False],
    "nested": [[1.0], [2.0]],
    "large in a list": [2**63],
    "complex": 1j,
    "numpy bool": np.bool_(True),
    "numpy float32": np.float32(0.5),
    "numpy text": np.str_("x"),
    "array without axes": np.array(1.0),
    "array of bool": np.array([True]),
    "array of float32": np.ones(2, np.float32),
    "big-endian array": np.ones(2, ">f8"),
    "mapping": {"a": 1.0},
    "bytes": b"x",
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_a_value_comes_back_bit_for_bit(value: Any) -> None:
    form = form_of(value)
    row = make_cell(form, value, 5)
    assert row.shape == (1,)
    assert row["given"][0] == GIVEN
    found = values_of(form, row)
    back = found.tolist()[0] if found.dtype != object else found[0]
    assert type(back) is type(value)
    assert not differences(value, back)
    assert damaged_cells(row, 5) == []


@pytest.mark.parametrize("value", ONLY_THE_RUN_HAS.values(), ids=ONLY_THE_RUN_HAS)
def test_a_value_that_no_column_holds(value: Any) -> None:
    assert form_of(value) == IN_RUN_FORM
    row = make_cell(IN_RUN_FORM, value, 5)
    assert row["given"][0] == IN_RUN
    assert damaged_cells(row, 5) == []


def test_a_column_of_numbers_may_have_runs_that_only_have_the_value_themselves() -> None:
    form = form_of(0.5)
    row = make_cell(form, ONLY_IN_RUN, 3)
    assert (row["given"][0], row["value"][0]) == (IN_RUN, 0)


@pytest.mark.parametrize("value", [*KEPT.values(), [1.0] * 3], ids=[*KEPT, "list of one value"])
def test_each_flipped_byte_is_found(value: Any) -> None:
    form = form_of(value)
    rows = np.concatenate([make_cell(form, value, 8), empty_cell(form, 9)])
    for place in range(0, rows.nbytes, max(1, rows.nbytes // 40)):
        harmed = rows.copy()
        harmed.view(np.uint8)[place] ^= 0x40
        assert damaged_cells(harmed, 8) == [8 + place // form.row_dtype.itemsize], place


def test_a_row_of_another_place_is_found() -> None:
    assert damaged_cells(make_cell(form_of(1.5), 1.5, 4), 5) == [5]


def test_a_row_that_was_never_written_is_right_and_has_no_value() -> None:
    rows = np.zeros(3, form_of(1.5).row_dtype)
    assert damaged_cells(rows, 7) == []
    assert (rows["given"] == ABSENT).all()
    rows["value"][1] = 1e-300
    assert damaged_cells(rows, 7) == [8]


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_attributes_and_dtype_tell_the_form(value: Any) -> None:
    form = form_of(value)
    assert form_from(column_attributes("params.x", form), form.row_dtype, "here") == form


REAL = form_of(1.5).row_dtype


@pytest.mark.parametrize(
    ("attributes", "dtype"),
    [
        ({"type": "float"}, REAL),
        ({"name": "params.x"}, REAL),
        ({"name": 1, "type": "float"}, REAL),
        ({"name": "params.x", "type": "int"}, REAL),
        ({"name": "params.x", "type": "strange"}, REAL),
        ({"name": "params.x", "type": "list", "shape": "1"}, REAL),
        ({"name": "params.x", "type": "float", "shape": "2"}, REAL),
        ({"name": "params.x", "type": "list", "shape": "3"}, form_of([1.0, 2.0]).row_dtype),
        ({"name": "params.x", "type": "list", "shape": "1 2"}, form_of([1.0, 2.0]).row_dtype),
        ({"name": "params.x", "type": "list", "shape": "-2"}, form_of([1.0, 2.0]).row_dtype),
        ({"name": "params.x", "type": "list", "shape": "two"}, form_of([1.0, 2.0]).row_dtype),
        ({"name": "params.x", "type": "list", "shape": "0"}, np.dtype([("given", "u1"), ("crc32", "<u4")])),
        ({"name": "params.x", "type": "list", "shape": "9999999999"}, REAL),
        ({"name": "params.x", "type": "float"}, np.dtype("<f8")),
        ({"name": "params.x", "type": "float"}, np.dtype([("value", ">f8"), ("given", "u1"), ("crc32", "<u4")])),
        ({"name": "params.x", "type": "float"}, np.dtype([("value", "<f8"), ("crc32", "<u4"), ("given", "u1")])),
        ({"name": "params.x", "type": "str"}, Form("str", "S17").row_dtype),
        ({"name": "params.x", "type": "bool"}, Form("bool", "<f8").row_dtype),
    ],
)
def test_attributes_that_do_not_describe_the_rows(attributes: dict[str, Any], dtype: np.dtype[Any]) -> None:
    with pytest.raises(FormatError, match=r"^file: /columns/params\.x: is not a column of values of type .* and shape"):
        form_from(attributes, dtype, "file: /columns/params.x")


def record(params: Any = None, **more: Any) -> RunRecord:
    draft = draft_of(1, labels=RunLabels(params=params or {}))
    config = {name: more.pop(name) for name in ("circuit_facts", "bound") if name in more}
    return draft.record.model_copy(
        update={"config": RunConfig(num_circuits=1, **config), "status": RunStatus(outcome="ok", **more)}
    )


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (Ansatz.LAYERED, 1.5),
        ([Ansatz.LAYERED], [1.5]),
        (np.arange(6.0)[::2], np.array([0.0, 2.0, 4.0])),
        (np.arange(6.0).reshape(2, 3).T, None),
    ],
    ids=["enum", "list of enums", "every second number", "transposed"],
)
def test_values_are_those_that_the_documents_give_back(given: Any, stored: Any) -> None:
    one = record({"x": given})
    back = RunLabels.from_attributes(one.labels.to_attributes(), "here").params["x"]
    cell = cells_of(one)["params.x"]
    assert not differences(back, cell)
    assert form_of(back) == form_of(cell)
    assert stored is None or not differences(stored, cell)


def test_the_values_of_a_run() -> None:
    facts = [{"depth": 2, "size": 3, "ops": {"cx": 1, "h": 2}, "metadata": {"layers": 2}}]
    one = record({"x": 1}, circuit_facts=facts, bound={"t": 0.5}, saved={"energy": -1.0}, counts={"00": 3, "11": 4})
    assert cells_of(one) == {
        **{"params.x": 1, "circuit.ops.cx": 1, "circuit.ops.h": 2, "metadata.layers": 2},
        **{"counts": '{"00":3,"11":4}', "saved.energy": -1.0, "bound.t": 0.5},
    }


def test_the_values_of_a_run_of_several_circuits_and_points() -> None:
    facts = [{"ops": {"cx": 1}, "metadata": {"layers": 2}}, {"ops": {"cx": 4, "x": 1}, "metadata": {"other": 1}}]
    one = record(circuit_facts=facts, bound={"t": None}, saved={"energy": None}, counts={})
    only = dict.fromkeys(("metadata.layers", "metadata.other", "counts", "saved.energy", "bound.t"), ONLY_IN_RUN)
    assert cells_of(one) == {"circuit.ops.cx": 4, "circuit.ops.x": 1, **only}


def test_no_run_makes_very_many_columns() -> None:
    cells = {f"params.{number}": number for number in range(63)}
    few = {f"bound.{number}": 0.5 for number in range(8)}
    assert list(in_columns(cells | few)) == [*cells, "bound.0"]
    assert in_columns({"params.x": 1, **few}) == {"params.x": 1, **few}
    assert in_columns({"params.x": 1, **few, "bound.8": 0.5}) == {"params.x": 1}
