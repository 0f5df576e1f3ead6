"""What the operating system says of a file, as one of our errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aerchive.errors import AerchiveError, ReadError, WriteError


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


@contextlib.contextmanager
def write_errors(path: str) -> Iterator[None]:
    """Translates what the operating system says when a file cannot be written.

    Args:
        path: Of the file, for the message.

    Raises:
        WriteError: The disk failed or is full; what was written is not part of the project.
    """
    try:
        yield
    except AerchiveError:
        raise
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}; nothing was saved, the file is as it was") from error
