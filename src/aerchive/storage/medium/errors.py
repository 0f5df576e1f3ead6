"""Translation of errors of the operating system into errors of aerchive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aerchive.errors import AerchiveError, ReadError, WriteError


@contextlib.contextmanager
def disk_errors(path: str) -> Iterator[None]:
    """Translates an ``OSError`` raised while a file is read.

    Args:
        path: The file, for the message.

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


@contextlib.contextmanager
def write_errors(path: str) -> Iterator[None]:
    """Translates an ``OSError`` raised while a file is written.

    Args:
        path: The file, for the message.

    Raises:
        WriteError: The disk failed or is full; the written bytes are not part of the project.
    """
    try:
        yield
    except AerchiveError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}; nothing was saved, the file is as it was") from error
