"""The border to h5py: what it raises for a damaged file becomes one of our errors, with the file and node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aerchive.errors import AerchiveError, IntegrityError, ReadError


@contextlib.contextmanager
def hdf5_errors(where: str) -> Iterator[None]:
    """Translates h5py's errors; put it around calls of h5py and nothing else.

    Args:
        where: The file and node, for the message.

    Raises:
        IntegrityError: HDF5 could not read what should be there.
    """
    try:
        yield
    except AerchiveError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise IntegrityError(f"{where}: damaged: {error}") from error


@contextlib.contextmanager
def disk_errors(path: str) -> Iterator[None]:
    """Translates what the operating system says when a file cannot be read.

    Args:
        path: Of the file, for the message.

    Raises:
        ReadError: The disk failed.
    """
    try:
        yield
    except AerchiveError:
        raise
    except OSError as error:
        raise ReadError(
            f"{path}: {error.strerror or error} while reading; look at the disk, then read again"
        ) from error
