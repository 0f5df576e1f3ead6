"""The sizes of the bonds that make a product small, while the discarded weights stay within a limit."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def chosen_ranks(coefficients: Sequence[NDArray[np.float64]], limit: float) -> list[int]:
    """Chooses how many Schmidt coefficients of each cut are kept.

    The discarded weights of all cuts add up. Coefficients are discarded one at a time, the one that has the least
    weight for each number that it saves first, until no more fits into the limit.

    Args:
        coefficients: The Schmidt coefficients of each cut in descending order, from the first cut to the last.
        limit: The greatest sum of the squares of the discarded coefficients.

    Returns:
        The number of coefficients to keep for each cut, at least 1.
    """
    ranks = [1, *(len(values) for values in coefficients), 1]
    weights: list[Any] = [[], *(np.square(values).tolist() for values in coefficients), []]

    def cost(cut: int) -> float:
        saved: float = 2 * (ranks[cut - 1] + ranks[cut + 1])
        return float(weights[cut][ranks[cut] - 1]) / saved

    waiting = [(cost(cut), cut) for cut in range(1, len(ranks) - 1) if ranks[cut] > 1]
    heapq.heapify(waiting)
    while waiting:
        before, cut = heapq.heappop(waiting)
        now = cost(cut)
        if now > before:  # a neighbour has become smaller since
            heapq.heappush(waiting, (now, cut))
            continue
        weight = weights[cut][ranks[cut] - 1]
        if weight > limit:
            continue
        limit -= weight
        ranks[cut] -= 1
        if ranks[cut] > 1:
            heapq.heappush(waiting, (cost(cut), cut))
    return ranks[1:-1]
