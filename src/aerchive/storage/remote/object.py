"""A project in a file object, such as ``io.BytesIO``, or in a file system of fsspec, such as S3."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from aerchive.errors import AerchiveError, InvalidInputError, MissingExtraError, ReadError, ReadOnlyError
from aerchive.storage.remote.address import Address
from aerchive.storage.remote.patience import AgainError, in_time, patience_s, tried
from aerchive.storage.remote.source import State, changed, cut_off, missing

_T = TypeVar("_T")
_S3 = frozenset({"s3", "s3a"})


class BinaryFile(Protocol):
    """A file object that can be read at any place."""

    def seek(self, offset: int, whence: int = ..., /) -> Any:
        """Sets the position."""

    def read(self, size: int = ..., /) -> Any:
        """Reads bytes."""


class ObjectSource:
    """A file object. One thread reads of it at a time.

    Args:
        file: The file object, which stays open, and whose position changes.

    Attributes:
        name: See `Source`.
        key: See `Source`.
    """

    def __init__(self, file: BinaryFile) -> None:
        self.file = file
        self.name = f"<{_name_of(file)}>"
        self.key: str | None = None
        self._lock = threading.Lock()

    def begin(self, length: int) -> tuple[State, bytes]:
        """See `Source`."""
        return in_time_once(self.name, lambda: self._begun(length), length)

    def fetch(self, start: int, stop: int, state: State) -> bytes:
        """See `Source`."""
        return in_time_once(self.name, lambda: self._fetched(start, stop, state), stop - start)

    def _begun(self, length: int) -> tuple[State, bytes]:
        with self._lock:
            size = self._size()
            return State(size, ""), self._bytes(0, min(length, size))

    def _fetched(self, start: int, stop: int, state: State) -> bytes:
        with self._lock:
            if self._size() != state.size:
                raise changed(self.name)
            return self._bytes(start, stop)

    def _size(self) -> int:
        found = self.file.seek(0, os.SEEK_END)
        return int(self.file.tell() if found is None and hasattr(self.file, "tell") else found)

    def _bytes(self, start: int, stop: int) -> bytes:
        self.file.seek(start)
        data = bytearray()
        while len(data) < stop - start:
            piece = self.file.read(stop - start - len(data))
            if not piece:
                raise cut_off(self.name, len(data), stop - start)
            data += piece
        return bytes(data)

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, state["file"])


def in_time_once(name: str, attempt: Callable[[], _T], nbytes: int) -> _T:
    """Calls a function once, in time, and gives its errors as errors of aerchive.

    Raises:
        ReadError: It failed, or did not come back in time.
    """
    try:
        return in_time(attempt, nbytes)
    except AerchiveError:
        raise
    except AgainError as error:
        raise ReadError(f"{name}: {error.why}; try again later") from error
    except Exception as error:  # a file object of others may raise anything
        raise ReadError(f"{name}: could not be read ({type(error).__name__}: {error})") from error


class FilesystemSource:
    """A file in a file system of fsspec.

    Args:
        address: The URL.

    Attributes:
        name: See `Source`.
        key: See `Source`.
    """

    def __init__(self, address: Address) -> None:
        self.name = address.shown
        self.key: str | None = address.key
        self._address = address
        self._lock = threading.Lock()
        self._opened: tuple[int, Any, State] | None = None

    def begin(self, length: int) -> tuple[State, bytes]:
        """See `Source`."""
        return tried(self.name, lambda: self._attempt(lambda: self._begun(length), length))

    def fetch(self, start: int, stop: int, state: State) -> bytes:
        """See `Source`."""
        return tried(self.name, lambda: self._attempt(lambda: self._fetched(start, stop, state), stop - start))

    def _attempt(self, attempt: Callable[[], _T], nbytes: int) -> _T:
        """One attempt; what is the user's matter is not tried again, all else may pass."""
        try:
            return in_time(attempt, nbytes)
        except AerchiveError:
            raise
        except AgainError:
            self._lock, self._opened = threading.Lock(), None  # the attempt that hangs may hold both for ever
            raise
        except FileNotFoundError as error:
            raise missing(self.name) from error
        except IsADirectoryError as error:
            raise InvalidInputError(f"{self.name}: is a folder; a project is one file") from error
        except PermissionError as error:
            raise ReadOnlyError(
                f"{self.name}: this user may not read the file ({self._said(error)}); look at the user and password of "
                "the service"
            ) from error
        except ImportError as error:
            raise MissingExtraError(f"{self.name}: needs a package that is not installed: {error}") from error
        except ValueError as error:
            raise InvalidInputError(f"{self.name}: {self._said(error)}") from error
        except Exception as error:
            if type(error).__name__ == "FileExpired":  # fsspec's, for a file with another ETag than when it was opened
                raise changed(self.name) from error
            if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                raise ReadOnlyError(f"{self.name}: {self._said(error)}; log in to the service first") from error
            with self._lock:
                self._opened = None
            raise AgainError(f"it failed ({type(error).__name__}: {self._said(error)})") from error

    def _said(self, error: Exception) -> str:
        return self._address.without_secrets_in(str(error))

    def _begun(self, length: int) -> tuple[State, bytes]:
        with self._lock:
            self._opened = None
            file, state = self._file()
            return state, _read(file, 0, min(length, state.size))

    def _fetched(self, start: int, stop: int, state: State) -> bytes:
        with self._lock:
            file, opened = self._file()
            if opened != state:
                raise changed(self.name)
            data = _read(file, start, stop)
            if not self._is_s3 and self._look(file.fs, file.path) != state:  # S3 compares the ETag with each request
                raise changed(self.name)
            return data

    def _file(self) -> tuple[Any, State]:
        """The open file of this process, and its state when it was opened."""
        if self._opened is None or self._opened[0] != os.getpid():
            from fsspec.core import url_to_fs

            system, path = url_to_fs(self._address.url, **self._options())
            system.invalidate_cache(path.rpartition("/")[0])
            file = system.open(path, "rb", cache_type="none")
            details = getattr(file, "details", None)  # what it has asked for already
            state = _state_of(details, path) if details else self._look(system, path)
            self._opened = os.getpid(), file, state
        return self._opened[1], self._opened[2]

    @staticmethod
    def _look(system: Any, path: str) -> State:
        """The state of the file now."""
        system.invalidate_cache(path.rpartition("/")[0])
        return _state_of(system.info(path), path)

    @property
    def _is_s3(self) -> bool:
        return self._address.url.split(":", 1)[0].lower() in _S3

    def _options(self) -> dict[str, Any]:
        """Options of the file system, so that it neither waits nor tries longer than this module does."""
        if not self._is_s3:
            return {}
        wait_s = patience_s()
        return {"config_kwargs": {"connect_timeout": wait_s, "read_timeout": wait_s, "retries": {"max_attempts": 2}}}

    def __getstate__(self) -> dict[str, Any]:
        return {"_address": self._address}

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, state["_address"])


def filesystem_source(address: Address) -> FilesystemSource:
    """A file in a file system of fsspec.

    Raises:
        MissingExtraError: fsspec is not installed.
    """
    try:
        import fsspec  # noqa: F401  (only to see whether it is there)
    except ImportError:
        raise MissingExtraError(
            f"{address.shown}: projects in such a place need a package; pip install 'aerchive[remote]', and for S3 "
            "'aerchive[s3]'"
        ) from None
    return FilesystemSource(address)


def checked_object(file: Any) -> BinaryFile:
    """Checks that a file object can be read at any place.

    Raises:
        InvalidInputError: It cannot.
    """
    for name in ("readable", "seekable"):
        if hasattr(file, name) and not getattr(file, name)():
            raise InvalidInputError(
                f"{file!r} is not {name}; give a binary file that is, or the name of a project file"
            )
    try:
        file.seek(0)
        is_bytes = isinstance(file.read(0), bytes)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInputError(f"{file!r} cannot be read ({error}); give an open binary file") from error
    if not is_bytes:
        raise InvalidInputError(f"{file!r} gives text; open it in binary mode, 'rb'")
    found: BinaryFile = file
    return found


def _read(file: Any, start: int, stop: int) -> bytes:
    file.seek(start)
    data = bytes(file.read(stop - start)) if stop > start else b""
    if len(data) != stop - start:
        raise AgainError(f"{len(data)} of {stop - start} bytes came")
    return data


def _state_of(details: dict[str, Any], path: str) -> State:
    if details.get("type") == "directory":
        raise IsADirectoryError(path)
    return State(int(details["size"]), _mark_of(details))


def _mark_of(details: dict[str, Any]) -> str:
    """What a file system says of the state of a file."""
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "modified", "updated", "created"):
        if (found := details.get(name)) is not None:
            return f"{name} {found}"
    return ""


def _name_of(file: Any) -> str:
    named = getattr(file, "full_name", None) or getattr(file, "name", None)
    return str(named) if isinstance(named, str) and named else type(file).__name__
