"""The byte shuffle of C-Blosc2, whose library is part of the package ``blosc2``.

The package itself is not imported, because that takes longer than opening a small project. The library is loaded with
ctypes, for two functions of its public interface (``blosc2_shuffle`` and ``blosc2_unshuffle`` in ``blosc2.h``). Other
threads can run during these calls. The reasons are in ``docs/decisions/0017-byte-shuffle.md``.
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
"""The greatest element size in bytes that the library shuffles."""
_NAMES = ("libblosc2.so", "libblosc2.dylib", "libblosc2.dll")


class ByteShuffle(NamedTuple):
    """The functions for both directions of the shuffle.

    Attributes:
        shuffle: The function that shuffles. Its arguments are the size of an element in bytes, the size of the data in
            bytes, and the addresses of source and target, which must not overlap.
        unshuffle: The function that reverses the shuffle. It has the same arguments.
    """

    shuffle: Callable[[int, int, int, int], int]
    unshuffle: Callable[[int, int, int, int], int]


@functools.cache
def byte_shuffle() -> ByteShuffle | None:
    """Returns the functions, or ``None`` if the library is missing, as on a platform without a wheel."""
    for path in _places():
        try:
            library = ctypes.CDLL(str(path))
            both = library.blosc2_shuffle, library.blosc2_unshuffle
        except (OSError, AttributeError):  # the library is for another platform, or too old to have these functions
            continue
        for function in both:
            function.argtypes = (ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
            function.restype = ctypes.c_int32
        return ByteShuffle(*both)
    return None


def _places() -> Iterator[Path]:
    """Yields the possible paths of the library: in the package, or, with conda, in the common folder of libraries."""
    package = importlib.util.find_spec("blosc2")
    folders = [Path(folder) / "lib" for folder in (package and package.submodule_search_locations) or ()]
    for folder in (*folders, Path(sys.prefix) / "lib"):
        for name in _NAMES:
            if (folder / name).is_file():
                yield folder / name
