"""Files with the data of a figure: every value and every attribute comes back."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pandas.testing
import pytest
import xarray

import aerchive
from aerchive.errors import FormatError, InvalidInputError, MissingExtraError, NotFoundError, WriteError
from aerchive.interop.figure_file import check_figure_path, is_table, write_figure

ATTRS = {
    "job_ids": '["a, b", "θ"]',
    "project": '/home/a # b/"x".h5',
    "generation": 1,
    "note": "two\nlines, [no list",
    "a b: c": "{}",
    "number": 0.1,
}
FRAME = pandas.DataFrame(
    {
        "real": [0.1, np.nan, 1 / 3],
        "whole": [1, 2**40, -3],
        "integer": pandas.array([1, None, 2**62], dtype="Int64"),
        "small": pandas.array([1, None, 3], dtype="Int64"),
        "seed": pandas.array([2**64 - 1, 1, 0], dtype="UInt64"),
        "truth": pandas.array([True, None, False], dtype="boolean"),
        "is": [True, False, True],
        "text": pandas.array(["a # b", "NA", 'q"x,\ny'], dtype="string"),
        "gap": pandas.array(["a", None, "null\r\n"], dtype="string"),
        "empty": pandas.array(["", "b", ""], dtype="string"),
        "vector": pandas.Series([(1, 2.5), (), None], dtype=object),
        "mixed": pandas.Series([1, "1", None], dtype=object),
        "time": pandas.to_datetime(["2026-01-01T00:00:00.123456+00:00"] * 3),
        "day": pandas.to_datetime(["2026-01-01", None, "2026-01-02"]),
        "θ": [1.0, 2.0, 3.0],
        "#odd": [1, 2, 3],
        "counts.0 1": [0, 0, 5],
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("rows", [3, 0])
def test_a_data_frame_comes_back(tmp_path: Path, suffix: str, rows: int) -> None:
    frame, path = FRAME.iloc[:rows], tmp_path / f"figure{suffix}"

    write_figure(frame, path, ATTRS)
    found = aerchive.read_figure_data(path)

    assert found.attrs == ATTRS
    if rows:
        pandas.testing.assert_frame_equal(found, frame)
    assert list(found.columns) == list(frame.columns)
    assert [path.name] == [file.name for file in tmp_path.iterdir()]


def test_a_data_frame_as_netcdf(tmp_path: Path) -> None:
    path = tmp_path / "figure.nc"

    write_figure(FRAME, path, ATTRS)
    found = aerchive.read_figure_data(path)

    assert found.attrs == ATTRS
    assert dict(found.sizes) == {"point": 3}
    assert list(found) == list(FRAME.columns)
    for name in ("whole", "seed", "is", "text", "empty", "θ", "#odd", "counts.0 1"):
        assert found[name].values.tolist() == FRAME[name].to_numpy().tolist(), name
    assert found["day"].values.tolist() == FRAME["day"].to_numpy().tolist()
    assert found["whole"].dtype == np.int64
    assert found["seed"].dtype == np.uint64
    assert found["integer"].values.tolist() == [1, None, 2**62]
    assert found["small"].values.tolist()[::2] == [1, 3]
    assert np.isnan(found["small"].values[1])
    assert found["vector"].values.tolist() == [(1, 2.5), (), None]
    assert found["mixed"].values.tolist() == [1, "1", None]
    assert found["time"].values[0] == np.datetime64("2026-01-01T00:00:00.123456")
    write_figure(FRAME.iloc[:0], path, ATTRS)
    assert dict(aerchive.read_figure_data(path).sizes) == {"point": 0}


@pytest.fixture
def grid() -> xarray.Dataset:
    values = {
        "zero": (("x", "label"), np.zeros((2, 3))),
        "energy": (("x", "label"), np.arange(6.0).reshape(2, 3)),
        "n": (("x", "label"), [[1, 2, 3], [4, 5, 2**40]]),
    }
    return xarray.Dataset(values, {"x": [0.5, 1.5], "label": ["a", "bb", "θ"]})


def test_a_dataset_comes_back(tmp_path: Path, grid: xarray.Dataset) -> None:
    for suffix in (".nc", ".csv", ".parquet"):
        write_figure(grid, tmp_path / f"figure{suffix}", ATTRS)
    found = aerchive.read_figure_data(tmp_path / "figure.nc")

    xarray.testing.assert_equal(found, grid)
    assert list(found) == list(grid)
    assert list(found.coords) == ["x", "label"]
    assert found["n"].dtype == np.int64
    assert found.attrs == ATTRS
    assert grid.attrs == {}
    for suffix in (".csv", ".parquet"):
        frame = aerchive.read_figure_data(tmp_path / f"figure{suffix}")
        assert frame["x"].tolist() == [0.5] * 3 + [1.5] * 3
        assert frame["n"].tolist() == [1, 2, 3, 4, 5, 2**40]


def test_other_programs_read_the_files(tmp_path: Path, grid: xarray.Dataset) -> None:
    frame = FRAME[["real", "text", "whole", "#odd"]]
    for suffix in (".nc", ".csv", ".parquet"):
        write_figure(frame if suffix != ".nc" else grid, tmp_path / f"figure{suffix}", ATTRS)

    table = pandas.read_csv(tmp_path / "figure.csv", comment="#", keep_default_na=False, na_values={"real": ""})
    assert table["real"].tolist()[::2] == [0.1, 1 / 3]
    assert table["text"].tolist() == FRAME["text"].tolist()
    assert table["#odd"].tolist() == [1, 2, 3]
    assert '\n# job_ids: ["a, b", "θ"]\n# project: "/home/a # b/' in (tmp_path / "figure.csv").read_text()
    with xarray.open_dataset(tmp_path / "figure.nc") as dataset:
        assert dataset.attrs["project"] == ATTRS["project"]
        assert dataset["energy"].values.tolist() == grid["energy"].values.tolist()
    assert pandas.read_parquet(tmp_path / "figure.parquet").attrs["job_ids"] == ATTRS["job_ids"]


def test_an_index_with_a_name_becomes_a_column(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"x": [1, 2], "y": [3, 4], "z": [5, 6]})
    for suffix in (".csv", ".parquet", ".nc"):
        path = tmp_path / f"figure{suffix}"
        write_figure(frame.set_index(["y", "x"]), path, ATTRS)
        found = aerchive.read_figure_data(path)
        assert {name: found[name].values.tolist() for name in found} == {"y": [3, 4], "x": [1, 2], "z": [5, 6]}
        write_figure(frame[frame.x > 1], path, ATTRS)
        assert set(aerchive.read_figure_data(path)) == {"x", "y", "z"}


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "figure.csv"
    frame = pandas.DataFrame({"=1+1": [1, 2], "text": ["=cmd|' /C calc'!A0", "+ZZ"], "pauli": ["-ZZ", "+XX"]})

    write_figure(frame, path, ATTRS)

    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == """"'=1+1","text","pauli\""""
    assert lines[1] == """1,"\"\"=cmd|' /C calc'!A0\"\"","-ZZ\""""
    found = aerchive.read_figure_data(path)
    assert found.to_dict("list") == frame.to_dict("list")


def test_comments_of_others_in_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "figure.csv"
    write_figure(FRAME, path, ATTRS)

    path.write_text("# of figure 2: the left one\n#\n" + path.read_text())

    assert aerchive.read_figure_data(path).attrs == ATTRS


def test_values_of_other_types_become_text(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"value": pandas.Series([Decimal("0.1"), [1, Decimal("0.2")]], dtype=object)})

    write_figure(frame, tmp_path / "figure.csv", ATTRS)

    assert aerchive.read_figure_data(tmp_path / "figure.csv")["value"].tolist() == ["0.1", (1, "0.2")]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".nc"])
@pytest.mark.parametrize(
    ("table", "attrs", "message"),
    [
        (pandas.DataFrame({1: [1]}), {}, "different names that are text: rename"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), {}, "different names that are text: rename"),
        (pandas.DataFrame({"z": [1j]}), {}, r"'z' has dtype complex128, .*; convert it to numbers or text"),
        (pandas.DataFrame({"x": [1]}), {"ids": ["a"]}, r"attrs\['ids'\] is list, and a file has only attributes that"),
    ],
)
def test_tables_that_cannot_be_written(
    tmp_path: Path, suffix: str, table: Any, attrs: dict[str, Any], message: str
) -> None:
    path = tmp_path / f"figure{suffix}"
    path.write_text("what was there")

    with pytest.raises(InvalidInputError, match=message):
        write_figure(table, path, ATTRS | attrs)

    assert path.read_text() == "what was there"
    assert len(list(tmp_path.iterdir())) == 1


def test_names_that_netcdf_does_not_allow(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no names with '/', such as 'a/b': rename it, or write \.csv"):
        write_figure(pandas.DataFrame({"a/b": [1]}), tmp_path / "figure.nc", ATTRS)


def test_a_large_grid_is_not_written_row_by_row(tmp_path: Path) -> None:
    wide = xarray.Dataset({"x": ("i", np.zeros(5000)), "y": ("j", np.zeros(5000))})

    with pytest.raises(InvalidInputError, match=r"'i': 5000, 'j': 5000\} would have 100000000 cells.*write a .nc file"):
        write_figure(wide, tmp_path / "figure.csv", ATTRS)


def test_files_that_are_no_data_of_a_figure(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"choose one of \.nc, \.csv, \.parquet, such as 'figure\.nc'"):
        check_figure_path("figure.xlsx")
    for suffix in (".nc", ".csv", ".parquet"):
        path = tmp_path / f"figure{suffix}"
        with pytest.raises(NotFoundError, match="there is no such file"):
            aerchive.read_figure_data(path)
        path.write_bytes(b"\x00\x01\x02nothing of the kind")
        with pytest.raises(FormatError, match=r"is not a|says no origin"):
            aerchive.read_figure_data(path)
    (tmp_path / "deep.csv").write_text(f'# job_ids: []\n# column_types: {{"x": "json"}}\n"x"\n"{"[" * 100_000}"\n')
    with pytest.raises(FormatError, match=r"is not a \.csv file of project\.figure_data"):
        aerchive.read_figure_data(tmp_path / "deep.csv")
    (tmp_path / "plain.csv").write_text("x,y\n1,2\n")
    with pytest.raises(FormatError, match=r"says no origin; it was not written by project\.figure_data"):
        aerchive.read_figure_data(tmp_path / "plain.csv")
    with pytest.raises(WriteError, match="cannot be written"):
        write_figure(FRAME, tmp_path / "no folder" / "figure.csv", ATTRS)


@pytest.mark.parametrize(("module", "suffix"), [("xarray", ".nc"), ("pyarrow", ".parquet"), ("pandas", ".csv")])
def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, suffix: str) -> None:
    frame = FRAME
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtraError, match=f"{module} is needed for this"):
        write_figure(frame, tmp_path / f"figure{suffix}", ATTRS)
    assert not list(tmp_path.iterdir())


def test_what_a_table_is(grid: xarray.Dataset) -> None:
    assert is_table(FRAME)
    assert is_table(grid)
    assert not is_table(grid["energy"])
    assert not is_table({"x": [1]})
