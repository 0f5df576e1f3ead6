"""NetCDF files with the data of a figure; the origin is in the global attributes.

The files have the classic format (netCDF 3), which scipy writes and every netCDF program reads. Names are UTF-8 there;
scipy takes them for Latin-1, so that it shows names with other characters, such as Greek letters, in a wrong way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aerchive.errors import InvalidInputError
from aerchive.interop.columns import as_objects
from aerchive.interop.extras import import_extra
from aerchive.interop.plain_columns import (
    JSON,
    are_texts,
    from_json_texts,
    is_missing,
    stored_integers,
    to_json_texts,
)
from aerchive.interop.xarray import POINT

_TYPE = "aerchive_type"
"""The attribute of a variable with the dtype that it had, or ``json``, if it is stored as another one."""
_ORDER = "aerchive_order"
"""The attribute with the names of all variables in their order, which netCDF does not keep."""


def write(table: Any, path: Path, attrs: Mapping[str, Any]) -> None:
    """Writes a table; see `aerchive.interop.figure_file.write_figure`."""
    xarray = import_extra("xarray", "xarray")
    dataset = table if isinstance(table, xarray.Dataset) else _dataset_of_frame(xarray, table)
    stored = {_to_scipy(name): _stored(xarray, str(name), variable) for name, variable in dataset.variables.items()}
    coordinates = {_to_scipy(name): stored.pop(_to_scipy(name)) for name in dataset.coords}
    named = {name.encode().decode("latin-1"): value for name, value in attrs.items()}
    named[_ORDER] = json.dumps(list(dataset.variables))
    xarray.Dataset(stored, coordinates, named).to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")


def read(path: Path) -> Any:
    """Reads a table; see `aerchive.interop.figure_file.read_figure_data`."""
    xarray = import_extra("xarray", "xarray")
    with path.open("rb") as file:
        is_classic = file.read(3) == b"CDF"
    with xarray.open_dataset(path, engine="scipy" if is_classic else None, decode_times=False) as dataset:
        dataset.load()
    named = _from_scipy if is_classic else str
    attrs = {named(name): _plain(value) for name, value in dataset.attrs.items()}
    variables = {named(name): _restored(xarray, named, variable) for name, variable in dataset.variables.items()}
    order = {name: number for number, name in enumerate(json.loads(attrs.pop(_ORDER, "[]")))}
    names = sorted(variables, key=lambda name: order.get(name, len(order)))
    coordinates = [named(name) for name in dataset.coords]
    return xarray.Dataset({name: variables[name] for name in names}, attrs=attrs).set_coords(coordinates)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _to_scipy(name: Any) -> str:
    if not isinstance(name, str):
        raise InvalidInputError(f"the table has the name {name!r}, and a file needs names that are text: rename it")
    if "/" in name:
        raise InvalidInputError(f"netCDF has no names with '/', such as {name!r}: rename it, or write .csv or .parquet")
    return name.encode().decode("latin-1")


def _from_scipy(name: Any) -> str:
    return str(name).encode("latin-1").decode()


def _stored(xarray: Any, name: str, variable: Any) -> Any:
    values, kind = np.asarray(variable.data), ""
    dtype = values.dtype
    if dtype.kind == "O":
        flat = values.ravel().tolist()
        if not are_texts(flat):
            values, kind = as_objects(to_json_texts(flat)).reshape(values.shape), JSON
    elif dtype.kind == "M":
        values, kind = np.datetime_as_string(values), str(dtype)
    elif dtype.kind in "iu":
        values = stored_integers(values)
        kind = "" if values.dtype == dtype else str(dtype)
    elif dtype.kind not in "bfU" or (dtype.kind == "f" and dtype.itemsize not in (4, 8)):
        raise InvalidInputError(
            f"variable {name!r} has dtype {dtype}, for which netCDF has no type; convert it to numbers or text, for "
            f"example table[{name!r}].real and .imag of complex numbers as two variables"
        )
    attrs = variable.attrs | ({_TYPE: kind} if kind else {})
    return xarray.Variable([_to_scipy(name) for name in variable.dims], values, attrs)


def _restored(xarray: Any, named: Callable[[Any], str], variable: Any) -> Any:
    attrs = dict(variable.attrs)
    kind = attrs.pop(_TYPE, "")
    values = variable.values
    if kind == JSON:
        values = from_json_texts(values.ravel().tolist()).reshape(values.shape)
    elif kind:
        values = values.astype(kind)
    return xarray.Variable([named(name) for name in variable.dims], values, attrs)


def _dataset_of_frame(xarray: Any, frame: Any) -> Any:
    """Returns a data frame as a dataset with the dimension ``point``; an index that has a name becomes a variable."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    names = list(frame.columns)
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InvalidInputError(
            "a file needs columns with different names that are text: rename them, for example with "
            "table.columns = [...]"
        )
    return xarray.Dataset({name: (POINT, _values(frame[name])) for name in names})


def _values(series: Any) -> Any:
    """Returns a column as an array of NumPy, without rounding; missing texts and truth values are ``None``."""
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    if isinstance(series.dtype, np.dtype) and series.dtype != object:
        return series.to_numpy()
    kind, is_empty = series.dtype.kind, series.isna().to_numpy()
    if kind in "iufb" and not is_empty.any():
        return series.to_numpy(series.dtype.numpy_dtype)
    if kind in "iuf" and series.abs().max() <= 2**53:
        return series.to_numpy(np.float64, na_value=np.nan)
    return as_objects([None if is_missing(value) else value for value in series.tolist()])
