"""A share of many cases: some of them in each run of the tests, all with ``python3 tasks.py crash``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

ALL = os.environ.get("AERCHIVE_TEST_ALL") == "1"
T = TypeVar("T")


def share(cases: Iterable[T], one_in: int, first: int = 0) -> list[T]:
    """One case in so many, spread evenly; with ``AERCHIVE_TEST_ALL=1`` all of them.

    Args:
        cases: All cases.
        one_in: How many cases there are for each that is returned. Where kinds of cases take turns, it must have no
            factor in common with their number, or the same kind would be returned each time.
        first: Number of the first case that is returned, modulo ``one_in``. Tests of one matter give different ones, so
            that together they try more cases.
    """
    every = list(cases)
    return every if ALL else every[first % one_in :: one_in]
