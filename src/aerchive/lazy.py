"""Properties that are computed when they are first used, without a lock."""

from __future__ import annotations

import functools
from typing import Any, Self, TypeVar, overload

_T_co = TypeVar("_T_co", covariant=True)


class cached_property(functools.cached_property[_T_co]):  # noqa: TID251  (here is what is used in its place)
    """A property that is computed once and kept in the ``__dict__`` of its object; as in Python 3.12 and later.

    In Python 3.11 ``functools.cached_property`` has one lock for all objects of a class, and holds it while it
    computes. Our properties read files, and may wait for a file that another program has locked: with that lock, all
    other objects would wait too, and a child process that was forked meanwhile would wait for ever. Here threads that
    ask at the same time may each compute the value, and all get the one that was ready first.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> _T_co: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | _T_co:
        """The value; of the class, the property itself."""
        if instance is None:
            return self
        value: _T_co = instance.__dict__.setdefault(self.attrname or self.func.__name__, self.func(instance))
        return value
