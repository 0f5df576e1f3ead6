"""The numbers of a study, one row a run, in the ways in which a user would store them beside aerchive."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class TableWay(NamedTuple):
    """A way of storing a table.

    Attributes:
        write: Stores a frame in a file, or in a folder that it makes.
        read: Reads the frame; rows may be in another order.
        needs: Modules without which it does not work.
    """

    write: Callable[[Path, pd.DataFrame], Any]
    read: Callable[[Path], pd.DataFrame]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def arrays(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def write_pickle(path: Path, frame: pd.DataFrame) -> None:
    path.write_bytes(pickle.dumps(records(frame)))


def read_pickle(path: Path) -> pd.DataFrame:
    return pd.DataFrame(pickle.loads(path.read_bytes()))


def write_pickles(path: Path, frame: pd.DataFrame) -> None:
    path.mkdir()
    for number, row in enumerate(records(frame)):
        (path / f"{number}.pkl").write_bytes(pickle.dumps(row))


def read_pickles(path: Path) -> pd.DataFrame:
    return pd.DataFrame([pickle.loads(file.read_bytes()) for file in path.iterdir()])


def write_npz(path: Path, frame: pd.DataFrame) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays(frame))


def read_npz(path: Path) -> pd.DataFrame:
    with np.load(path) as file:
        return pd.DataFrame({name: file[name] for name in file.files})


def xarray_way(engine: str) -> TableWay:
    """A Dataset of xarray in a netCDF file."""

    def write(path: Path, frame: pd.DataFrame) -> None:
        import xarray as xr

        xr.Dataset({name: ("run", values) for name, values in arrays(frame).items()}).to_netcdf(path, engine=engine)

    def read(path: Path) -> pd.DataFrame:
        import xarray as xr

        with xr.open_dataset(path, engine=engine) as dataset:
            return dataset.to_dataframe()

    return TableWay(write, read, ("xarray", engine))


def write_zarr(path: Path, frame: pd.DataFrame) -> None:
    import zarr

    group = zarr.open_group(path, mode="w")
    for name, values in arrays(frame).items():
        group.create_array(name, data=values)


def read_zarr(path: Path) -> pd.DataFrame:
    import zarr

    group = zarr.open_group(path, mode="r")
    return pd.DataFrame({name: array[...] for name, array in group.arrays()})


def write_h5py(path: Path, frame: pd.DataFrame) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, values in arrays(frame).items():
            file[name] = values


def read_h5py(path: Path) -> pd.DataFrame:
    import h5py

    with h5py.File(path, "r") as file:
        return pd.DataFrame({name: file[name][...] for name in file})


def write_h5py_groups(path: Path, frame: pd.DataFrame) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for number, row in enumerate(records(frame)):
            file.create_group(str(number)).attrs.update(row)


def read_h5py_groups(path: Path) -> pd.DataFrame:
    import h5py

    with h5py.File(path, "r") as file:
        return pd.DataFrame([dict(group.attrs) for group in file.values()])


def write_pennylane(path: Path, frame: pd.DataFrame) -> None:
    import pennylane as qml

    qml.data.Dataset(**arrays(frame)).write(path)


def read_pennylane(path: Path) -> pd.DataFrame:
    import pennylane as qml

    dataset = qml.data.Dataset.open(path, "r")
    frame = pd.DataFrame({name: np.asarray(getattr(dataset, name)) for name in dataset.list_attributes()})
    dataset.close()
    return frame


TABLES: dict[str, TableWay] = {
    "pickle, one file": TableWay(write_pickle, read_pickle),
    "pickle, a file a run": TableWay(write_pickles, read_pickles),
    "npz": TableWay(write_npz, read_npz),
    "parquet": TableWay(
        lambda path, frame: frame.to_parquet(path, engine="pyarrow"),
        lambda path: pd.read_parquet(path, engine="pyarrow"),
        ("pyarrow",),
    ),
    "netCDF4": xarray_way("netcdf4")._replace(needs=("xarray", "netCDF4")),
    "h5netcdf": xarray_way("h5netcdf"),
    "zarr": TableWay(write_zarr, read_zarr, ("zarr",)),
    "h5py, a dataset a column": TableWay(write_h5py, read_h5py, ("h5py",)),
    "h5py, a group a run": TableWay(write_h5py_groups, read_h5py_groups, ("h5py",)),
    "PennyLane data": TableWay(write_pennylane, read_pennylane, ("pennylane",)),
}
