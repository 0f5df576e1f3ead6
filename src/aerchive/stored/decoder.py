"""Decoders: they give codecs the arrays of encoded values."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aerchive.codecs.base import array_references
from aerchive.codecs.result import decode_value
from aerchive.errors import FormatError
from aerchive.stored.array_plan import cached_array, plan_arrays
from aerchive.stored.location import Locator
from aerchive.stored.opener import RunOpener
from aerchive.stored.recomputed import names_recomputed, opened_with


class StoredDecoder:
    """Reads the arrays of a value: the first read looks up all of them; they are then read without a lock.

    Args:
        opener: Opens the group of the run.
        locator: Finds the arrays of the run.
        tree: The encoded value.
    """

    def __init__(self, opener: RunOpener, locator: Locator, tree: Any) -> None:
        self._opener = opener
        self._locator = locator
        self._tree = tree
        self._readers: dict[str, Callable[[], NDArray[Any]]] = {}
        self._fds: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for fd in self._fds:
            os.close(fd)

    def array(self, reference: Any) -> Any:
        """Reads an array; one whose reference is not in the encoded value is looked up separately."""
        key = repr(reference)
        if key not in self._readers:
            every = {repr(one): one for one in (*array_references(self._tree), reference)}
            self._look_up({name: one for name, one in every.items() if name not in self._readers})
        return self._readers[key]()

    def _look_up(self, references: dict[str, Any]) -> None:
        """Looks up arrays in one opening of the file, or without opening it if their chunks are still in memory."""
        known = self._locator.known(references.values(), self._opener) or ()
        cached = [values for one in known if (values := cached_array(self._opener, one)) is not None]
        if len(cached) == len(references):
            readers = [functools.partial(np.copy, values, order="K") for values in cached]
        else:
            with self._opener.open() as (session, group):
                locations = self._locator.locate(group, references.values())
                names = {name for one in locations for name in one.datasets}
                if not (is_recomputed := names_recomputed(group, names)):
                    plans = plan_arrays(group, locations)
                    self._fds.append(session.detach())
            if is_recomputed:
                with opened_with(self._opener, names) as (session, group):
                    plans = plan_arrays(group, locations)
                    self._fds.append(session.detach())
            readers = [functools.partial(plan.read, self._fds[-1]) for plan in plans]
        self._readers |= zip(references, readers, strict=True)

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value."""
        return decode_value(tree, self)


class MemoryDecoder:
    """A decoder that reads nothing.

    Args:
        values: The one array of the value, which was read already; ``None`` if the value has no arrays.
    """

    def __init__(self, values: NDArray[Any] | None = None) -> None:
        self._values = values

    def array(self, reference: Any) -> NDArray[Any]:
        """The array.

        Raises:
            FormatError: The value has no arrays.
        """
        if self._values is None:
            raise FormatError(f"array reference {reference!r} where none is expected")
        return self._values

    def value(self, tree: Any) -> Any:
        """Decodes a part of the value."""
        return decode_value(tree, self)
