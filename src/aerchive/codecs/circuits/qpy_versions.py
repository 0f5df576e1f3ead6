"""The versions of QPY: which Qiskit reads them, and in which of them circuits are written; decision note 0025."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import qiskit
from qiskit import qpy

from aerchive.codecs.circuits.qpy_order import outline
from aerchive.errors import FormatError, InvalidInputError

MINIMUM_QPY = 13
"""Oldest QPY version that is read: loading an older one can run code or crash the process (CVE-2025-2000,
CVE-2025-1403)."""
_READ_SINCE = {13: "1.3", 14: "2.0", 15: "2.1", 16: "2.2", 17: "2.3", 18: "2.6"}
"""The first Qiskit that reads each version."""
_SHOWN = 5
_asked_for: ContextVar[int | None] = ContextVar("qpy_version", default=None)


def checked_version(version: int | None) -> int | None:
    """Returns a version of QPY that the installed Qiskit writes; ``None`` stands for its newest.

    Raises:
        InvalidInputError: The installed Qiskit does not write this version.
    """
    if version is None or (type(version) is int and MINIMUM_QPY <= version <= qpy.QPY_VERSION):
        return version
    raise InvalidInputError(
        f"qpy_version {version!r}: the installed Qiskit {qiskit.__version__} writes the versions {MINIMUM_QPY} to "
        f"{qpy.QPY_VERSION}"
    )


@contextlib.contextmanager
def written_as(version: int | None) -> Iterator[None]:
    """Lets circuits be written in a version of QPY within the block, in this thread; ``None``: in the newest."""
    token = _asked_for.set(version)
    try:
        yield
    finally:
        _asked_for.reset(token)


def version_to_write() -> int:
    """The version in which this thread writes circuits."""
    return _asked_for.get() or int(qpy.QPY_VERSION)


def check_readable(payload: bytes, what: str = "stored circuits") -> None:
    """Checks that the installed Qiskit reads the version of a payload.

    Args:
        payload: A QPY payload.
        what: What the payload is, for messages.

    Raises:
        FormatError: The version is too old to be read safely, or newer than the installed Qiskit. The message says what
            is in the payload, which Qiskit reads it, and how an older one can.
    """
    version = payload[6]
    if version < MINIMUM_QPY:
        raise FormatError(f"{what} are QPY version {version}; versions below {MINIMUM_QPY} are unsafe to read")
    if version <= qpy.QPY_VERSION:
        return
    circuits = outline(payload)
    more = [f"and {len(circuits) - _SHOWN} more"] if len(circuits) > _SHOWN else []
    contents = f" They are: {'; '.join([*circuits[:_SHOWN], *more])}." if circuits else ""
    needed = f"Qiskit {_READ_SINCE[version]} or newer" if version in _READ_SINCE else "a newer Qiskit"
    raise FormatError(
        f"{what} are QPY version {version}, and the installed Qiskit {qiskit.__version__} reads versions up to "
        f"{qpy.QPY_VERSION}. Results, arrays and documents of this run can be read as they are; for the circuits "
        f"install {needed}, or make a copy of the project where such a Qiskit is installed: aerchive copy --qpy "
        f"{qpy.QPY_VERSION}.{contents}"
    )
