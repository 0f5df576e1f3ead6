"""Where the bytes of a project come from, if it is not a file on this machine."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from aerchive.errors import NotFoundError, ReadError, ReplacedError


class State(NamedTuple):
    """One state of a file that is somewhere else.

    Attributes:
        size: Its size, in bytes.
        mark: What the server says of the state, such as an ETag or a time of change; empty if it says nothing, so that
            only the size tells states apart.
    """

    size: int
    mark: str


class Source(Protocol):
    """A file that is somewhere else, read by ranges.

    Attributes:
        name: Its address without passwords, for messages.
        key: What tells it from other files in the cache of this user; ``None`` if nothing is kept for other processes.
    """

    name: str
    key: str | None

    def begin(self, length: int) -> tuple[State, bytes]:
        """Reads the beginning, and finds out the state.

        Args:
            length: Number of bytes, of which a server that knows no ranges sends more, and a short file has fewer.

        Raises:
            AerchiveError: The file cannot be read.
        """

    def fetch(self, start: int, stop: int, state: State) -> bytes:
        """Reads a range of bytes of the state that was found.

        Raises:
            ReplacedError: The file has another state now.
            AerchiveError: The file cannot be read.
        """


def changed(name: str) -> ReplacedError:
    """The error for a file that has another state than when it was opened."""
    return ReplacedError(f"{name}: has changed since it was opened; open it again")


def missing(name: str) -> NotFoundError:
    """The error for an address without a file."""
    return NotFoundError(f"{name}: there is no file at this address; check how it is written")


def cut_off(name: str, done: int, wanted: int) -> ReadError:
    """The error for an answer that is shorter than it must be."""
    return ReadError(f"{name}: {done} of {wanted} bytes came; try again later")
