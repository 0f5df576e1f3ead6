"""A list whose items are made when they are taken out of it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any, Self, SupportsIndex, overload

from aerchive.display.text import clean
from aerchive.errors import AerchiveError


class LazyList(list[Any]):
    """A ``list`` whose items are made when they are first used, and then kept."""

    def _made(self, item: Any) -> Any:
        """Makes an item; an item that was made before is returned unchanged."""
        raise NotImplementedError

    def _take(self, place: int) -> Any:
        item = super().__getitem__(place)
        made = self._made(item)
        if made is not item:
            super().__setitem__(place, made)
        return made

    def _with_items(self) -> list[Any]:
        """Makes all items, and returns the list itself."""
        for place in range(len(self)):
            self._take(place)
        return self

    @overload
    def __getitem__(self, place: SupportsIndex) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> Self: ...

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            part = type(self).__new__(type(self))
            part.__dict__.update(self.__dict__)
            list.extend(part, super().__getitem__(place))
            return part
        return self._take(operator.index(place))

    def __radd__(self, other: list[Any]) -> list[Any]:
        return list.__add__(other, self._with_items())

    def __iter__(self) -> Iterator[Any]:
        place = 0
        while place < len(self):
            yield self._take(place)
            place += 1

    def __reversed__(self) -> Iterator[Any]:
        return (self._take(place) for place in range(len(self) - 1, -1, -1))

    def copy(self) -> Self:
        """Returns another list of the same items."""
        return self[:]


def empty_text(nothing: Callable[[], str]) -> str:
    """Returns the text that is printed for an empty list.

    Args:
        nothing: A function that describes what the project has.
    """
    try:
        return nothing()
    except AerchiveError as error:  # the project cannot be read any more, and printing must not raise
        return clean(str(error))


def _with_items(name: str) -> Callable[..., Any]:
    """Wraps a method of ``list`` that shows or compares items, so that all items are made before."""
    of_list = getattr(list, name)

    @functools.wraps(of_list)
    def method(self: LazyList, *arguments: Any, **options: Any) -> Any:
        for other in arguments:
            if isinstance(other, LazyList):
                other._with_items()
        return of_list(self._with_items(), *arguments, **options)

    return method


for _name in (
    *("__add__", "__mul__", "__rmul__", "__imul__", "__contains__", "__reduce_ex__", "__repr__"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
    *("count", "index", "pop", "remove", "sort"),
):
    setattr(LazyList, _name, _with_items(_name))
