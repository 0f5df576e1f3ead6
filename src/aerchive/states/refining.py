"""The order in which a pass over an array refines a picture of it: the whole range fills in evenly."""

from __future__ import annotations

LEAST_PIECE = 2**14
"""The least number of values in a piece, if the array has so many: smaller pieces take longer than what they hold."""


def refining(number: int) -> list[int]:
    """The numbers from 0 to ``number - 1`` in bit-reversed order; ``number`` is a power of two.

    Examples:
        >>> refining(8)
        [0, 4, 2, 6, 1, 5, 3, 7]
    """
    order = [0]
    while len(order) < number:
        order = [2 * one for one in order] + [2 * one + 1 for one in order]
    return order


def refining_pieces(length: int, piece: int) -> list[slice]:
    """The pieces of an axis in bit-reversed order.

    Args:
        length: The length of the axis, a power of two.
        piece: The length of a piece, a power of two that is not above the length.
    """
    return [slice(number * piece, (number + 1) * piece) for number in refining(length // piece)]


def power_from(number: int) -> int:
    """The least power of two that is not below a positive number."""
    return 1 << (number - 1).bit_length()
