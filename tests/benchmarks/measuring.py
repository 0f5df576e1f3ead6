"""What every measurement here does: figures of a series, an order that changes, memory and disk at rest before it."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Figures = dict[str, Any]
_T = TypeVar("_T")


def spread(values: Sequence[float], digits: int = 3) -> Figures:
    """The figures of a series."""
    many = values if len(values) > 1 else [*values, *values]
    tens = statistics.quantiles(many, n=10, method="inclusive")
    p95 = statistics.quantiles(many, n=20, method="inclusive")[18]
    figures = {"median": statistics.median(values), "p10": tens[0], "p90": tens[8], "p95": p95, "max": max(values)}
    return {name: round(value, digits) for name, value in figures.items()} | {"number": len(values)}


def ratios(values: Sequence[float], base: Sequence[float]) -> Figures:
    """The figures of the ratios of neighbours."""
    return spread([value / other for value, other in zip(values, base, strict=True)])


def rotated(items: Mapping[str, _T], number: int) -> list[tuple[str, _T]]:
    """In another order each time, there and back, so that nothing always comes after the same."""
    pairs = list(items.items())[:: -1 if number % 2 else 1]
    first = number % len(pairs)
    return pairs[first:] + pairs[:first]


def settle(folder: Path) -> None:
    """Lets the file system finish what came before, such as the removal of a large file."""
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def touch_memory(nbytes: int) -> None:
    """Has so much memory at hand for the page cache: a virtual machine may have given it back, and asks for it slowly.

    Without this some writes take eight times as long as others, by chance.
    """
    np.ones(nbytes, np.uint8)
