"""Columns, and what libraries make of them."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
import pytest
import xarray

from aerchive.errors import InvalidInputError, MissingExtraError
from aerchive.interop.arrow import to_arrow_table, write_parquet
from aerchive.interop.columns import Column, Columns, column_of
from aerchive.interop.extras import import_extra
from aerchive.interop.pandas import to_frame
from aerchive.interop.xarray import to_dataset

COLUMNS: Columns = {
    "text": Column("text", ["a", None, ""]),
    "integer": Column("integer", [1, None, 2**62]),
    "unsigned": Column("unsigned", [2**64 - 1, None, 0]),
    "real": Column("real", [0.5, None, 3]),
    "truth": Column("truth", [True, None, False]),
    "time": Column("time", [0, 1, 1_795_383_045_123_456]),
    "texts": Column("texts", [["a", "b"], [], ["c"]]),
    "any": Column("any", [(1, 2), None, "x"]),
}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", None], "text"),
        ([1, None], "integer"),
        ([2**63], "any"),
        ([-(2**63)], "integer"),
        ([1.5, None], "real"),
        ([1, 1.5], "real"),
        ([2**53, None, 1.5], "real"),
        ([2**53 + 1, 1.5], "any"),
        ([2**80, 1.0], "any"),
        ([True, None], "truth"),
        ([True, 1], "any"),
        ([1, "a"], "any"),
        ([(1,)], "any"),
        ([None], "any"),
        ([], "any"),
    ],
)
def test_kind_of_values(values: list[Any], kind: str) -> None:
    assert column_of(values) == Column(kind, values)


def test_pandas() -> None:
    frame = to_frame(COLUMNS)

    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "text": "string",
        "integer": "Int64",
        "unsigned": "UInt64",
        "real": "float64",
        "truth": "boolean",
        "time": "datetime64[us, UTC]",
        "texts": "object",
        "any": "object",
    }
    assert frame["text"].tolist() == ["a", pandas.NA, ""]
    assert frame["integer"].tolist() == [1, pandas.NA, 2**62]
    assert frame["unsigned"].tolist() == [2**64 - 1, pandas.NA, 0]
    assert frame["real"].tolist()[::2] == [0.5, 3.0]
    assert np.isnan(frame["real"][1])
    assert frame["truth"].tolist() == [True, pandas.NA, False]
    assert frame["time"][2] == datetime.datetime(2026, 11, 22, 21, 30, 45, 123456, datetime.UTC)
    assert frame["texts"].tolist() == [["a", "b"], [], ["c"]]
    assert frame["any"].tolist() == [(1, 2), None, "x"]


def test_nothing_as_a_frame() -> None:
    empty = to_frame({name: Column(column.kind, []) for name, column in COLUMNS.items()})

    assert len(empty) == 0
    assert empty.dtypes.tolist() == to_frame(COLUMNS).dtypes.tolist()


def test_arrow(tmp_path: Path) -> None:
    table = to_arrow_table(COLUMNS)

    assert [str(field.type) for field in table.schema] == [
        "string",
        "int64",
        "uint64",
        "double",
        "bool",
        "timestamp[us, tz=UTC]",
        "list<item: string>",
        "string",
    ]
    assert table["any"].to_pylist() == ["(1, 2)", None, "x"]
    for name in ("text", "integer", "unsigned", "real", "truth", "texts"):
        assert table[name].to_pylist() == COLUMNS[name].values
    write_parquet(COLUMNS, str(tmp_path / "a.parquet"))
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet") == table


GRID: Columns = {
    "x": Column("real", [0.2, 0.1, 0.2, 0.1]),
    "n": Column("integer", [1, 1, 2, 2]),
    "y": Column("real", [1.0, 2.0, 3.0, 4.0]),
    "k": Column("integer", [10, 20, 30, 40]),
    "s": Column("text", ["a", "b", "c", None]),
}


def test_xarray() -> None:
    data = to_dataset(GRID, ["x", "n"])

    assert dict(data.sizes) == {"x": 2, "n": 2}
    assert data["x"].values.tolist() == [0.1, 0.2]
    assert data["y"].values.tolist() == [[2.0, 4.0], [1.0, 3.0]]
    assert data["k"].dtype == np.int64
    assert float(data["y"].sel(x=0.2, n=2)) == 3.0
    assert data["s"].fillna("").values.tolist() == [["b", ""], ["a", "c"]]


def test_xarray_with_holes_and_repeats() -> None:
    holes = {name: Column(column.kind, column.values[:3]) for name, column in GRID.items()}
    data = to_dataset(holes, ["x", "n"])
    assert np.isnan(data["y"].sel(x=0.1, n=2))
    assert np.isnan(data["k"].sel(x=0.1, n=2))
    assert data["s"].isnull().sel(x=0.1, n=2)

    data = to_dataset(GRID, ["x"])
    assert dict(data.sizes) == {"x": 2, "repeat": 2}
    assert data["y"].values.tolist() == [[2.0, 4.0], [1.0, 3.0]]
    assert data["n"].values.tolist() == [[1, 2], [1, 2]]


def test_xarray_of_other_kinds() -> None:
    columns: Columns = {
        "t": Column("time", [5, 1]),
        "name": Column("text", ["b", "a"]),
        "yes": Column("truth", [True, False]),
        "u": Column("unsigned", [2**64 - 1, 0]),
        "m": Column("integer", [None, 3]),
    }
    data = to_dataset(columns, ["name"])
    assert data["t"].values.astype("M8[us]").astype(int).tolist() == [1, 5]
    assert data["yes"].values.tolist() == [False, True]
    assert data["u"].values.tolist() == [0, 2**64 - 1]
    assert data["m"].values[0] == 3.0
    assert isinstance(to_dataset(columns, ["t"]), xarray.Dataset)


@pytest.mark.parametrize(
    ("dims", "problem"),
    [([], "needs x"), (["wide", "long"], "too many cells")],
)
def test_xarray_that_cannot_be(dims: list[str], problem: str) -> None:
    columns: Columns = {
        "wide": Column("integer", list(range(20_002))),
        "long": Column("integer", list(range(20_002))),
        "y": Column("real", [0.0] * 20_002),
    }
    with pytest.raises(InvalidInputError, match=problem):
        to_dataset(columns, dims, as_grid=True)


def test_xarray_of_values_of_several_types() -> None:
    mixed = ["b", (0.2, 0.1), None, float("nan"), 2, "a", np.array([0.1, 0.9]), 1.5, True]
    columns: Columns = {"mixed": Column("any", mixed), "y": Column("integer", list(range(9)))}

    data = to_dataset(columns, ["mixed"])

    assert data["mixed"].values.tolist()[:7] == [True, 1.5, 2, "a", "b", (0.1, 0.9), (0.2, 0.1)]
    assert np.isnan(data["mixed"].values[7])
    assert data["y"].values.tolist() == [8, 7, 4, 5, 0, 6, 1, 3, 2]


def test_xarray_never_rounds_integers() -> None:
    large = 2**62 + 1
    columns: Columns = {
        "x": Column("integer", [1, 1, 2]),
        "y": Column("integer", [1, 2, 1]),
        "n": Column("integer", [large, large + 2, None]),
        "u": Column("unsigned", [2**64 - 1, 0, 1]),
        "few": Column("integer", [1, -(2**53), 3]),
    }

    grid = to_dataset(columns, ["x", "y"])
    line = to_dataset(columns, ["u"])

    assert grid["n"].values.tolist() == [[large, large + 2], [None, None]]
    assert grid["u"].values.tolist() == [[2**64 - 1, 0], [1, None]]
    assert grid["few"].dtype == np.float64
    assert grid["few"].sel(x=1, y=2) == -(2**53)
    assert line["u"].values.tolist() == [0, 1, 2**64 - 1]
    assert line["u"].dtype == np.uint64
    assert line["few"].dtype == np.int64


def test_scattered_points_lie_along_one_dimension() -> None:
    columns: Columns = {
        "x": Column("real", [0.1, 0.2, 0.3]),
        "y": Column("integer", [1, 2, 3]),
        "v": Column("integer", [2**62 + 1, 5, 6]),
    }

    points, grid = to_dataset(columns, ["x", "y"]), to_dataset(columns, ["x", "y"], as_grid=True)

    assert dict(points.sizes) == {"point": 3}
    assert set(points.coords) == {"x", "y"}
    assert points["v"].values.tolist() == columns["v"].values
    assert points["y"].dtype == points["v"].dtype == np.int64
    assert dict(grid.sizes) == {"x": 3, "y": 3}
    two = {name: Column(column.kind, column.values[:2]) for name, column in columns.items()}
    assert dict(to_dataset(two, ["x", "y"]).sizes) == {"x": 2, "y": 2}  # half of the cells have a row


@pytest.mark.parametrize(
    ("module", "action"),
    [
        ("pandas", lambda: to_frame(COLUMNS)),
        ("pyarrow", lambda: to_arrow_table(COLUMNS)),
        ("xarray", lambda: to_dataset(GRID, ["x"])),
    ],
)
def test_library_that_is_missing(module: str, action: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    extra = "arrow" if module == "pyarrow" else module

    with pytest.raises(MissingExtraError, match=rf"{module} is needed.*pip install 'aerchive\[{extra}\]'"):
        action()
    with pytest.raises(ImportError):
        action()


def test_library_that_is_there() -> None:
    assert import_extra("json", "x").loads("1") == 1
