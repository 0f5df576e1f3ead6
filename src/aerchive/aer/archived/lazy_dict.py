"""A dictionary whose values are made when they are used for the first time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_EMPTY: Any = object()


class About(NamedTuple):
    """Description of a value that is not made yet.

    Attributes:
        text: Kind, shape and size of the value.
        has_arrays: Whether the value has arrays, so that making it may read much data.
    """

    text: str
    has_arrays: bool


class Waiting:
    """A value that is not made yet; it is made only once, even if several threads request it.

    Args:
        maker: Makes the value. An exception is passed on to the caller, and the next request makes the value anew.
        about: Describes the value without making it.
    """

    __slots__ = ("_lock", "_maker", "_process", "_value", "about")

    def __init__(self, maker: Callable[[], Any], about: Callable[[], About]) -> None:
        self._maker = maker
        self.about = about
        self._value = _EMPTY
        self._lock = threading.RLock()
        self._process = os.getpid()

    def value(self) -> Any:
        """The value, which is made if necessary."""
        if self._process != os.getpid():  # after a fork: a thread of the parent may have held the lock
            self._lock, self._process = threading.RLock(), os.getpid()
        with self._lock:
            if self._value is _EMPTY:
                self._value = self._maker()
            return self._value


class LazyDict(dict[str, Any]):
    """A dictionary in which each `Waiting` is replaced by its value on first use; otherwise a normal ``dict``."""

    def waiting(self, key: Any) -> Any:
        """The item at a key; a `Waiting` is returned itself, not its value."""
        return super().__getitem__(key)

    def _load(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if type(found) is not Waiting:
            return found
        value = found.value()
        if super().get(key) is found:  # no other value was set meanwhile
            super().__setitem__(key, value)
        return value

    def _load_all(self) -> None:
        for key in list(super().keys()):
            if key in self:
                self._load(key)

    def __getitem__(self, key: str) -> Any:
        return self._load(key)

    def __iter__(self) -> Iterator[str]:
        # Python uses the methods that load values for dict(d), {**d} and d | x only if __iter__ is overridden.
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or a default."""
        return self[key] if key in self else default  # noqa: SIM401  (this is get)

    def values(self) -> Any:
        """All values, which are loaded."""
        self._load_all()
        return super().values()

    def items(self) -> Any:
        """All pairs of key and value; the values are loaded."""
        self._load_all()
        return super().items()

    def pop(self, key: str, *default: Any) -> Any:
        """Removes a key and returns its value."""
        if key in self:
            self._load(key)
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Removes the last pair."""
        if self:
            self._load(next(reversed(self)))
        return super().popitem()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is set to the default if it is missing."""
        return self[key] if key in self else super().setdefault(key, default)

    def copy(self) -> dict[str, Any]:
        """A plain dictionary with all values."""
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __eq__(self, other: object) -> bool:
        self._load_all()
        if isinstance(other, LazyDict):
            other._load_all()
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # as for every dict

    def __repr__(self) -> str:
        """The representation of a dictionary, in which arrays that were not used yet are described and not read."""
        return f"{{{', '.join(f'{key!r}: {self._shown(key)}' for key in self)}}}"

    def _shown(self, key: Any) -> str:
        found = self.waiting(key)
        if type(found) is Waiting and (about := found.about()).has_arrays:
            return about.text
        return repr(self[key])

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return dict, (self.copy(),)
