"""Properties that are computed at their first use, without a lock."""

from __future__ import annotations

import functools
from typing import Any, Self, TypeVar, overload

_T_co = TypeVar("_T_co", covariant=True)


class cached_property(functools.cached_property[_T_co]):  # noqa: TID251  (here is what is used in its place)
    """A property that is computed once and kept in the ``__dict__`` of its object, as in Python 3.12 and later.

    In Python 3.11 ``functools.cached_property`` has one lock for all objects of a class and holds it during the
    computation. Properties in aerchive read files and may wait for a file that another program has locked. With that
    lock all other objects would wait too, and a child process that is forked in the meantime would wait for ever. Here
    threads that ask at the same time may each compute the value, and all of them get the value that was ready first.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> _T_co: ...
    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Self | _T_co:
        """Returns the value for an object, and the property itself for the class."""
        if instance is None:
            return self
        value: _T_co = instance.__dict__.setdefault(self.attrname or self.func.__name__, self.func(instance))
        return value
