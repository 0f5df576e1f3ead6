"""Files with the data of a figure and its origin: netCDF, CSV or Parquet. No project is needed to read them."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aerchive.errors import FormatError, InvalidInputError, NotFoundError, ReadError, WriteError
from aerchive.interop import csv_file, netcdf_file, parquet_file

ORIGIN_KEY = "job_ids"
"""The attribute that every table with an origin has."""
_FORMATS: Mapping[str, Any] = {".nc": netcdf_file, ".csv": csv_file, ".parquet": parquet_file}


def is_table(table: Any) -> bool:
    """Returns whether an object is a ``pandas.DataFrame`` or ``xarray.Dataset``; neither library is imported."""
    kinds = (("pandas", "DataFrame"), ("xarray", "Dataset"))
    return any(name in sys.modules and isinstance(table, getattr(sys.modules[name], kind)) for name, kind in kinds)


def check_figure_path(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a file with the data of a figure.

    Raises:
        InvalidInputError: The name has another suffix.
    """
    found = Path(path)
    if found.suffix.lower() not in _FORMATS:
        raise InvalidInputError(
            f"{found}: the name of the file says its format; choose one of {', '.join(_FORMATS)}, such as "
            f"{found.with_suffix('.nc').name!r}"
        )
    return found


def write_figure(table: Any, path: Path, attrs: Mapping[str, Any]) -> None:
    """Writes a table and its attributes; a file of this name is replaced when the new one is complete.

    Args:
        table: A ``pandas.DataFrame`` or ``xarray.Dataset``.
        path: The file, whose suffix is one of those that `check_figure_path` accepts.
        attrs: The attributes: texts, integers and floats by name.

    Raises:
        InvalidInputError: The format cannot store an attribute or a column; the message names it.
        MissingExtraError: A library that writes the format is not installed.
        WriteError: The file cannot be written.
    """
    for name, value in attrs.items():
        if type(value) not in (str, int, float):
            raise InvalidInputError(
                f"attrs[{name!r}] is {type(value).__name__}, and a file has only attributes that are text or numbers; "
                "convert it, or remove it from the table's attrs"
            )
    try:
        with _complete(path) as partial:
            _FORMATS[path.suffix.lower()].write(table, partial, attrs)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error}") from error
    except (ValueError, TypeError, NotImplementedError) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(f"{path}: {path.suffix} cannot store this table: {error}") from error


def read_figure_data(path: str | os.PathLike[str]) -> Any:
    """Reads a file that `Project.figure_data` has written; no project is needed.

    `Project.runs_of` gives the runs from which the data are.

    Args:
        path: The file, with the suffix ``.nc``, ``.csv`` or ``.parquet``.

    Returns:
        An ``xarray.Dataset`` for ``.nc`` (a table of pandas has one dimension ``point``), else a ``pandas.DataFrame``.
        ``attrs`` has the origin as `Project.figure_data` describes it.

    Raises:
        NotFoundError: There is no such file.
        InvalidInputError: The name has another suffix.
        FormatError: The file has no origin, or does not have the format that its name says.
        MissingExtraError: A library that reads the format is not installed.
    """
    found = check_figure_path(path)
    try:
        table = _FORMATS[found.suffix.lower()].read(found)
    except FileNotFoundError as error:
        raise NotFoundError(f"{found}: there is no such file") from error
    except OSError as error:
        raise ReadError(f"{found}: cannot be read: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FormatError(f"{found}: is not a {found.suffix} file of project.figure_data: {error}") from error
    if ORIGIN_KEY not in table.attrs:
        raise FormatError(f"{found}: says no origin; it was not written by project.figure_data")
    return table


@contextlib.contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """Gives the path of a temporary file beside another, which it replaces if the block ends without an exception."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
