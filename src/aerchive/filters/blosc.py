"""The byte shuffle of C-Blosc2, which comes with the package ``blosc2`` as a library of its own.

Of that package nothing is imported, which would take longer than to open a small project: the library is loaded with
ctypes, for two functions of its public interface (``blosc2_shuffle`` and ``blosc2_unshuffle`` in ``blosc2.h``). They
let other threads run. Why: ``docs/decisions/0017-byte-shuffle.md``.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

MAX_ITEMSIZE: Final = 255
"""Bytes of the largest element that it shuffles."""
_NAMES = ("libblosc2.so", "libblosc2.dylib", "libblosc2.dll")


class ByteShuffle(NamedTuple):
    """Both directions.

    Attributes:
        shuffle: Takes bytes of an element, bytes in all, and the addresses of source and target, which do not overlap.
        unshuffle: The same.
    """

    shuffle: Callable[[int, int, int, int], int]
    unshuffle: Callable[[int, int, int, int], int]


@functools.cache
def byte_shuffle() -> ByteShuffle | None:
    """The functions; ``None`` where there is no such library, as on a platform without a wheel."""
    for path in _places():
        try:
            library = ctypes.CDLL(str(path))
            both = library.blosc2_shuffle, library.blosc2_unshuffle
        except (OSError, AttributeError):  # not for this platform, or older than these functions
            continue
        for function in both:
            function.argtypes = (ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
            function.restype = ctypes.c_int32
        return ByteShuffle(*both)
    return None


def _places() -> Iterator[Path]:
    """Where the library may be: in the package, or, with conda, where all libraries are."""
    package = importlib.util.find_spec("blosc2")
    folders = [Path(folder) / "lib" for folder in (package and package.submodule_search_locations) or ()]
    for folder in (*folders, Path(sys.prefix) / "lib"):
        for name in _NAMES:
            if (folder / name).is_file():
                yield folder / name
